"""Writes a file of delimited values anew: what is not edited stays byte by byte, what is new looks like the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from dovetail.systems.connectors.csv.dialect import Dialect, cells
from dovetail.systems.connectors.csv.records import is_empty, raw_cells, raw_records
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.folder import faults
from dovetail.systems.files.render import render, unfit

_COPY_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Hand:
    """How cells are written in one file: the texts that mean null there are quoted where they are texts."""

    dialect: Dialect
    spellings: Mapping[str, Spelling]
    nulls: Sequence[str] = ()

    @property
    def quotes_all(self) -> bool:
        """Whether the file quotes every cell, as its first record shows."""
        quote = self.dialect.quote
        shape = re.compile(cells(self.dialect.delimiter, quote, self.dialect.escape).pattern.encode(), re.DOTALL)
        found = raw_cells(self.dialect.head.encode(), shape)
        return bool(found) and all(cell.startswith(quote.encode()) for cell in found)

    def columns(self, rows: pa.RecordBatch) -> dict[str, list[str]]:
        """The cells of rows, by field, ready to be written."""
        always = self.quotes_all
        found = {}
        for name in rows.schema.names:
            spelling = self.spellings[name]
            null = spelling.nulls[0] if spelling.nulls and spelling.shape is not None else ""
            texts = render(rows.column(name), spelling)
            found[name] = [null if text is None else self.cell(text, always=always) for text in texts]
        return found

    def cell(self, text: str, *, always: bool = False) -> str:
        """A text as a cell, in quotes where it needs them."""
        quote, escape = self.dialect.quote, self.dialect.escape
        special = {quote, self.dialect.delimiter, "\r", "\n", escape}
        if text and not always and special.isdisjoint(text) and text not in self.nulls:
            return text
        if escape is not None:
            text = text.replace(escape, escape * 2)
        return f"{quote}{text.replace(quote, quote * 2)}{quote}"

    def unfit(self, rows: pa.RecordBatch) -> dict[int, str]:
        """The rows with a value that the file cannot hold, and its field."""
        found: dict[int, str] = {}
        for name in rows.schema.names:
            column = rows.column(name)
            failed = unfit(column, self.spellings[name])
            if not self.dialect.encoding.startswith("utf"):
                failed += [at for at, text in enumerate(render(column, self.spellings[name])) if not self._has(text)]
            for at in failed:
                found.setdefault(at, name)
        return found

    def _has(self, text: str | None) -> bool:
        try:
            (text or "").encode(self.dialect.encoding)
        except UnicodeEncodeError:
            return False
        return True


def rewrite(path: Path, beside: Path, hand: Hand, edit: Edit) -> None:
    """The file anew, with the edit."""
    with faults(path.name), beside.open("wb") as file:
        if edit.removed or edit.changed:
            _rewritten(path, file, hand, edit)
        else:
            with path.open("rb") as old:
                last = b""
                while block := old.read(_COPY_BYTES):
                    file.write(block)
                    last = (last + block)[-4:]
            _end(file, hand.dialect, last)
        _add(file, hand, edit)


def make(beside: Path, dialect: Dialect) -> None:
    """A file with names alone."""
    with faults(beside.name), beside.open("wb") as file:
        file.write(dialect.bom + dialect.head.encode(dialect.encoding))


def _rewritten(path: Path, file: BinaryIO, hand: Hand, edit: Edit) -> None:
    dialect = hand.dialect
    encode = _encoder(dialect)
    with path.open("rb") as old:
        written = old.read(len(dialect.bom) + len(dialect.head.encode(dialect.encoding, dialect.errors)))
    file.write(written)
    for record in _edited(path, hand, edit):
        if record:
            written = encode(record)
            file.write(written)
    _end(file, dialect, written)


def _edited(path: Path, hand: Hand, edit: Edit) -> Iterator[bytes]:
    dialect = hand.dialect
    shape = re.compile(cells(dialect.delimiter, dialect.quote, dialect.escape).pattern.encode(), re.DOTALL)
    places = {name: place for place, name in enumerate(dialect.names)}
    fresh = hand.columns(edit.rows) if edit.changed else {}
    delimiter = dialect.delimiter.encode()
    position = 0
    waiting = None
    for record in raw_records(path, dialect):
        if waiting is not None:
            yield waiting
        waiting = record
        if is_empty(record, dialect):
            continue
        if position in edit.removed:
            waiting = b""
        elif position in edit.changed:
            at = edit.changed[position]
            found = raw_cells(record, shape)
            for name, texts in fresh.items():
                is_quoted = found[places[name]].startswith(dialect.quote.encode())
                cell = texts[at].encode()
                if is_quoted and cell and not cell.startswith(dialect.quote.encode()):
                    cell = hand.cell(texts[at], always=True).encode()
                found[places[name]] = cell
            end = record[len(record.rstrip(b"\r\n")) :]
            waiting = delimiter.join(found) + end
        position += 1
    # what waits now are the marks that reading puts after the last record


def _add(file: BinaryIO, hand: Hand, edit: Edit) -> None:
    if not edit.added:
        return
    dialect = hand.dialect
    encode = _encoder(dialect)
    columns = hand.columns(edit.rows)
    nothing = [""] * len(edit.rows)
    cells_of = [columns.get(name, nothing) for name in dialect.names]
    lines = (dialect.delimiter.join(column[at] for column in cells_of) + dialect.line_end for at in edit.added)
    file.writelines(encode(line.encode()) for line in lines)


def _end(file: BinaryIO, dialect: Dialect, last: bytes) -> None:
    """End the last line, where the file did not."""
    ends = tuple(end.encode(dialect.encoding) for end in ("\n", "\r"))
    is_new = file.tell() <= len(dialect.bom)
    if not is_new and not last.endswith(ends):
        file.write(dialect.line_end.encode(dialect.encoding))


def _encoder(dialect: Dialect) -> Callable[[bytes], bytes]:
    if dialect.encoding in ("utf-8", "ascii"):
        return lambda raw: raw
    return lambda raw: raw.decode("utf-8", "surrogatepass").encode(dialect.encoding, dialect.errors)
