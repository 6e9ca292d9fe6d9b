"""The functions that DuckDB has with the same meaning, each under the conditions in which that is certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from dovetail.expression.numbers import digits
from dovetail.expression.tree import Node, Op
from dovetail.kernel.sql import SQL, call, cast, failing, guarded, is_ascii, text
from dovetail.model.type import Kind, Type

Rule = Callable[[Node, Sequence[SQL]], SQL | None]


def _same(name: str) -> Rule:
    """DuckDB's function of that name, for all values."""
    return lambda _, parts: call(name, *parts)


def _in_ascii(name: str) -> Rule:
    """DuckDB's function, for ASCII texts only: for others its tables of Unicode are not Python's."""
    return lambda _, parts: guarded(is_ascii(parts[0]), call(name, parts[0].copy()), Type(Kind.TEXT))


def _ascii_unchanged(_node: Node, parts: Sequence[SQL]) -> SQL:
    return guarded(is_ascii(parts[0]), parts[0].copy(), Type(Kind.TEXT))


def _constant(node: Node, position: int) -> object:
    part = node.parts[position]
    return part.value if part.op is Op.LITERAL else None


def _from(least: int, *positions: int) -> Callable[[str], Rule]:
    """Only where the whole numbers at these positions are constants not below `least`."""

    def named(name: str) -> Rule:
        def rule(node: Node, parts: Sequence[SQL]) -> SQL | None:
            numbers = [_constant(node, position) for position in positions if position < len(node.parts)]
            if any(not isinstance(number, int) or not least <= number < 2**31 for number in numbers):
                return None
            return call(name, *parts)

        return rule

    return named


def _substring(node: Node, parts: Sequence[SQL]) -> SQL | None:
    return _from(1, 1)("substring")(node, parts) and _from(0, 2)("substring")(node, parts)


def _split(node: Node, parts: Sequence[SQL]) -> SQL | None:
    return _from(1, 2)("split_part")(node, parts) if _constant(node, 1) else None


def _trim(name: str) -> Rule:
    return lambda _, parts: call(name, parts[0], parts[1] if len(parts) > 1 else text(" "))


def _sign(_node: Node, parts: Sequence[SQL]) -> SQL:
    return cast(call("sign", *parts), Type(Kind.INTEGER))


def _whole(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[SQL]) -> SQL:
        return parts[0] if _has_no_places(node) else call(name, parts[0])

    return rule


def _rounded(node: Node, parts: Sequence[SQL]) -> SQL | None:
    """A cast rounds as we do, half away from zero."""
    return cast(parts[0], node.type) if node.type is not None else None


def _has_no_places(node: Node) -> bool:
    given = node.parts[0].type
    return given is not None and (given.kind is Kind.INTEGER or digits(given)[1] == 0)


def _remainder(node: Node, parts: Sequence[SQL]) -> SQL | None:
    given = node.type
    if given is None or given.kind is not Kind.INTEGER:
        return None
    divisor = parts[1]
    zero = exp.NEQ(this=divisor, expression=cast(text("0"), given))
    return guarded(zero, exp.paren(exp.Mod(this=parts[0], expression=divisor.copy()), copy=False), given)


def _extreme(name: str) -> Rule:
    """DuckDB leaves nulls out; here one null makes the whole null."""

    def rule(_node: Node, parts: Sequence[SQL]) -> SQL:
        ifs = [exp.If(this=exp.Is(this=part.copy(), expression=exp.Null()), true=exp.Null()) for part in parts]
        return exp.Case(ifs=ifs, default=call(name, *parts))

    return rule


def _date_part(name: str) -> Rule:
    return lambda _, parts: cast(call(name, parts[0]), Type(Kind.INTEGER))


def _truncated(node: Node, parts: Sequence[SQL]) -> SQL | None:
    given = node.type
    if given is None or str(_constant(node, 0)).lower() == "week":
        return None
    return cast(call("date_trunc", *parts), given)


def _like(node: Node, parts: Sequence[SQL]) -> SQL:
    like = exp.Like(this=parts[0], expression=parts[1])
    escape = _constant(node, 2)
    return exp.paren(exp.Escape(this=like, expression=parts[2]) if escape else like, copy=False)


def _unmapped(_node: Node, parts: Sequence[SQL]) -> SQL:
    return exp.Case(
        ifs=[exp.If(this=exp.Is(this=parts[0], expression=exp.Null()), true=exp.Null())], default=failing(None)
    )


CALLS: dict[str, Rule] = {
    "abs": _same("abs"),
    "ceil": _whole("ceil"),
    "contains": _same("contains"),
    "date_trunc": _truncated,
    "day": _date_part("day"),
    "ends_with": _same("suffix"),
    "floor": _whole("floor"),
    "greatest": _extreme("greatest"),
    "hour": _date_part("hour"),
    "least": _extreme("least"),
    "left": _from(0, 1)("left"),
    "length": _same("length"),
    "like": _like,
    "lower": _in_ascii("lower"),
    "ltrim": _trim("ltrim"),
    "minute": _date_part("minute"),
    "mod": _remainder,
    "month": _date_part("month"),
    "nfc": _ascii_unchanged,
    "nfkc": _ascii_unchanged,
    "regexp_matches": _same("regexp_matches"),
    "replace": _same("replace"),
    "right": _from(0, 1)("right"),
    "round": _rounded,
    "rtrim": _trim("rtrim"),
    "sign": _sign,
    "split_part": _split,
    "starts_with": _same("prefix"),
    "strpos": _same("strpos"),
    "substr": _substring,
    "trim": _trim("trim"),
    "unmapped": _unmapped,
    "upper": _in_ascii("upper"),
    "year": _date_part("year"),
}
"""By the function's name; what is not here is evaluated row by row."""
