"""From texts to Arrow columns: whole columns at once where all values have the shape of their type."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type
from dovetail.systems.files.form import all_usual

_DAY_SHAPE = r"\d{4}-\d\d-\d\d"
_CLOCK_SHAPE = r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?"

SHAPES: dict[Kind, str] = {
    Kind.BOOLEAN: r"^(true|false|True|False|TRUE|FALSE)$",
    Kind.INTEGER: r"^(0|-?[1-9]\d{0,18})$",
    Kind.DECIMAL: r"^-?(0|[1-9]\d*)(\.\d+)?$",
    Kind.FLOAT: r"^(-?\d+(\.\d*)?([eE][+-]?\d+)?|-?inf|nan)$",
    Kind.DATE: f"^{_DAY_SHAPE}$",
    Kind.TIME: f"^{_CLOCK_SHAPE}$",
    Kind.TIMESTAMP: f"^{_DAY_SHAPE}[ T]{_CLOCK_SHAPE}$",
    Kind.INSTANT: rf"^{_DAY_SHAPE}[ T]{_CLOCK_SHAPE}(Z|[+-]\d\d:?\d\d)$",
    Kind.UUID: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    Kind.BYTES: r"^\\x([0-9a-f]{2})*$",
}
"""How a value of each kind is spelled; kinds that are not here may be any text."""

_LOOSE: dict[Kind, str] = {
    Kind.INTEGER: r"^[+-]?\d{1,19}$",
    Kind.DECIMAL: r"^[+-]?(\d+(\.\d*)?|\.\d+)$",
    Kind.TIMESTAMP: f"^{_DAY_SHAPE}([ T]{_CLOCK_SHAPE})?$",
}
"""How a value may be spelled where a person declared the type: a code 007 is then the number 7."""

_WORDS = {
    Kind.BOOLEAN: "neither true nor false",
    Kind.INTEGER: "not a whole number of 64 bits",
    Kind.DECIMAL: "not a decimal number that fits",
    Kind.FLOAT: "not a number that a 64-bit float holds",
    Kind.DATE: "not a date as 2024-12-31",
    Kind.TIME: "not a time as 23:59:59",
    Kind.TIMESTAMP: "not a time stamp as 2024-12-31 23:59:59",
    Kind.INSTANT: "not a time stamp with its zone, as 2024-12-31 23:59:59+01:00",
    Kind.UUID: "not a UUID in lower case with hyphens",
    Kind.BYTES: r"not bytes as \x00ff",
}


TRUTH = ("true", "false")
"""The usual texts for true and false."""

_GUARDED = r"^'('*[=+\-@\t\r])"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the values of one field are written: its type, the texts that mean null, the decimal sign, whether only the
    usual spelling counts (`is_strict`), so that nothing such as 007 loses its zeros, the texts for true and false, and
    whether a text that a spreadsheet would take for a formula has an apostrophe before it (`is_guarded`), and the
    form of dates and times, such as DD.MM.YYYY, where it is not the usual one."""

    type: Type
    nulls: tuple[str, ...] = ()
    decimal: str = "."
    is_strict: bool = True
    truth: tuple[str, str] = TRUTH
    is_guarded: bool = False
    form: str = ""

    @property
    def shape(self) -> str | None:
        """The pattern of a value with a point as decimal sign; `None` where any text will do."""
        kind = self.type.kind
        return SHAPES.get(kind) if self.is_strict else _LOOSE.get(kind, SHAPES.get(kind))

    def of_kind(self, kind: Type) -> Spelling:
        """The same for another type."""
        return replace(self, type=kind)


@dataclass(frozen=True, slots=True)
class Carried:
    """A column in its carrier; `failed` are the rows whose value it cannot hold, for the reason in `words`."""

    column: pa.Array
    failed: tuple[int, ...] = ()
    words: str = ""


def carry(raw: pa.Array, spelling: Spelling) -> Carried:
    """A column of texts (or of their UTF-8 bytes) in the carrier of its type; what does not fit is null and failed."""
    try:
        texts = raw if raw.type == pa.string() else raw.cast(pa.string())
    except pa.ArrowInvalid:
        return _undecodable(raw, spelling)
    pattern = spelling.shape
    if pattern is None:
        bare = pc.replace_substring_regex(texts, _GUARDED, r"\1") if spelling.is_guarded else texts
        return _short(bare, spelling)
    if spelling.truth != TRUTH and spelling.type.kind is Kind.BOOLEAN:
        for given, usual in zip(spelling.truth, TRUTH, strict=True):
            texts = pc.if_else(pc.equal(texts, given), usual, texts)
        raw = texts
    texts = without_nulls(texts, spelling)
    if spelling.decimal != "." and spelling.type.kind in (Kind.DECIMAL, Kind.FLOAT):
        texts = pc.replace_substring(_only(texts, pc.invert(pc.match_substring(texts, "."))), spelling.decimal, ".")
    if spelling.form:
        texts = all_usual(texts, spelling.form, spelling.type.kind)
    fits = pc.match_substring_regex(texts, pattern)
    if pc.all(fits, min_count=0).as_py() is not False and texts.null_count == raw.null_count:
        try:
            return Carried(convert(texts, spelling.type))
        except (pa.ArrowException, OverflowError, ValueError):
            pass
    return _each(without_nulls(raw.cast(pa.string()), spelling), _only(texts, fits), spelling)


