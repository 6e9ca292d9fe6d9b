"""What looking up and drawing keys promise: exactly the rows of those keys, byte by byte, and no key twice."""

from __future__ import annotations

import threading

import pyarrow as pa

from dovetail.errors import Refused
from dovetail.model.catalog import Field
from dovetail.model.change import Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import SupportsCreate, SupportsLookup, SupportsReserve, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, plain
from dovetail.testing.conformance.datasets import DRAWN, INTEGER, ITEM, LINE, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, decline, expect

ALIKE = (
    "a",
    "A",
    "a ",
    " a",
    "á",
    "a\u0301",
    "ａ",
    "ß",
    "ss",
    "1",
    "01",
    "1.0",
    "a|b",
    "a\\|b",
    "\\",
    "'",
    '"',
    "%",
    "_",
    "null",
    "é\n",
)
"""Texts that some collation, some conversion or some quoting takes for one another."""

DRAWS = 200


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def rows_are_found_by_key(bench: Bench) -> None:
    """The rows of the keys asked for are found, whatever order they were asked in; absent keys are left out."""
    found = bench.filled(ITEM, items(300))
    keys: list[dict[str, object]] = [{"id": number} for number in (299, 7, 1, 5000, -1)]
    expect(
        bench.find(found, ["name", "id"], keys) == [("item 1", 1), ("item 299", 299), ("item 7", 7)],
        "other rows are found",
    )
    expect(bench.find(found, ["id"], []) == [], "no keys find rows")
    many: list[dict[str, object]] = [{"id": number} for number in range(100, 6000)]
    expect(len(bench.find(found, ["id"], many)) == 201, "of many keys another number is found")


@promise(needs=(SupportsCreate, SupportsLookup))
def a_key_asked_twice_counts_once(bench: Bench) -> None:
    """A key that is asked for twice gives its row once."""
    found = bench.filled(ITEM, items(3))
    expect(bench.find(found, ["id"], [{"id": 2}, {"id": 2}, {"id": 3}]) == [(2,), (3,)], "a row comes twice")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def composite_keys_are_whole(bench: Bench) -> None:
    """A key of two parts finds only the row that has both, in whatever order the parts are given."""
    rows: list[dict[str, object]] = [
        {"order_no": no, "place": place, "count": no} for no in (1, 2, 11) for place in ("1", "a", "A")
    ]
    found = bench.filled(LINE, rows)
    keys: list[dict[str, object]] = [
        {"place": "a", "order_no": 1},
        {"place": "1", "order_no": 11},
        {"place": "b", "order_no": 1},
    ]
    answer = bench.find(found, ["order_no", "place"], keys)
    expect(answer == [(1, "a"), (11, "1")], f"found {answer}")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup, SupportsTransaction))
def text_keys_are_bytes(bench: Bench) -> None:
    """Text keys that look alike are different keys, for looking up, updating and deleting."""
    table = dataset("word", Field("id", TEXT, nullable=False), Field("n", INTEGER))
    found = bench.make(table)
    receipt = bench.change(found, Verb.CREATE, [{"id": text, "n": at} for at, text in enumerate(ALIKE)])
    refused = {reject.position for reject in receipt.rejects}
    there = [at for at in range(len(ALIKE)) if at not in refused]
    expect(receipt.applied == len(there), "rows are neither applied nor refused")
    for at in there:
        answer = bench.find(found, ["n"], [{"id": ALIKE[at]}])
        expect(answer == [(at,)], f"the key {ALIKE[at]!r} finds {answer}")
    bench.change(found, Verb.UPDATE, [{"id": "a", "n": 100}])
    expect(
        bench.by_key(found, "n") == {ALIKE[at]: at if ALIKE[at] != "a" else 100 for at in there},
        "another row was updated",
    )
    bench.change(found, Verb.DELETE, [{"id": "A"}, {"id": "ÿ"}])
    expect(set(bench.by_key(found, "n")) == {ALIKE[at] for at in there} - {"A"}, "another row was deleted")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def keys_of_every_kind_are_found(bench: Bench) -> None:
    """Rows are found by keys that are numbers, dates, instants, bytes and UUIDs."""
    for kind, values in _KEYS.items():
        table = dataset(f"by_{kind.kind}", Field("id", kind, nullable=False), Field("n", INTEGER))
        try:
            found = bench.make(table)
        except Refused:
            continue
        receipt = bench.change(found, Verb.CREATE, [{"id": value, "n": at} for at, value in enumerate(values)])
        refused = {reject.position for reject in receipt.rejects}
        kept = [at for at in range(len(values)) if at not in refused]
        expect(len(kept) > 1, f"of the keys of kind {kind} hardly any is taken: {receipt.rejects[:3]}")
        for at in kept:
            rows = bench.find(found, ["n"], [{"id": values[at]}])
            expect(rows == [(at,)], f"a key of kind {kind} does not find its row")
        removed = bench.change(found, Verb.DELETE, [{"id": values[kept[0]]}])
        expect(
            removed.applied == 1 and len(bench.rows(found)) == len(kept) - 1,
            f"a row is not deleted by its key of kind {kind}",
        )


