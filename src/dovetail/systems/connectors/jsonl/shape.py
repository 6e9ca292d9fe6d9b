"""What a file of JSON lines holds: its fields in the order in which they appear, and the type that all values fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.connectors.jsonl.lines import Line, lines
from dovetail.systems.files.declared import Declared, check_names, declared_type
from dovetail.systems.files.detect import Sight

NESTED = "json"
"""The native name of a field whose values stand in the line as JSON, not as a text that holds JSON."""

TEXTS = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME, Kind.UUID)
"""What a text may be besides a text, where all texts of its field are."""

_BITS = 64
_NULL = type(None)


@dataclass(slots=True)
class Values:
    """What has been seen of one field: the classes of its values, and how wide its numbers are."""

    classes: set[type] = field(default_factory=set)
    texts: Sight = field(default_factory=lambda: Sight(kinds=TEXTS))
    least: int = 0
    most: int = 0
    scale: int = 0
    whole: int = 0
    are_floats: bool = True

    def see(self, values: Sequence[object]) -> None:
        """Take in some values."""
        here = set(map(type, values)) - {_NULL}
        self.classes |= here
        if here == {str} and self.classes == {str} and self.texts.kinds:
            try:
                self.texts.see(pa.array(values, pa.string()))
            except (UnicodeEncodeError, pa.ArrowException):
                self.texts.kinds = ()
        if int in here:
            whole = [value for value in values if type(value) is int]
            self.least, self.most = min(self.least, *whole), max(self.most, *whole)
        if Decimal in here:
            self._measure([value for value in values if type(value) is Decimal])

    def type(self) -> Type:
        """The type of the field, now that all is seen; `JSON` where values are of several kinds."""
        match self.classes:
            case set() if not self.classes:
                return Type(Kind.TEXT, native="null")
            case one if one == {str}:
                kind = self.texts.spelling().type.kind if not self.texts.nulls else Kind.TEXT
                return Type(kind, native=str(kind))
            case one if one == {bool}:
                return Type(Kind.BOOLEAN, native="boolean")
            case one if one <= {int, Decimal}:
                return self._number()
        return Type(Kind.JSON, native=NESTED)

    def _number(self) -> Type:
        widest = 2 ** (_BITS - 1)
        if self.classes == {int} and self.least >= -widest and self.most < widest:
            return Type(Kind.INTEGER, native="integer")
        whole = max(self.whole, len(str(max(-self.least, self.most))))
        if whole + self.scale <= DECIMAL_PRECISION_MAX:
            return Type(Kind.DECIMAL, precision=DECIMAL_PRECISION_MAX, scale=self.scale, native="decimal")
        return Type(Kind.FLOAT, native="float") if self.are_floats else Type(Kind.JSON, native=NESTED)

    def _measure(self, numbers: Sequence[Decimal]) -> None:
        for number in numbers:
            exponent = int(number.as_tuple().exponent)
            self.scale = max(self.scale, -exponent)
            self.whole = max(self.whole, number.adjusted() + 1)
        self.are_floats = self.are_floats and all(is_float(number) for number in numbers)


def is_float(number: Decimal) -> bool:
    """Whether the number is the shortest spelling of a 64-bit float."""
    return number == Decimal(repr(float(number)))


def detect(path: Path, declared: Declared, sample_rows: int | None, made: Dataset | None = None) -> Dataset:
    """The dataset that a file is, from its values, from what is declared, and from how it was made here."""
    found: dict[str, Values] = {name: Values() for name in made.names} if made is not None else {}
    rows: int | None = 0
    for part in lines(path):
        room = len(part) if sample_rows is None else sample_rows - (rows or 0)
        _see(found, part[:room])
        rows = (rows or 0) + len(part)
        if sample_rows is not None and rows >= sample_rows:
            rows = None
            break
    check_names(declared.key, list(found), path.name)
    check_names(tuple(declared.types), list(found), path.name)
    given = {name: declared_type(words, f"{path.name}: {name}") for name, words in declared.types.items()}
    fields = tuple(
        (made and made.field(name)) or Field(name, given.get(name) or values.type(), nullable=name not in declared.key)
        for name, values in found.items()
    )
    if made is not None:
        return replace(made, fields=fields, key=declared.key or made.key, rows=rows)
    return Dataset(path.stem, DatasetKind.TABLE, fields, declared.key, rows=rows, comment="JSON lines, UTF-8")


def _see(found: dict[str, Values], part: Sequence[Line]) -> None:
    names = dict.fromkeys(name for line in part for name in line.row)
    for name in names:
        found.setdefault(name, Values()).see([line.row.get(name) for line in part])
