"""The back end for many rows: a typed tree made one SQL expression of DuckDB, where both certainly mean the same.

A step that DuckDB computes differently for some value has no translation; a step that DuckDB would let pass
where our language has a
failure is guarded by `error(...)`, which ends the statement, and the rows are then evaluated one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from sqlglot import exp

from dovetail.expression.failure import RowFailure
from dovetail.expression.function import function_of
from dovetail.expression.meeting import EXACT_NUMBERS, meet
from dovetail.expression.numbers import digits
from dovetail.expression.tree import Node, Op
from dovetail.kernel.rows import compile_step
from dovetail.kernel.sql import SQL, call, cast, text
from dovetail.kernel.translate_calls import CALLS
from dovetail.kernel.translate_casts import CASTS
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

COST_MAX = 5_000
"""Steps of one SQL expression at most; a longer one is evaluated row by row."""

Names = Mapping[str, str]


class Untranslatable(Exception):
    """A step has no equal in DuckDB; never leaves this module."""


def translate(node: Node, names: Names) -> SQL | None:
    """The SQL of a typed tree, or `None` where it must be evaluated row by row; `names` are the columns' names
    in the statement."""
    if _cost(node) > COST_MAX:
        return None
    try:
        given = _sql(node, names)
    except (Untranslatable, RecursionError):
        return None
    return cast(given, node.type) if node.type is not None else given


def _cost(node: Node) -> int:
    """About how many steps the SQL will have: a guard repeats what it guards, a chain of comparisons its subject."""
    costs = [_cost(part) for part in node.parts]
    if node.op in (Op.SWITCH, Op.IN):
        return 1 + costs[0] * len(costs) + sum(costs)
    if node.op in (Op.CALL, Op.CAST, Op.NULLIF):
        return 1 + 3 * sum(costs)
    return 1 + sum(costs)


def _sql(node: Node, names: Names) -> SQL:
    if node.op not in _RULES:
        raise Untranslatable
    if node.type is not None and node.type.kind is Kind.FLOAT and node.op is not Op.COLUMN:
        raise Untranslatable
    if node.op in _FOLDED and any(_has_no_value(part) for part in node.parts):
        raise Untranslatable
    return _RULES[node.op](node, names)


_FOLDED = frozenset(Op) - {Op.CASE, Op.SWITCH, Op.COALESCE, Op.CONCAT, Op.NULLIF, Op.SAME, Op.IS_NULL, Op.IS}
"""Steps that DuckDB makes null at once when one operand is a constant null, without looking at the others' failures."""


def _has_no_value(node: Node) -> bool:
    """Whether a part without any column is null, or fails."""
    if _reads(node):
        return False
    try:
        return compile_step(node, {})(()) is None
    except RowFailure:
        return True


def _reads(node: Node) -> bool:
    return node.op is Op.COLUMN or any(_reads(part) for part in node.parts)


def _parts(node: Node, names: Names) -> list[SQL]:
    return [_sql(part, names) for part in node.parts]


def _column(node: Node, names: Names) -> SQL:
    return exp.column(names[str(node.value)], quoted=True)


def _literal(node: Node, _names: Names) -> SQL:
    match node.value:
        case None:
            return exp.Null()
        case bool():
            return exp.Boolean(this=node.value)
        case str() if "\x00" in node.value:
            raise Untranslatable
        case str():
            return text(node.value)
        case int() | Decimal() if node.type is not None:
            return cast(
                text(format(node.value, "f") if isinstance(node.value, Decimal) else str(node.value)), node.type
            )
    raise Untranslatable


def _brought(part: Node, target: Type, names: Names) -> SQL:
    """The part in an exact type of as many or more digits; DuckDB raises where a number does not fit."""
    return cast(_sql(part, names), target)


def _sum(node: Node, names: Names) -> SQL:
    operator = {Op.ADD: exp.Add, Op.SUB: exp.Sub}[node.op]
    given = _known(node.type)
    left, right = (_brought(part, given, names) for part in node.parts)
    return exp.paren(operator(this=left, expression=right), copy=False)


