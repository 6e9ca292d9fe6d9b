"""Values that get lost on the way elsewhere: each comes back exactly, or is refused, or is said to be unreadable; never
changed in silence."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.model.type import Type
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, Unreadable, comparable, listed
from dovetail.testing.conformance.datasets import INTEGER, dataset
from dovetail.testing.conformance.promise import PROMISES, Promise, promise
from dovetail.testing.conformance.values import VALUES
from dovetail.testing.conformance.verdict import decline, expect


def survive(bench: Bench, kind: Type, values: Sequence[object]) -> None:
    """Write the values, and look what became of them; then update each row, expecting of it what was read."""
    table = dataset(
        f"hostile_{kind.kind}", Field("id", INTEGER, nullable=False), Field("value", kind), Field("n", INTEGER)
    )
    try:
        found = bench.make(table)
    except Refused as words:
        decline(f"no field of this kind can be made: {words.message}")
    described = found.field("value")
    expect(
        described and described.type.arrow() == kind.arrow(),
        f"the field is described as {described and described.type}",
    )
    given = (*values, None)
    receipt = bench.change(found, Verb.CREATE, [{"id": at, "value": value} for at, value in enumerate(given)])
    _check(bench, found, receipt, given)
    _update(bench, found, receipt)


def _check(bench: Bench, found: Dataset, receipt: Receipt, given: Sequence[object]) -> None:
    """Each value has one of the allowed ends."""
    refused = {reject.position for reject in receipt.rejects}
    expect(
        receipt.applied + len(refused) == len(given),
        f"{receipt.applied} applied and {len(refused)} refused of {len(given)}",
    )
    held = bench.by_key(found, "value")
    told = listed(receipt.held.column("value")) if receipt.held is not None else None
    for at, value in enumerate(given):
        if at in refused:
            expect(at not in held, f"{value!r} was refused and written")
            bench.tally["refused"] += 1
            continue
        expect(at in held, f"{value!r} was applied and is not there")
        read, wanted = held[at], comparable(value)
        if isinstance(read, Unreadable):
            expect(read.words, f"{value!r} is unreadable without a reason")
            bench.tally["unreadable"] += 1
        elif read == wanted and type(read) is type(wanted):
            bench.tally["exact"] += 1
        else:
            expect(told is not None and told[at] == read, f"{value!r} was changed in silence: {read!r}")
            bench.tally["rewritten"] += 1


def _update(bench: Bench, found: Dataset, receipt: Receipt) -> None:
    """What was read is what is expected: a guard recognises every value that the system holds, or nothing would ever
    settle."""
    batches = list(bench.system.read(found, ["id", "value"]))
    for one in batches:
        keys = one.select(["id"])
        rows = keys.append_column("n", pa.array(range(len(keys)), pa.int64()))
        marks = one.column(UNREADABLE).is_valid().to_pylist() if UNREADABLE in one.schema.names else [False] * len(one)
        answer = bench.write(found, Change(Verb.UPDATE, rows, one.select(["id", "value"])))
        missed = [at for at in answer.missed if not marks[at]]
        expect(not missed, f"a guard does not recognise the value in row {missed[:3]} that was read just now")


def _promise(name: str, kind: Type, values: Sequence[object]) -> Promise:
    def check(bench: Bench) -> None:
        survive(bench, kind, values)

    ends = "come back exactly, or are refused, or are said to be unreadable or rewritten"
    words = f"Hostile {name.replace('_', ' ')} {ends}."
    return Promise(f"hostile_{name}", words, check, (SupportsCreate,), (SupportsTransaction,))


PROMISES.update((made.name, made) for made in (_promise(name, *given) for name, given in VALUES.items()))


_STRIDE = 8
_FILLING = 1_200
"""Ordinary rows beside hostile ones, so that they go the way of many rows."""


@promise(needs=(SupportsCreate,))
def one_by_one_is_as_in_bulk(bench: Bench) -> None:
    """A hostile value that is written alone becomes what it becomes among a thousand rows: the same value, refused the
    same way, or unreadable the same way."""
    for name, (kind, values) in VALUES.items():
        _alone_and_among(bench, name, kind, values[::_STRIDE])


@promise(needs=(SupportsCreate,), is_slow=True)
def every_one_is_as_in_bulk(bench: Bench) -> None:
    """Each of the hostile values that is written alone becomes what it becomes among a thousand rows."""
    for name, (kind, values) in VALUES.items():
        _alone_and_among(bench, name, kind, values)


def _alone_and_among(bench: Bench, name: str, kind: Type, values: Sequence[object]) -> None:
    fields = Field("id", INTEGER, nullable=False), Field("value", kind)
    try:
        alone, among = (bench.make(dataset(f"{way}_{name}", *fields)) for way in ("alone", "among"))
    except Refused:
        return
    rows: list[dict[str, object]] = [{"id": at, "value": value} for at, value in enumerate(values)]
    refused = {at for at, row in enumerate(rows) if bench.change(alone, Verb.CREATE, [row]).rejects}
    filling: list[dict[str, object]] = [{"id": 1_000 + at, "value": None} for at in range(_FILLING)]
    many = [*rows, *filling]
    receipt = bench.change(among, Verb.CREATE, many)
    expect(receipt.applied + len(receipt.rejects) == len(many), f"rows of {name} are neither applied nor refused")
    differ = refused ^ {reject.position for reject in receipt.rejects}
    expect(not differ, f"of {name}, {[values[at] for at in sorted(differ)][:3]} are refused in one way alone")
    one, other = bench.by_key(alone, "value"), bench.by_key(among, "value")
    differ = {at for at in range(len(values)) if _shape(one.get(at)) != _shape(other.get(at))}
    expect(not differ, f"of {name}, {[(values[at], one.get(at), other.get(at)) for at in sorted(differ)][:2]} differ")


def _shape(value: object) -> object:
    """What is compared: that a value is unreadable, not in which words."""
    return Unreadable if isinstance(value, Unreadable) else (type(value), value)
