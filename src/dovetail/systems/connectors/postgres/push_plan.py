"""Everything that is asked of a row, made SQL of PostgreSQL; or why that cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from dovetail.errors import DeclarationError
from dovetail.expression.parse import Expression
from dovetail.expression.types import resolve
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres.carry import FIELD_BYTES_MAX
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.push_casts import FIRST_DAY, LAST_DAY, fitted
from dovetail.systems.connectors.postgres.push_piece import (
    SQL,
    Piece,
    Unpushable,
    any_of,
    binary,
    bound,
    bytewise,
    call,
    constant,
    doubts_of,
    is_not_null,
    is_null,
    negated,
    null_of,
    text,
    too_fine,
)
from dovetail.systems.connectors.postgres.push_translate import translate
from dovetail.systems.push import Asked, Computed, Landing, Lookup, Refusal, Wire
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column

FORMAT = "postgres-copy-binary"
"""The rows as `COPY ... (FORMAT binary)` sends and takes them."""

_FREE_WHOLE, _FREE_PLACES = 20, 18
_WIRES: dict[Kind, tuple[str, ...]] = {
    Kind.BOOLEAN: ("bool",),
    Kind.INTEGER: ("int2", "int4", "int8"),
    Kind.DECIMAL: ("numeric",),
    Kind.FLOAT: ("float8",),
    Kind.TEXT: ("text", "varchar", "bpchar", "enum"),
    Kind.BYTES: ("bytea",),
    Kind.DATE: ("date",),
    Kind.TIME: ("time",),
    Kind.TIMESTAMP: ("timestamp",),
    Kind.INSTANT: ("timestamptz",),
    Kind.UUID: ("uuid",),
    Kind.JSON: ("json", "jsonb"),
}
"""The built-in types whose binary form is proved the same as what is read and written the general way."""


@dataclass(frozen=True, slots=True)
class Computing:
    """The SQL of everything that was asked, over the dataset's own columns and the `steps`, which are to be selected
    first.

    `doubt` is true, never null, where a row must go the general way; where it is false, each of `values` is exactly
    what belongs into the target's field of that name. `wanted` is never null either."""

    steps: Mapping[str, SQL]
    doubt: SQL
    wanted: SQL
    values: Mapping[str, SQL]


def computing(dataset: Dataset, place: exp.Table, asked: Asked, landing: Landing) -> Computing | Refusal:
    """The SQL for rows that are selected from `place`."""
    try:
        found = _computing(dataset, place, asked, landing)
    except Unpushable as reason:
        return Refusal(str(reason))
    except (DeclarationError, RecursionError) as error:
        return Refusal(f"an expression cannot be computed there: {error}")
    steps, values = ({name: _kept(tree) for name, tree in trees.items()} for trees in (found.steps, found.values))
    return Computing(steps, _kept(found.doubt), _kept(found.wanted), values)


def _kept(tree: SQL) -> SQL:
    """The tree, written out once for all statements."""
    return exp.Var(this=POSTGRES.sql(tree))


def _computing(dataset: Dataset, place: exp.Table, asked: Asked, landing: Landing) -> Computing:
    if dataset.kind is not DatasetKind.TABLE:
        raise Unpushable(f"{dataset.name} is no table")
    if landing.format != FORMAT:
        raise Unpushable(f"the target does not take {FORMAT}")
    own = {name: field_piece(place, name, given) for name, given in asked.scope.items()}
    where = _condition(asked.where, own, asked.scope) if asked.where is not None else None
    shared = {one.name: _named(one, own, asked.scope) for one in asked.shared}
    known, steps = _stepped(place, shared, asked)
    scope = {name: piece.type for name, piece in known.items() if piece.type is not None}
    asks = [_condition(one.expression, known, scope) for one in asked.asks]
    outputs = [_landed(one, known, scope, landing) for one in asked.outputs]
    doubts = [doubt for name in asked.reads for doubt in unreadable(column(name, place), asked.scope[name])]
    doubts += doubts_of(*shared.values(), *known.values(), *outputs, *asks)
    doubts += [exp.Paren(this=exp.Is(this=ask.copy(), expression=exp.false())) for ask in asks]
    doubt = any_of(list(dict.fromkeys(doubts)))
    wanted: SQL = exp.true()
    if where is not None:
        wanted = exp.Paren(this=exp.Is(this=where.copy(), expression=exp.true()))
        doubt = any_of([*where.doubts, binary(exp.And, wanted.copy(), doubt)])
    inline = {name: _followed(_trusted(piece), asked.lookups.get(name)) for name, piece in shared.items()}
    values = {one.name: _landed(one, inline, scope, landing).value for one in asked.outputs}
    return Computing(steps, exp.Paren(this=exp.Is(this=doubt, expression=exp.true())), wanted, values)


