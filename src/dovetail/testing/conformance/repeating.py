"""What doing something again promises: what is done counts as done, and what is gone can come again."""

from __future__ import annotations

from dovetail.errors import Refused
from dovetail.model.change import Change, Verb
from dovetail.systems.protocol import SupportsCreate, SupportsReserve, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import DRAWN, ITEM, LINE, PERSON, items, people
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import decline, expect


@promise(needs=(SupportsCreate,))
def what_was_begun_is_finished(bench: Bench) -> None:
    """A change of which a part was carried out before counts all its rows as applied, and carries out the rest, for
    every verb; row by row what is asked for is there."""
    found = bench.make(ITEM)
    rows = items(20)
    bench.system.apply(found, Change(Verb.CREATE, batch(found, rows[::3])))
    receipt = bench.system.apply(found, Change(Verb.CREATE, batch(found, rows)))
    expect(receipt.applied == 20, f"of 20 rows, some of them there, {receipt.applied} are created")
    expect(bench.rows(found) == sorted((tuple(row.values()) for row in rows), key=repr), "the rows hold something else")
    new: list[dict[str, object]] = [{"id": row["id"], "name": f"new {row['id']}"} for row in rows]
    awaited: list[dict[str, object]] = [{"id": row["id"], "name": row["name"]} for row in rows]
    bench.system.apply(found, Change(Verb.UPDATE, batch(found, new[::2]), batch(found, awaited[::2])))
    receipt = bench.system.apply(found, Change(Verb.UPDATE, batch(found, new), batch(found, awaited)))
    expect(receipt.applied == 20 and not receipt.missed, f"of 20 updates, some of them made, {receipt.applied} count")
    expect(set(bench.by_key(found, "name").values()) == {row["name"] for row in new}, "an update was not made")
    keys: list[dict[str, object]] = [{"id": row["id"]} for row in rows[:10]]
    bench.system.apply(found, Change(Verb.DELETE, batch(found, keys[::2])))
    receipt = bench.system.apply(found, Change(Verb.DELETE, batch(found, keys)))
    expect(receipt.applied == 10, f"of 10 deletes, some of them made, {receipt.applied} count")
    expect(len(bench.rows(found)) == 10, "other rows are left")


@promise(needs=(SupportsCreate,))
def rejects_come_again(bench: Bench) -> None:
    """A change with bad rows, applied twice, gives the same receipt twice: its good rows count again, its bad ones are
    refused again, in their places."""
    found = bench.filled(PERSON, people(3))
    rows: list[dict[str, object]] = [{"id": at, "mail": f"p{at}@example.org", "name": f"n{at}"} for at in range(11, 31)]
    rows[4]["name"] = None
    rows[9]["mail"] = "p2@example.org"
    change = Change(Verb.CREATE, batch(found, rows))
    told = []
    for _ in range(2):
        receipt = bench.system.apply(found, change)
        told.append((receipt.applied, receipt.missed, [(one.position, one.code) for one in receipt.rejects]))
    expect(told[0][0] == 18 and [at for at, _ in told[0][2]] == [4, 9], f"the receipt says {told[0]}")
    expect(told[0] == told[1], f"the second time the receipt says {told[1]}, the first time {told[0]}")
    expect(len(bench.rows(found)) == 21, f"{len(bench.rows(found))} rows instead of 21 are there")
    for receipt_rejects in (bench.system.apply(found, change).rejects,):
        fields = {one.field for one in receipt_rejects}
        expect(fields <= {"", *found.names}, f"rejects blame {fields}, which are no fields")


@promise(needs=(SupportsCreate, SupportsReserve))
def rows_of_reserved_keys_are_created_once(bench: Bench) -> None:
    """Rows whose keys were reserved, created twice, are there once, each under its key."""
    assert isinstance(bench.system, SupportsReserve)
    found = bench.make(DRAWN)
    try:
        keys = bench.system.reserve(found, 50).column(0).to_pylist()
    except Refused as words:
        decline(words.message)
    expect(len(set(keys)) == 50, f"asked for 50 keys, {len(set(keys))} were reserved")
    change = Change(Verb.CREATE, batch(found, [{"id": key, "title": f"t{at}"} for at, key in enumerate(keys)]))
    for _ in range(2):
        receipt = bench.system.apply(found, change)
        told = receipt.keys.column("id").to_pylist() if receipt.keys is not None else None
        expect(receipt.applied == 50 and told == keys, f"{receipt.applied} of 50 rows are applied, under other keys")
    expect(
        bench.by_key(found, "title") == {key: f"t{at}" for at, key in enumerate(keys)}, "the rows are not there once"
    )


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def a_key_can_be_used_again(bench: Bench) -> None:
    """A key whose row was deleted can be given to a new row, which has nothing of the old one; also in one
    transaction."""
    found = bench.filled(LINE, [{"order_no": 1, "place": "a", "count": 1}, {"order_no": 1, "place": "b", "count": 2}])
    gone: list[dict[str, object]] = [{"order_no": 1, "place": "a"}]
    bench.change(found, Verb.DELETE, gone)
    expect(bench.change(found, Verb.CREATE, gone).applied == 1, "a key that was used is refused")
    expect(bench.rows(found) == [(1, "a", None), (1, "b", 2)], f"the rows hold {bench.rows(found)}")
    if isinstance(bench.system, SupportsTransaction):
        with bench.system.transaction() as transaction:
            transaction.apply(found, Change(Verb.DELETE, batch(found, gone)))
            again = Change(Verb.CREATE, batch(found, [{"order_no": 1, "place": "a", "count": 7}]))
            expect(transaction.apply(found, again).applied == 1, "in one transaction a key cannot be used again")
        expect(bench.rows(found) == [(1, "a", 7), (1, "b", 2)], f"the rows hold {bench.rows(found)}")
