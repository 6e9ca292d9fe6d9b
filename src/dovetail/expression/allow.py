"""The allow-list of the expression language: which words and which nodes of SQLGlot's tree are part of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from dovetail.errors import DeclarationError, Location, UnknownName
from dovetail.expression.functions import shelf

NODES_MAX = 20_000
"""Nodes of one tree at most; a code map of some thousand codes fits."""

DEPTH_MAX = 100
"""Nodes on the longest way from a tree's root to a leaf."""

FUNCTIONS: frozenset[str] = frozenset(shelf()) - {"like"} | {"coalesce", "concat", "if", "nullif"}
"""The functions by the name that people write: those on the shelf, and the forms that look like functions."""

_BEFORE_PARENTHESIS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "when",
        "then",
        "else",
        "case",
        "between",
        "like",
        "is",
        "from",
        "as",
        "cast",
        "extract",
        "decimal",
        "numeric",
        "distinct",
        "escape",
        "for",
        "both",
        "leading",
        "trailing",
    ]
)

_CALLS: dict[type[exp.Expression], tuple[str, ...]] = {
    exp.Abs: ("this",),
    exp.Ceil: ("this",),
    exp.Coalesce: ("this", "expressions"),
    exp.Concat: ("expressions",),
    exp.Contains: ("this", "expression"),
    exp.Day: ("this",),
    exp.EndsWith: ("this", "expression"),
    exp.Floor: ("this",),
    exp.Greatest: ("this", "expressions"),
    exp.Hour: ("this",),
    exp.Least: ("this", "expressions"),
    exp.Left: ("this", "expression"),
    exp.Length: ("this",),
    exp.Lower: ("this",),
    exp.Minute: ("this",),
    exp.Mod: ("this", "expression"),
    exp.Month: ("this",),
    exp.Nullif: ("this", "expression"),
    exp.Pad: ("this", "expression", "fill_pattern", "is_left"),
    exp.RegexpLike: ("this", "expression"),
    exp.Replace: ("this", "expression", "replacement"),
    exp.Right: ("this", "expression"),
    exp.Round: ("this", "decimals"),
    exp.Sign: ("this",),
    exp.SplitPart: ("this", "delimiter", "part_index"),
    exp.StartsWith: ("this", "expression"),
    exp.StrPosition: ("this", "substr"),
    exp.Substring: ("this", "start", "length"),
    exp.TimestampTrunc: ("this", "unit"),
    exp.DateTrunc: ("this", "unit"),
    exp.Trim: ("this", "expression", "position"),
    exp.Upper: ("this",),
    exp.Year: ("this",),
    exp.Anonymous: ("this", "expressions"),
    exp.Extract: ("this", "expression"),
}

_OTHERS: dict[type[exp.Expression], tuple[str, ...]] = {
    exp.Add: ("this", "expression"),
    exp.Sub: ("this", "expression"),
    exp.Mul: ("this", "expression"),
    exp.Div: ("this", "expression"),
    exp.Neg: ("this",),
    exp.DPipe: ("this", "expression"),
    exp.Paren: ("this",),
    exp.EQ: ("this", "expression"),
    exp.NEQ: ("this", "expression"),
    exp.LT: ("this", "expression"),
    exp.LTE: ("this", "expression"),
    exp.GT: ("this", "expression"),
    exp.GTE: ("this", "expression"),
    exp.NullSafeEQ: ("this", "expression"),
    exp.NullSafeNEQ: ("this", "expression"),
    exp.And: ("this", "expression"),
    exp.Or: ("this", "expression"),
    exp.Not: ("this",),
    exp.Is: ("this", "expression"),
    exp.In: ("this", "expressions"),
    exp.Between: ("this", "low", "high"),
    exp.Like: ("this", "expression", "negate"),
    exp.Escape: ("this", "expression"),
    exp.Case: ("this", "ifs", "default"),
    exp.If: ("this", "true", "false"),
    exp.Cast: ("this", "to"),
    exp.DataType: ("this", "expressions"),
    exp.DataTypeParam: ("this",),
    exp.Column: ("this", "table"),
    exp.Identifier: ("this", "quoted"),
    exp.Literal: ("this", "is_string"),
    exp.Boolean: ("this",),
    exp.Null: (),
    exp.Var: ("this",),
}

NODES = {**_CALLS, **_OTHERS}
"""The nodes that a tree may hold, each with the arguments that may be set in it."""

_SILENT = frozenset({"safe", "typed", "coalesce", "ignore_nulls", "nested", "big_int", "dialect"})
"""Arguments that SQLGlot sets on its own; our semantics does not depend on them."""

