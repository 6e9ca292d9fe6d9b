"""Values as texts: in a statement as literals, in `LOAD DATA` as fields; whole columns at once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.type import Kind

_QUOTED = (Kind.TEXT, Kind.JSON, Kind.UUID, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT)
_QUOTE, _HEX, _NULL, _ABSENT, _NOTHING = (pa.scalar(text, pa.string()) for text in ("'", "X'", "NULL", "\\N", ""))
_CAST = pa.scalar("CAST(", pa.string())
_UNICODE = ("", "utf8", "utf8mb3", "utf8mb4", "uca1400")
_IN_LITERALS = (("\\", "\\\\"), ("'", "\\'"), ("\0", "\\0"))
_IN_FIELDS = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\0", "\\0"))
"""What has a meaning of its own, and what stands for it; the backslash comes first."""


def spell(carried: pa.Array, kind: Kind) -> pa.Array:
    """The values as texts that the server reads as the same; bytes, where they are not that
    already, as hexadecimal digits."""
    match kind:
        case Kind.BYTES:
            return carried if pa.types.is_string(carried.type) else _hexed(carried)
        case Kind.BOOLEAN:
            return carried.cast(pa.int8()).cast(pa.string())
        case Kind.TIMESTAMP | Kind.INSTANT:
            return carried.cast(pa.timestamp("us")).cast(pa.string())
        case Kind.DECIMAL:
            return _plain(carried)
    return carried if pa.types.is_string(carried.type) else carried.cast(pa.string())


def literals(texts: pa.Array, kind: Kind) -> pa.Array:
    r"""The texts as they stand in a statement; a null is `NULL`.

    >>> literals(pa.array(["it's", None]), Kind.TEXT).to_pylist()
    ["'it\\'s'", 'NULL']
    """
    if kind is Kind.BYTES:
        texts = pc.binary_join_element_wise(_HEX, texts, _QUOTE, _NOTHING)
    elif kind is Kind.FLOAT:  # without an exponent it would be a decimal number, of fewer digits
        is_plain = pc.invert(pc.match_substring(texts, "e"))
        texts = pc.if_else(is_plain, pc.binary_join_element_wise(texts, "e0", _NOTHING), texts)
    elif kind in _QUOTED or kind is Kind.OPAQUE:
        texts = pc.binary_join_element_wise(_QUOTE, _escaped(texts, _IN_LITERALS), _QUOTE, _NOTHING)
    return pc.fill_null(texts, _NULL)


def sought_as(collation: str) -> str:
    """The collation whose texts an index must be asked for; empty where any text serves as it is."""
    return "" if collation.partition("_")[0] in _UNICODE else collation


def sought(written: pa.Array, collation: str) -> pa.Array:
    """Literals as an index of texts in that collation knows them; what it cannot know becomes another text.

    >>> sought(pa.array(["'a'"]), "latin1_bin").to_pylist()
    ["CAST('a' AS CHAR CHARACTER SET latin1) COLLATE latin1_bin"]
    """
    name = sought_as(collation)
    if not name:
        return written
    rest = pa.scalar(f" AS CHAR CHARACTER SET {name.partition('_')[0]}) COLLATE {name}", pa.string())
    return pc.binary_join_element_wise(_CAST, written, rest, _NOTHING)


def fields(texts: pa.Array, kind: Kind) -> pa.Array:
    r"""The texts as they stand between tabs in `LOAD DATA`; a null is `\N`.

    >>> fields(pa.array(["a\tb", None, "NULL"]), Kind.TEXT).to_pylist()
    ['a\\tb', '\\N', 'NULL']
    """
    if kind in (Kind.TEXT, Kind.JSON, Kind.OPAQUE):
        texts = _escaped(texts, _IN_FIELDS)
    return pc.fill_null(texts, _ABSENT) if texts.null_count else texts


def _escaped(texts: pa.Array, signs: tuple[tuple[str, str], ...]) -> pa.Array:
    content = texts.buffers()[2]
    held = bytes(content) if content is not None else b""
    for sign, written in signs:
        if sign.encode() in held:
            texts = pc.replace_substring(texts, sign, written)
    return texts


def _hexed(carried: pa.Array) -> pa.Array:
    """Two digits for each byte, all values in one step."""
    whole = pa.concat_arrays([carried])  # of its own, from the first byte on
    valid, offsets, content = whole.buffers()
    places = pa.Array.from_buffers(pa.int32(), len(whole) + 1, [None, offsets], offset=whole.offset)
    digits = pa.py_buffer((bytes(content) if content is not None else b"").hex().encode())
    doubled = pc.multiply(places, pa.scalar(2, pa.int32()))
    valid = pc.is_valid(whole).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(whole), [valid, doubled.buffers()[1], digits])


def _plain(carried: pa.Array) -> pa.Array:
    """Decimal numbers in digits, without an exponent; texts are such numbers already."""
    texts = carried if pa.types.is_string(carried.type) else carried.cast(pa.string())
    if not pc.any(pc.match_substring(texts, "E"), min_count=0).as_py():
        return texts
    return pa.array([None if number is None else f"{number:f}" for number in carried.to_pylist()], pa.string())
