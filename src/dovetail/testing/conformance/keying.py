"""What hostile keys promise: whatever value a key has, its row is found, noticed, changed and deleted by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from dovetail.errors import DovetailError
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import UNREADABLE, Change, Verb
from dovetail.model.key import texts
from dovetail.model.type import Type
from dovetail.systems.protocol import (
    SupportsCapture,
    SupportsCreate,
    SupportsLookup,
    SupportsOrder,
)
from dovetail.testing.conformance.bench import Bench, Row, comparable, listed, plain
from dovetail.testing.conformance.capturing import captured, told
from dovetail.testing.conformance.datasets import INTEGER, dataset
from dovetail.testing.conformance.finding import ALIKE
from dovetail.testing.conformance.promise import PROMISES, Promise
from dovetail.testing.conformance.values import VALUES
from dovetail.testing.conformance.verdict import decline, expect

_NO_KEYS = ("booleans", "json", "opaque_texts", "short_texts", "free_decimals", "fine_decimals")
_LONG = ("k" * 200, "k" * 199 + "l", "k" * 1_000, "K" * 200)


@dataclass(frozen=True, slots=True)
class _Keyed:
    """Rows that are there, each with the key under which it is read; `n` is the place of its value in the list."""

    bench: Bench
    found: Dataset
    keys: pa.RecordBatch
    places: list[object]


def _keyed(bench: Bench, kind: Type, values: Sequence[object]) -> _Keyed:
    """Write the values as keys: each comes back exactly, or as the receipt tells, or is refused, or unreadable."""
    table = dataset(f"key_{kind.kind}", Field("id", kind, nullable=False), Field("n", INTEGER), Field("m", INTEGER))
    end = bench.attempt(lambda: bench.make(table))
    if isinstance(end, DovetailError):
        decline(f"no key of this kind can be made: {end.message}")
    assert isinstance(end, Dataset)
    if isinstance(bench.system, SupportsCapture):
        captured(bench, end)
    receipt = bench.change(end, Verb.CREATE, [{"id": value, "n": at} for at, value in enumerate(values)])
    refused = {reject.position for reject in receipt.rejects}
    expect(receipt.applied + len(refused) == len(values), "rows are neither applied nor refused")
    sure = listed(receipt.keys.column("id")) if receipt.keys is not None else []
    parts, places = [], []
    for one in bench.system.read(end, ["id", "n"]):
        marks = one.column(UNREADABLE).to_pylist() if UNREADABLE in one.schema.names else [None] * len(one)
        for at, (key, n, mark) in enumerate(
            zip(listed(one.column("id")), one.column("n").to_pylist(), marks, strict=True)
        ):
            expect(n not in refused, f"the key {values[n]!r} was refused and written")
            if key is None:
                expect(mark, f"the key {values[n]!r} is read as null, without a reason")
                continue
            is_same = key == comparable(values[n]) and type(key) is type(comparable(values[n]))
            expect(is_same or sure[n] == key, f"the key {values[n]!r} was changed in silence: {key!r}")
            parts.append(one.select(["id"]).slice(at, 1))
            places.append(n)
    expect(len(places) == len(set(places)) <= receipt.applied, "a row is read twice")
    none = pa.RecordBatch.from_arrays([pa.array([], kind.arrow())], ["id"])
    keys = pa.Table.from_batches(parts or [none])
    return _Keyed(bench, end, (keys.combine_chunks().to_batches() or [none])[0], places)


def _survive(bench: Bench, kind: Type, values: Sequence[object]) -> None:
    keyed = _keyed(bench, kind, values)
    if not keyed.places:
        decline("every key of this kind is refused or unreadable")
    _noticed(keyed)
    _found(keyed)
    _ordered(keyed)
    system, found, keys = bench.system, keyed.found, keyed.keys
    rows = keys.append_column("m", pa.array(range(len(keys)), pa.int64()))
    expected = keys.append_column("n", pa.array(keyed.places, pa.int64()))
    receipt = bench.write(found, Change(Verb.UPDATE, rows, expected))
    expect(receipt.applied == len(keys), f"the rows of keys {receipt.missed[:3]} are not updated by them")
    pairs: dict[object, object] = dict(map(_pair, plain(system.read(found, ["n", "m"]), ["n", "m"])))
    wrong = [n for at, n in enumerate(keyed.places) if pairs[n] != at]
    expect(
        not wrong, f"updated by its key, another row changed than that of {[values[int(str(n))] for n in wrong[:3]]}"
    )
    receipt = bench.write(found, Change(Verb.DELETE, keys))
    expect(receipt.applied == len(keys), f"the rows of keys {receipt.missed[:3]} are not deleted by them")
    left = {row[0] for row in plain(system.read(found, ["n"]), ["n"])}
    expect(left == set(pairs) - set(keyed.places), "other rows are left than those whose keys cannot be read")


def _pair(row: Row) -> tuple[object, object]:
    return row[0], row[1]


def _noticed(keyed: _Keyed) -> None:
    """A feed names the very keys that are read."""
    if isinstance(keyed.bench.system, SupportsCapture):
        keys, whole = told(keyed.bench)
        wanted = set(texts([keyed.keys.column("id")]))
        missing = wanted - set(keys.get(keyed.found.name, ()))
        expect(keyed.found.name in whole or not missing, f"not noticed, or under another key: {sorted(missing)[:3]}")


def _found(keyed: _Keyed) -> None:
    """Each key finds its row, and nothing else."""
    system = keyed.bench.system
    if not isinstance(system, SupportsLookup):
        return
    together = [row[0] for row in plain(system.lookup(keyed.found, ["n"], keyed.keys), ["n"])]
    is_whole = len(together) == len(set(together)) and {*together} == {*keyed.places}
    expect(is_whole, "not every key finds its row, once, among others")
    for at, n in enumerate(keyed.places):
        rows = plain(system.lookup(keyed.found, ["n"], keyed.keys.slice(at, 1)), ["n"])
        expect(rows == [(n,)], f"the key {listed(keyed.keys.column(0))[at]!r} finds {rows}, not {n}")


def _ordered(keyed: _Keyed) -> None:
    """From the place of any key, reading goes on as it does from the beginning."""
    system = keyed.bench.system
    if not isinstance(system, SupportsOrder):
        return
    end = keyed.bench.attempt(lambda: plain(system.read_after(keyed.found, ["n"]), ["n"]))
    if isinstance(end, DovetailError):
        return
    assert isinstance(end, list)
    whole = [row[0] for row in end]
    expect({*keyed.places} <= {*whole} and len(whole) == len(set(whole)), "in order, not every row comes once")
    for at, n in enumerate(keyed.places):
        after = keyed.keys.slice(at, 1)
        rest = [row[0] for row in plain(system.read_after(keyed.found, ["n"], after=after), ["n"])]
        expect(
            rest == whole[whole.index(n) + 1 :], f"after the key {listed(keyed.keys.column(0))[at]!r} other rows come"
        )


def _promise(name: str, kind: Type, values: Sequence[object]) -> Promise:
    def check(bench: Bench) -> None:
        _survive(bench, kind, values)

    words = (
        f"Rows whose keys are hostile {name.replace('_', ' ')} are found, read on from, noticed, updated and deleted "
        "by them; or they are refused."
    )
    return Promise(f"hostile_keys_{name}", words, check, (SupportsCreate,))


_KEYS = {name: (kind, values) for name, (kind, values) in VALUES.items() if name not in _NO_KEYS}
_KEYS["texts"] = (VALUES["texts"][0], tuple(dict.fromkeys((*VALUES["texts"][1], *ALIKE, *_LONG))))
PROMISES.update((made.name, made) for made in (_promise(name, *given) for name, given in _KEYS.items()))