_ADVICE: dict[str, str] = {
    "Subquery": "a cell sees one row; put the query under `queries:` of the system",
    "Select": "a cell sees one row; put the query under `queries:` of the system",
    "Exists": "a cell sees one row; put the query under `queries:` of the system",
    "Window": "a cell sees one row; put the query under `queries:` of the system",
    "Star": "name the field",
    "Alias": "write the expression alone; a comma inside {...} must be quoted",
    "Tuple": "write one expression; a list stands only behind IN",
    "IntDiv": "write floor(a / b)",
    "Pow": "write the multiplication out: x * x",
    "TryCast": "write CAST; a row that cannot be cast is put into quarantine",
    "ILike": "write lower(field) LIKE 'pattern'",
    "SimilarTo": "write regexp_matches(field, 'pattern')",
    "Glob": "write field LIKE 'pattern'",
    "Interval": "time arithmetic is not part of the language",
    "CurrentDate": "expressions know no clock; use a value of the row or `vars:`",
    "CurrentTimestamp": "expressions know no clock; use a value of the row or `vars:`",
    "Placeholder": "use `vars:` or `let:`",
    "Lambda": "lists and lambdas are not part of the language",
    "Collate": "texts are compared by their characters; write lower(a) = lower(b)",
}


def check_words(text: str, at: Location | None) -> None:
    """Refuse every function by the name that was written, before SQLGlot may rename it."""
    try:
        tokens = Dialect.get_or_raise("duckdb").tokenize(text)
    except SqlglotError as error:
        raise DeclarationError(
            "this cannot be read as an expression", where=at, code="DV-120", hint="a text stands in single quotes"
        ) from error
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        word = token.text.lower()
        if token.comments:
            raise DeclarationError(
                "comments are not part of an expression", where=at, code="DV-122", hint="write a YAML comment"
            )
        if following is None or following.token_type is not TokenType.L_PAREN:
            if word in ("decimal", "numeric") and _is_target(tokens, token):
                raise _no_scale(at)
        elif _is_word(token) and word not in _BEFORE_PARENTHESIS and word not in FUNCTIONS:
            raise _unknown_function(token.text, at)


def _is_word(token: Token) -> bool:
    return token.token_type is TokenType.IDENTIFIER or (
        token.token_type not in (TokenType.STRING, TokenType.NUMBER) and token.text[:1].isidentifier()
    )


def _is_target(tokens: list[Token], token: Token) -> bool:
    position = tokens.index(token)
    return position > 0 and (
        tokens[position - 1].text.lower() == "as" or tokens[position - 1].token_type is TokenType.DCOLON
    )


def _no_scale(at: Location | None) -> DeclarationError:
    return DeclarationError(
        "a decimal needs its digits",
        where=at,
        code="DV-126",
        hint="write DECIMAL(12, 2): digits in all, digits behind the point",
    )


def _unknown_function(name: str, at: Location | None) -> UnknownName:
    near = difflib.get_close_matches(name.lower(), FUNCTIONS, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "the functions are listed in docs/reference/expressions.md"
    return UnknownName(f"there is no function {name[:60]!r}", where=at, code="DV-123", hint=hint)


def check_tree(tree: exp.Expression, at: Location | None) -> None:
    """Refuse every node, and every argument of a node, that is not on the list; bound the tree's size and depth."""
    level: list[exp.Expression] = [tree]
    count = depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > DEPTH_MAX or count > NODES_MAX:
            raise DeclarationError(
                "the expression is nested too deeply"
                if depth > DEPTH_MAX
                else f"the expression has more than {NODES_MAX} parts",
                where=at,
                code="DV-121",
                hint="name its parts with `let:` and use the names",
            )
        level = [child for node in level for child in _children(node, at)]


def _children(node: exp.Expression, at: Location | None) -> Iterable[exp.Expression]:
    allowed = NODES.get(type(node))
    if allowed is None:
        raise _refused(node, at)
    for name, value in node.args.items():
        if name not in allowed and name not in _SILENT and value not in (None, False, [], ()):
            raise _refused(node, at)
    if node.comments:
        raise DeclarationError(
            "comments are not part of an expression", where=at, code="DV-122", hint="write a YAML comment"
        )
    if isinstance(node, exp.Column):
        _check_column(node, at)
    if isinstance(node, exp.Anonymous) and str(node.this).lower() not in FUNCTIONS:
        raise _unknown_function(str(node.this), at)
    return node.iter_expressions()


def _check_column(node: exp.Column, at: Location | None) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise _refused(node, at)
    if node.table and node.table != "old":
        raise DeclarationError(
            f"{node.table[:60]!r} is no qualifier; only `old.` is",
            where=at,
            code="DV-125",
            hint="write the field's name alone, or old.field for the member's own value",
        )


def _refused(node: exp.Expression, at: Location | None) -> DeclarationError:
    name = type(node).__name__
    return DeclarationError(
        f"{_named(name)} is not part of the expression language",
        where=at,
        code="DV-124",
        hint=_ADVICE.get(name, "the language is described in docs/reference/expressions.md"),
    )


def _named(name: str) -> str:
    spaced = "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in name).strip()
    return f"this ({spaced})"
