"""Connectors that break one promise each, to prove that the conformance kit notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.protocol import SupportsTransaction, Target, Transaction
from dovetail.testing.conformance.hidden import hide

Apply = Callable[[Dataset, Change], Receipt]
"""How a change is carried out, inside a transaction or outside."""


def spoil(system: Target, **verbs: Callable[..., Any]) -> Target:
    """The system with some verbs done otherwise; `apply` is done otherwise inside transactions too.

    Each function is given the true verb first, then the arguments.
    """
    whole = hide(system)
    inner = ("apply", "fence", "record", "take", "version", "lock")
    for name, otherwise in verbs.items():
        if name in inner[1:]:
            continue
        setattr(type(whole), name, _otherwise(getattr(system, name), otherwise))
    within: dict[str, Callable[..., Any]] = {name: verbs[name] for name in inner if name in verbs}
    if within and isinstance(system, SupportsTransaction) and "transaction" not in verbs:
        type(whole).transaction = lambda _: _transaction(system, within)  # type: ignore[attr-defined]
    return whole


def _otherwise(true: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *arguments, **named: otherwise(true, *arguments, **named)


@contextmanager
def _transaction(system: SupportsTransaction, within: dict[str, Callable[..., Any]]) -> Iterator[Any]:
    with system.transaction() as transaction:
        yield _Spoiled(transaction, within)


class _Spoiled:
    """A transaction with some verbs done otherwise."""

    def __init__(self, transaction: Transaction, within: dict[str, Callable[..., Any]]) -> None:
        for name in ("fence", "apply", "record", "take", "version", "lock"):
            true = getattr(transaction, name, None)
            if true is None:
                continue
            setattr(self, name, (lambda *given, t=true, o=within[name]: o(t, *given)) if name in within else true)


def ignores(verb: Verb) -> Callable[[Apply, Dataset, Change], Receipt]:
    """Says that a verb was carried out, and does nothing."""

    def apply(true: Apply, dataset: Dataset, change: Change) -> Receipt:
        if change.verb is not verb:
            return true(dataset, change)
        keys = change.rows.select(list(dataset.key)) if verb is Verb.CREATE else None
        return Receipt(change.rows.num_rows, keys=keys)

    return apply


def rewrites(kind: pa.DataType, rewrite: Callable[[pa.Array], pa.Array]) -> Callable[[Apply, Dataset, Change], Receipt]:
    """Writes other values than it was sent, in columns of one kind that belong to no key."""

    def apply(true: Apply, dataset: Dataset, change: Change) -> Receipt:
        columns = [
            rewrite(column) if column.type.id == kind.id and name not in dataset.key else column
            for name, column in zip(change.rows.schema.names, change.rows.columns, strict=True)
        ]
        return true(dataset, replace(change, rows=pa.RecordBatch.from_arrays(columns, change.rows.schema.names)))

    return apply


def unguarded(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Writes whatever the rows hold now."""
    return true(dataset, replace(change, expected=None))


def overwriting(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Removes a row that stands in the way of a new one."""
    if change.verb is Verb.CREATE and all(part in change.rows.schema.names for part in dataset.key):
        true(dataset, Change(Verb.DELETE, change.rows.select(list(dataset.key))))
    return true(dataset, change)


def misplacing(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Names refused rows by a wrong position."""
    receipt = true(dataset, change)
    rows = max(change.rows.num_rows, 1)
    return replace(receipt, rejects=tuple(replace(one, position=(one.position + 1) % rows) for one in receipt.rejects))


def telling(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Tells refused values in its words."""
    receipt = true(dataset, change)
    rows = change.rows.to_pylist()
    return replace(receipt, rejects=tuple(replace(one, reason=str(rows[one.position])) for one in receipt.rejects))


def mixing_keys(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Tells the keys of created rows in another order."""
    receipt = true(dataset, change)
    if receipt.keys is None or change.verb is not Verb.CREATE:
        return receipt
    last = range(receipt.keys.num_rows - 1, -1, -1)
    return replace(receipt, keys=receipt.keys.take(pa.array(last, pa.int64())))


def all_or_nothing(true: Apply, dataset: Dataset, change: Change) -> Receipt:
    """Lets one bad row take the others down with it."""
    receipt = true(dataset, change)
    if not receipt.rejects or change.verb is not Verb.CREATE:
        return receipt
    refused = {one.position for one in receipt.rejects}
    good = [at for at in range(change.rows.num_rows) if at not in refused]
    true(dataset, Change(Verb.DELETE, change.rows.select(list(dataset.key)).take(pa.array(good, pa.int64()))))
    others = (replace(receipt.rejects[0], position=at) for at in good)
    return replace(receipt, applied=0, rejects=(*receipt.rejects, *others))


def shifted(true: Callable[..., Any], dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Reads columns that have slipped by a row against each other."""
    for one in true(dataset, fields):
        slipped = [*range(1, one.num_rows), 0] if one.num_rows else []
        last = one.column(one.num_columns - 1).take(pa.array(slipped, pa.int64()))
        yield pa.RecordBatch.from_arrays([*one.columns[:-1], last], one.schema.names)


def shortened(true: Callable[..., Any], *asked: Any) -> Iterator[pa.RecordBatch]:
    """Loses the last batch."""
    batches = list(true(*asked))
    yield from batches[:-1] if len(batches) > 1 else batches


def narrowed(true: Callable[..., Any], *asked: Any) -> Iterator[pa.RecordBatch]:
    """Carries whole numbers in 32 bits."""
    for one in true(*asked):
        columns = [
            pc.cast(column, pa.int32(), safe=False) if column.type == pa.int64() else column for column in one.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, one.schema.names)


def emptied(true: Callable[..., Any], *asked: Any) -> Iterator[pa.RecordBatch]:
    """Reads null as the empty text."""
    for one in true(*asked):
        columns = [column.fill_null("") if column.type == pa.string() else column for column in one.columns]
        yield pa.RecordBatch.from_arrays(columns, one.schema.names)


def disordered(true: Callable[..., Any], dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Gives the fields in the system's order, not in the one asked for."""
    return true(dataset, [name for name in dataset.names if name in fields])  # type: ignore[no-any-return]


def loose(
    true: Callable[..., Any], dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch
) -> Iterator[pa.RecordBatch]:
    """Looks texts up without regard to case."""
    spellings = [keys]
    for name in keys.schema.names:
        if keys.column(name).type == pa.string():
            at = keys.schema.names.index(name)
            spellings += [keys.set_column(at, name, turn(keys.column(name))) for turn in (pc.utf8_lower, pc.utf8_upper)]
    for spelled in spellings:
        yield from true(dataset, fields, spelled)


def partial_parts(true: Callable[..., Any], dataset: Dataset, parts: int) -> Sequence[str]:
    """Leaves the last part out."""
    names = list(true(dataset, parts))
    return names[:-1] if len(names) > 1 else names


def unfenced(true: Callable[[str, int], None], partition: str, epoch: int) -> None:
    """Lets everybody through."""