def _stepped(place: exp.Table, shared: Mapping[str, Piece], asked: Asked) -> tuple[dict[str, Piece], dict[str, SQL]]:
    """The shared values as columns of their own, so that nothing is computed twice for one row."""
    known: dict[str, Piece] = {}
    steps: dict[str, SQL] = {}
    for at, (name, piece) in enumerate(shared.items()):
        trusted = _trusted(piece)
        if piece.raw is None:
            step = f"{STEP}{at}"
            steps[step] = trusted.value
            held: SQL = column(step, place)
            held = bytewise(held) if trusted.kind is Kind.TEXT else held
            trusted = Piece(held, trusted.type, (), trusted.most)
        known[name] = _followed(trusted, asked.lookups.get(name))
    return known, steps


STEP = "dovetail_step"
"""How the columns of steps are called, with a number behind."""


def field_piece(place: exp.Table, name: str, given: Type) -> Piece:
    """A field of the dataset, as something to compute with."""
    raw = column(name, place)
    value: SQL = raw
    if given.kind in (Kind.TEXT, Kind.UUID, Kind.JSON):
        value = bytewise(raw.copy())
    return Piece(value, given, (), bound(given), raw, given)


def unreadable(held: SQL, given: Type) -> list[SQL]:
    """When a value of the field cannot be carried, so that its row cannot be read the general way."""
    match given.kind:
        case Kind.DECIMAL if given.precision is not None:
            return [binary(exp.EQ, held, cast(exp.Literal.string("NaN"), "numeric"))]
        case Kind.DECIMAL:
            is_small = binary(exp.LT, call("abs", held.copy()), constant(10**_FREE_WHOLE))
            return [negated(is_small), too_fine(held, _FREE_PLACES)]
        case Kind.TEXT | Kind.JSON if given.length is None:
            return [_larger(bytewise(held))]
        case Kind.BYTES:
            return [_larger(held)]
        case Kind.DATE | Kind.TIMESTAMP | Kind.INSTANT:
            return [_far(held, given.kind)]
        case Kind.TIME:
            return [binary(exp.EQ, held, cast(exp.Literal.string("24:00:00"), "time"))]
    return []


def _larger(value: SQL) -> SQL:
    return binary(exp.GT, call("octet_length", value), exp.Literal.number(FIELD_BYTES_MAX))


def _far(held: SQL, kind: Kind) -> SQL:
    name = {Kind.DATE: "date", Kind.TIMESTAMP: "timestamp"}.get(kind, "timestamptz")
    tail = {Kind.DATE: "", Kind.TIMESTAMP: " 23:59:59.999999"}.get(kind, " 23:59:59.999999+00")
    first = FIRST_DAY if kind is not Kind.INSTANT else f"{FIRST_DAY} 00:00:00+00"
    low, high = (cast(exp.Literal.string(one), name) for one in (first, LAST_DAY + tail))
    return negated(exp.Between(this=held, low=low, high=high))


def _condition(expression: Expression, names: Mapping[str, Piece], scope: Mapping[str, Type]) -> Piece:
    piece = _computed(expression, names, scope)
    if piece.type is None:
        return Piece(cast(exp.Null(), "boolean"), Type(Kind.BOOLEAN), piece.doubts)
    return piece


def _computed(expression: Expression, names: Mapping[str, Piece], scope: Mapping[str, Type]) -> Piece:
    if expression.old_names:
        raise Unpushable("a new row has no old values")
    return translate(resolve(expression, scope), names)


