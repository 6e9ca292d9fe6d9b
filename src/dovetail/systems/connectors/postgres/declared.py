"""PostgreSQL's types and ours: the proved list, how each is selected, and under which name it is written.

- `character(n)`: blanks at the end mean nothing there. It is carried without them, and a value that ends in a blank is
refused.
- `real` is carried as the 64-bit float of the same value; a value that needs more is refused when written.
- Domains are carried as what they are over, enumerations as texts.
- `numeric` that declares no scale, more than 38 digits or a scale outside of them: the first is carried with 18 decimal
places, the others
  as opaque text.
- Everything else is opaque: the type's own text, written back by the type's own reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.catalog import Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

_CATALOG = "pg_catalog"
_HEADER = 4
"""What PostgreSQL adds to the length, or to the packed precision, in a type modifier."""

_INTEGERS = {"int2": 2**15, "int4": 2**31}
_KINDS = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "float4": Kind.FLOAT,
    "float8": Kind.FLOAT,
    "numeric": Kind.DECIMAL,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "bytea": Kind.BYTES,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.INSTANT,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
}

_JSONB = "names are put into another order, of a doubled name the last value is kept, numbers and blanks are respelled"
_DRAWING = re.compile(r'(\w+\.|"[^"]+"\.)?(nextval|gen_random_uuid|uuidv4|uuidv7|uuid_generate_v\w+)\(')


@dataclass(frozen=True, slots=True)
class Stored:
    """A column's type as the catalog has it, domains resolved to what they are over.

    `written` is the type's name without bounds, for casts; `family` is PostgreSQL's letter: `e` for enumerations."""

    name: str
    schema: str
    modifier: int
    written: str
    native: str
    family: str = "b"

    @property
    def base(self) -> str:
        """The name of a built-in type, else nothing."""
        return self.name if self.schema == _CATALOG else ""

    @property
    def kind(self) -> Kind:
        """How values of this type are carried."""
        return logical(self).kind

    @property
    def decimals(self) -> int:
        """Decimal places of the seconds of a time."""
        return self.modifier if 0 <= self.modifier <= 6 else 6

    @property
    def is_rewritten(self) -> bool:
        """Whether what is read may be spelled otherwise than what was written."""
        return self.kind is Kind.OPAQUE or self.base == "jsonb"

    @property
    def rewrites(self) -> str:
        """What becomes of values of another type that are written here, in words; empty where nothing does."""
        return _JSONB if self.base == "jsonb" else ""


def logical(stored: Stored) -> Type:
    """The type in which values of a column travel.

    >>> str(logical(Stored("numeric", "pg_catalog", 786438, "numeric", "numeric(12,2)")))
    'decimal(12, 2)'
    """
    native = stored.native
    if stored.family == "e":
        return Type(Kind.TEXT, native=native)
    kind = _KINDS.get(stored.base, Kind.OPAQUE)
    if kind is Kind.DECIMAL:
        return _decimal(stored)
    if stored.base in _INTEGERS:
        bound = _INTEGERS[stored.base]
        return Type(kind, minimum=-bound, maximum=bound - 1, native=native)
    if kind is Kind.TEXT and stored.modifier >= _HEADER:
        return Type(kind, length=stored.modifier - _HEADER, native=native)
    return Type(kind, native=native)


def _decimal(stored: Stored) -> Type:
    if stored.modifier < _HEADER:
        return Type(Kind.DECIMAL, native=stored.native)
    packed = stored.modifier - _HEADER
    precision, scale = packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024
    if not 0 <= scale <= precision <= DECIMAL_PRECISION_MAX:
        return Type(Kind.OPAQUE, native=stored.native)
    return Type(Kind.DECIMAL, precision=precision, scale=scale, native=stored.native)


def selected(field: Field, column: exp.Expression) -> exp.Expression:
    """What is selected so that a field's text is exact and can be parsed."""
    match field.type.kind:
        case Kind.TEXT | Kind.JSON | Kind.UUID:
            return cast(column, "text")
        case Kind.BYTES:
            return exp.Anonymous(this="encode", expressions=[column, exp.Literal.string("hex")])
        case Kind.FLOAT:
            return cast(column, "float8")
    return column


def cast(value: exp.Expression, name: str) -> exp.Cast:
    """The value as a type, by the name that the server itself gives it.

    >>> cast(exp.Parameter(this=exp.Literal.number(1)), '"Sales".mood[]').sql("postgres")
    'CAST($1 AS "Sales".mood[])'
    """
    return exp.Cast(this=value, to=exp.Var(this=name))


def draws(default: str | None) -> bool:
    """Whether a default gives each row another value.

    >>> [draws(text) for text in ("nextval('order_id_seq'::regclass)", "public.uuid_generate_v4()", "'nextval('")]
    [True, True, False]
    """
    return default is not None and _DRAWING.match(default) is not None
