"""Detects the type of a field from all its values: the first of a row of types that all of them fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.files.carry import SHAPES, TRUTH, Spelling, convert

NULLS = ("NULL", "null", "\\N", "NA", "N/A", "n/a", "#N/A", "None", "-")
"""Texts that mean null in a field where every other value is a number, a date or the like; never in a text field."""

_KINDS = (
    Kind.INTEGER,
    Kind.DECIMAL,
    Kind.FLOAT,
    Kind.BOOLEAN,
    Kind.DATE,
    Kind.TIMESTAMP,
    Kind.INSTANT,
    Kind.TIME,
    Kind.UUID,
)
_WIDER = {Kind.INTEGER: (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT), Kind.DECIMAL: (Kind.DECIMAL, Kind.FLOAT)}
_CALENDAR = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME)
_PATTERNS = {
    Kind.INTEGER: r"^(0|-?[1-9]\d{0,17})$",
    Kind.FLOAT: r"^-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d+)?$",
}
"""Where detecting asks for more than reading: long digits are codes, and so are those with zeros before them."""

_COMMA = r"^-?(0|[1-9]\d*)(,\d+)?$"
_GROUPED = r"^-?[1-9]\d{0,2}[.,]\d{3}$"
_FLOAT_DIGITS = 15
"""A decimal number of so many digits is always the shortest spelling of its 64-bit float."""


@dataclass(slots=True)
class Sight:
    """What has been seen of one field: the kinds that all values so far fit, and how wide its numbers are."""

    decimal: str = "."
    kinds: tuple[Kind, ...] = _KINDS
    is_filled: bool = False
    nulls: set[str] = field(default_factory=set)
    scale: int = 0
    whole: int = 0
    has_ungrouped: bool = False
    truth: tuple[str, str] = TRUTH

    def see(self, raw: pa.Array) -> None:
        """Take in the values of one batch: texts, or their UTF-8 bytes."""
        if not self.kinds or raw.null_count == len(raw):
            return
        try:
            texts = raw.cast(pa.string())
        except pa.ArrowInvalid:
            self.kinds = ()
            return
        if self._fits(texts, self.kinds[0]):
            self._keep(texts, self.kinds[0])
            return
        spelled = pc.is_in(texts, pa.array(NULLS, pa.string()))
        if pc.any(spelled).as_py():
            self.nulls.update(pc.unique(texts.filter(spelled)).to_pylist())
        texts = texts.filter(pc.and_(pc.invert(spelled), pc.not_equal(texts, "")))
        if len(texts):
            self._narrow(texts)

    def spelling(self) -> Spelling:
        """What the field is, now that all is seen."""
        kind = self.kinds[0] if self.kinds and self.is_filled else Kind.TEXT
        if kind is Kind.DECIMAL and not self._is_decimal():
            kind = Kind.TEXT
        if kind is Kind.TEXT:
            is_blank = bool(self.kinds) and not self.is_filled and not self.nulls
            return Spelling(Type(Kind.TEXT, native="null" if is_blank else "text"))
        found = Type(kind, native=str(kind))
        if kind is Kind.DECIMAL:
            found = Type(kind, precision=DECIMAL_PRECISION_MAX, scale=self.scale, native=str(kind))
        sign = self.decimal if kind in (Kind.DECIMAL, Kind.FLOAT) else "."
        return Spelling(found, tuple(sorted(self.nulls)), sign)

    def _is_decimal(self) -> bool:
        """Whether the digits fit one exact type (long ones without a sign are codes), and a sign before three digits is
        not one that groups thousands."""
        fits = self.scale > 0 and self.scale + self.whole <= DECIMAL_PRECISION_MAX
        return fits and (self.decimal == "." or self.has_ungrouped)

    def _narrow(self, texts: pa.Array) -> None:
        for kind in self.kinds:
            if self._fits(texts, kind):
                self._keep(texts, kind)
                return
        self.kinds = ()

    def _keep(self, texts: pa.Array, kind: Kind) -> None:
        if self.is_filled:
            self.kinds = self.kinds[self.kinds.index(kind) :]
        else:
            self.kinds = _WIDER.get(kind, (kind,))
            self.is_filled = True
        if Kind.DECIMAL in self.kinds:
            self._measure(texts)

    def _fits(self, texts: pa.Array, kind: Kind) -> bool:
        pattern = _PATTERNS.get(kind, SHAPES[kind])
        if kind is Kind.DECIMAL and self.decimal == ",":
            pattern = _COMMA
        if kind is Kind.BOOLEAN and self.truth != TRUTH:
            pattern = f"^({'|'.join(map(re.escape, self.truth))})$"
        if not pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py():
            return False
        if kind is Kind.FLOAT:
            return self.decimal == "." and self.scale + self.whole <= _FLOAT_DIGITS and _are_floats(texts)
        try:
            convert(texts, Type(kind)) if kind in _CALENDAR else None
        except (pa.ArrowException, OverflowError, ValueError):
            return False
        return True

    def _measure(self, texts: pa.Array) -> None:
        texts = pc.drop_null(texts)
        places = pc.subtract(pc.binary_length(texts), pc.add(pc.find_substring(texts, self.decimal), 1))
        has_sign = pc.match_substring(texts, self.decimal)
        places = pc.if_else(has_sign, places, 0)
        wholes = pc.subtract(pc.subtract(pc.binary_length(texts), places), pc.cast(has_sign, pa.int32()))
        self.scale = max(self.scale, pc.max(places).as_py())
        self.whole = max(self.whole, pc.max(wholes).as_py())
        if self.decimal == "," and not self.has_ungrouped:
            signed = texts.filter(has_sign)
            self.has_ungrouped = not pc.all(pc.match_substring_regex(signed, _GROUPED), min_count=0).as_py()


def _are_floats(texts: pa.Array) -> bool:
    """Whether every text is, to the digit, the shortest spelling of the 64-bit float that it stands for."""
    given = (text for text in texts.to_pylist() if text is not None)
    return all(Decimal(text) == Decimal(repr(float(text))) for text in given)
