"""Expressions made shorter without changing what they give, so that people can read them."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from dovetail.expression.inverse_build import unwrapped
from dovetail.expression.parse import Expression, from_tree
from dovetail.expression.target import target_type
from dovetail.model.type import Kind

_PASSES_MAX = 12

_STRICT = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.DPipe, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Left,
    exp.Right, exp.Length, exp.StartsWith, exp.EndsWith, exp.Contains, exp.SplitPart, exp.StrPosition, exp.Round,
    exp.Replace, exp.Pad,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Not, exp.Cast, exp.Anonymous, exp.Abs, exp.Floor, exp.Ceil,
    exp.Greatest, exp.Least,
)  # fmt: skip
"""Steps that are null when one of their operands is."""

_COMPUTED = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.DPipe, exp.Neg)
_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ)

_ATOMS = (exp.Column, exp.Literal, exp.Null, exp.Boolean, exp.Cast, exp.Case, exp.Anonymous, exp.Paren)


def simplified(expression: Expression) -> Expression:
    """The same expression, shorter.

    >>> from dovetail.expression.parse import parse
    >>> simplified(parse("CASE WHEN old.x IS NOT DISTINCT FROM s THEN old.x ELSE s END")).text
    's'
    """
    tree = expression.tree.copy()
    text = expression.text
    for _ in range(_PASSES_MAX):
        tree = _simple_below(tree)
        found = from_tree(tree)
        if found.text == text:
            break
        text = found.text
    return from_tree(unwrapped(tree), at=expression.at)


def without_old(expression: Expression) -> Expression:
    """The expression for a row that does not exist yet: every `old.x` is null.

    >>> from dovetail.expression.parse import parse
    >>> without_old(parse("s || COALESCE(substr(old.x, 3), '')")).text
    's'
    """

    def replace(node: exp.Expression) -> exp.Expression:
        return exp.Null() if isinstance(node, exp.Column) and node.table else node

    return simplified(from_tree(expression.tree.copy().transform(replace, copy=False), at=expression.at))


def _simple_below(tree: exp.Expression) -> exp.Expression:
    """The tree with everything in it made simple, from the leaves up."""
    for child in list(tree.iter_expressions()):
        simple = _simple_below(child)
        if simple is not child:
            child.replace(simple)
    return _simple(tree)


def _simple(node: exp.Expression) -> exp.Expression:
    rule = next((rule for kind, rule in _RULES.items() if isinstance(node, kind)), None)
    simple = rule(node) if rule is not None else node
    if isinstance(simple, _STRICT) and any(_is_null(operand) for operand in simple.iter_expressions()):
        return exp.Null()
    return simple


def _is_null(tree: exp.Expression) -> bool:
    return isinstance(unwrapped(tree), exp.Null)


def _is_truth(tree: exp.Expression, value: bool) -> bool:  # noqa: FBT001
    tree = unwrapped(tree)
    return isinstance(tree, exp.Boolean) and bool(tree.this) is value


def _same(left: exp.Expression, right: exp.Expression) -> bool:
    return unwrapped(left) == unwrapped(right)


def _paren(node: exp.Expression) -> exp.Expression:
    inner: exp.Expression = node.this
    if isinstance(inner, _ATOMS) or (isinstance(inner, exp.Func) and not isinstance(inner, exp.Connector)):
        return inner
    parent = node.parent
    if parent is None or (
        isinstance(parent, exp.Func | exp.If | exp.Case | exp.Paren) and not isinstance(parent, exp.Connector)
    ):
        return inner
    if isinstance(parent, _COMPARED) and isinstance(inner, _COMPUTED):
        return inner
    if isinstance(parent, exp.DPipe) and isinstance(inner, exp.DPipe):
        return inner
    return node


def _case(node: exp.Expression) -> exp.Expression:
    if node.args.get("this") is not None:
        otherwise: exp.Expression = node.args.get("default") or exp.Null()
        return otherwise if _is_null(node.this) else node
    arms: list[exp.If] = []
    default = node.args.get("default")
    for arm in node.args["ifs"]:
        if _never(arm.this):
            continue
        if _is_truth(arm.this, True):
            default = arm.args["true"]
            break
        arms.append(arm)
    inner = unwrapped(default) if default is not None else None
    if isinstance(inner, exp.Case) and inner.args.get("this") is None:
        arms += inner.args["ifs"]
        default = inner.args.get("default")
    while arms and _is_idle(arms[-1], default):
        arms.pop()
    if not arms:
        return unwrapped(default) if default is not None else exp.Null()
    return exp.Case(ifs=[arm.copy() for arm in arms], default=default.copy() if default is not None else None)


def _is_idle(arm: exp.If, default: exp.Expression | None) -> bool:
    """Whether the last condition makes no difference: its value follows anyway, or it asks whether its outcomes are
    one."""
    value = arm.args["true"]
    otherwise = default if default is not None else exp.Null()
    if _same(value, otherwise):
        return True
    condition = unwrapped(arm.this)
    if not isinstance(condition, exp.NullSafeEQ):
        return False
    one, two = condition.this, condition.expression
    return (_same(one, value) and _same(two, otherwise)) or (_same(two, value) and _same(one, otherwise))


def _never(condition: exp.Expression) -> bool:
    """Whether a condition cannot hold: it is null or false, or one of several that must hold together is."""
    condition = unwrapped(condition)
    if isinstance(condition, exp.And):
        return _never(condition.this) or _never(condition.expression)
    return _is_null(condition) or _is_truth(condition, False)


def _coalesce(node: exp.Expression) -> exp.Expression:
    parts: list[exp.Expression] = [part for part in (node.this, *node.expressions) if not _is_null(part)]
    if not parts:
        return exp.Null()
    for at, part in enumerate(parts):
        if isinstance(unwrapped(part), exp.Literal):
            parts = parts[: at + 1]
            break
    if len(parts) == 1:
        return parts[0]
    return exp.Coalesce(this=parts[0].copy(), expressions=[part.copy() for part in parts[1:]])


def _pipe(node: exp.Expression) -> exp.Expression:
    left, right = unwrapped(node.this), unwrapped(node.expression)
    if _is_text(left) and _is_text(right):
        return exp.Literal.string(left.name + right.name)
    if _is_text(left) and not left.name:
        return right
    return left if _is_text(right) and not right.name else node


def _is_text(tree: exp.Expression) -> bool:
    return isinstance(tree, exp.Literal) and bool(tree.is_string)


def _length(node: exp.Expression) -> exp.Expression:
    text = unwrapped(node.this)
    return exp.Literal.number(len(text.name)) if _is_text(text) else node


def _of_empty(node: exp.Expression) -> exp.Expression:
    """A part of the empty text is empty."""
    text = unwrapped(node.this)
    return exp.Literal.string("") if _is_text(text) and not text.name else node


def _sum(node: exp.Expression) -> exp.Expression:
    left, right = unwrapped(node.this), unwrapped(node.expression)
    if all(isinstance(part, exp.Literal) and str(part.this).isdecimal() for part in (left, right)):
        return exp.Literal.number(int(left.name) + int(right.name))
    return node


def _null_safe(node: exp.Expression) -> exp.Expression:
    if _is_null(node.this) and _is_null(node.expression):
        return exp.Boolean(this=True)
    for one, two in ((node.this, node.expression), (node.expression, node.this)):
        if _is_null(one):
            return exp.Is(this=two.copy(), expression=exp.Null())
    return node


def _and(node: exp.Expression) -> exp.Expression:
    one: exp.Expression
    two: exp.Expression
    for one, two in ((node.this, node.expression), (node.expression, node.this)):
        if _is_truth(one, True):
            return two
        if _is_truth(one, False):
            return one
    return node


def _is(node: exp.Expression) -> exp.Expression:
    if isinstance(node.expression, exp.Null) and _is_null(node.this):
        return exp.Boolean(this=True)
    return node


def _not(node: exp.Expression) -> exp.Expression:
    inner = unwrapped(node.this)
    return exp.Boolean(this=not inner.this) if isinstance(inner, exp.Boolean) else node


def _cast(node: exp.Expression) -> exp.Expression:
    """A cast to text and back is no step, nor is a cast done twice."""
    inner = unwrapped(node.this)
    if not isinstance(inner, exp.Cast):
        return node
    target, between = target_type(node.args["to"], None), target_type(inner.to, None)
    if between == target:
        return inner
    deepest = unwrapped(inner.this)
    back = isinstance(deepest, exp.Cast) and target_type(deepest.to, None) == target
    return deepest if back and between.kind is Kind.TEXT and target.kind is not Kind.FLOAT else node


_RULES: dict[type[exp.Expression], Callable[[exp.Expression], exp.Expression]] = {
    exp.Paren: _paren,
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.DPipe: _pipe,
    exp.NullSafeEQ: _null_safe,
    exp.And: _and,
    exp.Is: _is,
    exp.Not: _not,
    exp.Cast: _cast,
    exp.Length: _length,
    exp.SplitPart: _of_empty,
    exp.Substring: _of_empty,
    exp.Left: _of_empty,
    exp.Add: _sum,
}
