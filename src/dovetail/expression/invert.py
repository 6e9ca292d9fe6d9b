"""The writing direction of a cell, derived from its reading direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from dovetail.expression.inverse_build import as_expression, filled, has_fields, old, unwrapped
from dovetail.expression.inverse_cast import as_type, cast, truncated, zoned
from dovetail.expression.inverse_code import coalesced, codes, emptied
from dovetail.expression.inverse_join import joined
from dovetail.expression.inverse_layer import Ask, Layer, Profiling, Reversibility, refused, through
from dovetail.expression.inverse_number import absolute, arithmetic, bounded, negated, rounding
from dovetail.expression.inverse_simple import simplified, without_old
from dovetail.expression.inverse_text import NORMAL_FORMS, beginning, middle, normal_form, padded, part, replaced
from dovetail.expression.parse import Expression, column, from_tree, substitute
from dovetail.model.type import Type

__all__ = ["Inverse", "Profiling", "Reversibility", "declared", "invert", "received", "together"]

Writes = tuple[tuple[str, Expression], ...]

_ONE_TO_ONE = "each value has exactly one counterpart"
_AS_IT_IS = "the value is taken as it is"
_BY_HAND = "written by hand"


@dataclass(frozen=True, slots=True)
class Inverse:
    """How a cell is written: `writes` gives each column over the shared field and the member's own row (`old.x`).

    `creates` gives them for a row that does not exist yet; it reads no `old.x`. `reason` says why the cell is of its
    `kind`. Of
    `profile` the answers should be known before the cell is trusted.
    """

    writes: Writes
    kind: Reversibility
    reason: str
    profile: tuple[Profiling, ...] = ()
    creates: Writes = ()


@dataclass(frozen=True, slots=True)
class _Solution:
    """Columns with what to write into each; `lost` and `refused` as in a layer."""

    columns: Mapping[str, Expression] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    refused: str = ""
    owed: bool = False
    profile: tuple[Profiling, ...] = ()


def invert(read: Expression, *, shared: str, scope: Mapping[str, Type]) -> Inverse:
    """The writing direction of `read`, an expression over the member's columns (typed in `scope`).

    >>> from dovetail.expression.parse import parse
    >>> from dovetail.model.type import Kind
    >>> inverse = invert(parse("price_cents / 100"), shared="price", scope={"price_cents": Type(Kind.INTEGER)})
    >>> inverse.kind.value, [(column, write.text) for column, write in inverse.writes]
    ('lossless', [('price_cents', 'price * 100')])
    """
    ask = Ask(unwrapped(read.tree), column(shared), scope)
    found = _guarded(ask)
    if found.refused:
        return Inverse((), Reversibility.ONE_WAY, found.refused)
    fresh = _solved(ask, guarded=False)
    kind = Reversibility.RESTORE if found.lost else Reversibility.LOSSLESS
    return Inverse(
        writes=tuple((name, simplified(write)) for name, write in found.columns.items()),
        kind=kind,
        reason=_reason(read, found),
        profile=found.profile,
        creates=tuple((name, without_old(write)) for name, write in fresh.columns.items()),
    )


def _reason(read: Expression, found: _Solution) -> str:
    if found.lost:
        return "; ".join(dict.fromkeys(found.lost))
    return _AS_IT_IS if read.column else _ONE_TO_ONE


def _guarded(ask: Ask) -> _Solution:
    """As solved; but where something is lost, the member's own value stays as long as it reads as the wanted one."""
    found = _solved(ask, guarded=True)
    if found.refused or not found.lost:
        return found
    kept = {name: keeping(as_expression(ask.tree), ask.wanted, name, write) for name, write in found.columns.items()}
    return _Solution(kept, found.lost, profile=found.profile)


def keeping(read: Expression, wanted: Expression, name: str, write: Expression) -> Expression:
    """The old value of a column while the own row reads as what is wanted, else `write`."""
    template = "CASE WHEN r IS NOT DISTINCT FROM w THEN o ELSE v END"
    return filled(template, r=old(read), w=wanted, o=column(name, old=True), v=write)


