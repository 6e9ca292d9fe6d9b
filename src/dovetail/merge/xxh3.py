"""Seeded xxh3-64 of whole columns: the same numbers as `xxhash` gives value by value, computed lane by lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_64_intdigest

Lanes: TypeAlias = "npt.NDArray[np.uint64]"

Places: TypeAlias = "npt.NDArray[np.int64]"
Rule = Callable[["npt.NDArray[np.uint8]", Places, Places, Lanes], Lanes]

LANES_MAX = 128
"""Longer contents are hashed value by value."""

FEW = 16
"""Contents up to which hashing value by value is quicker."""

STRETCH = 8_192
"""Rows that are hashed together: so many that their lanes stay in the nearest memory."""

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
)
"""The first bytes of the algorithm's own constant."""

_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_MIX_1 = np.uint64(0x165667919E3779F9)
_MIX_2 = np.uint64(0x9FB21C651E98DF25)
_LOW = np.uint64(0xFFFFFFFF)


def digests(contents: pa.Array, seeds: Lanes) -> Lanes:
    """The digest of each content (a binary or text column without nulls) under its seed.

    >>> digests(pa.array(["a"]), np.array([7], dtype=np.uint64)).tolist() == [xxh3_64_intdigest(b"a", 7)]
    True
    """
    if len(contents) <= FEW:
        values = contents.cast(pa.binary()).to_pylist()
        made = [xxh3_64_intdigest(value, seed) for value, seed in zip(values, seeds.tolist(), strict=True)]
        return np.array(made, dtype=np.uint64)
    starts, lengths, content = _layout(contents)
    answer = np.empty(len(contents), dtype=np.uint64)
    classes = _CLASS_OF[np.minimum(lengths, LANES_MAX + 1)]
    present = np.flatnonzero(np.bincount(classes))
    for number in present.tolist():
        if number == len(_RULES):
            far = np.flatnonzero(classes == number)
            values = contents.take(pa.array(far)).cast(pa.binary()).to_pylist()
            made = [xxh3_64_intdigest(value, seed) for value, seed in zip(values, seeds[far].tolist(), strict=True)]
            answer[far] = made
        elif len(present) == 1:
            _fill(answer, _RULES[number], content, (starts, lengths, seeds))
        else:
            rows = np.flatnonzero(classes == number)
            part = np.empty(len(rows), dtype=np.uint64)
            _fill(part, _RULES[number], content, (starts[rows], lengths[rows], seeds[rows]))
            answer[rows] = part
    return answer


def _fill(
    answer: Lanes,
    rule: Rule,
    content: npt.NDArray[np.uint8],
    rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Lanes],
) -> None:
    """The digests of contents of one class, a stretch at a time."""
    starts, lengths, seeds = rows
    for at in range(0, len(answer), STRETCH):
        stretch = slice(at, at + STRETCH)
        answer[stretch] = rule(content, starts[stretch], lengths[stretch], seeds[stretch])


def words(values: npt.NDArray[np.uint64], seed: int) -> Lanes:
    """The digest of each number's eight bytes, the lowest first, under one seed."""
    seeds = np.array([seed], dtype=np.uint64)
    answer = np.empty(len(values), dtype=np.uint64)
    for at in range(0, len(values), STRETCH):
        part = values[at : at + STRETCH]
        answer[at : at + STRETCH] = _eight_at_most(part >> np.uint64(32), part & _LOW, np.uint64(8), seeds)
    return answer


