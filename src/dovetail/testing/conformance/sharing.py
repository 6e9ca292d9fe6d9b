"""What a connector promises to several that use a system at once: whole changes, stable readings, no update lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa

from dovetail.errors import DovetailError, Fenced, Overdue, Remedy
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.protocol import Locks, SupportsCreate, SupportsOrder, SupportsTransaction, Target
from dovetail.testing.conformance.bench import Bench, Row, batch, plain
from dovetail.testing.conformance.datasets import INTEGER, ITEM, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, decline, expect

_ROWS, _TURNS, _WORKERS = 200, 8, 2
_WAIT_S, _LONG_S = 0.4, 60.0
_COUNT = dataset("tally", Field("id", INTEGER, nullable=False), Field("count", INTEGER), Field("name", TEXT))
_SHARED = ("open", "setting:timeout_s")


def together(*works: Callable[[], object]) -> None:
    """Do all of that at once; what one of them raises is raised."""
    faults: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - told to the other thread
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_LONG_S)
        expect(not thread.is_alive(), f"several at once do not come to an end within {_LONG_S:g} s")
    for fault in faults:
        raise fault


def patiently(work: Callable[[], Receipt]) -> Receipt:
    """The same again while it says: try again."""
    for _ in range(50):
        try:
            return work()
        except DovetailError as fault:
            if fault.remedy is not Remedy.RETRY:
                raise
    return work()


@promise(needs=(SupportsCreate,), given=("open",))
def a_reading_sees_changes_whole(bench: Bench) -> None:
    """While a change of many rows is carried out by one, all others see all of it or nothing, in threads of one
    connector and through another."""
    found = bench.filled(_COUNT, [{"id": at, "count": 0, "name": "x"} for at in range(_ROWS)])
    other = bench.opened()
    ready, done = threading.Barrier(3), threading.Event()

    def write() -> None:
        ready.wait(_LONG_S)
        try:
            for turn in range(1, _TURNS + 1):
                rows = batch(found, [{"id": at, "count": turn} for at in range(_ROWS)])
                receipt = patiently(partial(other.apply, found, Change(Verb.UPDATE, rows)))
                expect(receipt.applied == _ROWS, f"{receipt.applied} of {_ROWS} rows were updated among readers")
        finally:
            done.set()

    def read() -> None:
        ready.wait(_LONG_S)
        last = 0
        while not done.is_set() or last < _TURNS:
            is_last = done.is_set()
            seen = [row[0] for row in plain(bench.system.read(found, ["count"]), ["count"])]
            expect(len(seen) == _ROWS, f"a reading among changes gives {len(seen)} of {_ROWS} rows")
            expect(len(set(seen)) == 1, f"a reading sees parts of changes: {sorted(set(map(str, seen)))}")
            expect(int(str(seen[0])) >= last, "a later reading sees an earlier state")
            last = int(str(seen[0]))
            expect(not is_last or last == _TURNS, "after the last change a reading sees an earlier state")

    together(write, read, read)


@promise(needs=(SupportsCreate,), uses=(SupportsOrder,), given=(*_SHARED, "setting:batch_rows"))
def a_reading_is_one_snapshot(bench: Bench) -> None:
    """What is changed after the first batch of a reading is in none of its later batches, where it can be changed
    meanwhile at all; in key order, a row that stays comes once."""
    found = bench.filled(ITEM, items(_ROWS))
    reader, writer = bench.opened(batch_rows=20), bench.opened(timeout_s=_WAIT_S)
    for ordered in (False, True):
        if ordered and not isinstance(reader, SupportsOrder):
            continue
        names = ["id", "name"]
        if ordered and isinstance(reader, SupportsOrder):
            reading = iter(reader.read_after(found, names))
        else:
            reading = iter(reader.read(found, names))
        seen = plain([next(reading)], names)
        before = dict(zip(*zip(*bench.rows(found, names), strict=True), strict=True))
        new = batch(found, [{"id": at, "name": f"late {at}"} for at in range(1, _ROWS + 1)])
        gone = batch(found, [{"id": at} for at in range(150, 160)])
        for change in (Change(Verb.UPDATE, new), Change(Verb.DELETE, gone)):
            end = bench.attempt(partial(writer.apply, found, change), within_s=_LONG_S)
            is_late = isinstance(end, DovetailError)
            expect(not is_late or isinstance(end, Overdue), f"a change beside a reading ends with {end!r}")
        seen += plain(reading, names)
        keys = [row[0] for row in seen]
        expect(len(keys) == len(set(keys)), "a row comes twice while others change it")
        if not ordered:
            expect(dict(map(_pair, seen)) == before, "a reading holds what was changed after it had begun")
        expect({*before} - set(range(150, 160)) <= {*keys}, "a row that was there all the time is left out")
        bench.change(found, Verb.DELETE, [{"id": key} for key in before])
        bench.change(found, Verb.CREATE, items(_ROWS))


def _pair(row: Row) -> tuple[object, object]:
    return row[0], row[1]


@promise(needs=(SupportsCreate, SupportsTransaction), given=_SHARED)
def no_update_is_lost(bench: Bench) -> None:
    """Of two that read a row and write it with what they read as expected, one misses it and reads again: no update is
    overwritten unseen."""
    found = bench.filled(_COUNT, [{"id": 1, "count": 0, "name": ""}])
    systems = [bench.opened(timeout_s=_LONG_S / 4) for _ in range(_WORKERS)]

    def work(system: Target, who: int) -> None:
        done = 0
        while done < _TURNS:
            done += patiently(partial(_raised, system, found, f"{who}-{done}")).applied

    together(*(partial(work, system, who) for who, system in enumerate(systems)))
    ((count, _),) = bench.rows(found, ["count", "name"])
    expect(count == _WORKERS * _TURNS, f"of {_WORKERS * _TURNS} updates {count} are there")


def _raised(system: Target, found: Dataset, name: str) -> Receipt:
    """Count one more, where the count is what it was when it was read."""
    assert isinstance(system, SupportsTransaction)
    ((count,),) = plain(system.read(found, ["count"]), ["count"])
    rows = batch(found, [{"id": 1, "count": int(str(count)) + 1, "name": name}])
    with system.transaction() as transaction:
        return transaction.apply(found, Change(Verb.UPDATE, rows, batch(found, [{"id": 1, "count": count}])))


@promise(needs=(SupportsCreate, SupportsTransaction), given=_SHARED)
def two_cannot_create_one_row(bench: Bench) -> None:
    """Of two that create rows of the same keys at once, each key is one's alone; the other's row is a reject."""
    found = bench.make(_COUNT)
    systems = [bench.opened(timeout_s=_LONG_S / 4) for _ in range(_WORKERS)]
    applied: list[int] = []

    def work(system: Target, who: int) -> None:
        keys = range(_ROWS) if who else range(_ROWS - 1, -1, -1)
        for first in range(0, _ROWS, 50):
            rows = batch(found, [{"id": at, "count": who, "name": str(who)} for at in keys[first : first + 50]])
            applied.append(patiently(partial(_created, system, found, rows)).applied)

    together(*(partial(work, system, who) for who, system in enumerate(systems)))
    rows = bench.rows(found)
    expect(len(rows) == _ROWS, f"{len(rows)} rows instead of {_ROWS} are there")
    expect(sum(applied) == _ROWS, f"{sum(applied)} rows of {_ROWS} are said to be applied")
    expect(all(str(count) == name for _, count, name in rows), "a row is one's by half")


def _created(system: Target, found: Dataset, rows: pa.RecordBatch) -> Receipt:
    assert isinstance(system, SupportsTransaction)
    with system.transaction() as transaction:
        return transaction.apply(found, Change(Verb.CREATE, rows))


@promise(needs=(SupportsCreate, SupportsTransaction), given=_SHARED)
def a_second_epoch_locks_the_first_out(bench: Bench) -> None:
    """When another connector has raised the epoch, the first worker's transactions are fenced, and the second's not."""
    first, second = bench.system, bench.opened()
    assert isinstance(first, SupportsTransaction)
    assert isinstance(second, SupportsTransaction)
    found = bench.make(ITEM)
    old = first.raise_epoch("p")
    new = second.raise_epoch("p")
    expect(new > old, f"the epochs are {old} and {new}")

    def write(system: SupportsTransaction, epoch: int, first_key: int) -> Receipt:
        with system.transaction() as transaction:
            transaction.fence("p", epoch)
            return transaction.apply(found, Change(Verb.CREATE, batch(found, items(3, first_key))))

    end = bench.attempt(lambda: write(first, old, 1))
    expect(isinstance(end, Fenced), f"the first worker goes on: {end!r}")
    expect(write(second, new, 10).applied == 3, "the second worker cannot write")
    expect(len(bench.rows(found)) == 3, "the first worker wrote")


@promise(needs=(SupportsCreate, SupportsTransaction), given=_SHARED)
def locked_rows_are_kept_from_others(bench: Bench) -> None:
    """Rows that a transaction has locked are changed by nobody else until it ends, and can be read meanwhile."""
    found = bench.filled(_COUNT, [{"id": at, "count": 0, "name": ""} for at in range(5)])
    hasty, holder = bench.opened(timeout_s=_WAIT_S), bench.system
    assert isinstance(holder, SupportsTransaction)
    assert isinstance(hasty, SupportsTransaction)
    keys = batch(found, [{"id": 1}, {"id": 2}])
    changes = (
        Change(Verb.UPDATE, batch(found, [{"id": 2, "name": "other"}])),
        Change(Verb.DELETE, batch(found, [{"id": 1}])),
    )
    with holder.transaction() as transaction:
        if not isinstance(transaction, Locks):
            decline("its transactions lock no rows")
        transaction.lock(found, keys)
        for change in changes:
            end = bench.attempt(partial(hasty.apply, found, change), within_s=_LONG_S)
            expect(isinstance(end, Overdue), f"a locked row: {change.verb} by another gives {end!r}")
        expect(len(plain(bench.opened().read(found, ["id"]), ["id"])) == 5, "locked rows cannot be read")
        own = Change(Verb.UPDATE, batch(found, [{"id": 1, "name": "mine"}]))
        expect(transaction.apply(found, own).applied == 1, "the holder cannot change its rows")
    expect(hasty.apply(found, changes[0]).applied == 1, "after the transaction its rows stay locked")
    expect(bench.by_key(found, "name")[1] == "mine", "what the holder wrote is not there")


@promise(needs=(SupportsCreate,), given=("open",))
def closing_beside_a_reading_does_no_harm(bench: Bench) -> None:
    """A connector that is closed in another thread while it is read, or in a transaction, gives the rest or an error of
    ours, never a part for the whole; closed twice, it can be used again."""
    found = bench.filled(ITEM, items(2_000))
    for system in (bench.opened(batch_rows=100), bench.opened()):
        reading = iter(system.read(found, ["id"]))
        given = next(reading).num_rows
        together(system.close)
        end = bench.attempt(partial(_counted, reading))
        is_whole = isinstance(end, DovetailError) or given + int(str(end)) == 2_000
        expect(is_whole, f"closed while it is read, it gives {given} and {end} rows of 2000")
        system.close()
        expect(sum(one.num_rows for one in system.read(found, ["id"])) == 2_000, "after close() it cannot be read")
    if isinstance(bench.system, SupportsTransaction):
        _close_within(bench, bench.system, found)
    receipt = bench.change(found, Verb.CREATE, items(1, first=9_000))
    expect(receipt.applied == 1, "after close() it cannot be written")


def _counted(reading: Iterator[pa.RecordBatch]) -> int:
    return sum(one.num_rows for one in reading)


def _close_within(bench: Bench, system: SupportsTransaction, found: Dataset) -> None:
    def write() -> Sequence[int]:
        with system.transaction() as transaction:
            transaction.apply(found, Change(Verb.CREATE, batch(found, items(3, first=5_000))))
            together(bench.system.close)
            transaction.apply(found, Change(Verb.CREATE, batch(found, items(3, first=6_000))))
        return [3, 3]

    end = bench.attempt(write)
    keys: list[dict[str, object]] = [{"id": at} for first in (5_000, 6_000) for at in range(first, first + 3)]
    there = len(bench.find(found, ["id"], keys))
    if there != (0 if isinstance(end, DovetailError) else 6):
        broken(f"a transaction that was closed ends with {end!r}, and {there} of its rows are there")
