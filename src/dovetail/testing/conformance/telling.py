"""What smaller capabilities promise: the clock, the last chunk, named queries, look-ups that come as readings do."""

from __future__ import annotations

import datetime as dt
import time
from functools import partial

from dovetail.errors import DovetailError, Refused
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE, Change, LedgerEntry, Verb
from dovetail.systems.protocol import (
    SupportsClock,
    SupportsCreate,
    SupportsLastChunk,
    SupportsLookup,
    SupportsMark,
    SupportsOrder,
    SupportsQuery,
    SupportsTransaction,
)
from dovetail.testing.conformance.bench import Bench, batch, plain
from dovetail.testing.conformance.datasets import INTEGER, ITEM, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, expect

_MARK_TRIES, _MARK_PAUSE_S = 200, 0.02
"""How often and after how long a mark is asked for again that cannot be told yet."""
_NAMED = "cheap ones"
_SQL = "SELECT id, name FROM item WHERE id < 4"


@promise(needs=(SupportsClock,))
def the_clock_is_in_utc(bench: Bench) -> None:
    """The time by the system's clock carries the zone UTC, and does not go back."""
    assert isinstance(bench.system, SupportsClock)
    times = [bench.system.now() for _ in range(3)]
    expect(all(one.utcoffset() == dt.timedelta(0) for one in times), f"the time is told as {times[0]!r}")
    expect(times == sorted(times), f"the clock goes back: {times}")


@promise(needs=(SupportsMark, SupportsCreate))
def a_mark_tells_every_change(bench: Bench) -> None:
    """The mark of a dataset stays while nothing changes, and is another after each change."""
    assert isinstance(bench.system, SupportsMark)
    rows = items(6)
    found = bench.filled(ITEM, rows[:3])
    marks: list[str] = []
    for number in range(3):
        marks.append(_mark_of(bench.system, found))
        expect(marks[-1] == _mark_of(bench.system, found), "it is another although nothing changed")
        bench.change(found, Verb.CREATE, rows[3 + number : 4 + number])
        expect(bench.system.mark(found) not in marks, "it is the same although a row was added")


def _mark_of(system: SupportsMark, dataset: Dataset) -> str:
    """The mark, which may take a moment to be told."""
    for _ in range(_MARK_TRIES):
        if system.mark(dataset) is not None:
            break
        time.sleep(_MARK_PAUSE_S)
    mark = system.mark(dataset)
    expect(mark is not None, "it is not told")
    return str(mark)


@promise(needs=(SupportsTransaction, SupportsLastChunk))
def the_last_chunk_is_the_ledgers(bench: Bench) -> None:
    """The last chunk is that of the ledger's last entry, and 0 where a partition has none."""
    system = bench.system
    assert isinstance(system, SupportsTransaction)
    assert isinstance(system, SupportsLastChunk)
    expect(system.last_chunk("p") == 0, "there is a chunk before there is a ledger")
    for partition, chunks in (("p", (1, 2, 10)), ("q", (3,))):
        epoch = system.raise_epoch(partition)
        for chunk in chunks:
            with system.transaction() as transaction:
                transaction.fence(partition, epoch)
                transaction.record([LedgerEntry(partition, chunk, "r", b"")])
            expect(
                system.last_chunk(partition) == chunk, f"the last chunk is {system.last_chunk(partition)}, not {chunk}"
            )
    expect((system.last_chunk("p"), system.last_chunk("none")) == (10, 0), "partitions are mixed up")
    system.forget("p", 10)
    expect(system.last_chunk("p") == 0, "what was forgotten counts")


@promise(needs=(SupportsCreate, SupportsQuery), uses=(SupportsLookup,), given=("open", "setting:queries"))
def named_queries_are_datasets(bench: Bench) -> None:
    """A named query is described as one, with its fields and key; it is read and looked up as a dataset is, and never
    written."""
    found = bench.filled(ITEM, items(9))
    system = bench.opened(queries={_NAMED: (_SQL, ("id",))})
    named = system.describe().dataset(_NAMED)
    if named is None:
        broken("a named query is not described")
    expect(named.kind is DatasetKind.QUERY, f"a named query is described as {named.kind}")
    expect((list(named.names), named.key) == (["id", "name"], ("id",)), f"it is described as {named}")
    rows = sorted(plain(system.read(named, ["name", "id"]), ["name", "id"]))
    expect(rows == [(f"item {at}", at) for at in (1, 2, 3)], f"a named query gives {rows}")
    if isinstance(system, SupportsLookup):
        keys = batch(found, [{"id": 3}, {"id": 4}])
        expect(plain(system.lookup(named, ["name"], keys), ["name"]) == [("item 3",)], "it is looked up otherwise")
    end = bench.attempt(lambda: system.apply(named, Change(Verb.DELETE, batch(found, [{"id": 1}]))))
    is_refused = isinstance(end, Refused) or len(getattr(end, "rejects", ())) == 1
    expect(is_refused and len(bench.rows(found)) == 9, f"a named query can be written: {end!r}")


