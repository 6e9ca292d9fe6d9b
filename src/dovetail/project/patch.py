"""What a person may write into a mapping file after a system changed: the line, and how it would read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dovetail.model.mapping import Cell, Mapping, Member
from dovetail.model.type import Kind, Type

_SQL = {Kind.BOOLEAN: "BOOLEAN", Kind.INTEGER: "BIGINT", Kind.FLOAT: "DOUBLE", Kind.TEXT: "VARCHAR", Kind.DATE: "DATE",
        Kind.TIME: "TIME", Kind.TIMESTAMP: "TIMESTAMP"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patch:
    """One line of a file as it would read; nothing is changed by itself."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text.strip()}"


class Patches:
    """Proposals for the files of one mapping in a project's folder."""

    def __init__(self, folder: Path, mapping: Mapping, member: Member) -> None:
        self._folder = folder
        self._mapping = mapping
        self._member = member

    def renamed(self, old: str, new: str) -> list[Patch]:
        """Every cell of the member that names a field, with the new name; then the member's own line."""
        found = [self._in_cell(cell, lambda text: _replaced(text, old, new)) for _, cell in self._cells(old)]
        text = self._line(self._member.at.line)
        _, colon, rest = text.partition(":")
        own = _replaced(rest, old, new)
        if colon and own != rest and not re.fullmatch(rf"\s*{re.escape(old)}\s*", rest):
            found.append(Patch(self._member.at.file, self._member.at.line, f"{text[: -len(rest)]}{own}"))
        return [one for one in found if one is not None]

    def dropped(self, old: str) -> list[Patch]:
        """Every cell of the member that names a field, taken out."""
        found = []
        for _, cell in self._cells(old):
            text = self._line(cell.at.line)
            pair = re.compile(
                rf"\b{re.escape(self._member.name)}:\s*['\"]?{re.escape(cell.read)}['\"]?\s*(,\s*|(?=\}}))"
            )
            without = re.sub(r",\s*\}", "}", pair.sub("", text, count=1))
            if without != text:
                found.append(Patch(cell.at.file, cell.at.line, without))
        return found

    def retyped(self, field: str, kind: Type) -> list[Patch]:
        """Every cell of the member that is nothing but the field, cast to what it held before."""
        name = f"DECIMAL({kind.precision}, {kind.scale or 0})" if kind.precision else _SQL.get(kind.kind, "")
        if not name:
            return []
        cast = f'"CAST({field} AS {name})"'
        found = [
            self._in_cell(cell, lambda text: re.sub(rf"^(['\"]?){re.escape(field)}\1(?![\w'\"])", cast, text))
            for _, cell in self._cells(field)
            if cell.read == field
        ]
        return [one for one in found if one is not None]

    def coded(self, field: str, label: str) -> list[Patch]:
        """The cells of the member that name each value of a field, with one more."""
        found = []
        for _, cell in self._cells(field):
            if not cell.codes:
                continue
            text = self._line(cell.at.line)
            more = re.sub(r"(codes:\s*\{[^}]*)\}", rf"\1, {label}: ?}}", text[cell.at.column - 1 :], count=1)
            found.append(Patch(cell.at.file, cell.at.line, text[: cell.at.column - 1] + more))
        return found

    def filled(self, field: str) -> list[Patch]:
        """A key for the member that fills a field in new rows."""
        return [Patch(self._member.at.file, self._member.at.line, f"set: {{{field}: {{value: ?, when: create}}}}")]

    def _cells(self, field: str) -> Iterator[tuple[str, Cell]]:
        """The cells of the member that name a field."""
        word = re.compile(rf"(?<!\w){re.escape(field)}(?!\w)")
        for shared in self._mapping.fields:
            cell = shared.cell(self._member.name)
            if cell is not None and word.search(cell.read):
                yield shared.name, cell

    def _in_cell(self, cell: Cell, change: object) -> Patch | None:
        """The line of a cell with the cell's own text changed; `None` where that is not found."""
        text, start = self._line(cell.at.line), cell.at.column - 1
        end = start + len(cell.read) + 2
        changed = change(text[start:end])  # type: ignore[operator]
        return (
            Patch(cell.at.file, cell.at.line, text[:start] + changed + text[end:])
            if changed != text[start:end]
            else None
        )

    def _line(self, number: int) -> str:
        try:
            return (self._folder / self._mapping.at.file).read_text(encoding="utf-8").splitlines()[number - 1]
        except (OSError, UnicodeDecodeError, IndexError):
            return ""


def _replaced(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, text)
