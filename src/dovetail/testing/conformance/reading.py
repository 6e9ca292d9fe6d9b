"""What reading promises: every row once, the fields as asked for, each in its carrier."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from dovetail.errors import DovetailError, SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import (
    SupportsCreate,
    SupportsLookup,
    SupportsPartitions,
    SupportsQuery,
    SupportsTransaction,
)
from dovetail.testing.conformance.bench import Bench, plain
from dovetail.testing.conformance.datasets import INTEGER, ITEM, LINE, PERSON, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, decline, expect

MANY = 70_000
"""Rows that no batch holds together."""

CHUNK = 50_000
_MEGABYTE = 2**20


@promise(needs=(SupportsCreate,))
def described_as_created(bench: Bench) -> None:
    """A dataset that was created is described with its fields, key, unique fields, nulls and carriers."""
    for asked in (ITEM, LINE, PERSON):
        found = bench.make(asked)
        expect(found.kind is DatasetKind.TABLE, "it is described as something other than a table")
        expect(found.names == asked.names, f"the fields are described as {found.names}")
        expect(found.key == asked.key, f"the key is described as {found.key}")
        expect({*asked.uniques} <= {*found.uniques}, f"unique are said to be {found.uniques}, not {asked.uniques}")
        for one in asked.fields:
            other = found.field(one.name)
            expect(other and other.type.arrow() == one.type.arrow(), f"{one.name} is carried as {other}")
            expect(
                other and (other.nullable == one.nullable or one.name in asked.key),
                f"{one.name}: nulls are not as asked",
            )


@promise(needs=(SupportsCreate,))
def creating_again_changes_nothing(bench: Bench) -> None:
    """A dataset that is there is left as it is, with its rows."""
    found = bench.filled(ITEM, items(3))
    expect(bench.make(ITEM) == found or bench.make(ITEM).fields == found.fields, "it was made anew")
    expect(len(bench.rows(found)) == 3, "its rows are gone")


@promise(needs=(SupportsCreate,), uses=(SupportsLookup,))
def an_empty_dataset_has_no_rows(bench: Bench) -> None:
    """An empty dataset gives no rows, and its batches, if any, have the right columns."""
    found = bench.make(ITEM)
    for one in bench.system.read(found, ["price", "id"]):
        expect(one.num_rows == 0, "there is a row in it")
        _check_columns(one, found, ["price", "id"])
    expect(bench.find(found, ["id"], [{"id": 1}]) == [], "a look-up finds something")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def one_row_is_read(bench: Bench) -> None:
    """A dataset with one row gives it."""
    found = bench.filled(ITEM, items(1))
    expect(bench.rows(found, ["name", "id"]) == [("item 1", 1)], f"read {bench.rows(found, ['name', 'id'])}")


@promise(needs=(SupportsCreate,))
def fields_come_as_asked(bench: Bench) -> None:
    """The columns stand in the order asked for, each in the carrier of its type; some fields can be left out."""
    found = bench.filled(ITEM, items(5))
    for asked in (list(found.names), list(reversed(found.names)), ["price"], ["is_sold", "name"]):
        for one in bench.system.read(found, asked):
            _check_columns(one, found, asked)


def _check_columns(one: pa.RecordBatch, found: Dataset, asked: list[str]) -> None:
    names = [name for name in one.schema.names if name != UNREADABLE]
    expect(names == asked, f"asked for {asked}, got {names}")
    for name in asked:
        described = found.field(name)
        carrier = described.type.arrow() if described else None
        expect(one.schema.field(name).type == carrier, f"{name} comes as {one.schema.field(name).type}, not {carrier}")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def many_rows_come_once_each(bench: Bench) -> None:
    """Seventy thousand rows are read once each, with their own values, in batches no larger than set."""
    found = bench.make(ITEM)
    for first in range(1, MANY + 1, CHUNK):
        receipt = bench.change(found, Verb.CREATE, items(min(CHUNK, MANY + 1 - first), first))
        expect(not receipt.rejects and not receipt.missed, f"ordinary rows were not applied: {receipt.rejects[:2]}")
    most = getattr(bench.system, "batch_rows", None)
    batches = list(bench.system.read(found, ["id", "name"]))
    expect(most is None or max(one.num_rows for one in batches) <= most, "a batch is larger than batch_rows")
    rows = plain(batches, ["id", "name"])
    expect(len(rows) == MANY, f"{len(rows)} rows instead of {MANY}")
    expect(len({row[0] for row in rows}) == MANY, "some rows came twice")
    expect(all(row[1] == f"item {row[0]}" for row in rows), "a row has another row's values")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def nothing_is_not_empty(bench: Bench) -> None:
    """Null, the empty text and a blank are three different values, alone in their column too."""
    rows: list[dict[str, object]] = [{"id": at, "name": text} for at, text in enumerate((None, "", " ", None))]
    found = bench.filled(ITEM, rows)
    expect(bench.by_key(found, "name") == {0: None, 1: "", 2: " ", 3: None}, f"read {bench.by_key(found, 'name')}")
    alone = sorted(repr(row[0]) for row in bench.rows(found, ["name"]))
    expect(alone == sorted(map(repr, (None, "", " ", None))), f"read alone: {alone}")
    expect([row[0] for row in bench.rows(found, ["price"])] == [None] * 4, "a column of nulls alone is not read")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def big_values_survive(bench: Bench) -> None:
    """Texts and bytes of several megabytes come back as they were, between ordinary rows."""
    texts = ["x", "é" * _MEGABYTE, "", "\n\"'," * (_MEGABYTE // 2), "y"]
    fields = Field("id", INTEGER, nullable=False), Field("text", TEXT), Field("blob", Type(Kind.BYTES))
    found = bench.make(dataset("big", *fields))
    rows: list[dict[str, object]] = [{"id": at, "text": text, "blob": text.encode()} for at, text in enumerate(texts)]
    receipt = bench.change(found, Verb.CREATE, rows)
    if [reject.position for reject in receipt.rejects] == [at for at, text in enumerate(texts) if len(text) > 1]:
        decline("texts of a megabyte are refused, each row by itself")
    expect(receipt.applied == len(rows), f"of {len(rows)} rows {receipt.applied} were applied: {receipt.rejects[:3]}")
    expect(bench.by_key(found, "text") == dict(enumerate(texts)), "a long text changed")
    expect(bench.by_key(found, "blob") == {at: text.encode() for at, text in enumerate(texts)}, "long bytes changed")


@promise(needs=(SupportsCreate,))
def many_fields_are_read(bench: Bench) -> None:
    """A dataset of two hundred fields is written and read."""
    names = [f"f{number}" for number in range(200)]
    found = bench.filled(
        dataset("wide", Field("id", INTEGER, nullable=False), *(Field(name, TEXT) for name in names)),
        [{"id": at, **{name: f"{name}-{at}" for name in names}} for at in range(3)],
    )
    expect(bench.rows(found, ["f199", "f0"])[0] == ("f199-0", "f0-0"), "fields are mixed up")
    rows = sorted(((at, *(f"{name}-{at}" for name in names)) for at in range(3)), key=repr)
    expect(bench.rows(found) == rows, "among many fields some are mixed up")


@promise(needs=(SupportsCreate,))
def reading_may_stop_early(bench: Bench) -> None:
    """A reading that is given up leaves the system usable, and two can go on side by side."""
    found = bench.filled(ITEM, items(2000))
    abandoned = iter(bench.system.read(found, ["id"]))
    next(abandoned)
    getattr(abandoned, "close", lambda: None)()
    left, right = iter(bench.system.read(found, ["id"])), iter(bench.system.read(found, ["name"]))
    counts = next(left).num_rows, next(right).num_rows
    counts = counts[0] + sum(one.num_rows for one in left), counts[1] + sum(one.num_rows for one in right)
    expect(counts == (2000, 2000), f"read {counts} rows side by side")
    bench.system.close()
    end = bench.attempt(lambda: len(bench.rows(found, ["id"])))
    expect(end == 2000, f"after close() it cannot be used again: {end!r}")


@promise(needs=(SupportsCreate,), uses=())
def what_is_gone_is_drift(bench: Bench) -> None:
    """A dataset or field that is not there is drift, not an empty answer and not the driver's own error."""
    found = bench.make(ITEM)
    gone = dataset("not_there", *ITEM.fields)
    for asked, names in ((gone, ["id"]), (found, ["nope"])):
        try:
            list(bench.system.read(asked, names))
        except SchemaDrift:
            continue
        except DovetailError as error:
            broken(f"{type(error).__name__} instead of SchemaDrift")
        broken(f"{asked.name}.{names[0]} is read although it is not there")


