"""Values as plain texts, whole columns at once, where Arrow writes them as Python does."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""The days, counted from 1970, between which Python knows dates: years 1 to 9999."""

_DAY_US = 86_400_000_000

_UTC, _NOTHING = (pa.scalar(text, pa.string()) for text in ("+00:00", ""))


def plain(values: pa.Array) -> pa.Array | None:
    """The text of each value (null stays null), or `None` where that must be written value by value.

    Texts stay, numbers have no trailing zeros behind the point, dates and times are in ISO form with a space; a second
    has a
    fraction where it is not zero.

    >>> from decimal import Decimal
    >>> plain(pa.array([Decimal("1.50"), Decimal("100.00"), None])).to_pylist()
    ['1.5', '100', None]
    """
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.string())
    if pa.types.is_decimal(kind):
        return plain_number(values)
    if pa.types.is_date32(kind):
        return values.cast(pa.string()) if _is_near(values.cast(pa.int32()), _FIRST_DAY, _LAST_DAY) else None
    if kind == pa.time64("us"):
        return _fraction_dropped(values.cast(pa.string()))
    if pa.types.is_timestamp(kind) and kind.unit == "us" and kind.tz in (None, "UTC"):
        return _moment(values)
    return None


def plain_number(values: pa.Array) -> pa.Array | None:
    """Exact numbers without trailing zeros, or `None` where Arrow writes one of them with an exponent."""
    texts = values.cast(pa.string())
    if values.type.scale < 0 or (values.type.scale > _EXPONENT_SCALE and pc.any(_has_exponent(texts)).as_py()):
        return None
    return pc.ascii_rtrim(pc.ascii_rtrim(texts, "0"), ".") if values.type.scale > 0 else texts


_EXPONENT_SCALE = 6
"""Up to so many places Arrow writes a number without an exponent."""


def _has_exponent(texts: pa.Array) -> pa.Array:
    return pc.match_substring(texts, "E")


def _moment(values: pa.Array) -> pa.Array | None:
    if not _is_near(values.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1):
        return None
    if values.type.tz is None:
        return _fraction_dropped(values.cast(pa.string()))
    texts = _fraction_dropped(values.cast(pa.timestamp("us")).cast(pa.string()))
    return pc.binary_join_element_wise(texts, _UTC, _NOTHING)


def _fraction_dropped(texts: pa.Array) -> pa.Array:
    """Times without a fraction that is zero."""
    whole = pc.ends_with(texts, ".000000")
    if not pc.any(whole).as_py():
        return texts
    short = pc.utf8_slice_codeunits(texts, 0, -len(".000000"))
    return short if pc.all(whole).as_py() else pc.if_else(whole, short, texts)


def _is_near(numbers: pa.Array, first: int, last: int) -> bool:
    bounds = pc.min_max(numbers)
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    return least is None or bool(first <= least and most <= last)
