"""What transactions promise: all or nothing, behind a fence, with a ledger that says what was committed."""

from __future__ import annotations

import threading
from contextlib import suppress

from dovetail.errors import DovetailError, Fenced
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import ITEM, PERSON, items, people
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, expect

CONTENT = bytes(range(256))
PARTITION = 'it\'s "a" partition | ü'


class _Stop(Exception):
    """An exception that is none of the connector's."""


def _transactions(bench: Bench) -> SupportsTransaction:
    assert isinstance(bench.system, SupportsTransaction)
    return bench.system


def _creation(found: Dataset, count: int, first: int = 1) -> Change:
    return Change(Verb.CREATE, batch(found, items(count, first)))


@promise(needs=(SupportsCreate, SupportsTransaction))
def an_exception_undoes_everything(bench: Bench) -> None:
    """An exception inside a transaction undoes its rows and its ledger entries, and leaves as it was."""
    system, found = _transactions(bench), bench.filled(ITEM, items(2))
    epoch = system.raise_epoch(PARTITION)

    def work() -> None:
        with system.transaction() as transaction:
            transaction.fence(PARTITION, epoch)
            transaction.apply(found, _creation(found, 3, 10))
            transaction.apply(found, Change(Verb.DELETE, batch(found, [{"id": 1}])))
            transaction.record([LedgerEntry(PARTITION, 1, "run", CONTENT)])
            raise _Stop

    try:
        work()
    except _Stop:
        pass
    else:
        broken("the exception was swallowed")
    expect({row[0] for row in bench.rows(found)} == {1, 2}, "rows of an undone transaction are there")
    expect(not system.ledger(PARTITION), "the ledger kept an entry of an undone transaction")


@promise(needs=(SupportsCreate, SupportsTransaction))
def rows_and_ledger_are_committed_together(bench: Bench) -> None:
    """At the end of the block several changes and the ledger entry are there."""
    system, found, other = _transactions(bench), bench.make(ITEM), bench.make(PERSON)
    epoch = system.raise_epoch(PARTITION)
    with system.transaction() as transaction:
        transaction.fence(PARTITION, epoch)
        transaction.apply(found, _creation(found, 3))
        transaction.apply(other, Change(Verb.CREATE, batch(other, people(2))))
        transaction.apply(found, Change(Verb.UPDATE, batch(found, [{"id": 1, "name": "again"}])))
        transaction.record([LedgerEntry(PARTITION, 7, "run ü", CONTENT)])
    expect(bench.by_key(found, "name") == {1: "again", 2: "item 2", 3: "item 3"}, "the changes are not there")
    expect(len(bench.rows(other)) == 2, "the changes of another dataset are not there")
    kept = list(system.ledger(PARTITION))
    expect(kept == [LedgerEntry(PARTITION, 7, "run ü", CONTENT)], f"the ledger holds {kept}")


@promise(needs=(SupportsCreate, SupportsTransaction))
def refused_rows_do_not_undo_a_transaction(bench: Bench) -> None:
    """A transaction with rejects goes on: what was written stays, and later changes are written too."""
    system, found = _transactions(bench), bench.filled(ITEM, items(2))
    with system.transaction() as transaction:
        first = transaction.apply(found, _creation(found, 4))
        second = transaction.apply(found, _creation(found, 2, 10))
    expect(
        [reject.position for reject in first.rejects] == [0, 1] and first.applied == 2,
        f"the first receipt: {first.applied} applied",
    )
    expect(second.applied == 2 and len(bench.rows(found)) == 6, f"{len(bench.rows(found))} rows are there")


@promise(needs=(SupportsCreate, SupportsTransaction))
def in_a_transaction_a_taken_key_is_refused(bench: Bench) -> None:
    """Inside a transaction a created row whose key is taken is a reject, even when the row there is the same."""
    system, found = _transactions(bench), bench.filled(ITEM, items(2))
    with system.transaction() as transaction:
        receipt = transaction.apply(found, _creation(found, 3))
    expect([reject.position for reject in receipt.rejects] == [0, 1], f"refused are {receipt.rejects}")


