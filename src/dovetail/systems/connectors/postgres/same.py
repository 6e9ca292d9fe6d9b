"""When two values are the same: by exact bytes, whatever collation or notion of equality a type has."""

from __future__ import annotations

from sqlglot import exp

from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.stored import Column
from dovetail.systems.sql.dialect import POSTGRES

_BY_TEXT = (Kind.TEXT, Kind.JSON, Kind.OPAQUE, Kind.FLOAT)


def same_key(of: Column, held: exp.Expression, given: exp.Expression) -> list[exp.Expression]:
    """Equality that can use the key's index and, for texts, a second look at the bytes."""
    tests: list[exp.Expression] = [exp.EQ(this=held.copy(), expression=of.value(given.copy()))]
    if _is_compared_by_text(of):
        tests.append(exp.EQ(this=_text(held), expression=_text(of.value(given))))
    return tests


def same_value(of: Column, held: exp.Expression, given: exp.Expression) -> exp.Expression:
    """Sameness of values; null is the same as null, NaN as NaN, and -0 is not 0."""
    if _is_compared_by_text(of):
        return exp.NullSafeEQ(this=_text(held), expression=_text(of.value(given)))
    return exp.NullSafeEQ(this=held, expression=of.value(given))


def _is_compared_by_text(of: Column) -> bool:
    return of.stored.kind in _BY_TEXT and of.stored.family != "e"


def _text(value: exp.Expression) -> exp.Expression:
    return POSTGRES.exact(cast(value.copy(), "text"))
