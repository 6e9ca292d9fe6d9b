"""Digests of rows, computed by the server over the exact bytes of their values, so that the rows need not travel.

Every text goes in as a digest of its own, whatever its collation calls equal; so a row's bytes stay few, and no sign
in a text can be taken for the end of it. What cannot be computed gives a number that never comes again, and the row is
read.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import DIGEST
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.mariadb.declared import declared, selected
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import column

FIELD = Field(DIGEST, Type(Kind.INTEGER))
"""How a digest travels."""

_LONG = frozenset({Kind.TEXT, Kind.BYTES, Kind.JSON, Kind.OPAQUE, Kind.UUID})
_HEX, _DECIMAL, _DIGITS = 16, 10, 16
_NOTHING = "-"


def of_row(dataset: Dataset, place: exp.Table, fields: Sequence[str]) -> exp.Expression:
    """The digest of a row, a whole number with a sign: of its key and those fields, whatever order they are named
    in."""
    return exp.Cast(this=_bits(dataset, place, fields, -_DECIMAL), to=exp.Var(this="SIGNED"))


def total(dataset: Dataset, place: exp.Table, fields: Sequence[str]) -> list[exp.Expression]:
    """How many rows there are, and the exclusive-or of their digests."""
    bits = exp.Cast(this=_bits(dataset, place, fields, _DECIMAL), to=exp.Var(this="UNSIGNED"))
    return [exp.Count(this=exp.Star()), exp.Cast(this=_call("bit_xor", bits), to=exp.Var(this="SIGNED"))]


def _bits(dataset: Dataset, place: exp.Table, fields: Sequence[str], base: int) -> exp.Expression:
    wanted = {*dataset.key, *fields}
    values = [_value(known(dataset, name), column(name, place)) for name in dataset.names if name in wanted]
    text = _call("md5", _call("concat_ws", exp.Literal.string(","), *values))
    left = _call("left", text, exp.Literal.number(_DIGITS))
    number = _call("conv", left, exp.Literal.number(_HEX), exp.Literal.number(base))
    return _call("ifnull", number, _call("uuid_short"))


def _value(field: Field, held: exp.Expression) -> exp.Expression:
    """The bytes of a value as the server would send them; of a text their digest."""
    base = declared(field.type.native).base
    is_long = field.type.kind in _LONG or base in ("set", "enum")
    shown = held if is_long else selected(field, held)
    content = exp.Cast(this=shown, to=exp.DataType(this=exp.DataType.Type.BINARY))
    return _call("ifnull", _call("md5", content) if is_long else content, exp.Literal.string(_NOTHING))


def _call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))
