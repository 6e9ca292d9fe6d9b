"""The layout of records of fixed width: which characters hold which field, and how its values are written there."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise, product

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.files.declared import check_names, declared_type
from dovetail.systems.files.form import FORM, has_form

ENDS: Mapping[str, str] = {"lf": "\n", "crlf": "\r\n", "nel": "\x85", "none": ""}
"""What may stand between records."""

_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)
_WIDTHS = {
    Kind.BOOLEAN: 5,
    Kind.INTEGER: 20,
    Kind.FLOAT: 24,
    Kind.DATE: 10,
    Kind.TIME: 15,
    Kind.TIMESTAMP: 26,
    Kind.INSTANT: 27,
    Kind.UUID: 36,
}
_WIDTH = 250


@dataclass(frozen=True, slots=True)
class Span:
    """Where one field stands and how it is written.

    `start` counts from 1; either `width` or `to` (its last character) says where it ends. `type` is as elsewhere, such
    as `decimal(9, 2)`; without it the field is text. `decimals` digits after a decimal sign that is not written are
    meant with it. `pad` fills what a value leaves free (a blank; `0` is usual for numbers), `align` is `left` or
    `right` (numbers: right). `sign` of a negative number is `leading` or `trailing`. `form` spells dates and times,
    such as `YYYYMMDD` or `HHMISS`. A field of nothing but blanks, or one of `nulls`, is null."""

    start: int
    width: int | None = None
    to: int | None = None
    type: str = "text"
    decimals: int | None = None
    pad: str = " "
    align: str | None = None
    sign: str = "leading"
    form: str | None = None
    nulls: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many characters it has."""
        return self.width if self.width is not None else (self.to or 0) - self.start + 1

    @property
    def end(self) -> int:
        """The character after its last one, counted from 0."""
        return self.start - 1 + self.size

    def cut(self, record: str) -> str:
        """Its characters in a record."""
        return record[self.start - 1 : self.end]


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells records of one type from others: the characters from `start` are `value`."""

    start: int
    value: str

    def is_on(self, record: str) -> bool:
        """Whether the record is of that type."""
        return record.startswith(self.value, self.start - 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """The records of one dataset.

    `fields` says where each field stands. `length` is that of every record, without the line end; without it, the end
    of the last field. `file` names the file (without its ending) where the dataset is called otherwise: several
    datasets may share one, told apart by `only`. `line_end` is `lf`, `crlf`, `nel` or `none`; without it, it is looked
    up in the file. `short: pad` takes shorter records for ones whose blanks at the end were cut off; else they are
    held. `filler` stands where no field does, in new records. With `write: append` rows are only added."""

    fields: Mapping[str, Span] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    length: int | None = None
    encoding: str | None = None
    line_end: str | None = None
    short: str = "hold"
    file: str | None = None
    only: Mark | None = None
    filler: str = " "
    write: str = "replace"

    @property
    def size(self) -> int:
        """The characters of a record."""
        return self.length or max((one.end for one in self.fields.values()), default=0)


def dataset_of(name: str, layout: Layout) -> Dataset:
    """The dataset that a layout describes."""
    check_names(layout.key, list(layout.fields), name)
    fields = tuple(
        Field(title, type_of(one, f"{name}.{title}"), nullable=title not in layout.key)
        for title, one in layout.fields.items()
    )
    words = f"records of {layout.size} characters, {layout.encoding or 'utf-8'}"
    return Dataset(name, DatasetKind.TABLE, fields, layout.key, comment=words)


def type_of(span: Span, where: str) -> Type:
    """The type of a field, as wide as its characters."""
    found = declared_type(span.type, where)
    if found.kind is Kind.TEXT and found.length is None:
        return replace(found, length=span.size)
    if found.kind is Kind.DECIMAL and span.decimals is not None:
        precision = min(max(span.size, span.decimals, 1), DECIMAL_PRECISION_MAX)
        return replace(found, precision=precision, scale=span.decimals)
    return found


def is_number(kind: Kind) -> bool:
    """Whether values of that kind stand at the right."""
    return kind in _NUMBERS


def check(name: str, layout: Layout) -> None:
    """Refuse a layout that cannot be meant."""
    for title, one in layout.fields.items():
        where = f"{name}.{title}"
        if one.start < 1 or (one.width is None) == (one.to is None) or one.size < 1:
            raise _wrong("a field needs `start` from 1, and either `width` or `to`", where)
        kind = type_of(one, where).kind
        if len(one.pad) != 1 or one.align not in (None, "left", "right") or one.sign not in ("leading", "trailing"):
            raise _wrong("`pad` is one character, `align` left or right, `sign` leading or trailing", where)
        if one.decimals is not None and (kind is not Kind.DECIMAL or not 0 <= one.decimals <= DECIMAL_PRECISION_MAX):
            raise _wrong("`decimals` (from 0) is for fields of the type `decimal`", where)
        if one.form is not None and not (has_form(kind) and FORM.search(one.form)):
            raise _wrong("`form` is for dates and times, such as YYYYMMDD", where)
        if one.end > layout.size:
            raise _wrong(f"the field ends after the record, which has {layout.size} characters", where)
    spans = sorted(layout.fields.items(), key=lambda pair: pair[1].start)
    for (left, one), (right, other) in pairwise(spans):
        if other.start - 1 < one.end:
            raise _wrong(f"the fields {left} and {right} overlap", name)
    if layout.line_end not in (None, *ENDS) or layout.short not in ("hold", "pad") or len(layout.filler) != 1:
        raise _wrong("`line_end` is lf, crlf, nel or none; `short` hold or pad; `filler` one character", name)
    _check_encoding(name, layout)


def made_for(dataset: Dataset) -> Layout:
    """A layout in which values of a dataset find room, for one that nobody declared."""
    spans: dict[str, Span] = {}
    start = 1
    for one in dataset.fields:
        kind = one.type
        width = _WIDTHS.get(kind.kind, kind.length or _WIDTH)
        if kind.kind is Kind.DECIMAL:
            width = DECIMAL_PRECISION_MAX + 2
        words = str(kind.kind) if kind.kind is not Kind.OPAQUE else "text"
        if kind.kind is Kind.DECIMAL and kind.precision is not None:
            words = f"decimal({kind.precision}, {kind.scale or 0})"
        spans[one.name] = Span(start, width, type=words)
        start += width
    return Layout(spans, dataset.key)


def dumped(layout: Layout) -> str:
    """A layout as text."""
    return json.dumps(asdict(layout))


def loaded(text: str) -> Layout:
    """The layout of that text."""
    found = json.loads(text)
    spans = {name: Span(**{**one, "nulls": tuple(one["nulls"])}) for name, one in found["fields"].items()}
    only = Mark(**found["only"]) if found["only"] else None
    return Layout(**{**found, "fields": spans, "key": tuple(found["key"]), "only": only})


def _check_encoding(name: str, layout: Layout) -> None:
    encoding = layout.encoding or "utf-8"
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise _wrong(f"no encoding is called {encoding!r}", name) from None
    if layout.line_end == "none" and any(_is_one(bytes(pair), encoding) for pair in product(range(256), repeat=2)):
        raise _wrong("records without line ends need an encoding of one byte a character, such as cp037", name)


def _is_one(pair: bytes, encoding: str) -> bool:
    """Whether two bytes make one character."""
    try:
        return len(pair.decode(encoding)) == 1
    except UnicodeDecodeError:
        return False


def _wrong(words: str, where: str) -> DeclarationError:
    hint = "docs/reference/connectors.md says what a layout holds"
    return DeclarationError(f"the layout cannot be meant: {words}", where=where, hint=hint, code="DV-355")
