"""What passing rows straight on promises: what was looked at is what is poured, and what is taken is taken whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa

from dovetail.errors import Refused
from dovetail.expression.parse import parse
from dovetail.model.catalog import Dataset
from dovetail.model.change import DIGEST, Change, Verb
from dovetail.systems.protocol import (
    Passage,
    SupportsCreate,
    SupportsDigest,
    SupportsLanding,
    SupportsPassage,
    SupportsTransaction,
    SupportsVersions,
    Takes,
)
from dovetail.systems.push import DOUBT, WANTED, Asked, Computed, Landing
from dovetail.testing.conformance.bench import Bench, batch, plain
from dovetail.testing.conformance.datasets import ITEM, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, decline, expect

_NEEDS = (SupportsCreate, SupportsTransaction, SupportsPassage, SupportsLanding)
_ROWS, _STEP = 40, 13


class _Stop(Exception):
    """An exception that is none of the connector's."""


@dataclass(frozen=True, slots=True)
class _Way:
    """From one dataset of a system into another of the same fields, where the system lets rows pass."""

    bench: Bench
    source: Dataset
    target: Dataset
    asked: Asked
    landing: Landing

    @contextmanager
    def passage(self) -> Iterator[Passage]:
        system = self.bench.system
        assert isinstance(system, SupportsPassage)
        with system.passage(self.source, self.asked, self.landing) as passage:
            yield passage

    def take(self, passage: Passage, after: pa.RecordBatch | None, rows: int, *, every: bool) -> int:
        """Pour some rows in a transaction of their own."""
        system = self.bench.system
        assert isinstance(system, SupportsTransaction)
        with system.transaction() as transaction:
            return self.taken(transaction, passage, after, rows, every=every)

    def taken(
        self, transaction: object, passage: Passage, after: pa.RecordBatch | None, rows: int, *, every: bool
    ) -> int:
        expect(isinstance(transaction, Takes), "a transaction of a system with a landing takes nothing")
        assert isinstance(transaction, Takes)
        blocks = passage.pour(self.target.names, after=after, rows=rows, every=every)
        return transaction.take(self.target, self.target.names, blocks)


def _way(bench: Bench, *, where: str = "", ask: str = "") -> _Way:
    """Some items and an empty copy, where the system does not refuse to pass them."""
    system = bench.system
    assert isinstance(system, SupportsLanding)
    assert isinstance(system, SupportsPassage)
    source, target = bench.filled(ITEM, items(_ROWS)), bench.make(dataset("copy", *ITEM.fields))
    landing = system.landing(target, target.names)
    asked = Asked(
        scope={one.name: one.type for one in source.fields},
        reads=tuple(source.names),
        shared=tuple(Computed(one.name, parse(one.name), one.type) for one in source.fields),
        outputs=tuple(Computed(one.name, parse(one.name), one.type) for one in target.fields),
        where=parse(where) if where else None,
        asks=(Computed("ask", parse(ask)),) if ask else (),
    )
    if not isinstance(landing, Landing):
        decline(f"rows cannot arrive as they are: {landing.reason}")
    refusal = system.refusal(source, asked, landing)
    if refusal is not None:
        decline(f"rows cannot be computed where they are: {refusal.reason}")
    return _Way(bench, source, target, asked, landing)