@promise(needs=(SupportsCreate, SupportsPartitions))
def parts_hold_every_row_once(bench: Bench) -> None:
    """The parts of a dataset together hold every row once; there are no more of them than asked for."""
    assert isinstance(bench.system, SupportsPartitions)
    rows: list[dict[str, object]] = [
        {"order_no": at // 3 - 50, "place": "ABC"[at % 3], "count": at} for at in range(900)
    ]
    texts: list[dict[str, object]] = [{"id": f"{at:x}", "n": at} for at in range(500)]
    by_text = dataset("by_text", Field("id", TEXT, nullable=False), Field("n", INTEGER))
    for asked, given, name in ((LINE, rows, "count"), (by_text, texts, "n"), (ITEM, [], "id")):
        found = bench.filled(asked, given) if given else bench.make(asked)
        for count in (1, 2, 7):
            parts = bench.system.partitions(found, count)
            expect(1 <= len(parts) <= count, f"{len(parts)} parts instead of at most {count}")
            read = [row[0] for part in parts for row in plain(bench.system.read_partition(found, [name], part), [name])]
            is_whole = Counter(read) == Counter(row[name] for row in given)
            expect(is_whole, f"{len(read)} rows in {count} parts of {asked.name}")


@promise(needs=(SupportsCreate, SupportsQuery))
def queries_only_read(bench: Bench) -> None:
    """A query answers; a statement that would write is refused, and writes nothing."""
    assert isinstance(bench.system, SupportsQuery)
    found = bench.filled(ITEM, items(3))
    answer = plain(
        bench.system.query("SELECT id AS number, name FROM item WHERE id > 1 ORDER BY id"), ["number", "name"]
    )
    expect(answer == [(2, "item 2"), (3, "item 3")], f"answered {answer}")
    for sql in (
        "DELETE FROM item",
        "INSERT INTO item (id) VALUES (9)",
        "SELECT 1 AS a; DELETE FROM item",
        "DROP TABLE item",
    ):
        try:
            list(bench.system.query(sql))
        except DovetailError:
            continue
        broken(f"{sql} is not refused")
    expect(len(bench.rows(found)) == 3, "a query wrote")
