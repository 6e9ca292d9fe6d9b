"""Casts and time zones, undone."""

from __future__ import annotations

from sqlglot import exp

from dovetail.expression.inverse_build import as_expression, filled, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, through
from dovetail.expression.inverse_number import FLOATING, rounds_to, softened
from dovetail.expression.numbers import digits
from dovetail.expression.parse import Expression
from dovetail.model.type import Kind, Type

_SPELLINGS = "the text may spell the same value in several ways"

_PLAIN: dict[tuple[Kind, Kind], str] = {
    (Kind.BOOLEAN, Kind.TEXT): "CASE w WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE ELSE unmapped(w) END",
    (Kind.TEXT, Kind.BOOLEAN): "CAST(w AS TEXT)",
    (Kind.BOOLEAN, Kind.INTEGER): "CASE w WHEN 1 THEN TRUE WHEN 0 THEN FALSE ELSE unmapped(w) END",
    (Kind.INTEGER, Kind.BOOLEAN): "CAST(w AS BIGINT)",
    (Kind.DATE, Kind.TEXT): "CAST(w AS DATE)",
    (Kind.TEXT, Kind.DATE): "CAST(w AS TEXT)",
    (Kind.JSON, Kind.TEXT): "CAST(w AS JSON)",
    (Kind.TEXT, Kind.JSON): "CAST(w AS TEXT)",
}
"""Casts between values that correspond one to one; what has no counterpart fails by itself."""

_CHECKED: dict[tuple[Kind, Kind], tuple[str, str]] = {
    (Kind.INTEGER, Kind.TEXT): ("CAST(w AS BIGINT)", ""),
    (Kind.TEXT, Kind.INTEGER): ("CAST(CAST(w AS BIGINT) AS TEXT)", _SPELLINGS),
    (Kind.INTEGER, Kind.FLOAT): ("CAST(w AS BIGINT)", FLOATING),
    (Kind.FLOAT, Kind.TEXT): ("CAST(w AS DOUBLE)", FLOATING),
    (Kind.TEXT, Kind.FLOAT): ("CAST(w AS TEXT)", FLOATING),
    (Kind.DATE, Kind.TIMESTAMP): ("CAST(w AS DATE)", ""),
    (Kind.TIME, Kind.TEXT): ("CAST(w AS TIME)", ""),
    (Kind.TEXT, Kind.TIME): ("CAST(w AS TEXT)", _SPELLINGS),
    (Kind.TIMESTAMP, Kind.TEXT): ("CAST(w AS TIMESTAMP)", ""),
    (Kind.TEXT, Kind.TIMESTAMP): ("CAST(w AS TEXT)", _SPELLINGS),
    (Kind.INSTANT, Kind.TEXT): ("CAST(w AS TIMESTAMPTZ)", ""),
    (Kind.TEXT, Kind.INSTANT): ("CAST(w AS TEXT)", _SPELLINGS),
    (Kind.UUID, Kind.TEXT): ("CAST(w AS UUID)", ""),
    (Kind.TEXT, Kind.UUID): ("CAST(w AS TEXT)", _SPELLINGS),
}
"""Casts whose way back gives a candidate, which is checked; with what the cast forgets."""

_DAY_KEPT = "CAST(CAST(w AS TEXT) || ' ' || COALESCE(CAST(CAST(o AS TIME) AS TEXT), '00:00:00') AS TIMESTAMP)"
_TIME_KEPT = (
    "CASE WHEN w IS NOT NULL AND o IS NULL THEN unmapped('date')"
    " ELSE CAST(CAST(CAST(o AS DATE) AS TEXT) || ' ' || CAST(w AS TEXT) AS TIMESTAMP) END"
)


def cast(ask: Ask) -> Layer:
    """`CAST(x AS type)`."""
    inner = unwrapped(ask.tree.this)
    source, target = ask.type_of(inner), ask.type_of(ask.tree)
    pair = (source.kind, target.kind)
    if pair in _PLAIN:
        return through(inner, filled(_PLAIN[pair], w=ask.wanted))
    if pair in _CHECKED:
        template, lost = _CHECKED[pair]
        return through(inner, filled(template, w=ask.wanted), lost=lost, owed=True)
    match pair:
        case Kind.TIMESTAMP, Kind.DATE:
            lost = "it forgets the time of day"
            return through(inner, filled(_DAY_KEPT, w=ask.wanted, o=ask.old(inner)), lost=lost)
        case Kind.TIMESTAMP, Kind.TIME:
            return through(inner, filled(_TIME_KEPT, w=ask.wanted, o=ask.old(inner)), lost="it forgets the date")
        case ((Kind.INTEGER | Kind.DECIMAL), (Kind.INTEGER | Kind.DECIMAL)):
            return _exact(ask, inner, source, target)
        case (Kind.FLOAT, Kind.FLOAT):
            return through(inner, ask.wanted)
        case Kind.FLOAT, _:
            rounded = as_type(ask.wanted, target)
            return Layer(((inner, filled("CAST(w AS DOUBLE)", w=ask.wanted)),), FLOATING, owed=True, expected=rounded)
        case Kind.DECIMAL, (Kind.FLOAT | Kind.TEXT):
            lost = FLOATING if target.kind is Kind.FLOAT else ""
            return through(inner, as_type(ask.wanted, source), lost=lost, owed=True)
        case Kind.TEXT, Kind.DECIMAL:
            return through(inner, filled("CAST(v AS TEXT)", v=as_type(ask.wanted, target)), lost=_SPELLINGS, owed=True)
    return through(inner, ask.wanted)


def _exact(ask: Ask, inner: exp.Expression, source: Type, target: Type) -> Layer:
    places = _places(target)
    if _places(source) <= places:
        return Layer(((inner, ask.wanted),), soft=ask.soft)
    return softened(ask, inner, rounds_to(places), as_type(ask.wanted, target), places)


def as_type(expression: Expression, given: Type) -> Expression:
    """The expression, cast to an exact number type."""
    if given.kind is Kind.INTEGER:
        return filled("CAST(v AS BIGINT)", v=expression)
    precision, scale = digits(given)
    return filled(f"CAST(v AS DECIMAL({precision}, {scale}))", v=expression)


def _places(given: Type) -> int:
    return 0 if given.kind is Kind.INTEGER else digits(given)[1]


def zoned(ask: Ask) -> Layer:
    """`at_zone(x, zone)` and `in_zone(x, zone)` undo each other, but for the hours that a zone skips or has twice."""
    name, arguments = ask.call
    inner, zone = unwrapped(arguments[0]), as_expression(arguments[1])
    other = "in_zone" if name == "at_zone" else "at_zone"
    exact = zone.text.strip("'").upper() in ("UTC", "ETC/UTC")
    lost = (
        "" if name == "at_zone" or exact else "a local time that the zone has twice does not say which of the two it is"
    )
    return through(inner, filled(f"{other}(w, z)", w=ask.wanted, z=zone), lost=lost, owed=not exact)


def truncated(ask: Ask) -> Layer:
    """`date_trunc('month', x)`: the wanted value is itself the beginning of its month."""
    _, arguments = ask.call
    unit = arguments[0].name.lower()
    return through(arguments[1], ask.wanted, lost=f"it forgets what is finer than a {unit}")
