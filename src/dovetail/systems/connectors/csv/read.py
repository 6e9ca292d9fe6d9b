"""Reads a file of delimited values as texts, in a stream: every record once, ragged ones told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow

from dovetail.errors import SystemFault
from dovetail.systems.connectors.csv.dialect import Dialect
from dovetail.systems.connectors.csv.stream import MARK, Stream
from dovetail.systems.files.folder import faults

BLOCK_BYTES = 2**20
"""The part of a file that is taken apart at once; Arrow reads up to 32 of them ahead. A longer record makes it grow."""

RECORD_BYTES_MAX = 1 << 30
"""A record longer than this is an open quote rather than a value."""

_GROWTH = 8


@dataclass(slots=True)
class Texts:
    """Some records of a file: its columns as UTF-8, and how many records stand before them.

    `ragged` holds, by number (counted from 1), the cells of records that have too many or too few. Where
    `has_stray_quote`, some record so far has a quote in the middle of a cell, which Arrow passes over.
    """

    columns: pa.RecordBatch
    before: int
    ragged: list[tuple[int, int]] = field(default_factory=list)
    has_stray_quote: bool = False


def texts(path: Path, dialect: Dialect, names: Sequence[str], nulls: Sequence[str]) -> Iterator[Texts]:
    """All records, some fields of them. A bare empty cell is null, a quoted one is the empty text."""
    block = BLOCK_BYTES
    done, told = 0, 0
    while True:
        try:
            for found in _read(path, dialect, names, _Reading(block, nulls, skip=done, told=told)):
                done = found.before + len(found.columns)
                told = max((told, *(number for number, _ in found.ragged)))
                yield found
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error):
                raise SystemFault(f"the file cannot be read: {error}", where=path.name, code="DV-337") from error
            if block >= RECORD_BYTES_MAX:
                raise _too_long(path, done) from error
            block = min(block * _GROWTH, RECORD_BYTES_MAX)
        else:
            return


@dataclass(frozen=True, slots=True)
class _Reading:
    """One pass: its block, the texts that are null, and the rows and ragged records that are known already."""

    block: int
    nulls: Sequence[str]
    skip: int
    told: int


def _read(path: Path, dialect: Dialect, names: Sequence[str], reading: _Reading) -> Iterator[Texts]:
    ragged: list[tuple[int, int]] = []

    def hold(row: arrow.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    def drain() -> list[tuple[int, int]]:
        found = ragged[:]
        del ragged[: len(found)]
        return [one for one in found if one[0] > reading.told]

    asked = list(names) or [dialect.names[0]]
    with faults(path.name):
        source = Stream(path, dialect)
        stream = arrow.open_csv(pa.PythonFile(source, "r"), **_options(dialect, asked, reading, hold))
    rows, held = 0, None
    with stream:
        for batch in stream:
            if held is not None and len(held):
                yield Texts(held, rows - len(held), drain(), source.has_stray_quote)
            skip = min(max(reading.skip - rows, 0), len(batch))
            rows += len(batch)
            if len(batch):
                held = batch.slice(skip)
    if held is None or not len(held) or held.column(0)[len(held) - 1].as_py() != MARK.encode():
        raise _open_quote(path, rows)
    yield Texts(held.slice(0, len(held) - 1), rows - len(held), drain(), source.has_stray_quote)


def _options(dialect: Dialect, asked: list[str], reading: _Reading, hold: object) -> dict[str, object]:
    return {
        "read_options": arrow.ReadOptions(
            column_names=list(dialect.names), block_size=reading.block, use_threads=False
        ),
        "parse_options": arrow.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            escape_char=dialect.escape or False,
            newlines_in_values=True,
            ignore_empty_lines=len(dialect.names) > 1,
            invalid_row_handler=hold,
        ),
        "convert_options": arrow.ConvertOptions(
            column_types=dict.fromkeys(dialect.names, pa.binary()),
            include_columns=asked,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=["", *reading.nulls],
        ),
    }


def _open_quote(path: Path, rows: int) -> SystemFault:
    return SystemFault(
        f"a quote is never closed, in record {max(rows, 1):,} or the last field of it",
        where=path.name,
        hint="close it in the file, or declare `quote:` if it is another character",
        code="DV-332",
    )


def _too_long(path: Path, rows: int) -> SystemFault:
    return SystemFault(
        f"record {rows + 1:,} or one soon after it is longer than {RECORD_BYTES_MAX >> 20} MB",
        where=path.name,
        hint="a quote that is never closed makes such records; else write that value to a file of its own",
        code="DV-336",
    )
