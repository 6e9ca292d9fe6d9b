"""The first look at an expression's text: its length, its signs, its quotes and its parentheses."""

from __future__ import annotations

from dovetail.errors import DeclarationError, Location

LENGTH_MAX = 2_000
"""Characters of one expression at most."""

NESTING_MAX = 40
"""Parentheses inside parentheses at most."""

_SIGNS = frozenset("_(),.+-*/%<>=!|: \t\r\n")

_ADVICE = {
    ";": "write one expression; statements are not part of the language",
    "?": "parameters are not part of the language; use `vars:` or `let:`",
    "$": "parameters are not part of the language; use `vars:` or `let:`",
    "@": "parameters are not part of the language; use `vars:` or `let:`",
    "`": 'put a name that is no plain word in double quotes: "first name"',
    "[": 'lists are not part of the language; put a name that is no plain word in double quotes: "first name"',
    "{": "structures are not part of the language",
    "\\": "a text stands in single quotes, a quote inside it is written twice: 'O''Neil'",
    "~": "write regexp_matches(field, 'pattern') or field LIKE 'pattern'",
    "^": "write the multiplication out: x * x",
    "#": "bit arithmetic is not part of the language",
    "&": "write AND",
}

_UNBALANCED = "an expression with a comma inside {...} must be quoted"


def check_text(text: str, at: Location | None) -> None:
    """Refuse what no expression holds, before anything parses it: in one pass, without recursion."""
    if not text.strip():
        raise DeclarationError(
            "an expression is missing here", where=at, code="DV-120", hint="write a field's name or a SQL expression"
        )
    if len(text) > LENGTH_MAX:
        raise DeclarationError(
            f"the expression is {len(text)} characters long; {LENGTH_MAX} are allowed",
            where=at,
            code="DV-121",
            hint="name its parts with `let:`, or use `codes:` for a list of values",
        )
    depth = 0
    position = 0
    while position < len(text):
        sign = text[position]
        if sign in "'\"":
            position = _after_quote(text, position, at)
            continue
        depth += (sign == "(") - (sign == ")")
        _check_depth(depth, at)
        _check_sign(text, position, at)
        position += 1
    if depth:
        raise _unbalanced(at)


def _check_depth(depth: int, at: Location | None) -> None:
    if depth < 0:
        raise _unbalanced(at)
    if depth > NESTING_MAX:
        raise DeclarationError(
            f"the expression is nested too deeply; {NESTING_MAX} parentheses are allowed",
            where=at,
            code="DV-121",
            hint="name its parts with `let:` and use the names",
        )


def _check_sign(text: str, position: int, at: Location | None) -> None:
    sign = text[position]
    pair = text[position : position + 2]
    if pair in ("--", "/*"):
        raise DeclarationError(
            "comments are not part of an expression",
            where=at,
            code="DV-122",
            hint="write a YAML comment (# ...) beside it, or a blank between two minus signs",
        )
    if sign == ":" and pair != "::" and (position == 0 or text[position - 1] != ":"):
        raise DeclarationError(
            "a single colon is not part of an expression", where=at, code="DV-122", hint=_ADVICE["$"]
        )
    if not (sign.isalnum() or sign in _SIGNS):
        shown = repr(sign) if sign.isprintable() else f"U+{ord(sign):04X}"
        raise DeclarationError(
            f"the sign {shown} is not part of an expression",
            where=at,
            code="DV-122",
            hint=_ADVICE.get(sign, "a text stands in single quotes, a name that is no plain word in double ones"),
        )


def _after_quote(text: str, start: int, at: Location | None) -> int:
    """The position behind a quoted text or name; a doubled quote stands for one."""
    quote = text[start]
    if start and (text[start - 1].isalnum() or text[start - 1] in "_'\""):
        raise DeclarationError(
            "a quote stands directly behind a word",
            where=at,
            code="DV-122",
            hint="leave a blank between them; prefixed texts (E'..', X'..') are not part of the language",
        )
    position = start + 1
    while True:
        position = text.find(quote, position)
        if position < 0:
            raise DeclarationError(
                f"a quote ({quote}) is not closed",
                where=at,
                code="DV-120",
                hint="a quote inside a text is written twice: 'O''Neil'",
            )
        if text[position + 1 : position + 2] != quote:
            return position + 1
        position += 2


def _unbalanced(at: Location | None) -> DeclarationError:
    return DeclarationError("the parentheses do not balance", where=at, code="DV-120", hint=_UNBALANCED)
