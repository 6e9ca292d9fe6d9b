"""Exact numbers as PostgreSQL sends and receives them: groups of four decimal digits, whole columns at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BASE, _DIGITS = 10_000, 4
_SHORT_DIGITS = 18
"""Numbers of so many digits fit into 64 bits."""

_NEGATIVE = 0x4000
_LIMB_BITS = 32
_Numbers = np.ndarray[Any, Any]


def _noughts() -> _Numbers:
    """For each group, how many noughts stand at its end."""
    group = np.arange(_BASE)
    found: _Numbers = np.sum([group % 10**digits == 0 for digits in range(1, _DIGITS + 1)], axis=0)
    return found


_NOUGHTS = _noughts()


def groups(array: pa.Array, *, is_scaled: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A row of bytes for each number: how many groups, the place of the first, the sign, the decimal places shown, then
    the groups. All have the same number of groups; the server drops those that are nought.

    Where the column does not fix the scale (`is_scaled` false) each number shows as many decimal places as it needs."""
    precision, scale = array.type.precision, array.type.scale
    filled = pc.fill_null(array, pa.scalar(0, array.type)) if array.null_count else array
    fraction = -(-scale // _DIGITS)
    whole = max(0, -(-(precision - scale) // _DIGITS))
    split = _short if precision <= _SHORT_DIGITS else _long
    negative, found = split(filled, scale, fraction + whole)
    wire = np.zeros((len(filled), 4 + fraction + whole), ">i2")
    wire[:, 0] = fraction + whole
    wire[:, 1] = whole - 1
    wire[:, 2] = np.where(negative, _NEGATIVE, 0)
    wire[:, 3] = scale if is_scaled else _shown(found[:fraction], fraction)
    for place, group in enumerate(reversed(found)):
        wire[:, 4 + place] = group
    return wire.view(np.uint8)


def _shown(found: list[_Numbers], fraction: int) -> _Numbers | int:
    """The decimal places that each number needs. `found` are the groups behind the point, the last first."""
    if not found:
        return 0
    ended = np.zeros(len(found[0]), bool)
    noughts = np.zeros(len(found[0]), np.int64)
    for group in found:
        noughts += np.where(ended, 0, _NOUGHTS[group])
        ended |= group != 0
    return fraction * _DIGITS - noughts


def _limbs(array: pa.Array) -> _Numbers:
    """The two 64-bit halves of each number, the lower first."""
    content = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)
    halves: _Numbers = content[array.offset : array.offset + len(array)]
    return halves


def _steps(scale: int, count: int) -> list[tuple[int, int]]:
    """By what is divided for each group, and by what the rest is multiplied: the group behind the point may be
    short."""
    short = scale % _DIGITS
    steps = [(_BASE, 1)] * count
    if short:
        steps[0] = (10**short, 10 ** (_DIGITS - short))
    return steps


def _short(array: pa.Array, scale: int, count: int) -> tuple[_Numbers, list[_Numbers]]:
    units = _limbs(array)[:, 0].astype(np.int64)
    left = np.abs(units)
    found = []
    for divisor, factor in _steps(scale, count):
        left, rest = np.divmod(left, divisor)
        found.append(rest * factor)
    return units < 0, found


def _long(array: pa.Array, scale: int, count: int) -> tuple[_Numbers, list[_Numbers]]:
    """By long division over four parts of 32 bits."""
    low, high = _limbs(array).T
    negative = high.astype(np.int64) < 0
    carried = (low == 0).astype(np.uint64)
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + carried, high)
    mask, bits = np.uint64(2**_LIMB_BITS - 1), np.uint64(_LIMB_BITS)
    parts = [high >> bits, high & mask, low >> bits, low & mask]
    found = []
    for divisor, factor in _steps(scale, count):
        rest = np.zeros(len(low), np.uint64)
        for at, part in enumerate(parts):
            parts[at], rest = np.divmod(rest << bits | part, np.uint64(divisor))
        found.append((rest * np.uint64(factor)).astype(np.int64))
    return negative, found
