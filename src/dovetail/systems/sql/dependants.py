"""Rows that a system would delete or change by itself together with a row to which they point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from dovetail.systems.sql.quote import column, identifier, table

_CHILD = table("dovetail_child")


@dataclass(frozen=True, slots=True)
class Dependant:
    """A foreign key that is not refused but carried on (`CASCADE`, `SET NULL`, `SET DEFAULT`): these `fields` of the
    table `child` name the `parts` of the row to be deleted. `is_own` where both are one table."""

    child: exp.Table
    fields: tuple[str, ...]
    parts: tuple[str, ...]
    is_own: bool = False


def has_dependants(place: exp.Table, key: Sequence[str], dependants: Iterable[Dependant]) -> exp.Condition:
    """Whether any row points to the row of `place`; a row that points to itself does not count.

    >>> one = Dependant(table("line"), ("order_id",), ("id",))
    >>> print(has_dependants(table("order"), ["id"], [one]).sql("postgres"))
    EXISTS(SELECT 1 FROM "line" AS "dovetail_child" WHERE "dovetail_child"."order_id" = "order"."id")
    """
    return exp.or_(*(_points(place, key, one) for one in dependants), copy=False)


def _points(place: exp.Table, key: Sequence[str], one: Dependant) -> exp.Exists:
    child = one.child.copy()
    child.set("alias", exp.TableAlias(this=identifier(_CHILD.name)))
    tests: list[exp.Expression] = [
        exp.EQ(this=column(name, _CHILD), expression=column(part, place))
        for name, part in zip(one.fields, one.parts, strict=True)
    ]
    if one.is_own:
        same = [exp.EQ(this=column(part, _CHILD), expression=column(part, place)) for part in key]
        tests.append(exp.Not(this=exp.Paren(this=exp.and_(*same, copy=False))))
    return exp.Exists(this=exp.Select(expressions=[exp.Literal.number(1)]).from_(child).where(*tests))