def _solved(ask: Ask, *, guarded: bool) -> _Solution:
    """What to write into each column so that the tree gives what is wanted."""
    tree = ask.tree
    if isinstance(tree, exp.Column):
        return _Solution({tree.name: ask.wanted})
    if not has_fields(tree):
        return _Solution(refused="it reads no field")
    layer = _layer(ask)
    if layer.refused:
        return _Solution(refused=layer.refused)
    several = len(layer.parts) > 1
    solutions = []
    for inner, wanted in layer.parts:
        deeper = Ask(inner, wanted, ask.scope, None if several else layer.soft)
        solutions.append(_guarded(deeper) if several and guarded else _solved(deeper, guarded=guarded))
    return _settled(ask, layer, solutions)


def _settled(ask: Ask, layer: Layer, solutions: Sequence[_Solution]) -> _Solution:
    """The arguments' solutions put together, and the candidate checked where nobody further out will."""
    stopped = next((found.refused for found in solutions if found.refused), "")
    if stopped:
        return _Solution(refused=stopped)
    columns = {name: write for found in solutions for name, write in found.columns.items()}
    lost = ((layer.lost,) if layer.lost else ()) + tuple(words for found in solutions for words in found.lost)
    profile = layer.profile + tuple(asked for found in solutions for asked in found.profile)
    owed = layer.owed or any(found.owed for found in solutions) or _is_blurred(ask, solutions)
    if owed and ask.soft is None:
        columns = {name: _checked(ask, layer, columns, write) for name, write in columns.items()}
        owed = False
    return _Solution(columns, lost, owed=owed, profile=profile)


def _is_blurred(ask: Ask, solutions: Sequence[_Solution]) -> bool:
    """Whether one of several joined fields is read through a function that forgets: then a wrong cut would show.

    That `concat` shows null as empty makes no such difference."""
    harmless = 1 if isinstance(ask.tree, exp.Concat) else 0
    return len(solutions) > 1 and any(len(found.lost) > harmless for found in solutions)


def _checked(ask: Ask, layer: Layer, columns: Mapping[str, Expression], write: Expression) -> Expression:
    """The candidate where reading it gives what is expected; otherwise the row fails."""
    image = _image(ask, layer, columns)
    expected = layer.expected or ask.wanted
    template = "CASE WHEN i = e THEN v ELSE unmapped(w) END"
    return filled(template, i=image, e=expected, v=write, w=ask.wanted)


def _image(ask: Ask, layer: Layer, columns: Mapping[str, Expression]) -> Expression:
    """What reading gives. Where the arguments are exact it is enough to look at the outermost function."""
    if layer.soft is not None or len(layer.parts) > 1:
        return substitute(as_expression(ask.tree), columns)
    inner, answer = layer.parts[0]
    marked = exp.column("dovetail_argument")
    tree = ask.tree.copy().transform(lambda node: marked.copy() if node == inner else node, copy=False)
    return substitute(from_tree(tree), {"dovetail_argument": answer})


_TREES: dict[type[exp.Expression], Callable[[Ask], Layer]] = {
    exp.Add: arithmetic,
    exp.Case: codes,
    exp.Cast: cast,
    exp.Coalesce: coalesced,
    exp.Concat: joined,
    exp.DPipe: joined,
    exp.Div: arithmetic,
    exp.If: codes,
    exp.Mul: arithmetic,
    exp.Neg: negated,
    exp.Nullif: emptied,
    exp.Not: lambda ask: through(ask.tree.this, filled("NOT w", w=ask.wanted)),
    exp.Sub: arithmetic,
}

_CALLS: dict[str, Callable[[Ask], Layer]] = {
    **dict.fromkeys(NORMAL_FORMS, normal_form),
    "abs": absolute,
    "at_zone": zoned,
    "ceil": rounding,
    "ceiling": rounding,
    "date_trunc": truncated,
    "floor": rounding,
    "greatest": bounded,
    "in_zone": zoned,
    "least": bounded,
    "left": beginning,
    "lpad": padded,
    "replace": replaced,
    "right": beginning,
    "round": rounding,
    "rpad": padded,
    "split_part": part,
    "substr": middle,
    "substring": middle,
}