@promise(needs=(SupportsCreate, SupportsTransaction))
def epochs_grow_by_partition(bench: Bench) -> None:
    """Each raise gives a partition a higher epoch; partitions have their own."""
    system = _transactions(bench)
    mine = [system.raise_epoch(PARTITION) for _ in range(3)]
    expect(mine == sorted(set(mine)), f"the epochs are {mine}")
    system.raise_epoch("another")
    with system.transaction() as transaction:
        transaction.fence(PARTITION, mine[-1])


@promise(needs=(SupportsCreate, SupportsTransaction))
def an_old_epoch_is_fenced(bench: Bench) -> None:
    """Whoever comes with an epoch that is not the partition's, or with an unknown partition, is fenced and writes
    nothing."""
    system, found = _transactions(bench), bench.make(ITEM)
    old = system.raise_epoch(PARTITION)
    new = system.raise_epoch(PARTITION)
    for partition, epoch in ((PARTITION, old), (PARTITION, new + 1), ("unknown", 1)):
        try:
            with system.transaction() as transaction:
                transaction.apply(found, _creation(found, 1))
                transaction.fence(partition, epoch)
        except Fenced:
            continue
        broken(f"the epoch {epoch} of {partition} was let through")
    expect(not bench.rows(found), "a fenced worker wrote")


@promise(needs=(SupportsCreate, SupportsTransaction))
def the_ledger_is_in_order(bench: Bench) -> None:
    """The ledger gives a partition's entries by chunk, forgets those up to and with a chunk, and keeps partitions
    apart."""
    system = _transactions(bench)
    expect(list(system.ledger(PARTITION)) == [], "there are entries before there is a ledger")
    for partition in (PARTITION, "other"):
        epoch = system.raise_epoch(partition)
        for chunk in (2, 10, 1):
            with system.transaction() as transaction:
                transaction.fence(partition, epoch)
                transaction.record([LedgerEntry(partition, chunk, "r", bytes([chunk]))])
    expect(
        [entry.chunk for entry in system.ledger(PARTITION)] == [1, 2, 10],
        "the entries are not in the order of their chunks",
    )
    system.forget(PARTITION, 2)
    expect([entry.chunk for entry in system.ledger(PARTITION)] == [10], "other entries were forgotten")
    expect(
        [entry.chunk for entry in system.ledger("other")] == [1, 2, 10], "another partition's entries were forgotten"
    )


@promise(needs=(SupportsCreate, SupportsTransaction))
def our_tables_are_no_datasets(bench: Bench) -> None:
    """Fence and ledger are not described as datasets."""
    _transactions(bench).raise_epoch(PARTITION)
    names = [one.name for one in bench.system.describe().datasets]
    expect(not [name for name in names if "dovetail" in name], f"described are {names}")


@promise(needs=(SupportsCreate, SupportsTransaction))
def a_new_epoch_waits_for_the_old_holder(bench: Bench) -> None:
    """When an epoch was raised, the former holder has committed already, or never will."""
    system, found = _transactions(bench), bench.make(ITEM)
    epoch = system.raise_epoch(PARTITION)
    holds, raised = threading.Event(), threading.Event()
    ends: list[str] = []

    def hold() -> None:
        with suppress(DovetailError), system.transaction() as transaction:
            transaction.fence(PARTITION, epoch)
            transaction.apply(found, _creation(found, 1))
            holds.set()
            raised.wait(0.5)
            ends.append("late" if raised.is_set() else "in time")

    holder = threading.Thread(target=hold)
    holder.start()
    expect(holds.wait(10), "a transaction cannot be held")
    newer = system.raise_epoch(PARTITION)
    at_once = len(bench.rows(found))
    raised.set()
    holder.join(10)
    expect(newer > epoch, "the epoch did not grow")
    expect(len(bench.rows(found)) == at_once, "the former holder committed after the epoch was raised")
