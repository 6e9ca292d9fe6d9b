"""What a connector promises where there is no room, no right, or a rule of the system's own: it is told, and nothing is
half written."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_128

from dovetail.errors import AccessDenied, DovetailError, Remedy
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction, Target
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import INTEGER, ITEM, TEXT, dataset, items
from dovetail.testing.conformance.faults import POISON, Disk
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, expect

_ROWS, _LENGTH = 160, 12_000
_NOTE = dataset("note", Field("id", INTEGER, nullable=False), Field("name", TEXT), Field("hash", Type(Kind.BYTES)))


def _notes(count: int, first: int = 1) -> list[dict[str, object]]:
    """Rows that nothing can be pressed together to fit."""
    keys = range(first, first + count)
    return [{"id": at, "name": f"note {at}", "hash": shake_128(str(at).encode()).digest(_LENGTH)} for at in keys]


@promise(needs=(SupportsCreate,), given=("disk",))
def a_full_disk_stops_and_leaves_nothing_half(bench: Bench) -> None:
    """A change for which there is no room ends with an error that says: stop. What was there can still be read and is
    as it was; with room again, the same change by the same connector succeeds."""
    assert bench.faults.disk is not None
    with bench.faults.disk() as disk:
        _tried(bench, disk, disk.fill)


@promise(needs=(SupportsCreate,), given=("disk",))
def a_right_that_was_taken_is_denied(bench: Bench) -> None:
    """A system that may not be written any more says `AccessDenied`, and can be read; with the right given back the
    same change succeeds."""
    assert bench.faults.disk is not None
    with bench.faults.disk() as disk:
        end = _tried(bench, disk, disk.forbid)
        expect(isinstance(end, AccessDenied), f"it is {type(end).__name__}")


def _tried(bench: Bench, disk: Disk, trouble: Callable[[], None]) -> DovetailError:
    system = disk.system
    assert isinstance(system, SupportsCreate)
    system.create(_NOTE)
    found = system.describe().dataset(_NOTE.name)
    assert found is not None
    system.apply(found, Change(Verb.CREATE, batch(found, _notes(2))))
    before = _held(system, found)
    change = Change(Verb.CREATE, batch(found, _notes(_ROWS, 10)))
    trouble()
    end = bench.attempt(lambda: system.apply(found, change))
    if not isinstance(end, DovetailError):
        broken(f"the change was carried out all the same: {getattr(end, 'applied', end)} rows were applied")
    expect(end.remedy is Remedy.STOP, f"it ends with {type(end).__name__}, which says: {end.remedy}")
    if isinstance(system, SupportsTransaction):
        again = bench.attempt(lambda: _in_transaction(system, found, change))
        expect(isinstance(again, DovetailError), "in a transaction the change was carried out all the same")
    expect(_held(system, found) == before, "other rows are there than before")
    disk.mend()
    receipt = system.apply(found, change)
    expect(receipt.applied == _ROWS, f"afterwards {receipt.applied} of {_ROWS} rows are applied: {receipt.rejects[:1]}")
    expect(len(_held(system, found)) == _ROWS + 2, "afterwards other rows are there")
    return end


def _in_transaction(system: Target, found: Dataset, change: Change) -> Receipt:
    assert isinstance(system, SupportsTransaction)
    with system.transaction() as transaction:
        return transaction.apply(found, change)


def _held(system: Target, found: Dataset) -> dict[object, object]:
    return Bench(system).by_key(found, "hash")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,), given=("refuse",))
def what_the_system_itself_refuses_is_a_reject(bench: Bench) -> None:
    """A row that a rule of the system's own refuses, which no catalog tells, is a reject by its position, wherever it
    stands; the others are written, by creating and by updating."""
    assert bench.faults.refuse is not None
    found = bench.make(ITEM)
    bench.faults.refuse(found)
    for at, place in enumerate((0, 17, 299)):
        rows = items(300, 1 + 1000 * at)
        for verb, name in ((Verb.CREATE, "new"), (Verb.UPDATE, "newer")):
            given = [{**row, "name": f"{name} {row['id']}"} for row in rows]
            given[place]["name"] = POISON
            receipt = bench.change(found, verb, given)
            refused = [reject.position for reject in receipt.rejects]
            expect(refused == [place], f"{verb}: refused are {refused[:5]}, not {place}")
            expect(receipt.applied == 299, f"{verb}: {receipt.applied} rows were applied")
            expect(POISON not in receipt.rejects[0].reason, "a reject tells a value")
            if verb is Verb.CREATE:
                bench.change(found, verb, [rows[place]])