def _named(one: Computed, names: Mapping[str, Piece], scope: Mapping[str, Type]) -> Piece:
    """A value that was asked for by name; its refusal names it."""
    try:
        piece = _computed(one.expression, names, scope)
        return fitted(piece, one.fit) if one.fit is not None else piece
    except Unpushable as reason:
        raise Unpushable(f"{one.name}: {reason}") from None


def _trusted(piece: Piece) -> Piece:
    """The piece without its doubts, which are the row's anyway."""
    given = piece.type or Type(Kind.TEXT)
    value = piece.value if piece.type is not None else null_of(given)
    return Piece(value, given, (), piece.most, piece.raw, piece.origin)


def _followed(piece: Piece, lookup: Lookup | None) -> Piece:
    """What a reference leads to, by its list: an object of JSON finds one of thousands at once."""
    if lookup is None:
        return piece
    if piece.kind not in _KEYS or lookup.type.kind not in _KEYS:
        raise Unpushable(f"{lookup.name}: a reference of {piece.type} is not followed there")
    if len(lookup.pairs) > PAIRS_MAX:
        raise Unpushable(f"{lookup.name}: the list has more than {PAIRS_MAX} entries")
    if any("\x00" in part for pair in lookup.pairs.items() for part in pair):
        raise Unpushable("PostgreSQL has no texts with the character NUL")
    if lookup.type.kind is Kind.INTEGER and not all(_WHOLE.fullmatch(value) for value in lookup.pairs.values()):
        raise Unpushable(f"{lookup.name}: the list holds what is no whole number")
    pairs = cast(exp.Literal.string(json.dumps(dict(lookup.pairs), ensure_ascii=False)), "jsonb")
    found = call("jsonb_object_field_text", pairs, cast(piece.copy(), "text"))
    unknown = binary(exp.And, is_not_null(piece.copy()), is_null(found.copy()))
    value = cast(found, "bigint") if lookup.type.kind is Kind.INTEGER else bytewise(found)
    return Piece(value, lookup.type, (unknown,), bound(lookup.type))


_WHOLE = re.compile("-?[0-9]{1,18}")

PAIRS_MAX = 10_000
"""Entries at most in a list by which a reference is followed."""

_KEYS = (Kind.INTEGER, Kind.TEXT, Kind.UUID)


def _landed(one: Computed, names: Mapping[str, Piece], scope: Mapping[str, Type], landing: Landing) -> Piece:
    wire = landing.wires.get(one.name)
    if wire is None:
        raise Unpushable(f"{one.name}: the target does not say how it travels")
    piece = _named(Computed(one.name, one.expression, wire.type), names, scope)
    try:
        return _sent(piece, wire)
    except Unpushable as reason:
        raise Unpushable(f"{one.name}: {reason}") from None


def _sent(piece: Piece, wire: Wire) -> Piece:
    """The value in exactly the built-in type that the target takes."""
    kind = wire.type.kind
    if wire.name not in _WIRES.get(kind, ()):
        raise Unpushable(f"a field of {wire.type.native or wire.name} is not proved equal there")
    held = piece.raw.copy() if piece.raw is not None and kind is not Kind.TEXT else piece.copy()
    doubts: Sequence[SQL] = piece.doubts
    match kind:
        case Kind.TEXT:
            held = cast(held, "text")
            if wire.name == "bpchar":
                doubts = (*doubts, binary(exp.EQ, call("right", piece.copy(), exp.Literal.number(1)), text(" ")))
        case Kind.DECIMAL if wire.type.precision is None:
            held = call("trim_scale", cast(held, "numeric"))
        case Kind.JSON:
            held = _json(held, piece.origin, wire.name)
        case _:
            held = cast(held, wire.name)
    return Piece(held, wire.type, tuple(doubts), piece.most)


def _json(held: SQL, origin: Type | None, wire: str) -> SQL:
    if origin is None or (origin.native, wire) not in (("json", "json"), ("jsonb", "jsonb"), ("jsonb", "json")):
        raise Unpushable("this JSON is not proved equal there")
    return held if origin.native == wire else cast(cast(held, "text"), wire)
