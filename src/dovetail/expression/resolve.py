"""SQLGlot's tree, step by step, made the typed tree that back ends evaluate."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp

from dovetail.errors import UnknownName
from dovetail.expression.applied import alike, called
from dovetail.expression.calls import call_of
from dovetail.expression.functions import shelf
from dovetail.expression.meeting import NUMBERS, castable, comparable, meet
from dovetail.expression.numbers import literal_type, product_type, quotient_type, reciprocal, scaled_type, sum_type
from dovetail.expression.parse import qualified
from dovetail.expression.scope import Scope, cast_hint
from dovetail.expression.target import target_type
from dovetail.expression.tree import Node, Op
from dovetail.model.type import Kind, Type

_FUNCTIONS = shelf()


def resolve_node(tree: exp.Expression, scope: Scope) -> Node:
    """The typed step of one node, with everything below it."""
    rule = _RULES.get(type(tree))
    if rule is not None:
        return rule(tree, scope)
    call = call_of(tree)
    if call is None or call[0] not in _FUNCTIONS:
        raise scope.mistake(
            f"this ({type(tree).__name__}) is not part of the expression language",
            "DV-124",
            "see docs/reference/expressions.md",
        )
    name, arguments = call
    return called(_FUNCTIONS[name], [resolve_node(argument, scope) for argument in arguments], scope)


def _column(tree: exp.Expression, scope: Scope) -> Node:
    name = qualified(tree)
    given = scope.types.get(name)
    if given is None:
        near = difflib.get_close_matches(name, scope.types, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "known names: " + ", ".join(sorted(scope.types)[:12])
        raise UnknownName(f"there is no field {name!r} here", where=scope.at, code="DV-129", hint=hint)
    return Node(Op.COLUMN, given, (), name)


def _literal(tree: exp.Expression, scope: Scope) -> Node:
    if tree.is_string:
        return Node(Op.LITERAL, Type(Kind.TEXT), (), str(tree.this))
    return _number(str(tree.this), scope)


def _number(text: str, scope: Scope) -> Node:
    if not set(text) <= set("0123456789.") or text.count(".") > 1 or text == ".":
        raise scope.mistake(
            f"{text[:40]!r} is no number of the expression language", "DV-128", "write digits with at most one point"
        )
    return _constant(Decimal(text) if "." in text else int(text), scope)


def _constant(value: int | Decimal, scope: Scope) -> Node:
    given = literal_type(value)
    if given is None:
        raise scope.mistake("the number has more than 38 digits", "DV-128", "write fewer digits")
    if given.kind is Kind.DECIMAL and isinstance(value, int):
        value = Decimal(value)
    elif given.kind is Kind.DECIMAL and not value:
        value = Decimal(0).scaleb(-(given.scale or 0))
    return Node(Op.LITERAL, given, (), value)


def _boolean(tree: exp.Expression, _scope: Scope) -> Node:
    return Node(Op.LITERAL, Type(Kind.BOOLEAN), (), bool(tree.this))


def _null(_tree: exp.Expression, _scope: Scope) -> Node:
    return Node(Op.LITERAL, None, (), None)


def _inner(tree: exp.Expression, scope: Scope) -> Node:
    return resolve_node(tree.this, scope)


def _operands(tree: exp.Expression, scope: Scope) -> tuple[Node, Node]:
    return resolve_node(tree.this, scope), resolve_node(tree.expression, scope)


def _arithmetic(op: Op, typed: Callable[[Type, Type], Type]) -> Callable[[exp.Expression, Scope], Node]:
    def rule(tree: exp.Expression, scope: Scope) -> Node:
        left, right = _operands(tree, scope)
        _want_numbers(left, right, scope)
        if left.type is None or right.type is None:
            return Node(op, left.type or right.type, (left, right))
        if Kind.FLOAT in (left.type.kind, right.type.kind):
            return Node(op, Type(Kind.FLOAT), (left, right))
        return Node(op, typed(left.type, right.type), (left, right))

    return rule


def _want_numbers(left: Node, right: Node, scope: Scope) -> None:
    for part in (left, right):
        if part.type is not None and part.type.kind not in NUMBERS:
            raise scope.mistake(f"numbers are expected here, not {part.type}", "DV-127", cast_hint(Kind.DECIMAL))


def _division(tree: exp.Expression, scope: Scope) -> Node:
    left, right = _operands(tree, scope)
    _want_numbers(left, right, scope)
    if left.type is None or right.type is None or Kind.FLOAT in (left.type.kind, right.type.kind):
        known = left.type or right.type
        given = (
            Type(Kind.FLOAT)
            if known is not None and Kind.FLOAT in (left.type and left.type.kind, right.type and right.type.kind)
            else known
        )
        return Node(Op.DIV, given, (left, right))
    if right.op is Op.LITERAL and isinstance(right.value, int | Decimal):
        factor = reciprocal(right.value)
        factor_type = literal_type(factor) if factor is not None else None
        if factor is not None and factor_type is not None:
            given = scaled_type(left.type, factor)
            if given.kind is not Kind.DECIMAL:
                given = Type(Kind.DECIMAL, precision=given.precision, scale=0)
            return Node(Op.MUL, given, (left, Node(Op.LITERAL, factor_type, (), factor)))
    return Node(Op.DIV, quotient_type(left.type, right.type), (left, right))


def _negated(tree: exp.Expression, scope: Scope) -> Node:
    part = resolve_node(tree.this, scope)
    if part.type is not None and part.type.kind not in NUMBERS:
        raise scope.mistake(
            f"a number is expected behind the minus sign, not {part.type}", "DV-127", cast_hint(Kind.DECIMAL)
        )
    if part.op is Op.LITERAL and isinstance(part.value, int | Decimal):
        whole = part.type is not None and not part.type.scale
        return _constant(-int(part.value) if whole else -part.value, scope)
    given = Type(Kind.INTEGER) if part.type and part.type.kind is Kind.INTEGER else part.type
    return Node(Op.NEG, given, (part,))


def _comparison(op: Op, *, ordered: bool, negate: bool = False) -> Callable[[exp.Expression, Scope], Node]:
    def rule(tree: exp.Expression, scope: Scope) -> Node:
        node = _compared(op, *_operands(tree, scope), scope, ordered=ordered)
        return Node(Op.NOT, _TRUTH, (node,)) if negate else node

    return rule


_TRUTH = Type(Kind.BOOLEAN)


def _compared(op: Op, left: Node, right: Node, scope: Scope, *, ordered: bool) -> Node:
    if not comparable(left.type, right.type, ordered=ordered):
        raise scope.mistake(
            f"{left.type} and {right.type} cannot be compared this way",
            "DV-127",
            "write CAST(... AS ...) around one of them",
        )
    return Node(op, _TRUTH, (left, right))


def _logic(op: Op) -> Callable[[exp.Expression, Scope], Node]:
    def rule(tree: exp.Expression, scope: Scope) -> Node:
        return Node(op, _TRUTH, tuple(_truth(part, scope) for part in _operands(tree, scope)))

    return rule


def _truth(part: Node, scope: Scope) -> Node:
    if part.type is not None and part.type.kind is not Kind.BOOLEAN:
        raise scope.mistake(
            f"a condition is expected here, not {part.type}",
            "DV-127",
            "compare the value with something: x = 1, x IS NOT NULL",
        )
    return part


def _not(tree: exp.Expression, scope: Scope) -> Node:
    return Node(Op.NOT, _TRUTH, (_truth(resolve_node(tree.this, scope), scope),))


def _is(tree: exp.Expression, scope: Scope) -> Node:
    part = resolve_node(tree.this, scope)
    if isinstance(tree.expression, exp.Null):
        return Node(Op.IS_NULL, _TRUTH, (part,))
    if isinstance(tree.expression, exp.Boolean):
        return Node(Op.IS, _TRUTH, (_truth(part, scope),), bool(tree.expression.this))
    raise scope.mistake(
        "IS stands before NULL, TRUE or FALSE only", "DV-124", "write a = b, or a IS NOT DISTINCT FROM b"
    )


def _in(tree: exp.Expression, scope: Scope) -> Node:
    subject = resolve_node(tree.this, scope)
    values = [resolve_node(value, scope) for value in tree.expressions]
    if not values:
        raise scope.mistake("IN wants a list of values", "DV-128", "write x IN ('A', 'B')")
    for value in values:
        _compared(Op.EQ, subject, value, scope, ordered=False)
    return Node(Op.IN, _TRUTH, (subject, *values))


def _between(tree: exp.Expression, scope: Scope) -> Node:
    subject = resolve_node(tree.this, scope)
    low = _compared(Op.GE, subject, resolve_node(tree.args["low"], scope), scope, ordered=True)
    high = _compared(Op.LE, subject, resolve_node(tree.args["high"], scope), scope, ordered=True)
    return Node(Op.AND, _TRUTH, (low, high))


def _like(tree: exp.Expression, scope: Scope, escape: str = "") -> Node:
    parts = [
        resolve_node(tree.this, scope),
        resolve_node(tree.expression, scope),
        Node(Op.LITERAL, Type(Kind.TEXT), (), escape),
    ]
    node = called(_FUNCTIONS["like"], parts, scope)
    return Node(Op.NOT, _TRUTH, (node,)) if tree.args.get("negate") else node


def _escape(tree: exp.Expression, scope: Scope) -> Node:
    if not isinstance(tree.this, exp.Like) or not tree.expression.is_string or len(tree.expression.name) != 1:
        raise scope.mistake("ESCAPE stands behind LIKE, with one character", "DV-128", "write x LIKE '50!%' ESCAPE '!'")
    return _like(tree.this, scope, tree.expression.name)


def _case(tree: exp.Expression, scope: Scope) -> Node:
    subject = resolve_node(tree.this, scope) if tree.this is not None else None
    keys: list[Node] = []
    values: list[Node] = []
    for arm in tree.args["ifs"]:
        key = resolve_node(arm.this, scope)
        if subject is None:
            _truth(key, scope)
        else:
            _compared(Op.EQ, subject, key, scope, ordered=False)
        keys.append(key)
        values.append(resolve_node(arm.args["true"], scope))
    default = tree.args.get("default")
    values.append(resolve_node(default, scope) if default is not None else Node(Op.LITERAL, None))
    values = alike(values, scope, "CASE")
    parts = [part for pair in zip(keys, values, strict=False) for part in pair]
    given = _type_of(values)
    if subject is None:
        return Node(Op.CASE, given, (*parts, values[-1]))
    return Node(Op.SWITCH, given, (subject, *parts, values[-1]))


def _if(tree: exp.Expression, scope: Scope) -> Node:
    condition = _truth(resolve_node(tree.this, scope), scope)
    otherwise = tree.args.get("false")
    if otherwise is None:
        raise scope.mistake("if is given 2 arguments", "DV-128", "write if(condition, value, otherwise)")
    values = alike([resolve_node(tree.args["true"], scope), resolve_node(otherwise, scope)], scope, "if")
    return Node(Op.CASE, _type_of(values), (condition, *values))


def _type_of(values: list[Node]) -> Type | None:
    return meet([value.type for value in values])


def _coalesce(tree: exp.Expression, scope: Scope) -> Node:
    parts = alike([resolve_node(part, scope) for part in (tree.this, *tree.expressions)], scope, "coalesce")
    return Node(Op.COALESCE, _type_of(parts), tuple(parts))


def _nullif(tree: exp.Expression, scope: Scope) -> Node:
    left, right = _operands(tree, scope)
    _compared(Op.EQ, left, right, scope, ordered=False)
    return Node(Op.NULLIF, left.type, (left, right))


def _joined(op: Op) -> Callable[[exp.Expression, Scope], Node]:
    def rule(tree: exp.Expression, scope: Scope) -> Node:
        parts = tree.expressions or [tree.this, tree.expression]
        resolved = tuple(resolve_node(part, scope) for part in parts)
        for part in resolved:
            if part.type is not None and part.type.kind is not Kind.TEXT:
                raise scope.mistake(f"texts are expected here, not {part.type}", "DV-127", cast_hint(Kind.TEXT))
        return Node(op, Type(Kind.TEXT), resolved)

    return rule


def _cast(tree: exp.Expression, scope: Scope) -> Node:
    part = resolve_node(tree.this, scope)
    target = target_type(tree.args["to"], scope.at)
    if part.type is not None and not castable(part.type.kind, target.kind):
        raise scope.mistake(
            f"there is no cast from {part.type} to {target}", "DV-126", _nocast_hint(part.type.kind, target.kind)
        )
    return Node(Op.CAST, target, (part,))


def _nocast_hint(source: Kind, target: Kind) -> str:
    if {source, target} <= {Kind.TIMESTAMP, Kind.INSTANT, Kind.DATE, Kind.TIME}:
        return "write at_zone(stamp, 'Europe/Berlin') or in_zone(instant, 'Europe/Berlin')"
    return "cast to text first, or rename the field without a cast"


_RULES: dict[type[exp.Expression], Callable[[exp.Expression, Scope], Node]] = {
    exp.Add: _arithmetic(Op.ADD, sum_type),
    exp.And: _logic(Op.AND),
    exp.Between: _between,
    exp.Boolean: _boolean,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Coalesce: _coalesce,
    exp.Column: _column,
    exp.Concat: _joined(Op.CONCAT),
    exp.DPipe: _joined(Op.PIPE),
    exp.Div: _division,
    exp.EQ: _comparison(Op.EQ, ordered=False),
    exp.Escape: _escape,
    exp.GT: _comparison(Op.GT, ordered=True),
    exp.GTE: _comparison(Op.GE, ordered=True),
    exp.If: _if,
    exp.In: _in,
    exp.Is: _is,
    exp.LT: _comparison(Op.LT, ordered=True),
    exp.LTE: _comparison(Op.LE, ordered=True),
    exp.Like: _like,
    exp.Literal: _literal,
    exp.Mul: _arithmetic(Op.MUL, product_type),
    exp.NEQ: _comparison(Op.NE, ordered=False),
    exp.Neg: _negated,
    exp.Not: _not,
    exp.Null: _null,
    exp.NullSafeEQ: _comparison(Op.SAME, ordered=False),
    exp.NullSafeNEQ: _comparison(Op.SAME, ordered=False, negate=True),
    exp.Nullif: _nullif,
    exp.Or: _logic(Op.OR),
    exp.Paren: _inner,
    exp.Sub: _arithmetic(Op.SUB, sum_type),
}
