"""Keys to be looked up, as texts, as whole numbers and as short hashes."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.state.database import Keys
from dovetail.state.planes import Numbers, text_buffers

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_THIRTY_TWO = np.uint64(32)
_WORD = 8
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NUMBER = r"^(0|-?[1-9][0-9]{0,17})$"
"""Whole numbers as `model.key.encode` writes them; one of more digits stays a text."""

_DIGITS_MAX = 20

Hashes = npt.NDArray[np.uint64]
"""One short hash for each key, of `HASH_BITS` bits."""

HASH_BITS = 40
"""Two keys of different text have the same hash once in 2 ** 40 times."""


def as_array(keys: Keys) -> pa.Array:
    """Keys as one array, of texts or of whole numbers that stand for their texts."""
    if isinstance(keys, pa.ChunkedArray):
        return keys.combine_chunks()
    return keys if isinstance(keys, pa.Array) else pa.array(list(keys), pa.string())


def strings(keys: Keys) -> pa.Array:
    """Keys as one array of texts; whole numbers become their decimal texts."""
    array = as_array(keys)
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def whole_numbers(keys: pa.Array) -> pa.Array | None:
    """The keys as `int64` where each is the text of one, as Dovetail writes it; `None` where any is not.

    >>> whole_numbers(pa.array(["7", None, "-12"])).to_pylist()
    [7, None, -12]
    >>> whole_numbers(pa.array(["7", "007"])) is None
    True
    """
    if pa.types.is_integer(keys.type):
        return pc.cast(keys, pa.int64())
    if (pc.max(pc.binary_length(keys)).as_py() or 0) > _DIGITS_MAX:
        return None
    try:
        numbers = pc.cast(keys, pa.int64())
    except pa.ArrowInvalid:
        return None
    same = pc.all(pc.equal(pc.cast(numbers, pa.string()), keys), skip_nulls=True).as_py()
    return numbers if same else None


def hashes(keys: pa.Array) -> Hashes:
    """A hash of each text, in its place; texts without nulls. It is part of the state's format."""
    offsets, content = text_buffers(keys)
    padded = np.frombuffer(bytes(content) + bytes(_WORD), np.uint8)
    words = np.lib.stride_tricks.as_strided(padded[:_WORD].view("<u8"), shape=(len(padded) - _WORD + 1,), strides=(1,))
    starts, lengths = offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)
    value = (lengths.astype(np.uint64) + np.uint64(1)) * _FIRST
    for at in range(0, int(lengths.max(initial=0)), _WORD):
        some: npt.NDArray[np.intp] | slice = slice(None)
        if not (lengths > at).all():
            some = np.flatnonzero(lengths > at)
        left = np.minimum(lengths[some] - at, _WORD).astype(np.uint64)
        keep = _ALL >> (np.uint64(64) - left * np.uint64(8))
        mixed = (value[some] ^ (words[starts[some] + at] & keep)) * _SECOND
        value[some] = (mixed ^ (mixed >> _THIRTY_TWO)) * _FIRST
    return np.asarray(value >> np.uint64(64 - HASH_BITS))


class KeySet:
    """Keys in the order in which somebody asked for them."""

    def __init__(self, keys: Keys) -> None:
        self.given = as_array(keys)

    def __len__(self) -> int:
        return len(self.given)

    @cached_property
    def texts(self) -> pa.Array:
        """The keys as texts."""
        return strings(self.given)

    @cached_property
    def numbers(self) -> tuple[Numbers, npt.NDArray[np.intp]]:
        """Those of the keys that are whole numbers, ascending, and the place of each in the set."""
        numbers = whole_numbers(self.given)
        if numbers is None:
            fits = pc.match_substring_regex(self.texts, _NUMBER)
            numbers = pc.cast(pc.if_else(fits, self.texts, pa.scalar(None, pa.string())), pa.int64())
        places = np.flatnonzero(np.asarray(numbers.is_valid()))
        values = np.asarray(numbers.drop_null())
        if len(values) > 1 and not (values[1:] >= values[:-1]).all():
            order = np.argsort(values, kind="stable")
            return values[order], places[order]
        return values, places

    @cached_property
    def bounds(self) -> tuple[str, str] | None:
        """The lowest and the highest text; `None` without keys."""
        found = pc.min_max(self.texts).as_py()
        return None if found["min"] is None else (found["min"], found["max"])

    @cached_property
    def hashes(self) -> tuple[Hashes, npt.NDArray[np.intp]]:
        """The hashes, ascending, and the place of each in the set."""
        places = np.flatnonzero(np.asarray(self.texts.is_valid()))
        found = hashes(self.texts.drop_null())
        order = np.argsort(found)
        return found[order], places[order]
