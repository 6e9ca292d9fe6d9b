"""Texts: normal forms, parts and padding, undone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dovetail.expression.inverse_build import NotConstant, count, filled, has_fields, text, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, refused, through
from dovetail.expression.parse import Expression, literal
from dovetail.model.type import Kind

PARTS_MAX = 12
"""The highest part of a split text that can be written."""

_FORGETS = {
    "lower": "it forgets upper and lower case",
    "upper": "it forgets upper and lower case",
    "trim": "it forgets what it trims off at the ends",
    "ltrim": "it forgets what it trims off at the beginning",
    "rtrim": "it forgets what it trims off at the end",
    "squeeze": "it forgets superfluous white space",
    "nfc": "it forgets how accents are composed",
    "nfkc": "it forgets compatible spellings of signs",
}

NORMAL_FORMS = tuple(_FORGETS)
"""Functions that change nothing in what they have given themselves."""

_REST = "COALESCE(substr(o, n), '')"
_LEFT = f"CASE WHEN length(w) = l THEN w || {_REST} ELSE w END"
_RIGHT = "CASE WHEN length(w) = l THEN left(COALESCE(o, ''), greatest(length(COALESCE(o, '')) - l, 0)) || w ELSE w END"
_WHOLE = "CASE WHEN w IS NULL AND length(o) > 0 THEN unmapped('null') ELSE v END"


def normal_form(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`upper(x)` and its like: the wanted value is its own normal form."""
    if any(has_fields(argument) for argument in arguments[1:]):
        return refused(f"what {name} takes away depends on another field")
    return through(arguments[0], ask.wanted, lost=_FORGETS[name])


def replaced(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`replace(x, part, by)`."""
    inner = unwrapped(arguments[0])
    try:
        part, by = text(arguments[1]), text(arguments[2])
    except NotConstant:
        return refused("what it replaces is not a constant")
    if not part or part == by:
        return through(inner, ask.wanted)
    lost = f"it forgets where {literal(part).text} stood"
    if part in by:
        back = filled("replace(w, y, x)", w=ask.wanted, x=literal(part), y=literal(by))
        return through(inner, back, lost=lost, owed=True)
    return through(inner, ask.wanted, lost=lost, owed=len(part) > 1)


def padded(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`lpad(x, n, fill)` and `rpad(x, n, fill)`; a padded number is read as a number again."""
    inner = unwrapped(arguments[0])
    try:
        width, fill = count(arguments[1]), text(arguments[2])
    except NotConstant:
        return refused("how it pads is not a constant")
    whole = filled(f"{name}(w, n, f)", w=ask.wanted, n=literal(width), f=literal(fill))
    lost = "it forgets how long the text was"
    if name == "lpad" and fill == "0" and isinstance(inner, exp.Cast) and ask.kind_of(inner.this) is Kind.INTEGER:
        parts = ((unwrapped(inner.this), filled("CAST(w AS BIGINT)", w=ask.wanted)),)
        return Layer(parts, lost, owed=True, expected=whole)
    return through(inner, whole, lost=lost)


def beginning(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`left(x, n)` and `right(x, n)`: what lies beyond them is kept, unless the new part is shorter."""
    inner = unwrapped(arguments[0])
    try:
        length = count(arguments[1])
    except NotConstant:
        return refused("how much it takes is not a constant")
    template = _LEFT if name == "left" else _RIGHT
    places = {"l": literal(length), "n": literal(length + 1)}
    wanted = filled(template, w=ask.wanted, o=ask.old(inner), **places)
    return through(inner, wanted, lost=f"it forgets all but {length} characters")


def middle(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`substr(x, start, length)`: what lies before and behind is kept."""
    inner = unwrapped(arguments[0])
    try:
        start = count(arguments[1])
        length = count(arguments[2]) if len(arguments) > 2 else None
    except NotConstant:
        return refused("how much it takes is not a constant")
    if start < 1:
        return refused("it fails for every text")
    behind = f" || {_REST}" if length is not None else ""
    template = f"left(COALESCE(o, ''), f) || w{behind}" if start > 1 else f"w{behind}"
    places = {"f": literal(start - 1), "n": literal(start + (length or 0))}
    wanted = filled(template, w=ask.wanted, o=ask.old(inner), **places)
    whole = filled(_WHOLE, w=ask.wanted, o=ask.old(inner), v=wanted)
    return through(inner, whole, lost="it forgets the rest of the text", owed=True)


def part(ask: Ask, name: str, arguments: Sequence[exp.Expression]) -> Layer:
    """`split_part(x, separator, n)`: the other parts are kept."""
    inner = unwrapped(arguments[0])
    try:
        separator, number = literal(text(arguments[1])), count(arguments[2])
    except NotConstant:
        return refused("where it splits is not a constant")
    if not 1 <= number <= PARTS_MAX:
        return refused(f"only the parts 1 to {PARTS_MAX} of a text can be written")
    old = filled("COALESCE(o, '')", o=ask.old(inner))
    parts = [
        filled("split_part(o, s, n)", o=old, s=separator, n=literal(position)) for position in range(1, number + 1)
    ]
    before = _joined([*parts[:-1]], separator)
    skipped = filled("length(b) + length(p) + 1", b=before, p=parts[-1]) if before else filled("length(p) + 1", p=parts[-1])
    behind = filled("substr(o, n)", o=old, n=skipped)
    wanted = filled("b || w || r", b=before, w=ask.wanted, r=behind) if before else filled("w || r", w=ask.wanted, r=behind)
    return _part_kept(ask, inner, wanted, separator)


def _joined(parts: list[Expression], separator: Expression) -> Expression | None:
    joined: Expression | None = None
    for each in parts:
        joined = filled("a || p || s", a=joined, p=each, s=separator) if joined else filled("p || s", p=each, s=separator)
    return joined


def _part_kept(ask: Ask, inner: exp.Expression, wanted: Expression, separator: Expression) -> Layer:
    """A part must not hold the separator, and cannot become null without taking the other parts with it."""
    template = (
        "CASE WHEN w IS NULL AND contains(o, s) THEN unmapped('null') WHEN w IS NULL THEN NULL"
        " WHEN contains(w, s) THEN unmapped(w) ELSE v END"
    )
    whole = filled(template, w=ask.wanted, o=ask.old(inner), s=separator, v=wanted)
    return through(inner, whole, lost="it forgets the other parts of the text", owed=len(text(separator.tree)) > 1)
