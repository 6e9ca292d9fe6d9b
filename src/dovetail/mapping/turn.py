"""How a member deletes a row softly, and how such a row comes back: columns, each with the expression that fills it."""

from __future__ import annotations

from collections.abc import Mapping as Bindings

from sqlglot import exp

from dovetail.errors import DeclarationError
from dovetail.expression.meeting import assignable
from dovetail.expression.parse import Expression, parse, substitute
from dovetail.expression.types import infer
from dovetail.mapping.compiled import Writes
from dovetail.model.mapping import Member
from dovetail.model.type import Kind, Type


def turn_columns(
    member: Member, said: tuple[tuple[str, str], ...], scope: Bindings[str, Type], bindings: Bindings[str, Expression]
) -> Writes:
    """The columns that `remove` or `revive` fills, over the member's own fields; each must exist and take its value."""
    writes = []
    for column, text in said:
        expression = substitute(parse(text, at=member.at), bindings)
        if column not in scope:
            raise DeclarationError(
                f"{member.dataset!r} has no field {column!r}, which is to say that a row is deleted",
                where=member.at,
                code="DV-280",
                hint="name a field of the dataset under `remove` and `revive`",
            )
        given = infer(expression, scope)
        if not _is_null(expression) and not assignable(given, scope[column]):
            raise DeclarationError(
                f"field {column!r} is {scope[column]}, and `remove` or `revive` fills it with {given}",
                where=member.at,
                code="DV-281",
                hint=f"write CAST(... AS ...) in the expression for {column!r}",
            )
        writes.append((column, expression))
    return tuple(writes)


def revival(gone: Expression | None, scope: Bindings[str, Type]) -> Writes:
    """The columns that let a row stand again, where `gone` leaves no doubt: a flag that is set or not set, or a field
    that is null while the row stands.

    >>> boolean = {"hidden": Type(Kind.BOOLEAN)}
    >>> [(name, write.text) for name, write in revival(parse("hidden"), boolean)]
    [('hidden', 'FALSE')]
    >>> [(name, write.text) for name, write in revival(parse("deleted_at IS NOT NULL"), {})]
    [('deleted_at', 'NULL')]
    >>> revival(parse("state = 9"), {})
    ()
    """
    if gone is None:
        return ()
    tree = gone.tree.unnest()
    is_denied = isinstance(tree, exp.Not)
    inner = tree.this.unnest() if is_denied else tree
    if isinstance(inner, exp.Column) and scope[inner.name].kind is Kind.BOOLEAN:
        return ((inner.name, parse("TRUE" if is_denied else "FALSE")),)
    is_null = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
    if is_denied and is_null and isinstance(inner.this, exp.Column):
        return ((inner.this.name, parse("NULL")),)
    return ()


def _is_null(expression: Expression) -> bool:
    return isinstance(expression.tree.unnest(), exp.Null)