_KEYS: dict[Type, list[object]] = {
    Type(Kind.INTEGER): [0, -1, 2**63 - 1, -(2**63)],
    Type(Kind.DECIMAL, precision=12, scale=2): [
        pa.scalar(text).cast(pa.decimal128(12, 2)).as_py() for text in ("0.00", "-1.50", "9999999999.99")
    ],
    Type(Kind.DATE): [0, -1, 20_000],
    Type(Kind.INSTANT): [0, 1, -1, 10**15, 10**15 + 1],
    Type(Kind.BYTES): [b"", b"\x00", b"\xff\x00"],
    Type(Kind.UUID): [f"{number:08x}-0000-4000-8000-000000000000" for number in (0, 1, 2**32 - 1)],
}


@promise(needs=(SupportsCreate, SupportsReserve))
def reserved_keys_are_nobody_elses(bench: Bench) -> None:
    """Keys reserved by two threads at once, and keys that the system draws by itself, are all different."""
    system = bench.system
    assert isinstance(system, SupportsReserve)
    found = bench.make(DRAWN)
    try:
        system.reserve(found, 0)
    except Refused as refused:
        decline(refused.message)
    drawn: list[object] = []
    faults: list[Exception] = []

    def draw() -> None:
        try:
            for _ in range(4):
                drawn.extend(row[0] for row in plain([system.reserve(found, DRAWS)], ["id"]))
        except Exception as fault:  # noqa: BLE001 - told to the other thread
            faults.append(fault)

    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not faults, f"two threads cannot reserve at once: {faults[:1]}")
    expect(
        len(drawn) == len(set(drawn)) == 8 * DRAWS, f"{len(drawn)} keys were drawn, {len(set(drawn))} of them different"
    )
    receipt = bench.change(found, Verb.CREATE, [{"title": f"t{at}"} for at in range(10)])
    expect(receipt.keys is not None, "the keys of created rows are not told")
    own = receipt.keys.column("id").to_pylist() if receipt.keys else []
    expect(not set(own) & set(drawn), "a row was given a reserved key")
    used = bench.change(found, Verb.CREATE, [{"id": key, "title": "reserved"} for key in drawn[:5]])
    expect(used.applied == 5, "rows with reserved keys are not created")


@promise(needs=(SupportsCreate, SupportsReserve))
def keys_that_nobody_draws_are_refused(bench: Bench) -> None:
    """Keys are not reserved where the system draws none."""
    assert isinstance(bench.system, SupportsReserve)
    found = bench.make(LINE)
    try:
        bench.system.reserve(found, 1)
    except Refused:
        return
    broken("keys were made up")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup, SupportsTransaction))
def drawn_keys_belong_to_their_rows(bench: Bench) -> None:
    """Where the system draws the keys, the receipt holds each row's own, in the order of the rows."""
    found = bench.make(DRAWN)
    drawn = found.field("id")
    if drawn is None or not drawn.drawn:
        decline("it draws no keys")
    titles = [f"title {at * 7919 % 1000}" for at in range(1000)]
    receipt = bench.change(found, Verb.CREATE, [{"title": title} for title in titles])
    expect(
        receipt.applied == 1000 and receipt.keys is not None, "rows without keys are not created with their keys told"
    )
    keys = receipt.keys.column("id").to_pylist() if receipt.keys else []
    held = bench.by_key(found, "title")
    expect([held.get(key) for key in keys] == titles, "a row was given another row's key")
