"""The type of an expression over fields of known types."""

from __future__ import annotations

from collections.abc import Mapping

from dovetail.expression.parse import Expression, too_deep
from dovetail.expression.resolve import resolve_node
from dovetail.expression.scope import Scope
from dovetail.expression.tree import Node
from dovetail.model.type import Kind, Type

__all__ = ["infer", "resolve"]


def infer(expression: Expression, scope: Mapping[str, Type]) -> Type:
    """The type of the expression's values; raises `DeclarationError` where the operands do not meet or a name
    is unknown.

    `scope` holds a type for each name that may be read: `x`, and `old.x` for the member's own row. An
    expression that is always
    null counts as text.

    >>> from dovetail.expression.parse import parse
    >>> str(infer(parse("price_cents / 100"), {"price_cents": Type(Kind.INTEGER)}))
    'decimal(19, 2)'
    """
    given = resolve(expression, scope).type or Type(Kind.TEXT)
    if given.kind is Kind.INTEGER and given.minimum is not None and given.minimum == given.maximum:
        return Type(Kind.INTEGER)
    return given


def resolve(expression: Expression, scope: Mapping[str, Type]) -> Node:
    """The typed tree of the expression, which every back end evaluates."""
    try:
        return resolve_node(expression.tree, Scope(scope, expression.at))
    except RecursionError as error:
        raise too_deep(expression.at) from error
