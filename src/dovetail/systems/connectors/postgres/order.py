"""Reading in the order of the key: by what rows are sorted, and which of them come after a place."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.bind import texts
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, found
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column

_SETTING = "dovetail.a"
_IS_KNOWN = "SELECT 1 FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND attname = $3"


def by_key(
    session: Session, dataset: Dataset, stored: Mapping[str, Column], tree: exp.Select, after: pa.RecordBatch | None
) -> exp.Select:
    """The rows of `tree` that come after the key `after`, in the order of the key. Inside a transaction, which is
    settled for it."""
    ordered, settings = ordering(dataset, stored, tree, after)
    session.set({**settings, **plan(session, dataset, tree.args["from_"].this)}, here=True)
    return ordered


def ordering(
    dataset: Dataset, stored: Mapping[str, Column], tree: exp.Select, after: pa.RecordBatch | None
) -> tuple[exp.Select, Mapping[str, str]]:
    """The rows of `tree` that come after the key `after`, in the order of the key, and the settings that tell the
    place, as `COPY` takes no parameters."""
    if not dataset.key:
        raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
    place = tree.args["from_"].this
    terms: list[exp.Expression] = []
    given: list[exp.Expression] = []
    for at, part in enumerate(dataset.key):
        of = found(stored, dataset, part)
        terms += _terms(of, column(part, place))
        given += _terms(of, cast(_setting(at), of.stored.written))
    if after is not None:
        tree = tree.where(_beyond(terms, given, may_be_null=_may_be_null(dataset)))
    ordered = tree.order_by(*(exp.Ordered(this=term.copy()) for term in terms))
    return ordered, {} if after is None else _given(dataset, stored, after)


def plan(session: Session, dataset: Dataset, place: exp.Table) -> Mapping[str, str]:
    """The settings that make the server plan well: a table that was never analysed is to be read by the index of its
    key, where the server, knowing no better, would sort it."""
    if dataset.kind is not DatasetKind.TABLE or session.rows(_IS_KNOWN, [place.db, place.name, dataset.key[0]]):
        return {}
    return {"enable_sort": "off"}


def _terms(of: Column, value: exp.Expression) -> list[exp.Expression]:
    """What a part of the key is sorted by: itself, so that an index serves, and its bytes where equal is not the same.

    A type that need not have an order of its own is sorted by its text."""
    if of.stored.family == "e" or of.stored.kind not in (Kind.TEXT, Kind.JSON, Kind.OPAQUE):
        return [value]
    by_bytes = POSTGRES.exact(cast(value.copy(), "text"))
    if of.stored.kind is not Kind.TEXT:
        return [by_bytes]
    return [value] if of.is_told_apart else [value, by_bytes]


def _setting(at: int) -> exp.Expression:
    return exp.Anonymous(this="current_setting", expressions=[exp.Literal.string(f"{_SETTING}{at}")])


def _given(dataset: Dataset, stored: Mapping[str, Column], after: pa.RecordBatch) -> Mapping[str, str]:
    marks: dict[str, str] = {}
    for at, part in enumerate(dataset.key):
        written, unfit = texts(after.column(part), stored[part])
        if unfit or len(written) != 1 or written.null_count:
            raise Refused("a key with an empty or unfit part marks no place", where=f"{dataset.name}.{part}")
        marks[f"{_SETTING}{at}"] = written[0].as_py()
    return marks


def _may_be_null(dataset: Dataset) -> bool:
    parts = [dataset.field(name) for name in dataset.key]
    return dataset.kind is not DatasetKind.TABLE or any(part is None or part.nullable for part in parts)


def _beyond(terms: list[exp.Expression], given: list[exp.Expression], *, may_be_null: bool) -> exp.Condition:
    """Greater part by part; the comparison of whole rows where it can be, since an index serves it. Nulls come last."""
    if not may_be_null:
        sides = [exp.Tuple(expressions=[one.copy() for one in side]) for side in (terms, given)]
        return exp.GT(this=sides[0], expression=sides[1])
    test: exp.Condition = exp.false()
    for held, mark in zip(reversed(terms), reversed(given), strict=True):
        is_greater = exp.or_(
            exp.GT(this=held.copy(), expression=mark.copy()), exp.Is(this=held.copy(), expression=exp.null())
        )
        test = exp.or_(is_greater, exp.and_(exp.EQ(this=held.copy(), expression=mark.copy()), test))
    return test
