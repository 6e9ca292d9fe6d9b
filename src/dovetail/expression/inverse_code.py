"""Code maps and what stands for nothing, undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from dovetail.expression.inverse_build import NotConstant, as_expression, constant, filled, has_fields, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, Profiling, refused, through
from dovetail.expression.inverse_simple import simplified
from dovetail.expression.parse import Expression, choose, from_tree
from dovetail.model.type import Kind

Mark = tuple[str, object]
"""What tells constants apart: their kind and their value."""

Arm = tuple[exp.Expression, exp.Expression]
"""A key and the constant that it becomes."""

_NULL: Mark = ("NoneType", None)
_COMPUTED = "it chooses by conditions; only a list of values (`codes`) can be turned round"


@dataclass(frozen=True, slots=True)
class _Map:
    """A code map: `subject` is looked up among `arms`, each key once. `rest` is what every other value becomes.

    `rest` is a constant, or the subject itself; with `None` any other value fails.
    """

    subject: exp.Expression
    arms: tuple[Arm, ...]
    rest: exp.Expression | None

    @property
    def passes(self) -> bool:
        """Whether other values stay what they are."""
        return self.rest is not None and has_fields(self.rest)


def codes(ask: Ask) -> Layer:
    """`CASE x WHEN 'A' THEN TRUE ... ELSE unmapped(x) END`, and conditions that say the same."""
    try:
        given = _read(ask.tree)
        if given.rest is not None and not given.passes and ask.kind_of(given.subject) is Kind.BOOLEAN:
            given = _with_both_truths(given, given.rest)
        return _turned(ask, given)
    except NotConstant:
        return refused(_COMPUTED)


def _read(tree: exp.Expression) -> _Map:
    """The map in a `CASE` or an `if`; raises `NotConstant` where there is none."""
    simple = isinstance(tree, exp.Case) and tree.this is not None
    conditions = tree.args["ifs"] if isinstance(tree, exp.Case) else [tree]
    default = tree.args.get("default") if isinstance(tree, exp.Case) else tree.args["false"]
    subjects: list[exp.Expression] = [unwrapped(tree.this)] if simple else []
    arms: dict[Mark, Arm] = {}
    for each in conditions:
        subject, keys = (tree.this, [each.this]) if simple else _condition(each.this)
        subjects.append(unwrapped(subject))
        for key in keys:
            if not (simple and mark(key) == _NULL):
                arms.setdefault(mark(key), (unwrapped(key), _plain(each.args["true"])))
    if len({as_expression(subject).text for subject in subjects}) > 1 or not has_fields(subjects[0]):
        raise NotConstant
    return _Map(subjects[0], tuple(arms.values()), _rest(default, subjects[0]))


def _rest(default: exp.Expression | None, subject: exp.Expression) -> exp.Expression | None:
    if default is None:
        return exp.Null()
    default = unwrapped(default)
    if isinstance(default, exp.Anonymous) and str(default.this).lower() == "unmapped":
        return None
    return default if as_expression(default).text == as_expression(subject).text else _plain(default)


def _condition(tree: exp.Expression) -> tuple[exp.Expression, list[exp.Expression]]:
    """What a condition looks at, and the constants for which it is true."""
    tree = unwrapped(tree)
    match tree:
        case exp.EQ() | exp.NullSafeEQ():
            subject, key = (tree.this, tree.expression) if has_fields(tree.this) else (tree.expression, tree.this)
            never = isinstance(tree, exp.EQ) and mark(key) == _NULL
            return subject, [] if never else [_plain(key)]
        case exp.In():
            return tree.this, [_plain(key) for key in tree.expressions if mark(key) != _NULL]
        case exp.Is() if isinstance(tree.expression, exp.Null):
            return tree.this, [tree.expression]
        case exp.Or():
            (left, some), (right, others) = _condition(tree.this), _condition(tree.expression)
            if as_expression(left).text != as_expression(right).text:
                raise NotConstant
            return left, [*some, *others]
        case exp.Not():
            return tree.this, [exp.Boolean(this=False)]
    return tree, [exp.Boolean(this=True)]


def _plain(tree: exp.Expression) -> exp.Expression:
    mark(tree)
    return unwrapped(tree)


def mark(tree: exp.Expression) -> Mark:
    """The identity of a constant; raises `NotConstant` where a field is read."""
    if has_fields(tree):
        raise NotConstant
    try:
        value = constant(tree)
        return type(value).__name__, value
    except NotConstant:
        return "tree", as_expression(tree).text


def _with_both_truths(given: _Map, rest: exp.Expression) -> _Map:
    """A truth has two values; what else is left is null."""
    known = {mark(key) for key, _ in given.arms}
    keys = [exp.Boolean(this=True), exp.Boolean(this=False), exp.Null()]
    added = [(key, rest) for key in keys if mark(key) not in known]
    return _Map(given.subject, (*given.arms, *added), None)


def _turned(ask: Ask, given: _Map) -> Layer:
    """The map read from right to left."""
    keys: dict[Mark, list[exp.Expression]] = {}
    values: dict[Mark, exp.Expression] = {}
    for key, value in given.arms:
        keys.setdefault(mark(value), []).append(key)
        values.setdefault(mark(value), value)
    becomes = _image_of_null(given)
    if not any(mark(key) == _NULL for key, _ in given.arms):
        keys.setdefault(becomes, []).append(exp.Null())
    if given.rest is not None and not given.passes and not _has_key(keys.get(mark(given.rest), []), becomes):
        rest = as_expression(given.rest).text
        return refused(f"every value that is not listed becomes {rest}, which does not say what to write")
    back = [(as_expression(values[each]), _first(keys[each])) for each in values if each != _NULL]
    wanted = choose(ask.wanted, [*back, *_shadowed(ask, given, set(values))], ask.wanted if given.passes else None)
    if becomes != _NULL:
        nothing = _first(keys[_NULL]) if _NULL in keys else filled("unmapped('null')")
        wanted = filled("CASE WHEN w IS NULL THEN n ELSE v END", w=ask.wanted, n=nothing, v=wanted)
    return Layer(((given.subject, wanted),), _lost(given, keys, values), profile=_profile(given))


def _image_of_null(given: _Map) -> Mark:
    for key, value in given.arms:
        if mark(key) == _NULL:
            return mark(value)
    return _NULL if given.rest is None or given.passes else mark(given.rest)


def _has_key(keys: list[exp.Expression], becomes: Mark) -> bool:
    """Whether a listed value can be written for what all other values become; null always can for null."""
    return becomes == _NULL or any(mark(key) != _NULL for key in keys)


def _first(keys: Sequence[exp.Expression]) -> Expression:
    """The key to write: the first listed, null only where there is no other."""
    return as_expression(next((key for key in keys if mark(key) != _NULL), keys[0]))


def _shadowed(ask: Ask, given: _Map, values: set[Mark]) -> list[tuple[Expression, Expression]]:
    """Where other values pass, a key that no code gives cannot be the result of reading."""
    if not given.passes:
        return []
    lone = [key for key, _ in given.arms if mark(key) not in values and mark(key) != _NULL]
    return [(as_expression(key), filled("unmapped(w)", w=ask.wanted)) for key in lone]


def _lost(given: _Map, keys: dict[Mark, list[exp.Expression]], values: dict[Mark, exp.Expression]) -> str:
    if given.rest is not None and not given.passes:
        return f"every value that is not listed becomes {as_expression(given.rest).text}"
    for each, found in keys.items():
        if len(found) > 1:
            text = as_expression(values[each]).text if each in values else "NULL"
            return f"several values become {text}"
    known = {mark(key) for key, _ in given.arms}
    if given.passes and not set(values) <= known:
        return "a value may stand for itself or for a code"
    return ""


def _profile(given: _Map) -> tuple[Profiling, ...]:
    """A code that the map does not list holds its row."""
    listed = [key for key, _ in given.arms if mark(key) != _NULL]
    if given.rest is not None or not listed or {mark(key) for key in listed} >= {("bool", True), ("bool", False)}:
        return ()
    subject = as_expression(given.subject)
    test = exp.Not(this=exp.In(this=exp.Paren(this=subject.tree.copy()), expressions=[key.copy() for key in listed]))
    meaning = f"hold a value that the code map of {', '.join(subject.names)} does not list"
    return (Profiling(subject.names, simplified(from_tree(test)), meaning, code_map=True),)


def coalesced(ask: Ask) -> Layer:
    """`COALESCE(x, c)`: a null that is shown as a constant stays null."""
    inner, others = unwrapped(ask.tree.this), ask.tree.expressions
    if not has_fields(inner) or any(has_fields(other) for other in others):
        return refused("it takes the first of several values, and the result does not say which")
    shown = next((other for other in others if mark(other) != _NULL), None)
    lost = f"it shows null as {as_expression(shown).text}" if shown is not None else ""
    return through(inner, ask.wanted, lost=lost)


def emptied(ask: Ask) -> Layer:
    """`NULLIF(x, c)`: null is written as the constant, a null that stands there stays."""
    inner, other = unwrapped(ask.tree.this), unwrapped(ask.tree.expression)
    if not has_fields(inner) or has_fields(other):
        return refused("it compares several values, and the result does not say what they are")
    if mark(other) == _NULL:
        return through(inner, ask.wanted)
    spelled = as_expression(other)
    return through(inner, filled("COALESCE(w, c)", w=ask.wanted, c=spelled), lost=f"it shows {spelled.text} as null")
