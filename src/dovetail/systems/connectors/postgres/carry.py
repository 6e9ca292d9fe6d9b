"""From the server's CSV to Arrow columns: whole batches at once, value by value only where a carrier cannot hold one.

Texts are exact: the server writes every value so that it reads it back as the same. What Arrow's reader would take for
something else
(numbers with more digits than their carrier) is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

FIELD_BYTES_MAX = 64 * 2**20
"""Bytes of one value at most; a longer one is not carried."""

_WIDE_DIGITS = 30
"""From so many digits on a number is looked at as text first: Arrow's reader may multiply past 128 bits unnoticed."""

_SHAPES = {
    Kind.BOOLEAN: "^[tf]$",
    Kind.INTEGER: r"^-?\d{1,18}$",
    Kind.FLOAT: r"^(-?\d+(\.\d+)?(e[+-]\d+)?|NaN|-?Infinity)$",
    Kind.DATE: r"^\d{4}-\d\d-\d\d$",
    Kind.TIME: r"^([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?$",
    Kind.TIMESTAMP: r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$",
    Kind.INSTANT: r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$",
}
_DAY_US = 86_400_000_000
_DAYS = -719_162, 2_932_896
_MOMENTS = _DAYS[0] * _DAY_US, (_DAYS[1] + 1) * _DAY_US - 1
_BOUNDS = {
    Kind.DATE: _DAYS,
    Kind.TIME: (0, _DAY_US - 1),
    Kind.TIMESTAMP: _MOMENTS,
    Kind.INSTANT: _MOMENTS,
}
"""From the first day of the year 1 to the last of the year 9999."""

_ENDLESS = (-2_147_472_692, -2_147_472_691, -9_222_425_352_054_775_809, -9_222_425_352_054_775_808)
"""What becomes of the infinite dates and times, which are the server's largest and least numbers, when they are counted
from 1970 and run over. No finite one becomes one of these."""

_INFINITE, _FAR = "infinite", "beyond the years 1 to 9999"
_END_OF_DAY = "24:00, the end of a day, is no time of a day"
_EXACT = Context(prec=2000, Emin=-20000, Emax=20000, traps=[InvalidOperation, Inexact])
_Odd = Callable[[str, Type], object]


class _Unreadable(ValueError):
    """A value that its carrier cannot hold; the words hold no value."""


def carry(text: bytes, fields: Sequence[Field]) -> pa.RecordBatch:
    """The rows of a CSV text as one batch, in the carriers of the fields' types; what cannot be carried is null and
    explained."""
    types = [field.type for field in fields]
    try:
        columns = _parse(text, [_read_as(kind) for kind in types])
    except pa.ArrowException:
        columns = _parse(text, [pa.string()] * len(types))
    return finish(columns, fields)


def carry_texts(columns: Sequence[Sequence[str | None]], fields: Sequence[Field]) -> pa.RecordBatch:
    """As `carry`, from the texts of each column; for a few rows a CSV text would be a detour."""
    try:
        made = [_typed(texts, _read_as(field.type)) for texts, field in zip(columns, fields, strict=True)]
    except pa.ArrowException:
        made = [pa.array(texts, pa.string()) for texts in columns]
    return finish(made, fields)


