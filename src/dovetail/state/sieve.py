"""A coarse memory of the hashes of many segments, which says at once of most keys that no segment has them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from dovetail.state.keyset import HASH_BITS, Hashes
from dovetail.state.planes import Flags

SIEVE_BITS = 27
"""Places of the sieve as a power of two: 16 MB. Of 10 M keys it lets one foreign key of fourteen pass."""


class Sieve:
    """One bit for many hashes. It never holds back a key that was told to it; others may pass."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << (SIEVE_BITS - 3), dtype=np.uint8)
        self._told: set[tuple[int, int]] = set()

    def missing(self, parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of the parts that were not told yet."""
        return [part for part in parts if part not in self._told]

    def tell(self, part: tuple[int, int], heads: npt.NDArray[np.uint32]) -> None:
        """Remember the upper 32 bits of a part's hashes."""
        places = heads >> np.uint32(32 - SIEVE_BITS)
        np.bitwise_or.at(self._bits, places >> np.uint32(3), _bit(places))
        self._told.add(part)

    def passing(self, hashes: Hashes) -> Flags:
        """Which of the hashes may be those of keys that were told."""
        places = (hashes >> np.uint64(HASH_BITS - SIEVE_BITS)).astype(np.uint32)
        return np.asarray((self._bits[places >> np.uint32(3)] & _bit(places)) != 0)


def _bit(places: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (places & np.uint32(7)).astype(np.uint8))
