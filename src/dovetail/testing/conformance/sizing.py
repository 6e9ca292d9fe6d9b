"""What sizes promise: the very big, wide and empty are carried, or refused before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dovetail.errors import DovetailError
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import (
    SupportsCreate,
    SupportsDigest,
    SupportsLookup,
    SupportsOrder,
    SupportsPartitions,
    SupportsTransaction,
    SupportsVersions,
)
from dovetail.testing.conformance.bench import Bench, Unreadable, batch, plain
from dovetail.testing.conformance.datasets import INTEGER, ITEM, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import decline, expect

_MEGABYTE = 2**20
_FEW = 20
_WIDTHS = (1_600, 1_000, 500, 250)
_KINDS = tuple(kind for kind in Kind if kind is not Kind.DECIMAL)


@promise(needs=(SupportsCreate,))
def huge_values_survive(bench: Bench) -> None:
    """A text and bytes of sixteen megabytes each come back as they were, beside ordinary rows; or the row is refused
    alone, or said to be unreadable."""
    _huge(bench, 16)


@promise(needs=(SupportsCreate,), is_slow=True)
def a_hundred_megabytes_survive(bench: Bench) -> None:
    """A text and bytes of a hundred megabytes each come back as they were, beside ordinary rows; or the row is refused
    alone, or said to be unreadable."""
    _huge(bench, 100)


def _huge(bench: Bench, megabytes: int) -> None:
    found = bench.make(
        dataset("huge", Field("id", INTEGER, nullable=False), Field("t", TEXT), Field("b", Type(Kind.BYTES)))
    )
    text = "0123456789,\n'é\"" * (megabytes * _MEGABYTE // 16)
    blob = bytes(range(256)) * (megabytes * _MEGABYTE // 256)
    for at, (name, value) in enumerate((("t", text), ("b", blob))):
        rows: list[dict[str, object]] = [{"id": 10 * at + n, "t": "x", "b": b"x", name: value} for n in (1,)]
        rows = [{"id": 10 * at, "t": "x", "b": b"x"}, *rows, {"id": 10 * at + 2, "t": "", "b": b""}]
        receipt = bench.change(found, Verb.CREATE, rows)
        refused = [reject.position for reject in receipt.rejects]
        expect(refused in ([], [1]), f"beside a huge value rows are refused: {refused}")
        if refused:
            continue
        expect(receipt.applied == 3, f"beside a huge value {receipt.applied} of 3 rows are applied")
        held = bench.by_key(found, name)
        read = held[10 * at + 1]
        is_told = isinstance(read, Unreadable) and bool(read.words)
        expect(is_told or read == value, f"{megabytes} megabytes changed, or {len(str(read or ''))} of them are left")
        expect(held[10 * at] == ("x" if name == "t" else b"x"), "beside a huge value another one changed")
        set_back = bench.change(found, Verb.UPDATE, [{"id": 10 * at + 1, name: "y" if name == "t" else b"y"}])
        expect(set_back.applied == 1, "a huge value cannot be replaced")


@promise(needs=(SupportsCreate,))
def as_many_fields_as_it_can_carry(bench: Bench) -> None:
    """A dataset of 1,600 fields is made and written and read, each field with its own values; a system that carries
    fewer refuses to make it, and makes nothing."""
    for width in _WIDTHS:
        names = [f"f{at}" for at in range(1, width)]
        flags = (Field(name, Type(Kind.BOOLEAN)) for name in names)
        asked = dataset(f"wide_{width}", Field("id", INTEGER, nullable=False), *flags)
        end = bench.attempt(partial(bench.make, asked))
        if isinstance(end, DovetailError):
            expect(bench.system.describe().dataset(asked.name) is None, "what was refused is there")
            continue
        assert isinstance(end, Dataset)
        rows: list[dict[str, object]] = [
            {"id": row, **{name: (None, True, False)[(at + row) % 3] for at, name in enumerate(names)}}
            for row in range(3)
        ]
        expect(bench.change(end, Verb.CREATE, rows).applied == 3, f"rows of {width} fields are not created")
        expect(bench.rows(end) == sorted((tuple(row.values()) for row in rows), key=repr), "fields are mixed up")
        found = bench.find(end, [names[-1], names[0]], [{"id": 2}])
        expect(found == [(rows[2][names[-1]], rows[2][names[0]])], "of a wide row other fields are found")
        turned: list[dict[str, object]] = [{"id": 1, **dict.fromkeys(names, True)}]
        awaited = [{name: rows[1][name] for name in ("id", *names[:_FEW])}]
        expect(bench.change(end, Verb.UPDATE, turned, awaited).applied == 1, f"{width} fields are not updated")
        expect(bench.find(end, names[:3], [{"id": 1}]) == [(True, True, True)], "a wide update set other fields")
        return
    decline(f"it carries fewer than {_WIDTHS[-1]} fields")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction, SupportsLookup))
def columns_of_nulls_are_read(bench: Bench) -> None:
    """Rows of nulls alone, in fields of every kind, are written, read, found and expected as such."""
    fields = (*(Field(f"a_{kind}", Type(kind)) for kind in _KINDS), Field("price", Type(Kind.DECIMAL, 12, 2)))
    end = bench.attempt(partial(bench.make, dataset("nothing", Field("id", INTEGER, nullable=False), *fields)))
    if isinstance(end, DovetailError):
        decline(f"not every kind of field can be made: {end.message}")
    assert isinstance(end, Dataset)
    nulls = {one.name: None for one in fields}
    expect(bench.change(end, Verb.CREATE, [{"id": at, **nulls} for at in range(3)]).applied == 3, "nulls are refused")
    expect(bench.rows(end) == [(at, *nulls.values()) for at in range(3)], "nulls come back as something else")
    for one in bench.system.read(end, end.names):
        for name in end.names:
            described = end.field(name)
            expect(described and one.schema.field(name).type == described.type.arrow(), f"{name} is carried otherwise")
    receipt = bench.change(end, Verb.UPDATE, [{"id": 1, "a_text": "x"}], [{"id": 1, **nulls}])
    expect(receipt.applied == 1, "a guard does not recognise nulls")
    receipt = bench.change(end, Verb.UPDATE, [{"id": 1, **nulls}])
    expect(receipt.applied == 1 and bench.find(end, ["a_text"], [{"id": 1}]) == [(None,)], "null is not set")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup, SupportsOrder))
def nothing_gives_nothing(bench: Bench) -> None:
    """An empty dataset, and no keys, give no rows by whatever way they are asked for."""
    system, found = bench.system, bench.make(ITEM)
    ways: dict[str, Callable[[], object]] = {"reading": lambda: plain(system.read(found, ["name"]), ["name"])}
    if isinstance(system, SupportsOrder):
        ordered: SupportsOrder = system
        ways["reading in order"] = lambda: plain(ordered.read_after(found, ["name"]), ["name"])
        place = batch(found, [{"id": 5}])
        ways["reading on"] = lambda: plain(ordered.read_after(found, ["name"], after=place), ["name"])
    if isinstance(system, SupportsPartitions):
        parted: SupportsPartitions = system
        ways["parts"] = lambda: [
            row
            for part in parted.partitions(found, 3)
            for row in plain(parted.read_partition(found, ["id"], part), ["id"])
        ]
    if isinstance(system, SupportsVersions):
        versioned: SupportsVersions = system
        ways["versions"] = lambda: dict(versioned.versions(found))
        ways["other versions"] = lambda: plain(versioned.besides(found, []), ["id"])
    if isinstance(system, SupportsDigest) and system.digestible(found, ["name"]):
        digesting: SupportsDigest = system
        ways["digests"] = lambda: digesting.digest_total(found, ["name"])
    for is_filled in (False, True):
        for way, ask in ways.items():
            answer = ask()
            expect(is_filled or not answer or answer == (0, 0), f"{way} of an empty dataset gives {answer}")
        expect(bench.find(found, ["id"], []) == [], "no keys find rows")
        if isinstance(system, SupportsLookup):
            none = batch(found, [{"id": 1}]).slice(0, 0)
            expect(plain(system.lookup(found, ["id"], none), ["id"]) == [], "a look-up of no keys finds rows")
        bench.change(found, Verb.CREATE, items(2))


@promise(needs=(SupportsCreate,))
def no_fields_are_asked_for_in_peace(bench: Bench) -> None:
    """Asked for no fields, a system gives batches without columns, or refuses cleanly; it can be used afterwards."""
    found = bench.filled(ITEM, items(3))
    keys = batch(found, [{"id": 1}])
    ways: list[Callable[[], object]] = [lambda: [one.schema.names for one in bench.system.read(found, [])]]
    if isinstance(bench.system, SupportsLookup):
        finding: SupportsLookup = bench.system
        ways.append(lambda: [one.schema.names for one in finding.lookup(found, [], keys)])
    for way in ways:
        end = bench.attempt(way)
        is_bare = isinstance(end, DovetailError) or (isinstance(end, list) and not any(end))
        expect(is_bare, f"asked for no fields, it gives {end}")
    expect(len(bench.rows(found)) == 3, "afterwards it cannot be read")
