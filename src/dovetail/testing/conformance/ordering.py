"""What reading in key order, digests and versions promise: every row once from any place, no change unnoticed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import DIGEST, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import (
    SupportsCreate,
    SupportsDigest,
    SupportsOrder,
    SupportsTransaction,
    SupportsVersions,
)
from dovetail.testing.conformance.bench import Bench, Row, batch, plain
from dovetail.testing.conformance.datasets import INTEGER, ITEM, LINE, TEXT, dataset, items
from dovetail.testing.conformance.finding import ALIKE
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import decline, expect

_STEP = 13
_WORD = dataset("word", Field("id", TEXT, nullable=False), Field("n", INTEGER))
_SHAPES = dataset(
    "shape",
    Field("id", INTEGER, nullable=False),
    Field("big", INTEGER),
    Field("text", TEXT),
    Field("other", TEXT),
    Field("price", Type(Kind.DECIMAL, precision=12, scale=2)),
    Field("ratio", Type(Kind.FLOAT)),
    Field("is_on", Type(Kind.BOOLEAN)),
    Field("at", Type(Kind.TIMESTAMP)),
    Field("blob", Type(Kind.BYTES)),
)
_FIRST: dict[str, object] = {"big": 5, "text": "a", "other": "b", "price": Decimal("5.00"), "ratio": 1.5, "is_on": True}
_FIRST |= {"at": 1_600_000_000_000_000, "blob": b"ab"}
_EDITS: tuple[dict[str, object], ...] = (
    {"big": -5},
    {"big": 5 + 2**32},
    {"big": 5 + 2**32 * 5},
    {"big": None},
    {"text": "A"},
    {"text": "a "},
    {"text": ""},
    {"text": None},
    {"text": "b", "other": "a"},
    {"text": "ab", "other": ""},
    {"price": Decimal("-5.00")},
    {"price": Decimal("0.05")},
    {"price": Decimal("50000.00")},
    {"price": None},
    {"ratio": -1.5},
    {"ratio": 0.0},
    {"is_on": False},
    {"is_on": None},
    {"at": 1_600_000_000_000_000 + 2**32 + 1},
    {"at": 1_600_000_000_000_001},
    {"blob": b"a"},
    {"blob": b""},
    {"blob": None},
)
"""Changes that some hash, or some sum of hashes, does not see."""


@promise(needs=(SupportsCreate, SupportsOrder), uses=(SupportsTransaction,))
def reading_goes_on_after_a_key(bench: Bench) -> None:
    """Read from place to place, a dataset gives every row once, whole, and always in one order."""
    assert isinstance(bench.system, SupportsOrder)
    lines: list[dict[str, object]] = [
        {"order_no": at % 7 - 3, "place": f"{at % 90:x}", "count": at} for at in range(7 * 90)
    ]
    words: list[dict[str, object]] = [{"id": f"{text}.", "n": at} for at, text in enumerate(ALIKE)]
    for asked, given, name in ((ITEM, items(500), "id"), (LINE, lines, "count"), (_WORD, words, "n")):
        found = bench.filled(asked, given)
        whole = [row[0] for row in plain(bench.system.read_after(found, [name]), [name])]
        expect(sorted(map(str, whole)) == sorted(str(row[name]) for row in given), f"{asked.name} is not read whole")
        expect(_stepped(bench, found, name, most=len(whole)) == whole, f"{asked.name} comes otherwise in steps")
        again = plain(bench.system.read_after(found, list(found.names)), list(found.names))
        expect(sorted(again, key=repr) == bench.rows(found), f"{asked.name} is read otherwise than by read")


def _stepped(bench: Bench, found: Dataset, name: str, *, most: int) -> list[object]:
    """One field of all rows, reading anew after every few."""
    assert isinstance(bench.system, SupportsOrder)
    names = [*found.key, name]
    values: list[object] = []
    after: pa.RecordBatch | None = None
    while True:
        reading = iter(bench.system.read_after(found, list(dict.fromkeys(names)), after=after))
        first = next(reading, None)
        getattr(reading, "close", lambda: None)()
        if first is None or not first.num_rows:
            return values
        part = first.slice(0, _STEP)
        values += part.column(name).to_pylist()
        expect(len(values) <= most, "rows come again")
        after = part.select(list(found.key)).slice(part.num_rows - 1, 1)


@promise(needs=(SupportsCreate, SupportsOrder))
def a_place_need_not_be_there(bench: Bench) -> None:
    """Reading goes on after a key whose row is gone, and after the last there is nothing, in the right columns."""
    assert isinstance(bench.system, SupportsOrder)
    found = bench.filled(ITEM, items(50))
    bench.change(found, Verb.DELETE, [{"id": 20}])
    after = batch(found, [{"id": 20}])
    rows = plain(bench.system.read_after(found, ["name", "id"], after=after), ["name", "id"])
    expect(rows == [(f"item {number}", number) for number in range(21, 51)], "other rows follow")
    rest = list(bench.system.read_after(found, ["name", "id"], after=batch(found, [{"id": 50}])))
    expect(plain(rest, ["name", "id"]) == [], "something follows the last row")
    expect(all(one.schema.names == ["name", "id"] for one in rest), "a batch without rows has other columns")


@promise(needs=(SupportsCreate, SupportsOrder), uses=(SupportsTransaction,))
def reading_in_order_lets_others_write(bench: Bench) -> None:
    """While a dataset is read in order, another of the same system can be written, batch for batch."""
    assert isinstance(bench.system, SupportsOrder)
    found = bench.filled(ITEM, items(300))
    copy = bench.make(dataset("copy", *ITEM.fields))
    for one in bench.system.read_after(found, list(found.names)):
        rows = [
            dict(zip(found.names, row, strict=True)) for row in zip(*(c.to_pylist() for c in one.columns), strict=True)
        ]
        receipt = bench.change(copy, Verb.CREATE, rows)
        expect(receipt.applied == one.num_rows, "rows are not written while others are read")
    expect(bench.rows(copy) == bench.rows(found), "other rows were copied")


@promise(needs=(SupportsCreate, SupportsDigest), uses=(SupportsOrder,))
def a_digest_sees_every_change(bench: Bench) -> None:
    """A digest changes with every change of its fields, and only then; rows that swap values do not escape it."""
    assert isinstance(bench.system, SupportsDigest)
    found = bench.filled(_SHAPES, [{"id": at, **_FIRST, **edit} for at, edit in enumerate(({}, *_EDITS))])
    names = [name for name in found.names if name not in found.key]
    if not bench.system.digestible(found, names):
        decline("its rows have no digests")
    same = bench.filled(dataset("same", *_SHAPES.fields), [{"id": 7, **_FIRST}])
    before = _digests(bench, same, names)
    expect(_digests(bench, same, names) == before, "the digest of one row differs from call to call")
    for edit in _EDITS:
        bench.change(same, Verb.UPDATE, [{"id": 7, **edit}])
        expect(_digests(bench, same, names) != before, f"the digest does not see {edit}")
        bench.change(same, Verb.UPDATE, [{"id": 7, **{name: _FIRST[name] for name in edit}}])
        expect(_digests(bench, same, names) == before, f"the digest does not see that {edit} was undone")
    bench.change(found, Verb.UPDATE, [{"id": 0, "is_on": False}])
    without = [name for name in names if name != "is_on"]
    whole, part = _digests(bench, found, names), _digests(bench, found, without)
    bench.change(found, Verb.UPDATE, [{"id": 0, "is_on": True}])
    expect(_digests(bench, found, without) == part, "a digest sees a field that is not its own")
    expect(_digests(bench, found, names) != whole, "a digest does not see its own field")
    _swap(bench)


def _swap(bench: Bench) -> None:
    assert isinstance(bench.system, SupportsDigest)
    found = bench.filled(ITEM, items(2))
    names = ["name", "is_sold"]
    before = bench.system.digest_total(found, names)
    bench.change(found, Verb.UPDATE, [{"id": 1, "name": "item 2"}, {"id": 2, "name": "item 1"}])
    expect(bench.system.digest_total(found, names) != before, "two rows that swap a value leave the total as it was")
    bench.change(found, Verb.UPDATE, [{"id": 1, "is_sold": True}, {"id": 2, "is_sold": False}])
    expect(bench.system.digest_total(found, names) != before, "two rows that swap all values leave the total as it was")


@promise(needs=(SupportsCreate, SupportsDigest), uses=(SupportsOrder,))
def digests_agree_with_each_other(bench: Bench) -> None:
    """The total is made of the rows' digests, whatever the order of the fields; reading in order gives the same
    ones."""
    assert isinstance(bench.system, SupportsDigest)
    found, names = bench.make(ITEM), ["name", "price", "is_sold"]
    if not bench.system.digestible(found, names):
        decline("its rows have no digests")
    expect(bench.system.digest_total(found, names) == (0, 0), "a dataset without rows has a digest")
    expect(_digests(bench, found, names) == [], "there is the digest of a row that is not there")
    bench.change(found, Verb.CREATE, items(700))
    rows = _digests(bench, found, names)
    combined = functools.reduce(operator.xor, (int(str(row[-1])) for row in rows))
    expect(bench.system.digest_total(found, names) == (700, combined), "the total is another than its parts")
    expect(len({row[-1] for row in rows}) == 700, "different rows have one digest")
    expect(_digests(bench, found, list(reversed(names))) == rows, "the order of the fields matters")
    lines = bench.filled(
        LINE, [{"order_no": 1, "place": text, "count": 1} for text in ALIKE if text.strip() == text][:3]
    )
    expect(len(_digests(bench, lines, ["count"])) == 3, "composite keys have other digests")


def _digests(bench: Bench, found: Dataset, names: Sequence[str]) -> list[Row]:
    """Keys and digests, sorted; the same by whatever way they are read."""
    assert isinstance(bench.system, SupportsDigest)
    asked = [*found.key, DIGEST]
    rows = sorted(plain(bench.system.digest_rows(found, names), asked), key=repr)
    if isinstance(bench.system, SupportsOrder):
        fields = [*found.key, *names]
        batches = [one.select(asked) for one in bench.system.read_after(found, fields, digest=True)]
        expect(sorted(plain(batches, asked), key=repr) == rows, "rows read in order have other digests")
    return rows


@promise(needs=(SupportsCreate, SupportsDigest))
def digests_are_looked_up_with_their_values(bench: Bench) -> None:
    """Looked up by key, a row comes once, with its values and with the digest of these very values."""
    assert isinstance(bench.system, SupportsDigest)
    found, names = bench.filled(ITEM, items(60)), ["name", "price"]
    if not bench.system.digestible(found, names):
        decline("its rows have no digests")
    for wanted in (7, 8):
        keys = batch(found, [{"id": key} for key in (50, 7, 7, 5000)])
        asked = ["id", "name", DIGEST]
        batches = [one.select(asked) for one in bench.system.digest_lookup(found, ["id", *names], keys)]
        whole = {row[0]: row[1] for row in plain(bench.system.digest_rows(found, ["id", *names]), ["id", DIGEST])}
        rows = sorted(plain(batches, asked), key=repr)
        values = [(row[0], row[1]) for row in rows]
        told = "item 7" if wanted == 7 else "new"
        expect(values == [(50, "item 50"), (7, told)], f"looked up were {values}")
        expect(all(whole[row[0]] == row[2] for row in rows), "a row that is looked up has another digest")
        bench.change(found, Verb.UPDATE, [{"id": 7, "name": "new"}])


@promise(needs=(SupportsCreate, SupportsVersions), uses=(SupportsTransaction,))
def rows_of_other_versions_are_named(bench: Bench) -> None:
    """Asked for the rows besides those of some versions, a system names the keys of all others, each once."""
    assert isinstance(bench.system, SupportsVersions)
    found = bench.filled(ITEM, items(40))
    first = list(bench.system.versions(found))
    if not first:
        decline("its rows have no versions")
    expect(not plain(bench.system.besides(found, first), ["id"]), "rows of a version that is known are named")
    bench.change(found, Verb.UPDATE, [{"id": 3, "name": "new"}, {"id": 17, "name": "newer"}])
    bench.change(found, Verb.CREATE, items(1, first=100))
    named = sorted(plain(bench.system.besides(found, first), ["id"]))
    expect(named == [(3,), (17,), (100,)], f"named are {named}")
    expect(len(plain(bench.system.besides(found, []), ["id"])) == 41, "besides no version are not all rows")


@promise(needs=(SupportsCreate, SupportsVersions), uses=(SupportsTransaction,))
def versions_tell_who_wrote_last(bench: Bench) -> None:
    """What one change wrote has one version, which a receipt may name; another change gives its rows another."""
    assert isinstance(bench.system, SupportsVersions)
    found = bench.make(ITEM)
    expect(not bench.system.versions(found), "there are versions of no rows")
    first = bench.change(found, Verb.CREATE, items(40))
    second = bench.change(found, Verb.CREATE, items(10, first=41))
    counted = bench.system.versions(found)
    if not counted:
        decline("its rows have no versions")
    expect(sorted(counted.values()) == [10, 40], f"two changes have the versions {counted}")
    for receipt, count in ((first, 40), (second, 10)):
        expect(receipt.version is None or counted.get(receipt.version) == count, "a receipt names another version")
    third = bench.change(found, Verb.UPDATE, [{"id": 1, "name": "new"}, {"id": 2, "name": "newer"}])
    counted = bench.system.versions(found)
    expect(sorted(counted.values()) == [2, 10, 38], f"after an update the versions are {counted}")
    expect(third.version is None or counted.get(third.version) == 2, "an update's receipt names another version")
    bench.change(found, Verb.DELETE, [{"id": 3}])
    expect(sum(bench.system.versions(found).values()) == 49, "a row that is gone has a version")