@promise(needs=(SupportsCreate, SupportsLookup), uses=(SupportsTransaction,))
def a_lookup_comes_as_a_reading_does(bench: Bench) -> None:
    """Looked up, fields come in the order asked for, in the carriers of their types; reading in order likewise."""
    system, found = bench.system, bench.filled(ITEM, items(30))
    assert isinstance(system, SupportsLookup)
    keys = batch(found, [{"id": 7}, {"id": 8}])
    for asked in (["price", "id"], ["is_sold"], [*reversed(found.names)]):
        ways = [system.lookup(found, asked, keys)]
        if isinstance(system, SupportsOrder):
            ways.append(system.read_after(found, asked, after=batch(found, [{"id": 28}])))
        for way in ways:
            count = 0
            for one in way:
                names = [name for name in one.schema.names if name != UNREADABLE]
                expect(names == asked, f"asked for {asked}, got {names}")
                for name in asked:
                    described = found.field(name)
                    carrier = described.type.arrow() if described else None
                    expect(one.schema.field(name).type == carrier, f"{name} comes as {one.schema.field(name).type}")
                count += one.num_rows
            expect(count == 2, f"{count} rows come instead of 2")


@promise(needs=(SupportsCreate,))
def what_cannot_be_written_is_refused(bench: Bench) -> None:
    """A change of fields that are not there, or of a dataset that is not there, is an error of ours, and changes
    nothing."""
    found = bench.filled(ITEM, items(3))
    odd = dataset(ITEM.name, *ITEM.fields, Field("nope", TEXT))
    gone = dataset("not_there", Field("id", INTEGER, nullable=False), Field("name", TEXT))
    changes = (
        (odd, Change(Verb.CREATE, batch(odd, [{"id": 9, "nope": "x"}]))),
        (odd, Change(Verb.UPDATE, batch(odd, [{"id": 1, "nope": "x"}]))),
        (gone, Change(Verb.CREATE, batch(gone, [{"id": 9, "name": "x"}]))),
        (gone, Change(Verb.DELETE, batch(gone, [{"id": 1}]))),
    )
    for asked, change in changes:
        end = bench.attempt(partial(bench.system.apply, asked, change))
        is_told = isinstance(end, DovetailError) or len(getattr(end, "rejects", ())) == 1
        expect(is_told, f"a {change.verb} of {asked.name}.{change.rows.schema.names[-1]} was carried out: {end!r}")
    if isinstance(bench.system, SupportsTransaction):
        end = bench.attempt(lambda: bench.write(*changes[0]))
        expect(isinstance(end, DovetailError) or getattr(end, "rejects", ()), "in a transaction it is carried out")
    expect(bench.rows(found) == sorted((tuple(row.values()) for row in items(3)), key=repr), "something changed")
    finding = bench.system
    if isinstance(finding, SupportsLookup):
        keys = batch(gone, [{"id": 1}])
        end = bench.attempt(lambda: list(finding.lookup(gone, ["id"], keys)))
        expect(isinstance(end, DovetailError), "what is not there is looked up")


@promise(needs=(SupportsCreate, SupportsTransaction), uses=(SupportsLookup,))
def a_transaction_sees_what_it_wrote(bench: Bench) -> None:
    """Inside a transaction later changes build on earlier ones; outside, nothing of it is seen before the end."""
    system, found = bench.system, bench.filled(ITEM, items(2))
    assert isinstance(system, SupportsTransaction)
    with system.transaction() as transaction:
        transaction.apply(found, Change(Verb.CREATE, batch(found, items(1, 10))))
        step = Change(
            Verb.UPDATE, batch(found, [{"id": 10, "name": "b"}]), batch(found, [{"id": 10, "name": "item 10"}])
        )
        expect(transaction.apply(found, step).applied == 1, "a row that was just created cannot be updated")
        expect(transaction.apply(found, step).missed == (0,), "what is expected is compared with an older state")
        gone = Change(Verb.DELETE, batch(found, [{"id": 1}]))
        expect(transaction.apply(found, gone).applied == 1, "a row cannot be deleted")
        expect(transaction.apply(found, gone).missed == (0,), "a row is deleted twice")
        if bench.faults.open is not None:
            other = bench.opened(timeout_s=1.0)
            seen = bench.attempt(lambda: sorted(plain(other.read(found, ["id"]), ["id"])))
            expect(isinstance(seen, DovetailError) or seen == [(1,), (2,)], f"before the commit others see {seen}")
    rows = bench.rows(found, ["id", "name"])
    expect(rows == [(10, "b"), (2, "item 2")], f"afterwards the rows hold {rows}")
