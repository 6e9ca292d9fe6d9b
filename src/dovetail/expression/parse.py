"""The text of an expression, parsed and checked: what it reads, and the tree that it is."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from dovetail.errors import DeclarationError, Location
from dovetail.expression.allow import check_tree, check_words
from dovetail.expression.text import check_text

DIALECT = "duckdb"
"""The dialect whose grammar is read; what expressions mean is Dovetail's own (docs/reference/expressions.md)."""

OLD = "old"
"""The qualifier of the member's own row: `old.x`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `text` is its canonical spelling, `names` the fields that it reads and `old_names`
    those it reads as `old.x`.

    Two expressions are equal when their canonical texts are. `tree` must never be changed in place.
    """

    text: str
    tree: exp.Expression = field(compare=False, repr=False)
    names: tuple[str, ...] = field(compare=False)
    old_names: tuple[str, ...] = field(compare=False)
    at: Location | None = field(default=None, compare=False, repr=False)

    @property
    def column(self) -> str | None:
        """The name that this expression is nothing but (`x`, or `old.x` for the member's own), else `None`."""
        tree = self.tree.unnest()
        return qualified(tree) if isinstance(tree, exp.Column) else None

    def __str__(self) -> str:
        return self.text


def parse(text: str, *, at: Location | None = None) -> Expression:
    """The expression that a person wrote at `at`; raises `DeclarationError` for all that is not part of the language.

    >>> parse("price_cents / 100").names
    ('price_cents',)
    """
    check_text(text, at)
    check_words(text, at)
    try:
        trees = Dialect.get_or_raise(DIALECT).parse_into(exp.Condition, text)
    except RecursionError as error:
        raise too_deep(at) from error
    except SqlglotError as error:
        raise _unreadable(text, error, at) from None
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Expression):
        raise DeclarationError(
            "one expression is expected", where=at, code="DV-120", hint="write a field's name or a SQL expression"
        )
    return from_tree(tree, at=at)


def from_tree(tree: exp.Expression, *, at: Location | None = None) -> Expression:
    """The expression that a SQLGlot tree means; the same checks hold as for text, but its length."""
    try:
        check_tree(tree, at)
        text = tree.sql(dialect=DIALECT, comments=False, normalize_functions=False)
    except RecursionError as error:
        raise too_deep(at) from error
    names: dict[str, None] = {}
    old_names: dict[str, None] = {}
    for found in tree.find_all(exp.Column, bfs=False):
        (old_names if found.table else names)[found.name] = None
    return Expression(text, tree, tuple(names), tuple(old_names), at)


def substitute(expression: Expression, bindings: Mapping[str, Expression]) -> Expression:
    """The expression with every bare name in `bindings` replaced, all at once; `old.x` is never replaced.

    >>> str(substitute(parse("a * b"), {"a": parse("x + 1")}))
    '(x + 1) * b'
    """
    used = [name for name in expression.names if name in bindings]
    if not used:
        return expression

    def replace(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and not node.table and node.name in bindings:
            return _closed(bindings[node.name].tree.copy())
        return node

    return from_tree(expression.tree.copy().transform(replace, copy=False), at=expression.at)


def choose(
    subject: Expression, arms: Sequence[tuple[Expression, Expression]], otherwise: Expression | None = None
) -> Expression:
    """`CASE subject WHEN key THEN value ... ELSE otherwise END`; without `otherwise`, whatever has no key is
    `unmapped(subject)`.

    >>> str(choose(parse("x"), [(literal("A"), literal(True))]))
    "CASE x WHEN 'A' THEN TRUE ELSE unmapped(x) END"
    """
    last = otherwise.tree.copy() if otherwise else exp.Anonymous(this="unmapped", expressions=[subject.tree.copy()])
    tree = exp.Case(
        this=_closed(subject.tree.copy()),
        ifs=[exp.If(this=_closed(key.tree.copy()), true=_closed(value.tree.copy())) for key, value in arms],
        default=last,
    )
    return from_tree(tree, at=subject.at)


def literal(value: object) -> Expression:
    """The constant of a Python value: none, boolean, integer, exact number, text, date, time or time stamp.

    >>> [literal(value).text for value in (None, True, -5, "O'Neil", 0.19)]
    ['NULL', 'TRUE', '-5', "'O''Neil'", '0.19']
    """
    return from_tree(_literal(value))


def column(name: str, *, old: bool = False) -> Expression:
    """The expression that reads one field, or with `old` the member's own value of it.

    >>> column("a b", old=True).text
    'old."a b"'
    """
    identifier = exp.to_identifier(name, quoted=not _plain(name))
    return from_tree(exp.Column(this=identifier, table=exp.to_identifier(OLD) if old else None))


def qualified(node: exp.Expression) -> str:
    """The name of a column as scopes spell it: `x`, or `old.x`."""
    return f"{OLD}.{node.name}" if node.args.get("table") else node.name


def too_deep(at: Location | None) -> DeclarationError:
    """The error for an expression nested too deeply."""
    return DeclarationError(
        "the expression is nested too deeply",
        where=at,
        code="DV-121",
        hint="name its parts with `let:` and use the names",
    )


@functools.lru_cache(maxsize=4096)
def _plain(name: str) -> bool:
    """Whether the name can be written without quotes and still is a field's name."""
    if not (name.isidentifier() and name.isascii()):
        return False
    try:
        tree = Dialect.get_or_raise(DIALECT).parse_into(exp.Condition, name)[0]
    except SqlglotError:
        return False
    return isinstance(tree, exp.Column) and tree.sql(dialect=DIALECT) == name


def _closed(tree: exp.Expression) -> exp.Expression:
    """The tree, in parentheses unless it cannot be torn apart."""
    if isinstance(tree, exp.Column | exp.Literal | exp.Null | exp.Boolean | exp.Paren | exp.Case):
        return tree
    if isinstance(tree, exp.Func) and not isinstance(tree, exp.Binary):
        return tree
    return exp.Paren(this=tree)


def _literal(value: object) -> exp.Expression:
    match value:
        case None:
            return exp.Null()
        case bool():
            return exp.Boolean(this=value)
        case int():
            return _number(Decimal(value))
        case float():
            return _number(Decimal(repr(value)))
        case Decimal():
            return _number(value)
        case str():
            return exp.Literal.string(value)
        case dt.datetime():
            name = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), name, dialect=DIALECT)
        case dt.date():
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE", dialect=DIALECT)
        case dt.time():
            return exp.cast(exp.Literal.string(value.isoformat()), "TIME", dialect=DIALECT)
    raise DeclarationError(
        f"a {type(value).__name__} is not a constant of the expression language",
        code="DV-128",
        hint="use a text, a number, true, false, null, a date or a time stamp",
    )


def _number(value: Decimal) -> exp.Expression:
    if not value.is_finite():
        raise DeclarationError("this number is not finite", code="DV-128", hint="write an ordinary number")
    digits = exp.Literal.number(format(abs(value), "f"))
    return exp.Neg(this=digits) if value < 0 else digits


def _unreadable(text: str, error: SqlglotError, at: Location | None) -> DeclarationError:
    told = getattr(error, "errors", None) or [{}]
    near = told[0].get("highlight") or ""
    place = f" near {near!r}" if near and len(near) < 40 else ""
    return DeclarationError(
        f"this cannot be read as an expression{place}: {_shortened(text)}",
        where=at,
        code="DV-120",
        hint="a name that is no plain word stands in double quotes, a text in single ones: \"first name\" = 'Ada'",
    )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:77] + "..."
