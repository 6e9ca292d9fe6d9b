"""Texts joined of fields and constants, taken apart again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from dovetail.expression.inverse_build import NotConstant, as_expression, filled, has_fields, text, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, Profiling, refused
from dovetail.expression.inverse_simple import simplified
from dovetail.expression.parse import Expression, literal

JOINED_MAX = 4
"""Fields in one joined text that can be told apart again."""

_HEAD = (
    "CASE WHEN starts_with(w, f || s) THEN f WHEN ends_with(w, s || l) THEN left(w, length(w) - length(s || l))"
    " WHEN contains(w, s) THEN split_part(w, s, 1) ELSE unmapped(w) END"
)
_TAIL = (
    "CASE WHEN starts_with(w, f || s) THEN substr(w, length(f || s) + 1) WHEN ends_with(w, s || l) THEN l"
    " WHEN contains(w, s) THEN substr(w, strpos(w, s) + m) ELSE unmapped(w) END"
)
_BETWEEN = "CASE WHEN c THEN v ELSE unmapped(w) END"


@dataclass(frozen=True, slots=True)
class _Joined:
    """A joined text: `fields` with `between` them (one less), `before` and `behind` around them."""

    fields: tuple[exp.Expression, ...]
    between: tuple[str, ...]
    before: str
    behind: str


def joined(ask: Ask) -> Layer:
    """`'A-' || x`, `x || '-B'`, `first || ' ' || last`, `concat(...)`."""
    try:
        parts = _parts(ask.tree)
    except NotConstant:
        return refused("it is always null")
    if len(parts.fields) == 1:
        return Layer(((parts.fields[0], _affixed(parts, ask.wanted, _inside(parts, ask.wanted))),))
    if "" in parts.between:
        return refused("it joins fields with nothing between them, so the text does not say where one ends")
    if len(parts.fields) > JOINED_MAX:
        return refused(f"it joins more than {JOINED_MAX} fields")
    names = [as_expression(field).names for field in parts.fields]
    if len({name for each in names for name in each}) < sum(map(len, names)):
        return refused("it holds one field twice")
    inside = replace(parts, before="", behind="")
    answers = [
        (field, _affixed(parts, ask.wanted, answer))
        for field, answer in _taken_apart(inside, _inside(parts, ask.wanted), ask)
    ]
    return Layer(tuple(answers), "the text alone does not say where one field ends", profile=_profile(parts))


def _parts(tree: exp.Expression) -> _Joined:
    empties = isinstance(tree, exp.Concat)
    fields: list[exp.Expression] = []
    gaps = [""]
    for part in tree.expressions if empties else _piped(tree):
        if has_fields(part):
            fields.append(filled("COALESCE(p, '')", p=as_expression(part)).tree if empties else unwrapped(part))
            gaps.append("")
        elif not (empties and isinstance(unwrapped(part), exp.Null)):
            gaps[-1] += text(part)
    return _Joined(tuple(fields), tuple(gaps[1:-1]), gaps[0], gaps[-1])


def _piped(tree: exp.Expression) -> list[exp.Expression]:
    tree = unwrapped(tree)
    return [*_piped(tree.this), *_piped(tree.expression)] if isinstance(tree, exp.DPipe) else [tree]


def _inside(parts: _Joined, wanted: Expression) -> Expression:
    """What stands between the constant beginning and the constant end."""
    before, behind = len(parts.before), len(parts.behind)
    lengths = {"n": literal(before + 1), "b": literal(before + behind)}
    if not behind:
        return filled("substr(w, n)", w=wanted, **lengths) if before else wanted
    return filled("substr(w, n, length(w) - b)" if before else "left(w, length(w) - b)", w=wanted, **lengths)


def _affixed(parts: _Joined, wanted: Expression, answer: Expression) -> Expression:
    """The answer for a text that has the constant beginning and end; every other fails."""
    starts = filled("starts_with(w, p)", w=wanted, p=literal(parts.before))
    ends = filled("ends_with(w, s)", w=wanted, s=literal(parts.behind))
    if parts.before and parts.behind:
        shortest = literal(len(parts.before) + len(parts.behind))
        condition = filled("s AND e AND length(w) >= n", s=starts, e=ends, w=wanted, n=shortest)
    elif parts.before or parts.behind:
        condition = starts if parts.before else ends
    else:
        return answer
    return filled(_BETWEEN, c=condition, v=answer, w=wanted)


def _taken_apart(parts: _Joined, wanted: Expression, ask: Ask) -> list[tuple[exp.Expression, Expression]]:
    """The first field and the rest: kept where the text still begins or ends with them, else cut at the separator."""
    head, *rest = parts.fields
    separator, *others = parts.between
    tail = replace(parts, fields=tuple(rest), between=tuple(others))
    old = {"f": ask.old(head), "l": ask.old(_tree(tail))}
    known = {"w": wanted, "s": literal(separator), "m": literal(len(separator)), **old}
    answers = [(head, filled(_HEAD, **known))]
    remaining = filled(_TAIL, **known)
    return answers + (_taken_apart(tail, remaining, ask) if others else [(rest[0], remaining)])


def _tree(parts: _Joined) -> exp.Expression:
    """The joined text of the parts again."""
    whole = as_expression(parts.fields[0])
    for separator, field in zip(parts.between, parts.fields[1:], strict=True):
        whole = filled("a || s || f", a=whole, s=literal(separator), f=as_expression(field))
    return whole.tree


def _profile(parts: _Joined) -> tuple[Profiling, ...]:
    """A field that holds the separator is cut in the wrong place when both sides change at once."""
    asked = []
    for field, separator in zip(parts.fields, parts.between, strict=False):
        expression = as_expression(field)
        test = filled("contains(f, s)", f=expression, s=literal(separator))
        meaning = f"hold the separator {literal(separator).text} in {', '.join(expression.names)}"
        asked.append(Profiling(expression.names, simplified(test), meaning))
    return tuple(asked)