def _typed(texts: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return pa.array([None if text is None else text == "t" for text in texts], kind)
    column = pa.array(texts, pa.string())
    return column if pa.types.is_string(kind) else column.cast(kind)


def finish(columns: Sequence[pa.Array], fields: Sequence[Field]) -> pa.RecordBatch:
    """The columns, in carriers or in texts, as one batch; what cannot be carried is null and explained."""
    names = [field.name for field in fields]
    reasons: dict[int, list[str]] = {}
    arrays = []
    for field, column in zip(fields, columns, strict=True):
        array, failed = _finish(column, field.type)
        arrays.append(array)
        for position, reason in failed:
            reasons.setdefault(position, []).append(f"{field.name}: {reason}")
    if reasons:
        words = ["; ".join(reasons[at]) if at in reasons else None for at in range(len(arrays[0]))]
        names.append(UNREADABLE)
        arrays.append(pa.array(words, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def _read_as(kind: Type) -> pa.DataType:
    """What the CSV reader makes of a column; texts where more than reading is to be done."""
    is_wide = kind.kind is Kind.DECIMAL and (kind.precision or DECIMAL_PRECISION_MAX) >= _WIDE_DIGITS
    return pa.string() if kind.kind is Kind.BYTES or is_wide else kind.arrow()


def _parse(text: bytes, types: list[pa.DataType]) -> list[pa.Array]:
    if not text:
        return [pa.array([], kind) for kind in types]
    names = [str(at) for at in range(len(types))]
    table = csv.read_csv(
        pa.BufferReader(text),
        read_options=csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return [_one(column) for column in table.columns]


def _one(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _finish(column: pa.Array, kind: Type) -> tuple[pa.Array, list[tuple[int, str]]]:
    """The column in its carrier, and the positions that cannot be carried."""
    if column.type == kind.arrow():
        if kind.kind in _BOUNDS:
            return _within(column, kind.kind)
        has_length = pa.types.is_string(column.type) or pa.types.is_binary(column.type)
        return _bounded(column) if has_length and column.nbytes > FIELD_BYTES_MAX else (column, [])
    if kind.kind is Kind.BYTES:
        texts, failed = _bounded(column, 2 * FIELD_BYTES_MAX) if column.nbytes > FIELD_BYTES_MAX else (column, [])
        return _unhexed(texts), failed
    return _each(column, kind)


def _within(column: pa.Array, kind: Kind) -> tuple[pa.Array, list[tuple[int, str]]]:
    """Dates and times without those that only the server knows, among them its infinite ones."""
    least, most = _BOUNDS[kind]
    numbers = column.cast(pa.int32() if kind is Kind.DATE else pa.int64())
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is None or (ends["min"] >= least and ends["max"] <= most):
        return column, []
    outside = pc.fill_null(pc.or_(pc.less(numbers, least), pc.greater(numbers, most)), fill_value=False)
    odd = pc.indices_nonzero(outside).to_pylist()
    words = [_END_OF_DAY if kind is Kind.TIME else _INFINITE if numbers[at].as_py() in _ENDLESS else _FAR for at in odd]
    return pc.if_else(outside, pa.scalar(None, column.type), column), list(zip(odd, words, strict=True))


def _bounded(texts: pa.Array, bytes_max: int = FIELD_BYTES_MAX) -> tuple[pa.Array, list[tuple[int, str]]]:
    is_long = pc.fill_null(pc.greater(pc.binary_length(texts), bytes_max), fill_value=False)
    failed = [(at, "longer than 64 MB") for at, long in enumerate(is_long.to_pylist()) if long]
    return (pc.if_else(is_long, pa.scalar(None, texts.type), texts), failed) if failed else (texts, [])


def _unhexed(texts: pa.Array) -> pa.Array:
    """Bytes from pairs of hexadecimal digits, all values in one step."""
    texts = pa.concat_arrays([texts])
    if not len(texts):
        return pa.array([], pa.binary())
    ends = pc.cumulative_sum(pc.fill_null(pc.binary_length(texts), 0)).to_pylist()
    joined = b"".join(value for value in (texts.cast(pa.binary()).to_pylist()) if value)
    data = bytes.fromhex(joined.decode("ascii"))
    offsets = pa.array([0, *(end // 2 for end in ends)], pa.int32())
    return pa.Array.from_buffers(
        pa.binary(), len(texts), [pc.is_valid(texts).buffers()[1], offsets.buffers()[1], pa.py_buffer(data)]
    )


def _each(texts: pa.Array, kind: Type) -> tuple[pa.Array, list[tuple[int, str]]]:
    """A column of texts: those of the usual shape together, the others one by one."""
    shape = _decimal_shape(kind) if kind.kind is Kind.DECIMAL else _SHAPES.get(kind.kind)
    if shape is None:
        is_usual = pa.array([False] * len(texts))
    else:
        is_usual = pc.fill_null(pc.match_substring_regex(texts, shape), fill_value=True)
    usual = _usual(pc.if_else(is_usual, texts, pa.scalar(None, pa.string())), kind)
    odd = pc.indices_nonzero(pc.invert(is_usual)).to_pylist()
    if not odd:
        return usual, []
    values = usual.to_pylist()
    failed: list[tuple[int, str]] = []
    for position in odd:
        text = texts[position].as_py()
        try:
            values[position] = None if text is None else _ODD.get(kind.kind, _foreign)(text, kind)
        except _Unreadable as reason:
            failed.append((position, str(reason)))
    return pa.array(values, kind.arrow()), failed


def _decimal_shape(kind: Type) -> str:
    carrier = kind.arrow()
    whole = carrier.precision - carrier.scale
    digits = rf"\d{{1,{whole}}}" if whole else "0"
    return rf"^-?{digits}(\.\d{{1,{carrier.scale}}})?$" if carrier.scale else rf"^-?{digits}$"


def _usual(texts: pa.Array, kind: Type) -> pa.Array:
    """Texts of the usual shape, which need no quotes, in their carrier."""
    if kind.kind is Kind.DECIMAL:
        return texts.cast(kind.arrow())
    lines = "\n".join(text or "" for text in texts.to_pylist())
    return _parse(f"{lines}\n".encode(), [kind.arrow()])[0]


def _number(text: str, kind: Type) -> Decimal:
    if text == "NaN":
        raise _Unreadable("not a number")
    if text.endswith("Infinity"):
        raise _Unreadable("the number is infinite")
    carrier = kind.arrow()
    try:
        fitted = Decimal(text).quantize(Decimal(1).scaleb(-carrier.scale), context=_EXACT)
    except (InvalidOperation, Inexact):
        raise _Unreadable(f"the number has more digits than {carrier} holds") from None
    if fitted.adjusted() >= carrier.precision - carrier.scale and fitted:
        raise _Unreadable(f"the number has more digits than {carrier} holds")
    return fitted


def _integer(text: str, kind: Type) -> int:
    try:
        number = int(text)
    except ValueError:
        return int(str(_foreign(text, kind)))
    if not -(2**63) <= number < 2**63:
        raise _Unreadable("beyond 64 bits")
    return number


def _moment(text: str, kind: Type) -> object:
    if text.endswith("infinity"):
        raise _Unreadable(_INFINITE)
    if text.endswith(" BC") or not text[4:5] == "-":
        raise _Unreadable(_FAR)
    return _foreign(text, kind)


def _time(text: str, kind: Type) -> object:
    if text.startswith("24:00:00"):
        raise _Unreadable(_END_OF_DAY)
    return _foreign(text, kind)


def _foreign(text: str, kind: Type) -> object:
    raise _Unreadable(f"the value is no longer of the type {kind.native or kind}")


_ODD: dict[Kind, _Odd] = {
    Kind.DECIMAL: _number,
    Kind.INTEGER: _integer,
    Kind.DATE: _moment,
    Kind.TIMESTAMP: _moment,
    Kind.INSTANT: _moment,
    Kind.TIME: _time,
}
