"""The back end for few rows: a typed tree made a chain of small Python functions over one row."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import function_of
from dovetail.expression.meeting import EXACT_NUMBERS
from dovetail.expression.numbers import EXACT, exactly, integer, quotient
from dovetail.expression.tree import Node, Op
from dovetail.kernel.casting import cast, widen
from dovetail.model.type import Kind, Type

Row = Sequence[object]
Step = Callable[[Row], Any]
Binary = Callable[[Any, Any], object]


def compile_step(node: Node, places: Mapping[str, int]) -> Step:
    """The function that computes a node from a row; `places` says where in the row each column stands.

    It returns the value in Python (null is `None`) or raises `RowFailure`."""
    return _RULES[node.op](node, places)


def _steps(nodes: Sequence[Node], places: Mapping[str, int]) -> tuple[Step, ...]:
    return tuple(compile_step(node, places) for node in nodes)


def _column(node: Node, places: Mapping[str, int]) -> Step:
    place = places[str(node.value)]
    return lambda row: row[place]


def _literal(node: Node, _places: Mapping[str, int]) -> Step:
    value = node.value
    return lambda _: value


def _binary(run: Binary, node: Node, places: Mapping[str, int]) -> Step:
    """Null where one operand is; what stands behind a null operand is not looked at."""
    left, right = _steps(node.parts, places)

    def step(row: Row) -> object:
        one = left(row)
        if one is None:
            return None
        two = right(row)
        return None if two is None else run(one, two)

    return step


def _arithmetic(node: Node, places: Mapping[str, int]) -> Step:
    kind = node.type.kind if node.type else Kind.INTEGER
    if kind is Kind.INTEGER:
        plain = _INTEGERS[node.op]
        return _binary(lambda one, two: integer(plain(one, two)), node, places)
    if kind is Kind.FLOAT:
        return _binary(_floating(node.op), node, places)
    target = node.type or Type(Kind.DECIMAL)
    if node.op is Op.DIV:
        return _binary(lambda one, two: quotient(Decimal(one), Decimal(two), target), node, places)
    run = _DECIMALS[node.op]
    return _binary(lambda one, two: exactly(run(Decimal(one), Decimal(two)), target), node, places)


_INTEGERS: dict[Op, Callable[[int, int], int]] = {
    Op.ADD: operator.add,
    Op.SUB: operator.sub,
    Op.MUL: operator.mul,
    Op.DIV: operator.floordiv,
}
"""An integer quotient stands only where one operand is always null."""

_DECIMALS: dict[Op, Callable[[Decimal, Decimal], Decimal]] = {
    Op.ADD: EXACT.add,
    Op.SUB: EXACT.subtract,
    Op.MUL: EXACT.multiply,
}


def _floating(op: Op) -> Binary:
    def run(one: Decimal | float, two: Decimal | float) -> float:
        left, right = float(one), float(two)
        match op:
            case Op.ADD:
                result = left + right
            case Op.SUB:
                result = left - right
            case Op.MUL:
                result = left * right
            case _:
                if right == 0:
                    raise RowFailure(FailureCode.ZERO, "division by zero")
                result = left / right
        if not math.isfinite(result) and math.isfinite(left) and math.isfinite(right):
            raise RowFailure(FailureCode.OVERFLOW, "the number does not fit a float")
        return result

    return run


def _negated(node: Node, places: Mapping[str, int]) -> Step:
    (part,) = _steps(node.parts, places)

    def step(row: Row) -> object:
        value = part(row)
        if value is None:
            return None
        if isinstance(value, int):
            return integer(-value)
        return EXACT.minus(value) if isinstance(value, Decimal) else -value

    return step


def _comparison(node: Node, places: Mapping[str, int]) -> Step:
    run = _COMPARISONS[node.op]
    if any(part.type is not None and part.type.kind is Kind.FLOAT for part in node.parts):
        return _binary(lambda one, two: run(_sortable(one), _sortable(two)), node, places)
    return _binary(run, node, places)


def _sortable(value: object) -> object:
    """A number that compares with every other; not-a-number equals itself and is above all, as in PostgreSQL."""
    return (1, 0) if isinstance(value, float) and math.isnan(value) else (0, value)


_COMPARISONS: dict[Op, Binary] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def _same(node: Node, places: Mapping[str, int]) -> Step:
    left, right = _steps(node.parts, places)

    def step(row: Row) -> object:
        one, two = left(row), right(row)
        if one is None or two is None:
            return one is two
        return _sortable(one) == _sortable(two)

    return step


def _both(node: Node, places: Mapping[str, int]) -> Step:
    left, right = _steps(node.parts, places)

    def step(row: Row) -> object:
        one = left(row)
        if one is False:
            return False
        two = right(row)
        if two is False:
            return False
        return None if one is None or two is None else True

    return step


def _either(node: Node, places: Mapping[str, int]) -> Step:
    left, right = _steps(node.parts, places)

    def step(row: Row) -> object:
        one = left(row)
        if one is True:
            return True
        two = right(row)
        if two is True:
            return True
        return None if one is None or two is None else False

    return step


def _not(node: Node, places: Mapping[str, int]) -> Step:
    (part,) = _steps(node.parts, places)

    def step(row: Row) -> object:
        value = part(row)
        return None if value is None else not value

    return step


def _is_null(node: Node, places: Mapping[str, int]) -> Step:
    (part,) = _steps(node.parts, places)
    return lambda row: part(row) is None


def _is(node: Node, places: Mapping[str, int]) -> Step:
    (part,) = _steps(node.parts, places)
    wanted = node.value
    return lambda row: part(row) is wanted


def _in(node: Node, places: Mapping[str, int]) -> Step:
    subject, *values = _steps(node.parts, places)

    def step(row: Row) -> object:
        sought = subject(row)
        if sought is None:
            return None
        found: bool | None = False
        for value in values:
            given = value(row)
            if given is None:
                found = None
            elif _sortable(sought) == _sortable(given):
                return True
        return found

    return step


def _case(node: Node, places: Mapping[str, int]) -> Step:
    *parts, default = _steps(node.parts, places)
    arms = tuple(zip(parts[::2], parts[1::2], strict=True))

    def step(row: Row) -> object:
        for condition, value in arms:
            if condition(row) is True:
                return value(row)
        return default(row)

    return step


def _switch(node: Node, places: Mapping[str, int]) -> Step:
    subject, *parts, default = _steps(node.parts, places)
    keys = node.parts[1:-1:2]
    if all(key.op is Op.LITERAL and isinstance(key.value, str) for key in keys):
        table = {key.value: value for key, value in reversed(list(zip(keys, parts[1::2], strict=True)))}
        return lambda row: table.get(subject(row), default)(row)
    arms = tuple(zip(parts[::2], parts[1::2], strict=True))

    def step(row: Row) -> object:
        sought = subject(row)
        for key, value in arms if sought is not None else ():
            given = key(row)
            if given is not None and _sortable(sought) == _sortable(given):
                return value(row)
        return default(row)

    return step


def _coalesce(node: Node, places: Mapping[str, int]) -> Step:
    parts = _steps(node.parts, places)

    def step(row: Row) -> object:
        return next((value for part in parts if (value := part(row)) is not None), None)

    return step


def _nullif(node: Node, places: Mapping[str, int]) -> Step:
    left, right = _steps(node.parts, places)

    def step(row: Row) -> object:
        one = left(row)
        if one is None:
            return None
        two = right(row)
        if two is None:
            return one
        return None if _sortable(one) == _sortable(two) else one

    return step


def _values(parts: Sequence[Step], row: Row) -> list[Any] | None:
    """The parts' values, or `None` as soon as one is null."""
    values: list[Any] = []
    for part in parts:
        value = part(row)
        if value is None:
            return None
        values.append(value)
    return values


