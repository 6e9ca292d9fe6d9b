"""Texts: normal forms, parts and padding, undone."""

from __future__ import annotations

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

_LEFT = "CASE WHEN length(w) = l THEN w || COALESCE(substr(o, n), '') ELSE w END"
_RIGHT = "CASE WHEN length(w) = l THEN left(COALESCE(o, ''), greatest(length(COALESCE(o, '')) - l, 0)) || w ELSE w END"
_MIDDLE = (
    "CASE WHEN w IS NULL AND length(o) > 0 THEN unmapped('null') WHEN w IS NULL THEN NULL"
    " WHEN i = w THEN v ELSE unmapped(w) END"
)
_PART = (
    "CASE WHEN w IS NULL AND contains(o, s) THEN unmapped('null') WHEN w IS NULL THEN NULL"
    " WHEN contains(w, s) THEN unmapped(w) ELSE v END"
)
_LONG_PART = (
    "CASE WHEN w IS NULL AND contains(o, s) THEN unmapped('null') WHEN w IS NULL THEN NULL"
    " WHEN i = w THEN v ELSE unmapped(w) END"
)
"""A part of a text cannot become null without taking the rest with it, nor hold what separates the parts."""


def normal_form(ask: Ask) -> Layer:
    """`upper(x)` and its like: the wanted value is its own normal form."""
    name, arguments = ask.call
    if any(has_fields(argument) for argument in arguments[1:]):
        return refused(f"what {name} takes away depends on another field")
    return through(arguments[0], ask.wanted, lost=_FORGETS[name])


def replaced(ask: Ask) -> Layer:
    """`replace(x, part, by)`."""
    _, arguments = ask.call
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


def padded(ask: Ask) -> Layer:
    """`lpad(x, n, fill)` and `rpad(x, n, fill)`; a padded number is read as a number again."""
    name, arguments = ask.call
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


def beginning(ask: Ask) -> Layer:
    """`left(x, n)` and `right(x, n)`: what lies beyond them is kept, unless the new part is shorter."""
    name, arguments = ask.call
    inner = unwrapped(arguments[0])
    try:
        length = count(arguments[1])
    except NotConstant:
        return refused("how much it takes is not a constant")
    template = _LEFT if name == "left" else _RIGHT
    places = {"l": literal(length), "n": literal(length + 1)}
    wanted = filled(template, w=ask.wanted, o=ask.old(inner), **places)
    return through(inner, wanted, lost=f"it forgets all but {length} characters")


def middle(ask: Ask) -> Layer:
    """`substr(x, start, length)`: what lies before and behind is kept."""
    _, arguments = ask.call
    inner = unwrapped(arguments[0])
    try:
        start = count(arguments[1])
        length = count(arguments[2]) if len(arguments) > 2 else None
    except NotConstant:
        return refused("how much it takes is not a constant")
    if start < 1:
        return refused("it fails for every text")
    old = ask.old(inner)
    behind = " || COALESCE(substr(o, n), '')" if length is not None else ""
    template = f"left(COALESCE(o, ''), f) || w{behind}" if start > 1 else f"w{behind}"
    places = {"f": literal(start - 1), "n": literal(start + (length or 0)), "a": literal(start)}
    wanted = filled(template, w=ask.wanted, o=old, **places)
    taken = filled("substr(v, a)" if length is None else "substr(v, a, l)", v=wanted, l=literal(length), **places)
    whole = filled(_MIDDLE, w=ask.wanted, o=old, v=wanted, i=taken)
    return through(inner, whole, lost="it forgets the rest of the text")


def part(ask: Ask) -> Layer:
    """`split_part(x, separator, n)`: the other parts are kept."""
    _, arguments = ask.call
    inner = unwrapped(arguments[0])
    try:
        separator, number = literal(text(arguments[1])), count(arguments[2])
    except NotConstant:
        return refused("where it splits is not a constant")
    if not 1 <= number <= PARTS_MAX:
        return refused(f"only the parts 1 to {PARTS_MAX} of a text can be written")
    old = filled("COALESCE(o, '')", o=ask.old(inner))
    wanted = _among_parts(old, ask.wanted, separator, number)
    taken = filled("split_part(v, s, n)", v=wanted, s=separator, n=literal(number))
    template = _PART if len(text(separator.tree)) == 1 else _LONG_PART
    whole = filled(template, w=ask.wanted, o=ask.old(inner), s=separator, v=wanted, i=taken)
    return through(inner, whole, lost="it forgets the other parts of the text")


def _among_parts(old: Expression, wanted: Expression, separator: Expression, number: int) -> Expression:
    """The old text with one part replaced; parts that are missing before it are made empty."""
    parts = [filled("split_part(o, s, n)", o=old, s=separator, n=literal(at)) for at in range(1, number + 1)]
    if number == 1:
        return filled("w || substr(o, length(p) + 1)", w=wanted, o=old, p=parts[0])
    before = filled("p || s", p=parts[0], s=separator)
    for each in parts[1:-1]:
        before = filled("b || p || s", b=before, p=each, s=separator)
    return filled("b || w || substr(o, length(b || p) + 1)", b=before, w=wanted, o=old, p=parts[-1])
