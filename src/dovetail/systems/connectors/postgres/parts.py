"""A table in parts: ranges of the first part of its key, which no update moves a row out of."""

from __future__ import annotations

from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.parts import ALL, ends, named_parts
from dovetail.systems.sql.quote import column

__all__ = ["ALL", "belongs", "bounds", "named_parts"]

_UUID_DIGITS = 8
_UUID_STARTS = 16**_UUID_DIGITS


def bounds(session: Session, dataset: Dataset, place: exp.Table) -> tuple[int, int] | None:
    """The least and the greatest of the key's first part, as numbers; `None` where the table cannot be read in
    parts."""
    first = dataset.field(dataset.key[0]) if dataset.key and dataset.kind is DatasetKind.TABLE else None
    if first is None or first.type.kind not in (Kind.INTEGER, Kind.UUID):
        return None
    if first.type.kind is Kind.UUID:
        return 0, _UUID_STARTS - 1
    key = column(first.name, place)
    low, high = session.rows(exp.Select(expressions=[exp.Min(this=key), exp.Max(this=key.copy())]).from_(place.copy()))[
        0
    ]
    return None if low is None else (int(low), int(high))


def belongs(dataset: Dataset, place: exp.Table, partition: str) -> exp.Condition | None:
    """The test that a row belongs to a part; `None` where all do. A key that is null belongs to the first."""
    first, end = ends(partition, where=dataset.name)
    if partition == ALL:
        return None
    if not dataset.key:
        raise SchemaDrift(f"no part is named {partition!r}", where=dataset.name)
    key = dataset.field(dataset.key[0])
    is_uuid = key is not None and key.type.kind is Kind.UUID
    held = column(dataset.key[0], place)
    tests: list[exp.Expression] = []
    if first is not None:
        tests.append(exp.GTE(this=held.copy(), expression=_bound(first, is_uuid=is_uuid)))
    if end is not None:
        tests.append(exp.LT(this=held.copy(), expression=_bound(end, is_uuid=is_uuid)))
    test = exp.and_(*tests, copy=False)
    return test if first is not None else exp.or_(test, exp.Is(this=held.copy(), expression=exp.null()), copy=False)


def _bound(number: int, *, is_uuid: bool) -> exp.Expression:
    if not is_uuid:
        return cast(exp.Literal.string(str(number)), "bigint")
    return cast(exp.Literal.string(f"{number:0{_UUID_DIGITS}x}-0000-0000-0000-000000000000"), "uuid")