def _product(node: Node, names: Names) -> SQL:
    given = _known(node.type)
    left, right = node.parts
    if given.kind is Kind.INTEGER:
        return exp.paren(
            exp.Mul(this=_brought(left, given, names), expression=_brought(right, given, names)), copy=False
        )
    (one, first), (two, second) = (digits(_known(part.type)) for part in node.parts)
    if one + two > DECIMAL_PRECISION_MAX or first + second > digits(given)[1]:
        raise Untranslatable
    factors = [_brought(part, _decimal(part), names) for part in node.parts]
    return exp.paren(exp.Mul(this=factors[0], expression=factors[1]), copy=False)


def _decimal(part: Node) -> Type:
    precision, scale = digits(_known(part.type))
    return Type(Kind.DECIMAL, precision=precision, scale=scale)


def _known(given: Type | None) -> Type:
    if given is None:
        raise Untranslatable
    return given


def _negated(node: Node, names: Names) -> SQL:
    given = _known(node.type)
    zero = cast(text("0"), given)
    return exp.paren(exp.Sub(this=zero, expression=_brought(node.parts[0], given, names)), copy=False)


def _compared(left: Node, right: Node, names: Names) -> tuple[SQL, SQL]:
    """Both sides in one type, as DuckDB itself might bring numbers to an inexact one."""
    kinds = {part.type.kind for part in (left, right) if part.type is not None}
    if Kind.FLOAT in kinds:
        raise Untranslatable
    if kinds and kinds <= EXACT_NUMBERS and len({part.type for part in (left, right)}) > 1:
        common = meet([left.type, right.type])
        return _brought(left, _known(common), names), _brought(right, _known(common), names)
    return _sql(left, names), _sql(right, names)


def _comparison(node: Node, names: Names) -> SQL:
    left, right = _compared(node.parts[0], node.parts[1], names)
    return exp.paren(_COMPARISONS[node.op](this=left, expression=right), copy=False)


_COMPARISONS: dict[Op, type[exp.Binary]] = {
    Op.EQ: exp.EQ,
    Op.NE: exp.NEQ,
    Op.LT: exp.LT,
    Op.LE: exp.LTE,
    Op.GT: exp.GT,
    Op.GE: exp.GTE,
    Op.SAME: exp.NullSafeEQ,
}


def _logic(node: Node, names: Names) -> SQL:
    operator = {Op.AND: exp.And, Op.OR: exp.Or}[node.op]
    left, right = (cast(part, _TRUTH) for part in _parts(node, names))
    return exp.paren(operator(this=left, expression=right), copy=False)


_TRUTH = Type(Kind.BOOLEAN)


def _not(node: Node, names: Names) -> SQL:
    return exp.paren(exp.Not(this=cast(_parts(node, names)[0], _TRUTH)), copy=False)


def _is_null(node: Node, names: Names) -> SQL:
    return exp.paren(exp.Is(this=_parts(node, names)[0], expression=exp.Null()), copy=False)


def _is(node: Node, names: Names) -> SQL:
    return exp.paren(
        exp.NullSafeEQ(this=cast(_parts(node, names)[0], _TRUTH), expression=exp.Boolean(this=bool(node.value))),
        copy=False,
    )


def _in(node: Node, names: Names) -> SQL:
    subject, *values = node.parts
    conditions: list[SQL] = [
        exp.EQ(this=one, expression=two) for one, two in (_compared(subject, value, names) for value in values)
    ]
    found = conditions[0]
    for condition in conditions[1:]:
        found = exp.Or(this=found, expression=condition)
    return exp.paren(found, copy=False)


def _case(node: Node, names: Names) -> SQL:
    *parts, default = _parts(node, names)
    arms = [(cast(condition, _TRUTH), value) for condition, value in zip(parts[::2], parts[1::2], strict=True)]
    return _chosen(arms, default, node.type)


