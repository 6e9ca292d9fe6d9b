"""What writing promises: each row exactly as sent, or refused by position; never one that is no longer as expected."""

from __future__ import annotations

from decimal import Decimal

from dovetail.model.catalog import Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import SupportsCreate, SupportsLookup, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import INTEGER, ITEM, LINE, PERSON, TEXT, dataset, items, people
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import expect

POISON_ROWS = 300
SECRET = "correct-horse-battery-staple"  # noqa: S105 - a value that must not appear in any message
LOOKALIKES = (("abc", "ABC"), ("abc", "abc "), ("é", "e\u0301"), ("", None), (None, ""), ("1", "01"), ("ß", "ss"))
"""What a row holds, and what is expected of it: never the same."""

_BOTH = (SupportsTransaction, SupportsLookup)


def adds_up(receipt: Receipt, rows: int) -> bool:
    """Whether every row was applied, missed or refused, and one of them only."""
    rejects = [reject.position for reject in receipt.rejects]
    named = [*receipt.missed, *rejects]
    return (
        receipt.applied + len(named) == rows and len(set(named)) == len(named) and all(0 <= at < rows for at in named)
    )


@promise(needs=(SupportsCreate,), uses=_BOTH)
def rows_are_created_as_sent(bench: Bench) -> None:
    """Created rows hold what was sent; the receipt counts them, and its keys are theirs, row for row."""
    found = bench.make(ITEM)
    rows = items(50)
    receipt = bench.change(found, Verb.CREATE, rows)
    expect(receipt.applied == 50 and adds_up(receipt, 50), f"the receipt says {receipt.applied}")
    told = receipt.keys.column("id").to_pylist() if receipt.keys is not None else None
    expect(told == [row["id"] for row in rows], f"the keys told are {told}")
    expect(bench.rows(found) == sorted((tuple(row.values()) for row in rows), key=repr), "the rows hold something else")


@promise(needs=(SupportsCreate,), uses=_BOTH)
def a_taken_key_is_never_overwritten(bench: Bench) -> None:
    """A created row whose key is taken is a reject by its position; the row there stays, the others are written."""
    found = bench.filled(ITEM, items(3))
    rows = [{**row, "name": "intruder"} for row in items(6)]
    receipt = bench.change(found, Verb.CREATE, [rows[3], rows[0], rows[4], rows[2], rows[5]])
    refused = [reject.position for reject in receipt.rejects]
    expect(sorted(refused) == [1, 3] and adds_up(receipt, 5), f"refused are {refused}")
    expect(
        receipt.keys is not None and receipt.keys.column("id").to_pylist() == [4, None, 5, None, 6],
        "the keys told are others",
    )
    names = {key: name for key, name in bench.by_key(found, "name").items() if key in (1, 3, 4)}
    expect(names == {1: "item 1", 3: "item 3", 4: "intruder"}, f"the rows hold {names}")


