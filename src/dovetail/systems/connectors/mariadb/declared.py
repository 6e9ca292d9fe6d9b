"""The server's types and ours: what a declared type means, and how a column is selected so that nothing is lost.

- `TINYINT(1)` is a truth value (other numbers than 0 and 1 cannot be read), unless the setting `tinyint_1` says that it
  is a number. `BIT(1)` is a truth value, a longer `BIT` a number.
- `BIGINT UNSIGNED` and `BIT(64)`, which go beyond 64 bits with a sign, are decimals of 20 digits.
- `FLOAT` is carried as the 64-bit float of the same value: by itself the server would write six digits of it.
- `DATETIME` has no zone, `TIMESTAMP` is an instant. Zero dates, times below zero or of more than a day cannot be read.
- `DECIMAL` of more than 38 digits, `INET4` and `INET6` are opaque: their own text. Geometries and vectors are the
  hexadecimal digits of the bytes that the server stores.
- `JSON` of MariaDB is a `LONGTEXT` with the check that its name stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.catalog import Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.sql.dialect import MARIADB

BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
"""How wide whole numbers are."""

EXACT_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf16le", "utf32", "latin1", "binary"})
"""Character sets each of whose letters has one of Unicode; of others some have none, and become question marks."""

SHAPELESS = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection", "vector"}
)
"""Types that have no text of their own: they travel as hexadecimal digits."""

_UNSIGNED_BIG = 20
_BITS_MAX = 63
_YEAR_MAX = 2155
_COLLATED = " collate "
_BASE = re.compile(r"[a-z0-9]+")
_SIZES = re.compile(r"\((\d+)(?:,(\d+))?\)")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_KINDS = {
    "float": Kind.FLOAT,
    "double": Kind.FLOAT,
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), Kind.TEXT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Kind.BYTES),
    "date": Kind.DATE,
    "time": Kind.TIME,
    "datetime": Kind.TIMESTAMP,
    "timestamp": Kind.INSTANT,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
}
_DECIMALS = ("decimal", "numeric", "fixed")
_JSON = "names are put into another order, of a doubled name the last value is kept, numbers and blanks are respelled"
_REWRITES = {
    "json": _JSON,
    "inet4": "addresses are respelled",
    "inet6": "addresses are respelled",
}
_SIZED = ("char", "varchar", "binary", "varbinary")
_DRAWING = re.compile(r"\(*(?:nextval|uuid|uuid_short|uuid_v4|uuid_v7|sys_guid|uuid_to_bin)\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """A column's type as the server writes it (`varchar(30)`, `int(10) unsigned`), and the collation of a text.

    `is_json` where a check keeps the text a JSON document."""

    text: str
    collation: str = ""
    is_json: bool = False

    @property
    def native(self) -> str:
        """Type and collation in one text, from which `declared` reads them back."""
        return f"{self.text}{_COLLATED}{self.collation}" if self.collation else self.text

    @property
    def base(self) -> str:
        """The name of the type alone."""
        found = _BASE.match(self.text.lower())
        return found.group() if found else ""

    @property
    def charset(self) -> str:
        """The character set of the collation; empty where the column has none."""
        return self.collation.partition("_")[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers in brackets."""
        found = _SIZES.search(self.text) if self.base not in ("enum", "set") else None
        return tuple(int(size) for size in found.groups() if size is not None) if found else ()

    @property
    def rewrites(self) -> str:
        """What becomes of values of another type that are written here, in words; empty where nothing does.

        >>> Declared("json").rewrites[:18], Declared("longtext", is_json=True).rewrites, Declared("double").rewrites
        ('names are put into', '', '')
        """
        base, sizes = self.base, self.sizes
        if base in ("float", "double") and len(sizes) > 1:
            return "digits beyond the decimal places are rounded"
        if base in _DECIMALS and sizes and sizes[0] > DECIMAL_PRECISION_MAX:
            return "digits beyond the decimal places are rounded, missing ones are filled up"
        if self.charset and self.charset not in {*EXACT_CHARSETS, "ascii"}:
            return "letters may be replaced by others of the column's character set"
        return _REWRITES.get(base, "")


def declared(native: str) -> Declared:
    """The parts of the text that `Declared.native` made.

    >>> declared("varchar(30) collate latin1_swedish_ci").charset
    'latin1'
    """
    text, _, collation = native.rpartition(_COLLATED)
    return Declared(text, collation) if text else Declared(native)


