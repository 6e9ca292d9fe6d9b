"""Writes a file of delimited values anew: what is not edited stays byte by byte, what is new looks like the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.systems.connectors.csv.dialect import Dialect, cells
from dovetail.systems.connectors.csv.records import is_empty, raw_cells, raw_records
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.folder import faults
from dovetail.systems.files.render import joined, render, texts, unfit

_COPY_BYTES = 2**20
_BYTES_MAX = 2**26
"""Rows are written so many bytes at a time at most."""


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

    def lines(self, rows: pa.RecordBatch) -> bytes:
        """Whole records, with their line ends, in the encoding of the file."""
        if rows.nbytes > _BYTES_MAX and len(rows) > 1:
            half = len(rows) // 2
            return self.lines(rows.slice(0, half)) + self.lines(rows.slice(half))
        bare = pa.scalar("", pa.string())
        cells_of = [
            self._cells(rows.column(name), name) if name in rows.schema.names else bare for name in self.dialect.names
        ]
        line = pc.binary_join_element_wise(*cells_of, pa.scalar(self.dialect.delimiter))
        whole = pc.binary_join_element_wise(line, pa.scalar(self.dialect.line_end), bare)
        return _encoder(self.dialect)(joined(whole)) if len(rows) else b""

    def _cells(self, column: pa.Array, name: str) -> pa.Array:
        """The cells of one field, in quotes where they need them."""
        spelling, quote = self.spellings[name], self.dialect.quote
        null = spelling.nulls[0] if spelling.nulls and spelling.shape is not None else ""
        found = texts(column, spelling)
        wanted = self._needing(found)
        if pc.any(wanted).as_py():
            inner = found if self.dialect.escape is None else pc.replace_substring(
                found, self.dialect.escape, self.dialect.escape * 2
            )  # fmt: skip
            inner = pc.replace_substring(inner, quote, quote * 2)
            found = pc.if_else(wanted, pc.binary_join_element_wise(quote, inner, quote, pa.scalar("")), found)
        return pc.fill_null(found, null) if found.null_count else found

    def _needing(self, found: pa.Array) -> pa.Array:
        """Which texts stand in quotes."""
        if self.quotes_all:
            return pa.array(np.ones(len(found), dtype=np.bool_))
        wanted = pc.equal(found, "")
        if self.nulls:
            wanted = pc.or_(wanted, pc.is_in(found, value_set=pa.array(self.nulls, pa.string())))
        special = {self.dialect.quote, self.dialect.delimiter, "\r", "\n", self.dialect.escape} - {None}
        signs = found.buffers()[2]
        there = np.frombuffer(signs, np.uint8) if signs is not None else np.array([], np.uint8)
        for sign in sorted(str(one) for one in special):
            if (there == ord(sign)).any():
                wanted = pc.or_(wanted, pc.match_substring(found, sign))
        return wanted

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
                rendered = render(column, self.spellings[name])
                if not self._has("".join(text for text in rendered if text is not None)):
                    failed += [at for at, text in enumerate(rendered) if not self._has(text)]
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
    if edit.added:
        file.write(hand.lines(edit.rows.take(pa.array(edit.added, pa.int64()))))


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