def _poison(bench: Bench, verb: Verb) -> None:
    """A bad row in the first, middle or last place is refused there, and only it."""
    for place in (0, POISON_ROWS // 2, POISON_ROWS - 1):
        for name, bad in (("name", None), ("mail", "taken@example.org")):
            table = dataset(f"person_{place}_{name}_{verb}", *PERSON.fields, uniques=PERSON.uniques)
            found = bench.filled(table, [{"id": 0, "mail": "taken@example.org", "name": "first"}])
            if verb is Verb.UPDATE:
                bench.change(found, Verb.CREATE, people(POISON_ROWS))
            rows = [{**row, "name": f"new {row['id']}"} for row in people(POISON_ROWS)]
            rows[place][name] = bad
            receipt = bench.change(found, verb, rows)
            refused = [reject.position for reject in receipt.rejects]
            expect(refused == [place], f"{name} = {bad!r} in place {place}: refused are {refused[:5]}")
            expect(adds_up(receipt, POISON_ROWS), "the receipt does not add up")
            expect(
                receipt.rejects[0].reason and receipt.rejects[0].code.startswith("DV-4"),
                "the reject has no words or code",
            )
            held = bench.by_key(found, "name")
            good = {row["id"]: row["name"] for at, row in enumerate(rows) if at != place}
            expect(
                {key: held.get(key) for key in good} == good,
                f"good rows beside a bad one in place {place} are not written",
            )
            left = f"person {place + 1}" if verb is Verb.UPDATE else None
            expect(held.get(place + 1) == left, "the bad row was written")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def a_bad_row_is_refused_alone(bench: Bench) -> None:
    """Of created rows, one that breaks a rule is refused by its position, wherever it stands; the others are
    written."""
    _poison(bench, Verb.CREATE)


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def a_bad_update_is_refused_alone(bench: Bench) -> None:
    """Of updated rows, one that breaks a rule is refused by its position, wherever it stands; the others are
    written."""
    _poison(bench, Verb.UPDATE)


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def many_bad_rows_are_all_named(bench: Bench) -> None:
    """When every third row is bad, each of them is refused and each of the others written."""
    found = bench.make(PERSON)
    rows = people(300)
    for row in rows[2::3]:
        row["name"] = None
    receipt = bench.change(found, Verb.CREATE, rows)
    expect([reject.position for reject in receipt.rejects] == list(range(2, 300, 3)), "other rows are refused")
    expect(
        receipt.applied == 200 and len(bench.rows(found)) == 200,
        f"{receipt.applied} applied, {len(bench.rows(found))} there",
    )


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def words_hold_no_values(bench: Bench) -> None:
    """The words of a reject hold none of the row's values."""
    bounded = dataset(
        "bounded",
        Field("id", INTEGER, nullable=False),
        Field("code", Type(Kind.TEXT, length=5)),
        Field("must", TEXT, nullable=False),
        uniques=(("must",),),
    )
    found = bench.filled(bounded, [{"id": 1, "code": "x", "must": SECRET}])
    bad: list[dict[str, object]] = [
        {"id": 2, "code": SECRET, "must": "a"},
        {"id": 3, "code": "x", "must": SECRET},
        {"id": 4, "code": SECRET[:4], "must": None},
    ]
    for row in bad:
        for reject in bench.change(found, Verb.CREATE, [row]).rejects:
            told = f"{reject.reason} {reject.code} {reject.field}"
            expect(SECRET not in told and SECRET[:4] not in told, "a reject tells a value")


@promise(needs=(SupportsCreate,), uses=_BOTH)
def an_update_sets_only_its_fields(bench: Bench) -> None:
    """An update sets the fields given, to null too, and no others, of the rows given, and no others."""
    found = bench.filled(ITEM, items(5))
    receipt = bench.change(
        found, Verb.UPDATE, [{"id": 2, "price": Decimal("0.05")}, {"id": 4, "price": None}, {"id": 99, "price": None}]
    )
    expect(receipt.applied == 2 and receipt.missed == (2,), f"{receipt.applied} applied, missed are {receipt.missed}")
    prices = bench.by_key(found, "price")
    expect(
        prices == {1: Decimal("0.01"), 2: Decimal("0.05"), 3: Decimal("0.03"), 4: None, 5: Decimal("0.05")},
        f"prices are {prices}",
    )
    expect(
        bench.by_key(found, "name") == {at: f"item {at}" for at in range(1, 6)}, "a field that was not given changed"
    )


@promise(needs=(SupportsCreate,), uses=_BOTH)
def rows_are_deleted(bench: Bench) -> None:
    """The rows given are deleted, and no others."""
    found = bench.filled(ITEM, items(40))
    receipt = bench.change(found, Verb.DELETE, [{"id": number} for number in range(1, 40, 2)])
    expect(receipt.applied == 20 and not receipt.missed, f"{receipt.applied} applied, missed are {receipt.missed}")
    expect(set(bench.by_key(found, "name")) == set(range(2, 41, 2)), "other rows are left")


@promise(needs=(SupportsCreate,), uses=_BOTH)
def a_moved_row_is_missed(bench: Bench) -> None:
    """A row that no longer holds what is expected is missed by an update and by a delete; the others are touched."""
    found = bench.filled(ITEM, items(6))
    new: list[dict[str, object]] = [{"id": at, "name": "new"} for at in range(1, 6)]
    awaited: list[dict[str, object]] = [
        {"id": at, "name": f"item {at}", "price": Decimal(at).scaleb(-2)} for at in range(1, 6)
    ]
    awaited[1]["name"], awaited[3]["price"] = "other", None
    receipt = bench.change(found, Verb.UPDATE, new, awaited)
    expect(receipt.missed == (1, 3) and receipt.applied == 3, f"missed by an update are {receipt.missed}")
    gone: list[dict[str, object]] = [{"id": at} for at in (2, 4, 6)]
    receipt = bench.change(
        found, Verb.DELETE, gone, [{"id": 2, "name": "item 2"}, {"id": 4, "name": "new"}, {"id": 6, "name": None}]
    )
    expect(receipt.missed == (1, 2) and receipt.applied == 1, f"missed by a delete are {receipt.missed}")
    names = bench.by_key(found, "name")
    expect(names == {1: "new", 3: "new", 4: "item 4", 5: "new", 6: "item 6"}, f"the rows hold {names}")


@promise(needs=(SupportsCreate,), uses=_BOTH)
def expectations_are_exact(bench: Bench) -> None:
    """What is expected is compared by exact value: not by collation, blanks or case; null is equal to null only."""
    found = bench.filled(ITEM, [{"id": at, "name": held} for at, (held, _) in enumerate(LOOKALIKES)])
    rows: list[dict[str, object]] = [{"id": at, "is_sold": True} for at in range(len(LOOKALIKES))]
    awaited: list[dict[str, object]] = [{"id": at, "name": other} for at, (_, other) in enumerate(LOOKALIKES)]
    receipt = bench.change(found, Verb.UPDATE, rows, awaited)
    expect(receipt.applied == 0, f"texts that only look alike were taken for the same: {receipt.missed} are missed")
    awaited = [{"id": at, "name": held} for at, (held, _) in enumerate(LOOKALIKES)]
    receipt = bench.change(found, Verb.UPDATE, rows, awaited)
    expect(receipt.applied == len(rows), f"what was expected and held was missed: {receipt.missed}")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def applying_twice_equals_once(bench: Bench) -> None:
    """The same change applied again counts all its rows as applied, and changes nothing."""
    found = bench.make(ITEM)
    changes = [
        Change(Verb.CREATE, batch(found, items(9))),
        Change(
            Verb.UPDATE,
            batch(found, [{"id": 2, "name": "b"}, {"id": 3, "name": None}]),
            batch(found, [{"id": 2, "name": "item 2"}, {"id": 3, "name": "item 3"}]),
        ),
        Change(
            Verb.DELETE,
            batch(found, [{"id": 4}, {"id": 5}]),
            batch(found, [{"id": 4, "name": "item 4"}, {"id": 5, "name": "item 5"}]),
        ),
    ]
    for change in changes:
        first = bench.system.apply(found, change)
        before = bench.rows(found)
        again = bench.system.apply(found, change)
        expect(
            first.applied == again.applied == change.rows.num_rows,
            f"{change.verb}: {first.applied}, then {again.applied}",
        )
        expect(bench.rows(found) == before, f"{change.verb}: the second time changed rows")
        if change.verb is Verb.CREATE:
            told = again.keys.column("id").to_pylist() if again.keys is not None else None
            expect(told == list(range(1, 10)), f"the second time the keys told are {told}")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def only_the_same_row_counts_as_applied(bench: Bench) -> None:
    """A created row that stands there with other values is a reject, also outside of transactions."""
    found = bench.filled(ITEM, items(2))
    rows = [items(1)[0], {**items(2)[1], "name": None}]
    receipt = bench.system.apply(found, Change(Verb.CREATE, batch(found, rows)))
    expect(
        receipt.applied == 1 and [reject.position for reject in receipt.rejects] == [1], f"{receipt.applied} applied"
    )
    expect(bench.by_key(found, "name")[2] == "item 2", "the row there was overwritten")


@promise(needs=(SupportsCreate,), uses=_BOTH)
def composite_keys_are_written(bench: Bench) -> None:
    """Rows with keys of two parts are created, updated and deleted by the whole key."""
    rows: list[dict[str, object]] = [
        {"order_no": no, "place": place, "count": 0} for no in (1, 2) for place in ("a", "b")
    ]
    found = bench.filled(LINE, rows)
    bench.change(found, Verb.UPDATE, [{"place": "b", "order_no": 1, "count": 5}])
    bench.change(found, Verb.DELETE, [{"order_no": 2, "place": "a"}])
    expect(bench.rows(found) == [(1, "a", 0), (1, "b", 5), (2, "b", 0)], f"the rows hold {bench.rows(found)}")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def nothing_to_do_is_done(bench: Bench) -> None:
    """A change without rows is applied without complaint."""
    found = bench.filled(ITEM, items(1))
    for verb in Verb:
        receipt = bench.write(
            found,
            Change(verb, batch(found, items(1)).slice(0, 0))
            if verb is not Verb.DELETE
            else Change(verb, batch(found, [])),
        )
        expect(receipt.applied == 0 and adds_up(receipt, 0), f"{verb} of nothing gives {receipt}")
    expect(len(bench.rows(found)) == 1, "something was done")