_ONE_WAY_CALLS = {
    **dict.fromkeys(("year", "month", "day", "hour", "minute"), "a part of a date does not say the rest"),
    **dict.fromkeys(("length", "strpos"), "a number about a text does not say the text"),
    **dict.fromkeys(
        ("starts_with", "ends_with", "contains", "regexp_matches"), "that a text matches does not say the text"
    ),
    "mod": "a remainder does not say what was divided",
    "sign": "a sign does not say the number",
    "unmapped": "it fails for every value",
}

_COMPARISONS = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Between, exp.Like,
    exp.Escape, exp.Is, exp.And, exp.Or,
)  # fmt: skip


def _layer(ask: Ask) -> Layer:
    """The outermost function of the tree, undone."""
    rule = _TREES.get(type(ask.tree))
    if rule is not None:
        return rule(ask)
    if isinstance(ask.tree, _COMPARISONS):
        return refused("a comparison does not say which value to write; list the values with `codes`")
    name, arguments = ask.call
    if name in _ONE_WAY_CALLS:
        return refused(_ONE_WAY_CALLS[name])
    undo = _CALLS.get(name)
    if undo is None:
        return refused(f"{name or 'it'} cannot be undone")
    if not has_fields(arguments[1 if name == "date_trunc" else 0]) and name not in ("greatest", "least"):
        return refused(f"{name} of a constant does not say what the field is")
    return undo(ask)


def declared(read: Expression, writes: Writes, *, shared: str, scope: Mapping[str, Type]) -> Inverse:
    """The class of a cell whose writing direction a person wrote.

    The own value is kept while it reads as the shared one, unless what is written is what would have been derived.
    """
    derived = invert(read, shared=shared, scope=scope)
    if dict(derived.writes) == dict(writes) or dict(derived.creates) == dict(writes):
        return derived
    kept = tuple((name, simplified(_keeping_own(read, shared, name, write))) for name, write in writes)
    fresh = tuple((name, without_old(write)) for name, write in writes)
    return Inverse(kept, Reversibility.RESTORE, _BY_HAND, derived.profile, fresh)


def _keeping_own(read: Expression, shared: str, name: str, write: Expression) -> Expression:
    """Kept only where the written value depends on nothing but this field."""
    return keeping(read, column(shared), name, write) if set(write.names) <= {shared} else write


def received(shared: str, given: Type) -> Expression:
    """An exact number from a shared field that is a float; a float that stands for no such number fails, and so does
    the negative zero, whose sign would be lost.

    >>> from dovetail.model.type import Kind
    >>> print(received("s", Type(Kind.INTEGER)).text[:82])
    CASE WHEN CAST(CAST(s AS BIGINT) AS DOUBLE) = s AND CAST(s AS TEXT) <> '-0.0' THEN
    """
    template = "CASE WHEN CAST(e AS DOUBLE) = w AND CAST(w AS TEXT) <> '-0.0' THEN e ELSE unmapped(w) END"
    return simplified(filled(template, w=column(shared), e=as_type(column(shared), given)))


def together(writes: Sequence[Expression], name: str) -> Expression | None:
    """One expression for a column that several cells write in part (`split_part`): each on what the former left.

    `None` where one of them would overwrite the others, because it does not look at what stands there.
    """
    whole = column(name, old=True)
    for write in writes:
        if name not in write.old_names:
            return None
        whole = _with_old(write, name, whole)
    return simplified(whole)


def _with_old(write: Expression, name: str, value: Expression) -> Expression:
    marked = "dovetail_old"

    def replace(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and node.table and node.name == name:
            return exp.Column(this=exp.to_identifier(marked))
        return node

    return substitute(from_tree(write.tree.copy().transform(replace, copy=False)), {marked: value})
