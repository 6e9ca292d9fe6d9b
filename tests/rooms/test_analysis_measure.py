"""Measuring a dataset through a connector: whole, sampled, and with the system's own answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from dovetail.analysis.statistics import fold, questions
from dovetail.errors import Overdue
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind, Type
from dovetail.steps.measure import measure, statement

FIELDS = (Field("id", Type(Kind.INTEGER)), Field('odd "name', Type(Kind.TEXT)))
THING = Dataset("thing", DatasetKind.TABLE, FIELDS, key=("id",))
COUNT = 1000


class Plain:
    """A source without any capability, which notes whether its streams were closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.batches = 0

    def describe(self) -> Catalog:
        return Catalog((THING,))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            for start in range(0, COUNT, 100):
                self.batches += 1
                ids = list(range(start, start + 100))
                columns = {"id": ids, 'odd "name': ["a" if at % 4 else "A" for at in ids]}
                yield pa.record_batch({name: pa.array(columns[name]) for name in fields})
        finally:
            self.closed += 1

    def close(self) -> None:
        return None


class Asked(Plain):
    """Answers queries from a real SQLite database with a column that ignores case."""

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        database = sqlite3.connect(":memory:")
        database.execute('CREATE TABLE thing (id INTEGER PRIMARY KEY, "odd ""name" TEXT COLLATE NOCASE)')
        database.executemany("INSERT INTO thing VALUES (?, ?)", [(at, "a" if at % 4 else "A") for at in range(COUNT)])
        cursor = database.execute(sql)
        row = cursor.fetchone()
        yield pa.record_batch(
            {column[0]: pa.array([value]) for column, value in zip(cursor.description, row, strict=True)}
        )
        database.close()


class Late(Plain):
    """Takes too long to answer queries."""

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        raise Overdue("60 s are over")


def test_a_small_dataset_is_read_whole() -> None:
    source = Plain()
    profile, notes = measure(source, THING, sample_rows=COUNT)
    assert (profile.rows, profile.sampled, notes) == (COUNT, None, ())
    assert profile.fields[1].common == (("a", 750), ("A", 250))


def test_a_large_dataset_is_sampled_and_counted() -> None:
    source = Plain()
    profile, _ = measure(source, THING, sample_rows=150)
    assert (profile.rows, profile.sampled, profile.fields[0].rows) == (COUNT, 150, 150)
    assert source.closed == 2


def test_the_system_answers_for_all_rows_as_reading_would() -> None:
    asked, _ = measure(Asked(), THING, sample_rows=150)
    read, _ = measure(Plain(), THING, sample_rows=COUNT)
    assert asked.sampled == 150
    for mine, theirs in zip(asked.fields, read.fields, strict=True):
        assert (mine.rows, mine.nulls, mine.distinct, mine.least, mine.most, mine.longest) == (
            (theirs.rows, theirs.nulls, theirs.distinct, theirs.least, theirs.most, theirs.longest)
        )


class Parted(Asked):
    """Reads in parts; each part holds one value of the text field."""

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        self.asked = parts
        return [str(at) for at in range(parts)]

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        columns = {"id": [int(partition)] * 60, 'odd "name': [f"part{partition}"] * 60}
        yield pa.record_batch({name: pa.array(columns[name]) for name in fields})


def test_a_large_dataset_is_sampled_in_several_places() -> None:
    source = Parted()
    profile, _ = measure(source, THING, sample_rows=160)
    assert source.asked == 8
    assert profile.sampled == 160
    assert [number for _, number in profile.fields[1].common] == [20] * 8


def test_exactly_as_many_rows_as_the_sample_are_read_whole() -> None:
    assert measure(Plain(), THING, sample_rows=COUNT)[0].sampled is None
    assert measure(Plain(), THING, sample_rows=COUNT - 1)[0].sampled == COUNT - 1


def test_many_reasons_are_shortened() -> None:
    class Marked(Plain):
        def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
            batch = next(super().read(dataset, fields))
            yield batch.append_column(UNREADABLE, pa.array([f"f{at % self.kinds}: odd" for at in range(100)]))

    source = Marked()
    source.kinds = 3
    assert measure(source, THING)[1] == (
        "thing: 100 rows hold values that cannot be carried exactly (f0: odd; f1: odd; f2: odd)",
    )
    source.kinds = 5
    assert measure(source, THING)[1][0].endswith("(f0: odd; f1: odd; f2: odd and 2 other reasons)")


def test_a_system_that_does_not_answer_is_sampled_and_says_so() -> None:
    profile, notes = measure(Late(), THING, sample_rows=150)
    assert profile.rows == COUNT
    assert "DV-303" in notes[0]


def test_unreadable_values_are_noted() -> None:
    class Marked(Plain):
        def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
            for at, batch in enumerate(super().read(dataset, fields)):
                reasons = pa.array(["id: out of range", *[None] * 99])
                yield batch.append_column(UNREADABLE, reasons) if at == 3 else batch

    _, notes = measure(Marked(), THING)
    assert notes == ("thing: 1 rows hold values that cannot be carried exactly (id: out of range)",)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_can_be_measured(kind: Kind) -> None:
    dataset = Dataset("t", DatasetKind.TABLE, (Field("x", Type(kind)),))
    nothing = pa.table({"x": pa.array([None, None], Type(kind).arrow())})
    field = fold(dataset, nothing, rows=2).fields[0]
    assert (field.nulls, field.distinct, field.least) == (2, 0, "")
    assert statement(dataset, questions(dataset)).startswith("SELECT COUNT(*)")
