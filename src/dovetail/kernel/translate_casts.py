"""The casts that DuckDB does as our language does, and the guards for those that it does more loosely."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from dovetail.kernel.sql import SQL, call, cast, failing, guarded, text
from dovetail.model.type import Kind, Type

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"


def _plain(value: SQL, target: Type) -> SQL:
    return cast(value, target)


def _shaped(pattern: str) -> Callable[[SQL, Type], SQL]:
    """A cast from texts of one shape only."""
    return lambda value, target: guarded(
        call("regexp_full_match", value, text(pattern)), cast(value.copy(), target), target
    )


def _dated(pattern: str) -> Callable[[SQL, Type], SQL]:
    """A cast from texts that begin with a year from 1 to 9999; DuckDB knows a year 0."""

    def rule(value: SQL, target: Type) -> SQL:
        shaped = call("regexp_full_match", value, text(pattern))
        after_christ = exp.GTE(this=value.copy(), expression=text("0001"))
        return guarded(exp.And(this=shaped, expression=after_christ), cast(value.copy(), target), target)

    return rule


def _choice(pairs: dict[str, str], source: Type) -> Callable[[SQL, Type], SQL]:
    """A cast of a few values, each written as a text; all others fail."""

    def rule(value: SQL, target: Type) -> SQL:
        arms = [
            exp.If(this=exp.EQ(this=value.copy(), expression=cast(text(one), source)), true=cast(text(two), target))
            for one, two in pairs.items()
        ]
        empty = exp.If(this=exp.Is(this=value.copy(), expression=exp.Null()), true=exp.Null())
        return exp.Case(ifs=[empty, *arms], default=failing(target))

    return rule


def _unchanged(value: SQL, _target: Type) -> SQL:
    return value


CASTS: dict[tuple[Kind, Kind], Callable[[SQL, Type], SQL]] = {
    (Kind.INTEGER, Kind.DECIMAL): _plain,
    (Kind.DECIMAL, Kind.DECIMAL): _plain,
    (Kind.DECIMAL, Kind.INTEGER): _plain,
    (Kind.INTEGER, Kind.TEXT): _plain,
    (Kind.DECIMAL, Kind.TEXT): _plain,
    (Kind.BOOLEAN, Kind.TEXT): _plain,
    (Kind.BOOLEAN, Kind.INTEGER): _plain,
    (Kind.DATE, Kind.TEXT): _plain,
    (Kind.DATE, Kind.TIMESTAMP): _plain,
    (Kind.TIMESTAMP, Kind.DATE): _plain,
    (Kind.TIMESTAMP, Kind.TIME): _plain,
    (Kind.UUID, Kind.TEXT): _unchanged,
    (Kind.JSON, Kind.TEXT): _unchanged,
    (Kind.TEXT, Kind.INTEGER): _shaped("-?[0-9]{1,60}"),
    (Kind.TEXT, Kind.DECIMAL): _shaped(r"-?[0-9]{1,60}(\.[0-9]{1,60})?"),
    (Kind.TEXT, Kind.BOOLEAN): _choice({"true": "true", "false": "false"}, Type(Kind.TEXT)),
    (Kind.INTEGER, Kind.BOOLEAN): _choice({"1": "true", "0": "false"}, Type(Kind.INTEGER)),
    (Kind.TEXT, Kind.DATE): _dated(_DATE),
    (Kind.TEXT, Kind.TIMESTAMP): _dated(f"{_DATE}[ T]{_TIME}"),
}
"""By the kinds of source and target; what is not here is cast row by row."""