def logical(stored: Declared, *, truth: bool = True) -> Type:
    """The type in which values of a column travel; `truth` where `TINYINT(1)` is a truth value.

    >>> str(logical(Declared("decimal(12,2) unsigned"))), str(logical(Declared("bigint(20) unsigned")))
    ('decimal(12, 2)', 'decimal(20, 0)')
    """
    native, base, sizes = stored.native, stored.base, stored.sizes
    if base in BITS:
        return _integer(stored, truth=truth)
    if base == "bit":
        return _bits(sizes[0] if sizes else 1, native)
    if base == "year":
        return Type(Kind.INTEGER, minimum=0, maximum=_YEAR_MAX, native=native)
    if base in _DECIMALS:
        precision, scale = (*sizes, 0)[:2] if sizes else (10, 0)
        if precision > DECIMAL_PRECISION_MAX:
            return Type(Kind.OPAQUE, native=native)
        return Type(Kind.DECIMAL, precision=precision, scale=scale, native=native)
    if stored.is_json:
        return Type(Kind.JSON, native=native)
    length = sizes[0] if base in _SIZED and sizes else None
    return Type(_KINDS.get(base, Kind.OPAQUE), length=length, native=native)


def _integer(stored: Declared, *, truth: bool) -> Type:
    bits, is_unsigned = BITS[stored.base], "unsigned" in stored.text
    if truth and stored.text == "tinyint(1)":
        return Type(Kind.BOOLEAN, native=stored.native)
    if stored.base == "bigint":
        if is_unsigned:
            return Type(Kind.DECIMAL, precision=_UNSIGNED_BIG, scale=0, native=stored.native)
        return Type(Kind.INTEGER, native=stored.native)
    least, most = (0, 2**bits - 1) if is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return Type(Kind.INTEGER, minimum=least, maximum=most, native=stored.native)


def _bits(width: int, native: str) -> Type:
    if width == 1:
        return Type(Kind.BOOLEAN, native=native)
    if width > _BITS_MAX:
        return Type(Kind.DECIMAL, precision=_UNSIGNED_BIG, scale=0, native=native)
    return Type(Kind.INTEGER, minimum=0, maximum=2**width - 1, native=native)


def labels(stored: Declared) -> tuple[str, ...]:
    """The labels of an enumeration, in its order.

    >>> labels(Declared("enum('a','it''s')"))
    ('a', "it's")
    """
    if stored.base != "enum":
        return ()
    return tuple(label.replace("''", "'") for label in _LABEL.findall(stored.text))


def draws(default: str | None) -> bool:
    """Whether a default gives each row another value.

    >>> [draws(text) for text in ("uuid()", "nextval(`shop`.`ids`)", "'uuid()'", "uuid", "(uuid_to_bin(uuid()))")]
    [True, True, False, False, True]
    """
    return default is not None and _DRAWING.match(default) is not None


def selected(field: Field, column: exp.Expression) -> exp.Expression:
    """What is selected so that a field's text is exact."""
    stored = declared(field.type.native)
    base = stored.base
    if base == "float":
        return exp.Cast(this=column, to=exp.Var(this="DOUBLE"))
    if base == "bit":
        return exp.Cast(this=column, to=exp.Var(this="UNSIGNED"))
    if base in SHAPELESS:
        return exp.Anonymous(this="hex", expressions=[column])
    if stored.charset and stored.charset not in EXACT_CHARSETS:
        return _proved(column, stored.charset)
    return column


def _proved(column: exp.Expression, charset: str) -> exp.Expression:
    """The bytes of a text in UTF-8; where it would not become the same text again, a byte that no text has."""
    again = _converted(_converted(column, "utf8mb4"), charset)
    same = exp.NullSafeEQ(this=_bytes(again), expression=_bytes(column.copy()))
    wrong = exp.HexString(this="FF")
    return exp.If(this=same, true=_bytes(_converted(column.copy(), "utf8mb4")), false=wrong)


def _converted(text: exp.Expression, charset: str) -> exp.Expression:
    letters = exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.Var(this=charset))
    return exp.Cast(this=text, to=letters)


def _bytes(text: exp.Expression) -> exp.Expression:
    return exp.Cast(this=text, to=exp.DataType(this=exp.DataType.Type.BINARY))


def sql(tree: exp.Expression) -> str:
    """The statement as text."""
    return MARIADB.sql(tree)
