"""Small expressions put together from templates, for the writing direction."""

from __future__ import annotations

import functools
from decimal import Decimal

from sqlglot import exp

from dovetail.expression.parse import OLD, Expression, from_tree, parse, substitute

Constant = Decimal | str | bool | None


class NotConstant(Exception):
    """A tree reads a field, or computes something that is no plain constant."""


def filled(template: str, **parts: Expression) -> Expression:
    """The template with its names replaced.

    >>> filled("w / c", w=parse("weight"), c=parse("1000")).text
    'weight / 1000'
    """
    return substitute(_template(template), parts)


@functools.lru_cache(maxsize=256)
def _template(text: str) -> Expression:
    return parse(text)


def as_expression(tree: exp.Expression) -> Expression:
    """A part of a tree as an expression of its own."""
    return from_tree(unwrapped(tree).copy())


def unwrapped(tree: exp.Expression) -> exp.Expression:
    """The tree without parentheses around it."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree


def old(expression: Expression) -> Expression:
    """The expression over the member's own row.

    >>> old(parse("upper(name)")).text
    'UPPER(old.name)'
    """

    def replace(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and not node.table:
            return exp.Column(this=node.this.copy(), table=exp.to_identifier(OLD))
        return node

    return from_tree(expression.tree.copy().transform(replace, copy=False))


def has_fields(tree: exp.Expression) -> bool:
    """Whether any field is read."""
    return tree.find(exp.Column) is not None


def constant(tree: exp.Expression) -> Constant:
    """The value of a constant: text, truth, null or an exact number, plain arithmetic included; else raises
    `NotConstant`.

    >>> constant(parse("-(60 * 60)").tree)
    Decimal('-3600')
    """
    tree = unwrapped(tree)
    match tree:
        case exp.Literal() if tree.is_string:
            return str(tree.this)
        case exp.Literal():
            return Decimal(str(tree.this))
        case exp.Boolean():
            return bool(tree.this)
        case exp.Null():
            return None
        case exp.Neg():
            return -number(tree.this)
        case exp.Add() | exp.Sub() | exp.Mul():
            return _computed(tree)
    raise NotConstant


def _computed(tree: exp.Binary) -> Decimal:
    left, right = number(tree.this), number(tree.expression)
    if isinstance(tree, exp.Mul):
        return left * right
    return left + right if isinstance(tree, exp.Add) else left - right


def number(tree: exp.Expression) -> Decimal:
    """The value of a constant number; raises `NotConstant` for everything else."""
    value = constant(tree)
    if not isinstance(value, Decimal):
        raise NotConstant
    return value


def text(tree: exp.Expression) -> str:
    """The value of a constant text; raises `NotConstant` for everything else."""
    value = constant(tree)
    if not isinstance(value, str):
        raise NotConstant
    return value


def count(tree: exp.Expression) -> int:
    """The value of a constant whole number; raises `NotConstant` for everything else."""
    value = number(tree)
    if value != int(value):
        raise NotConstant
    return int(value)