def without_nulls(texts: pa.Array, spelling: Spelling) -> pa.Array:
    """The texts, null where a text means null; in a field that is not text the empty one does too."""
    nulls = [*spelling.nulls, *([] if spelling.shape is None else [""])]
    if not nulls:
        return texts
    means_null = pc.is_in(texts, pa.array(nulls, pa.string()))
    return _only(texts, pc.invert(means_null)) if pc.any(means_null).as_py() else texts


def convert(texts: pa.Array, kind: Type) -> pa.Array:
    """Texts of the right shape in the carrier; raises an Arrow error where one has no value."""
    match kind.kind:
        case Kind.DECIMAL:
            return _decimals(texts, kind)
        case Kind.TIME:
            stamps = pc.binary_join_element_wise(pa.scalar("1970-01-01 "), texts, "").cast(pa.timestamp("us"))
            return stamps.cast(pa.time64("us"))
        case Kind.DATE | Kind.TIMESTAMP | Kind.INSTANT:
            if pc.any(pc.less(texts, pa.scalar("0001"))).as_py():
                raise ValueError("the year 0")
            return texts.cast(kind.arrow())
        case Kind.INTEGER:
            return pc.utf8_ltrim(texts, "+").cast(pa.int64())
        case Kind.BOOLEAN:
            return pc.equal(pc.utf8_lower(texts), pa.scalar("true"))
        case Kind.FLOAT:
            return _floats(texts)
        case Kind.BYTES:
            given = texts.to_pylist()
            return pa.array([None if text is None else bytes.fromhex(text[2:]) for text in given], pa.binary())
        case _:
            return texts.cast(kind.arrow())


def _decimals(texts: pa.Array, kind: Type) -> pa.Array:
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest > DECIMAL_PRECISION_MAX + 3:
        raise pa.ArrowInvalid("too many digits")
    scale = FREE_DECIMAL_SCALE if kind.scale is None else kind.scale
    wide = texts.cast(pa.decimal256(76, max(scale, 0))) if longest + scale > DECIMAL_PRECISION_MAX else texts
    return wide.cast(kind.arrow())


def _floats(texts: pa.Array) -> pa.Array:
    """Floats, each the one that its text spells to the last digit; raises where the nearest one is another number."""
    floats = texts.cast(pa.float64())
    odd = pc.fill_null(pc.not_equal(floats.cast(pa.string()), texts), fill_value=False)
    for text, near in zip(texts.filter(odd).to_pylist(), floats.filter(odd).to_pylist(), strict=True):
        if text.endswith(("inf", "nan")):
            continue
        if not math.isfinite(near) or Decimal(text) not in (Decimal(repr(near)), Decimal(near)):
            raise ValueError("digits that a float does not keep")
    return floats


def _each(raw: pa.Array, texts: pa.Array, spelling: Spelling) -> Carried:
    """Value by value; `texts` are the raw ones of the right shape in their usual spelling."""
    carrier = spelling.type.arrow()
    values: list[pa.Scalar] = []
    failed: list[int] = []
    given = raw.is_valid().to_pylist()
    for at, is_given in enumerate(given):
        try:
            value = convert(texts.slice(at, 1), spelling.type)[0] if is_given else pa.scalar(None, carrier)
        except (pa.ArrowException, OverflowError, ValueError):
            value = pa.scalar(None, carrier)
        if is_given and not value.is_valid:
            failed.append(at)
        values.append(value)
    words = f"not written as {spelling.form}" if spelling.form else _WORDS[spelling.type.kind]
    return Carried(pa.array(values, carrier), tuple(failed), words)


def _short(texts: pa.Array, spelling: Spelling) -> Carried:
    """Texts, as long as declared at most."""
    texts = without_nulls(texts, spelling)
    most = spelling.type.length
    if spelling.type.kind is not Kind.TEXT or most is None:
        return Carried(texts)
    fits = pc.less_equal(pc.utf8_length(texts), most)
    if pc.all(fits, min_count=0).as_py() is not False:
        return Carried(texts)
    failed = [at for at, is_short in enumerate(fits.to_pylist()) if is_short is False]
    return Carried(_only(texts, fits), tuple(failed), f"longer than {most} characters")


def _undecodable(raw: pa.Array, spelling: Spelling) -> Carried:
    """The column without the values that are not UTF-8."""
    texts: list[str | None] = []
    failed: list[int] = []
    for at, value in enumerate(raw.to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            failed.append(at)
    rest = carry(pa.array(texts, pa.string()), spelling)
    words = "not text in the file's encoding" + (f", or {rest.words}" if rest.words else "")
    return Carried(rest.column, tuple(sorted({*failed, *rest.failed})), words)


def _only(texts: pa.Array, keep: pa.Array) -> pa.Array:
    return pc.if_else(keep, texts, pa.scalar(None, pa.string()))