def _last(rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows.select(["id"]).slice(rows.num_rows - 1, 1)


@promise(needs=_NEEDS)
def rows_pass_whole_and_once(bench: Bench) -> None:
    """From place to place, what was looked at is what is poured: every row once, as it is, in one snapshot."""
    way = _way(bench)
    seen: list[object] = []
    after: pa.RecordBatch | None = None
    before = bench.rows(way.source)
    with way.passage() as passage:
        while (looked := passage.look(after=after, rows=_STEP)).num_rows:
            seen += looked.column("id").to_pylist()
            expect(len(seen) <= _ROWS, "rows are looked at again")
            sure = all(looked.column(WANTED).to_pylist()) and not any(looked.column(DOUBT).to_pylist())
            expect(sure, "ordinary rows are in doubt, or not wanted")
            taken = way.take(passage, after, looked.num_rows, every=True)
            expect(taken == looked.num_rows, f"of {looked.num_rows} rows {taken} were taken")
            if after is None:
                bench.change(way.source, Verb.CREATE, items(2, first=1000))
                bench.change(way.source, Verb.UPDATE, [{"id": 30, "name": "late"}])
            after = _last(looked)
    expect(seen == list(range(1, _ROWS + 1)), f"rows were looked at in the order {seen}")
    expect(bench.rows(way.target) == before, "other rows arrived than stood there when the passage was opened")


@promise(needs=_NEEDS)
def what_is_not_wanted_or_in_doubt_is_told(bench: Bench) -> None:
    """A row that `where` leaves out is not wanted, one for which a condition is false is in doubt; neither is poured
    among others."""
    way = _way(bench, where="id > 5", ask="id <> 7 AND name <> 'item 9'")
    with way.passage() as passage:
        looked = passage.look(after=None, rows=_ROWS)
        wanted, doubt = looked.column(WANTED).to_pylist(), looked.column(DOUBT).to_pylist()
        expect(wanted == [number > 5 for number in range(1, _ROWS + 1)], "other rows are wanted")
        told = {
            number
            for number, is_wanted, is_in in zip(range(1, 100), wanted, doubt, strict=False)
            if is_wanted and is_in
        }
        expect(told == {7, 9}, f"in doubt are {sorted(told)}")
        taken = way.take(passage, None, _ROWS, every=False)
    good = sorted(set(range(6, _ROWS + 1)) - {7, 9})
    found = sorted(int(str(row[0])) for row in bench.rows(way.target, ["id"]))
    expect((taken, found) == (len(good), good), f"{taken} rows were taken, {len(found)} are there")


@promise(needs=_NEEDS)
def rows_are_taken_all_or_none(bench: Bench) -> None:
    """Where one row is refused, none of those that came with it is left, and the transaction goes on."""
    way, system = _way(bench), bench.system
    assert isinstance(system, SupportsTransaction)
    bench.change(way.target, Verb.CREATE, items(1, first=9))
    with way.passage() as passage, system.transaction() as transaction:
        transaction.apply(way.target, Change(Verb.CREATE, batch(way.target, items(1, first=100))))
        try:
            way.taken(transaction, passage, None, _STEP, every=True)
        except Refused:
            pass
        else:
            broken("a taken key was taken again")
        transaction.apply(way.target, Change(Verb.CREATE, batch(way.target, items(1, first=101))))
    found = sorted(int(str(row[0])) for row in bench.rows(way.target, ["id"]))
    expect(found == [9, 100, 101], f"after a refusal there are the rows {found}")


@promise(needs=_NEEDS)
def a_pouring_may_be_left_early(bench: Bench) -> None:
    """A pouring that is closed before its end leaves the passage as it was: it is looked at and poured as before."""
    way = _way(bench)
    with way.passage() as passage:
        before = passage.look(after=None, rows=_ROWS)
        pouring = iter(passage.pour(way.target.names, after=None, rows=_ROWS, every=True))
        next(pouring)
        getattr(pouring, "close", lambda: None)()
        expect(passage.look(after=None, rows=_ROWS).equals(before), "left early, it looks otherwise")
        taken = way.take(passage, None, _ROWS, every=True)
    expect(taken == _ROWS and len(bench.rows(way.target)) == _ROWS, f"left early, then {taken} rows are poured")
    expect(len(bench.rows(way.source)) == _ROWS, "left early, the system cannot be read")


@promise(needs=_NEEDS)
def what_was_taken_is_undone_with_its_transaction(bench: Bench) -> None:
    """Rows that were taken are gone when their transaction ends with an exception."""
    way, system = _way(bench), bench.system
    assert isinstance(system, SupportsTransaction)
    with way.passage() as passage, suppress(_Stop), system.transaction() as transaction:
        way.taken(transaction, passage, None, _STEP, every=True)
        raise _Stop
    expect(not bench.rows(way.target), "rows of an undone transaction are there")


@promise(needs=(*_NEEDS, SupportsVersions))
def rows_that_were_taken_have_one_version(bench: Bench) -> None:
    """The version that a transaction tells of a row it took is that of all of them."""
    way, system = _way(bench), bench.system
    assert isinstance(system, SupportsTransaction)
    assert isinstance(system, SupportsVersions)
    with way.passage() as passage, system.transaction() as transaction:
        way.taken(transaction, passage, None, _STEP, every=True)
        assert isinstance(transaction, Takes)
        version = transaction.version(way.target, batch(way.target, [{"id": 1}]))
    counted = system.versions(way.target)
    expect(version is None or counted == {version: _STEP}, f"told was {version}, counted are {counted}")


@promise(needs=(*_NEEDS, SupportsDigest))
def digests_of_a_passage_are_those_of_the_rows(bench: Bench) -> None:
    """Looking at rows tells the digests that reading them tells."""
    way, system = _way(bench), bench.system
    assert isinstance(system, SupportsDigest)
    if not system.digestible(way.source, way.source.names):
        decline("its rows have no digests")
    with way.passage() as passage:
        looked = passage.look(after=None, rows=_ROWS, told=["name"], digest=way.source.names)
    told = plain([looked.select(["id", DIGEST])], ["id", DIGEST])
    rows = plain(system.digest_rows(way.source, way.source.names), ["id", DIGEST])
    expect(sorted(told, key=repr) == sorted(rows, key=repr), "a passage has other digests")
    expect(looked.column("name").to_pylist()[:2] == ["item 1", "item 2"], "fields are told otherwise")
