"""The records of a file of delimited values as they stand, byte by byte: to find their lines, and to copy them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dovetail.systems.connectors.csv.dialect import Dialect, cells
from dovetail.systems.connectors.csv.stream import blocks

_ENDS = (b"\n", b"\r\n", b"\r")


def raw_records(path: Path, dialect: Dialect) -> Iterator[bytes]:
    """Each record after the first with its line end, as UTF-8; empty lines too, and the marks at the end."""
    shape = re.compile(cells(dialect.delimiter, dialect.quote, dialect.escape).pattern.encode(), re.DOTALL)
    quote = dialect.quote.encode()
    begun: list[bytes] = []  # the lines of a record that a quote holds open
    for line in _lines(path, dialect):
        if quote not in line:
            if begun:
                begun.append(line)
            else:
                yield line
        elif _is_whole(quote + line if begun else line, shape):
            yield b"".join([*begun, line])
            begun = []
        else:
            begun.append(line)
    if begun:
        yield b"".join(begun)


def is_empty(record: bytes, dialect: Dialect) -> bool:
    """Whether a record is an empty line that counts for nothing."""
    return len(dialect.names) > 1 and record in _ENDS


def record_lines(path: Path, dialect: Dialect) -> Iterator[int]:
    """The line in which each record starts, counted from 1 with the first line of the file."""
    line = 1 + len(dialect.head.encode().splitlines())
    for record in raw_records(path, dialect):
        if not is_empty(record, dialect):
            yield line
        line += len(record.splitlines())


def doubtful_records(path: Path, dialect: Dialect) -> Iterator[int]:
    """The numbers, counted from 1, of records with a cell that goes on after its closing quote."""
    shape = re.compile(cells(dialect.delimiter, dialect.quote, dialect.escape).pattern.encode(), re.DOTALL)
    quote = dialect.quote.encode()
    number = 0
    for record in raw_records(path, dialect):
        number += not is_empty(record, dialect)
        if quote in record and any(cell[2] for cell in shape.finditer(record)):
            yield number


def raw_cells(record: bytes, shape: re.Pattern[bytes]) -> list[bytes]:
    """The cells of a record as they are written, without delimiters and line end."""
    found: list[bytes] = []
    at = 0
    while (cell := shape.match(record, at)) is not None:
        found.append(cell[0][: len(cell[0]) - len(cell[4])])
        at = cell.end()
        if cell[4] in (*_ENDS, b""):
            break
    return found


def _is_whole(record: bytes, shape: re.Pattern[bytes]) -> bool:
    at = 0
    while (cell := shape.match(record, at)) is not None:
        at = cell.end()
        if cell[4] in (*_ENDS, b""):
            return cell[4] != b"" or at == len(record)
    return False


def _lines(path: Path, dialect: Dialect) -> Iterator[bytes]:
    rest: list[bytes] = []
    for block in blocks(path, dialect):
        lines = block.splitlines(keepends=True)
        if rest and rest[-1].endswith(b"\r") and not block.startswith(b"\n"):
            yield b"".join(rest)
            rest = []
        for line in lines[:-1]:
            yield b"".join([*rest, line]) if rest else line
            rest = []
        if lines:
            rest.append(lines[-1])
            if lines[-1].endswith(b"\n"):
                yield b"".join(rest)
                rest = []
    if rest:
        yield b"".join(rest)
