"""Rows of a file of delimited values as batches: each value in its carrier, or the reason and the line why not."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import SchemaDrift, SystemFault
from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.csv.read import Texts, texts
from dovetail.systems.connectors.csv.records import doubtful_records, record_lines
from dovetail.systems.connectors.csv.shape import Habits, Shape
from dovetail.systems.files.carry import Spelling, carry


def ordered(shape: Shape, fields: Sequence[Field], habits: Habits, *, rows_max: int) -> Iterator[pa.RecordBatch]:
    """As `rows`, in the order of the file; a file with a record of too many or too few cells is refused."""
    ragged: list[tuple[int, int]] = []
    seen = _Seen(shape, tuple(fields), tuple(spelling_of(shape, one, habits) for one in fields))
    names = [one.name for one in fields]
    for found in texts(shape.path, shape.dialect, names, habits.nulls) if shape.dialect.names else ():
        ragged += found.ragged
        seen.take_note(found)
        for at in range(0, len(found.columns), rows_max) if not ragged else ():
            yield seen.batch(found.columns.slice(at, rows_max), found.before + at)
    if ragged:
        number, cells = ragged[0]
        raise SystemFault(
            f"a record has {cells} cells instead of {len(shape.dialect.names)}, so the file cannot be written",
            where=seen.place(number),
            hint="mend the record",
            code="DV-340",
        )


def rows(shape: Shape, fields: Sequence[Field], habits: Habits, *, rows_max: int) -> Iterator[pa.RecordBatch]:
    """Every record once, these fields of it; at least one batch, which may be empty. A record with too many or too few
    cells is a row of nulls that says so."""
    names = [one.name for one in fields]
    for name in names:
        if name not in shape.dialect.names:
            raise SchemaDrift(f"the file has no field {name!r}", where=f"{shape.path.stem}.{name}")
    seen = _Seen(shape, tuple(fields), tuple(spelling_of(shape, one, habits) for one in fields))
    is_empty = True
    for found in texts(shape.path, shape.dialect, names, habits.nulls) if shape.dialect.names else ():
        seen.take_note(found)
        for at in range(0, len(found.columns), rows_max):
            is_empty = False
            yield seen.batch(found.columns.slice(at, rows_max), found.before + at)
        for at in range(0, len(found.ragged), rows_max):
            is_empty = False
            yield seen.held(found.ragged[at : at + rows_max])
    if is_empty:
        yield pa.RecordBatch.from_arrays([pa.array([], one.type.arrow()) for one in fields], names)


def spelling_of(shape: Shape, one: Field, habits: Habits) -> Spelling:
    """How the values of a field are written in a file, read as the type that is asked for."""
    known = shape.spellings.get(one.name, Spelling(one.type))
    nulls = (*known.nulls, "") if habits.is_empty_null else known.nulls
    return replace(known, type=one.type, nulls=nulls, truth=habits.truth, is_guarded=habits.is_guarded)


@dataclass(slots=True)
class _Seen:
    """One reading: the fields asked for, and the numbers of the ragged records so far."""

    shape: Shape
    fields: tuple[Field, ...]
    spellings: tuple[Spelling, ...]
    ragged: list[int] = field(default_factory=list)
    doubtful: list[int] | None = None
    _lines: Iterator[int] | None = None
    _line: tuple[int, int] = (0, 0)

    def batch(self, columns: pa.RecordBatch, before: int) -> pa.RecordBatch:
        """Texts as values; `before` records that are not ragged stand before them."""
        reasons: dict[int, list[str]] = defaultdict(list)
        arrays = []
        for one, spelling in zip(self.fields, self.spellings, strict=True):
            carried = carry(columns.column(one.name), spelling)
            arrays.append(carried.column)
            for at in carried.failed:
                reasons[at].append(f"{one.name}: {carried.words}")
        doubtful = self._doubtful(before, len(columns))
        if doubtful:
            keep = pa.array([at not in doubtful for at in range(len(columns))], pa.bool_())
            arrays = [pc.if_else(keep, array, pa.scalar(None, array.type)) for array in arrays]
            reasons |= {at: [f"{self.fields[0].name}: text follows a closing quote"] for at in doubtful}
        names = [one.name for one in self.fields]
        if reasons:
            words: list[str | None] = [None] * len(columns)
            for at in sorted(reasons):
                words[at] = f"{'; '.join(reasons[at])} ({self.place(self._number(before + at))})"
            names.append(UNREADABLE)
            arrays.append(pa.array(words, pa.string()))
        return pa.RecordBatch.from_arrays(arrays, names)

    def take_note(self, found: Texts) -> None:
        """Remember which records are ragged, and find the doubtful ones once there may be some."""
        self.ragged += [number for number, _ in found.ragged]
        if found.has_stray_quote and self.doubtful is None:
            self.doubtful = list(doubtful_records(self.shape.path, self.shape.dialect))

    def held(self, ragged: Sequence[tuple[int, int]]) -> pa.RecordBatch:
        """Rows of nulls for records with another number of cells."""
        named = self.fields[0].name
        wanted = len(self.shape.dialect.names)
        words = [
            f"{named}: the record has {cells} cells instead of {wanted} ({self.place(number)})"
            for number, cells in ragged
        ]
        arrays = [pa.nulls(len(words), one.type.arrow()) for one in self.fields]
        names = [one.name for one in self.fields]
        return pa.RecordBatch.from_arrays([*arrays, pa.array(words, pa.string())], [*names, UNREADABLE])

    def place(self, number: int) -> str:
        """File and line of a record, counted from 1. Asking in ascending order is quick."""
        if self._lines is None or number < self._line[0]:
            self._lines, self._line = record_lines(self.shape.path, self.shape.dialect), (0, 0)
        at, line = self._line
        while at < number:
            at, line = at + 1, next(self._lines, line)
        self._line = (at, line)
        return f"{self.shape.path.name}:{line}"

    def _doubtful(self, before: int, count: int) -> set[int]:
        """Which of so many rows are doubtful records; ragged ones are held already."""
        found = set()
        for number in self.doubtful or ():
            ragged = bisect_right(self.ragged, number)
            at = number - 1 - ragged - before
            if 0 <= at < count and not (ragged and self.ragged[ragged - 1] == number):
                found.add(at)
        return found if self.fields else set()

    def _number(self, row: int) -> int:
        """The number of a row among all records, ragged ones included."""
        number = row + 1
        while True:
            moved = row + 1 + bisect_right(self.ragged, number)
            if moved == number:
                return number
            number = moved