def _pipe(node: Node, places: Mapping[str, int]) -> Step:
    parts = _steps(node.parts, places)

    def step(row: Row) -> object:
        texts = _values(parts, row)
        return None if texts is None else "".join(texts)

    return step


def _concat(node: Node, places: Mapping[str, int]) -> Step:
    parts = _steps(node.parts, places)
    return lambda row: "".join([text for part in parts if (text := part(row)) is not None])


def _cast(node: Node, places: Mapping[str, int]) -> Step:
    (part,) = _steps(node.parts, places)
    source = node.parts[0].type
    target: Type | None = node.type
    if source is None or target is None:
        return part
    exact = node.value == "widen" and source.kind in EXACT_NUMBERS
    run = widen(target) if exact else cast(source.kind, target)

    def step(row: Row) -> object:
        value = part(row)
        return None if value is None else run(value)

    return step


def _call(node: Node, places: Mapping[str, int]) -> Step:
    parts = _steps(node.parts, places)
    run = function_of(node).run

    def step(row: Row) -> object:
        values = _values(parts, row)
        return None if values is None else run(*values)

    return step


_RULES: dict[Op, Callable[[Node, Mapping[str, int]], Step]] = {
    Op.ADD: _arithmetic,
    Op.AND: _both,
    Op.CALL: _call,
    Op.CASE: _case,
    Op.CAST: _cast,
    Op.COALESCE: _coalesce,
    Op.COLUMN: _column,
    Op.CONCAT: _concat,
    Op.DIV: _arithmetic,
    Op.EQ: _comparison,
    Op.GE: _comparison,
    Op.GT: _comparison,
    Op.IN: _in,
    Op.IS: _is,
    Op.IS_NULL: _is_null,
    Op.LE: _comparison,
    Op.LITERAL: _literal,
    Op.LT: _comparison,
    Op.MUL: _arithmetic,
    Op.NE: _comparison,
    Op.NEG: _negated,
    Op.NOT: _not,
    Op.NULLIF: _nullif,
    Op.OR: _either,
    Op.PIPE: _pipe,
    Op.SAME: _same,
    Op.SUB: _arithmetic,
    Op.SWITCH: _switch,
}