def _switch(node: Node, names: Names) -> SQL:
    subject, *parts, default = node.parts
    arms: list[tuple[SQL, SQL]] = []
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        left, right = _compared(subject, key, names)
        arms.append((exp.EQ(this=left, expression=right), _sql(value, names)))
    return _chosen(arms, _sql(default, names), node.type)


def _chosen(arms: Sequence[tuple[SQL, SQL]], default: SQL, given: Type | None) -> SQL:
    ifs = [exp.If(this=condition, true=_typed(value, given)) for condition, value in arms]
    return exp.Case(ifs=ifs, default=_typed(default, given))


def _typed(value: SQL, given: Type | None) -> SQL:
    return value if given is None else cast(value, given)


def _coalesce(node: Node, names: Names) -> SQL:
    return call("coalesce", *(_typed(part, node.type) for part in _parts(node, names)))


def _nullif(node: Node, names: Names) -> SQL:
    left, right = _compared(node.parts[0], node.parts[1], names)
    return exp.Case(
        ifs=[exp.If(this=exp.EQ(this=left, expression=right), true=exp.Null())], default=_sql(node.parts[0], names)
    )


_TEXT = Type(Kind.TEXT)


def _pipe(node: Node, names: Names) -> SQL:
    left, *others = (cast(part, _TEXT) for part in _parts(node, names))
    for other in others:
        left = exp.DPipe(this=left, expression=other)
    return exp.paren(left, copy=False)


def _concat(node: Node, names: Names) -> SQL:
    return call("concat", *(cast(part, _TEXT) for part in _parts(node, names)))


def _cast(node: Node, names: Names) -> SQL:
    (part,) = node.parts
    target = _known(node.type)
    given = _with_whole_digit(part, names) if target.kind is Kind.TEXT else _sql(part, names)
    if part.type is None or part.type == target:
        return cast(given, target)
    if part.type.kind is target.kind and target.kind is not Kind.DECIMAL:
        return given
    rule = CASTS.get((part.type.kind, target.kind))
    if rule is None:
        raise Untranslatable
    return rule(given, target)


def _with_whole_digit(part: Node, names: Names) -> SQL:
    """The part, a number with room for a digit before the point: without it DuckDB writes `.5` for 0.5."""
    if part.type is None or part.type.kind is not Kind.DECIMAL:
        return _sql(part, names)
    precision, scale = digits(part.type)
    if precision > scale:
        return _sql(part, names)
    if precision == DECIMAL_PRECISION_MAX:
        raise Untranslatable
    return _brought(part, Type(Kind.DECIMAL, precision=precision + 1, scale=scale), names)


def _call(node: Node, names: Names) -> SQL:
    rule = CALLS.get(function_of(node).name)
    if rule is None or any(part.type is None for part in node.parts):
        raise Untranslatable
    given = rule(node, _parts(node, names))
    if given is None:
        raise Untranslatable
    return given


_RULES: dict[Op, Callable[[Node, Names], SQL]] = {
    Op.ADD: _sum,
    Op.AND: _logic,
    Op.CALL: _call,
    Op.CASE: _case,
    Op.CAST: _cast,
    Op.COALESCE: _coalesce,
    Op.COLUMN: _column,
    Op.CONCAT: _concat,
    Op.EQ: _comparison,
    Op.GE: _comparison,
    Op.GT: _comparison,
    Op.IN: _in,
    Op.IS: _is,
    Op.IS_NULL: _is_null,
    Op.LE: _comparison,
    Op.LITERAL: _literal,
    Op.LT: _comparison,
    Op.MUL: _product,
    Op.NE: _comparison,
    Op.NEG: _negated,
    Op.NOT: _not,
    Op.NULLIF: _nullif,
    Op.OR: _logic,
    Op.PIPE: _pipe,
    Op.SAME: _comparison,
    Op.SUB: _sum,
    Op.SWITCH: _switch,
}