def _layout(contents: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each content begins, how long it is, and the bytes of all."""
    _, offsets, buffer = contents.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[contents.offset : contents.offset + len(contents) + 1]
    content = np.frombuffer(buffer, dtype=np.uint8) if buffer is not None else np.zeros(0, dtype=np.uint8)
    starts = ends.astype(np.int64)
    return starts[:-1], starts[1:] - starts[:-1], content


def _secret(at: int) -> np.uint64:
    return np.uint64(int.from_bytes(_SECRET[at : at + 8], "little"))


def _read(content: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], kind: str) -> Lanes:
    """The numbers that stand at these places, whatever their alignment."""
    size = np.dtype(kind).itemsize
    view: npt.NDArray[np.integer] = np.ndarray(
        (len(content) - size + 1,), dtype=kind, buffer=content.data, strides=(1,)
    )
    lanes: Lanes = view[starts].astype(np.uint64, copy=False)
    return lanes


def _turned(lanes: Lanes, bits: int) -> Lanes:
    return (lanes << np.uint64(bits)) | (lanes >> np.uint64(64 - bits))


def _folded(left: Lanes, right: Lanes) -> Lanes:
    """Both halves of the 128-bit product, one over the other."""
    half = np.uint64(32)
    left_low, left_high, right_low, right_high = left & _LOW, left >> half, right & _LOW, right >> half
    high_low: Lanes = left_high * right_low
    cross = ((left_low * right_low) >> half) + (high_low & _LOW) + left_low * right_high
    folded: Lanes = (left * right) ^ ((high_low >> half) + (cross >> half) + left_high * right_high)
    return folded


def _spread(lanes: Lanes) -> Lanes:
    lanes = (lanes ^ (lanes >> np.uint64(37))) * _MIX_1
    return lanes ^ (lanes >> np.uint64(32))


def _spread_short(lanes: Lanes) -> Lanes:
    lanes = (lanes ^ (lanes >> np.uint64(33))) * _PRIME_2
    lanes = (lanes ^ (lanes >> np.uint64(29))) * _PRIME_3
    return lanes ^ (lanes >> np.uint64(32))


def _empty(_content: npt.NDArray[np.uint8], _starts: Places, _lengths: Places, seeds: Lanes) -> Lanes:
    return _spread_short(seeds ^ (_secret(56) ^ _secret(64)))


def _to_3(content: npt.NDArray[np.uint8], starts: Places, lengths: Places, seeds: Lanes) -> Lanes:
    first, middle, last = (content[starts + at].astype(np.uint64) for at in (0, lengths >> 1, lengths - 1))
    combined = (first << np.uint64(16)) | (middle << np.uint64(24)) | last | (lengths << 8).view(np.uint64)
    flip = (_secret(0) & _LOW) ^ (_secret(0) >> np.uint64(32))
    return _spread_short(combined ^ (seeds + flip))


def _to_8(content: npt.NDArray[np.uint8], starts: Places, lengths: Places, seeds: Lanes) -> Lanes:
    first = _read(content, starts, "<u4")
    last = _read(content, starts + lengths - 4, "<u4")
    return _eight_at_most(last, first, lengths.view(np.uint64), seeds)


def _eight_at_most(last: Lanes, first: Lanes, lengths: Lanes | np.uint64, seeds: Lanes) -> Lanes:
    swapped = seeds.astype(np.uint32).byteswap().astype(np.uint64)
    lanes = (last | (first << np.uint64(32))) ^ ((_secret(8) ^ _secret(16)) - (seeds ^ (swapped << np.uint64(32))))
    lanes = (lanes ^ _turned(lanes, 49) ^ _turned(lanes, 24)) * _MIX_2
    lanes = (lanes ^ ((lanes >> np.uint64(35)) + lengths)) * _MIX_2
    return lanes ^ (lanes >> np.uint64(28))


def _to_16(content: npt.NDArray[np.uint8], starts: Places, lengths: Places, seeds: Lanes) -> Lanes:
    low = _read(content, starts, "<u8") ^ (seeds + (_secret(24) ^ _secret(32)))
    high = _read(content, starts + lengths - 8, "<u8") ^ ((_secret(40) ^ _secret(48)) - seeds)
    return _spread(lengths.view(np.uint64) + low.byteswap() + high + _folded(low, high))


def _to_128(content: npt.NDArray[np.uint8], starts: Places, lengths: Places, seeds: Lanes) -> Lanes:
    """Sixteen bytes at a time, from both ends inwards; all rows of one call take as many steps."""
    steps = (int(lengths[0]) - 1) // 32 + 1
    lanes = lengths.view(np.uint64) * _PRIME_1
    ends = starts + lengths
    for step in range(steps):
        for at, secret in ((starts + 16 * step, 32 * step), (ends - 16 * (step + 1), 32 * step + 16)):
            low = _read(content, at, "<u8") ^ (seeds + _secret(secret))
            high = _read(content, at + 8, "<u8") ^ (_secret(secret + 8) - seeds)
            lanes = lanes + _folded(low, high)
    return _spread(lanes)


_RULES = (_empty, _to_3, _to_8, _to_16, _to_128, _to_128, _to_128, _to_128)
"""How contents of each class are hashed."""

_CLASS_OF = np.repeat(np.arange(len(_RULES) + 1), [1, 3, 5, 8, 16, 32, 32, 32, 1])
"""The class of each length up to `LANES_MAX`; all that is longer is in the last one."""
