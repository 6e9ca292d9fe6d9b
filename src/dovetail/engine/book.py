"""The links of one member, found by whole columns: which key is which shared row, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags, taken
from dovetail.merge.xxh3 import digests

NO_ROW = np.iinfo(np.int64).min
"""Stands for a null reference where shared row numbers are expected."""

Numbers = npt.NDArray[np.int64]

_NOWHERE = -1


class Book:
    """Links in the order in which they were written; what was written later counts.

    A key stands for the last row that it was written for, as long as that row has no other key since."""

    def __init__(self) -> None:
        self._pages: list[_Page] = []

    def __len__(self) -> int:
        return sum(len(page.numbers) for page in self._pages)

    def write(self, numbers: Numbers, keys: pa.Array, *, is_one_to_one: bool = False) -> None:
        """Write each row's key down. A null key ends what its row had; `NO_ROW` ends what its key stood for.

        With `is_one_to_one` no row and no key stands there twice."""
        if not len(numbers):
            return
        self._pages.append(_Page(numbers, keys, is_one_to_one=is_one_to_one))
        while len(self._pages) > 1 and len(self._pages[-2].numbers) <= 2 * len(self._pages[-1].numbers):
            late, early = self._pages.pop(), self._pages.pop()
            joined = pa.concat_arrays([early.keys, late.keys])
            self._pages.append(_Page(np.concatenate([early.numbers, late.numbers]), joined))

    def numbers(self, keys: pa.Array) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """The row of each key (`NO_ROW`: none), and which keys are written here at all; a null key is not."""
        found = np.full(len(keys), NO_ROW, dtype=np.int64)
        is_open = flags(pc.is_valid(keys))
        written = np.zeros(len(keys), dtype=np.bool_)
        for at in range(len(self._pages) - 1, -1, -1):
            asked = np.flatnonzero(is_open)
            if not len(asked):
                break
            places = self._pages[at].place_of_keys(taken(keys, asked))
            here = places >= 0
            found[asked[here]] = self._still(at, places[here])
            written[asked[here]] = True
            is_open[asked[here]] = False
        return found, written

    def _still(self, at: int, places: Numbers) -> Numbers:
        """The rows written at these places of a page, `NO_ROW` where the row has another key since."""
        page = self._pages[at]
        numbers = page.numbers[places]
        stale = page.place_of_numbers(numbers) != places if page.has_repeats else np.zeros(len(places), dtype=np.bool_)
        for later in self._pages[at + 1 :]:
            stale |= later.place_of_numbers(numbers) >= 0
        return np.where(stale, NO_ROW, numbers)

    def keys(self, numbers: Numbers) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        """The key of each row, null where it has none, and which rows are written here at all."""
        which = np.full(len(numbers), _NOWHERE, dtype=np.int64)
        is_open = numbers != NO_ROW
        base = 0
        bases = []
        for page in self._pages:
            bases.append(base)
            base += len(page.numbers)
        for page, start in zip(reversed(self._pages), reversed(bases), strict=True):
            asked = np.flatnonzero(is_open)
            if not len(asked):
                break
            places = page.place_of_numbers(numbers[asked])
            here = places >= 0
            which[asked[here]] = places[here] + start
            is_open[asked[here]] = False
        if not self._pages:
            return pa.nulls(len(numbers), pa.string()), which >= 0
        every = self._pages[0].keys if len(self._pages) == 1 else pa.concat_arrays([one.keys for one in self._pages])
        return taken(every, which), which >= 0

    def rows(self) -> Numbers:
        """Every row that has a key, in order, each once."""
        known = ordered([page.numbers for page in self._pages])
        known = known[known != NO_ROW]
        keys, _ = self.keys(known)
        with_key: Numbers = known[flags(pc.is_valid(keys))]
        return with_key


def ordered(lists: Sequence[Numbers]) -> Numbers:
    """The numbers of all lists in order, each once."""
    numbers = np.concatenate([np.array([], dtype=np.int64), *lists])
    if not (numbers[1:] > numbers[:-1]).all():
        numbers.sort(kind="stable")
        numbers = numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])]
    return numbers


class _Page:
    """Links written together, with two indexes that are made when first asked for."""

    def __init__(self, numbers: Numbers, keys: pa.Array, *, is_one_to_one: bool = False) -> None:
        self.numbers = numbers
        self._is_one_to_one = is_one_to_one
        self.keys = keys
        self._by_number: tuple[Numbers, Numbers] | None = None
        self._by_mark: tuple[npt.NDArray[np.uint64], Numbers] | None = None

    @property
    def has_repeats(self) -> bool:
        """Whether a row stands here twice."""
        if self._is_one_to_one:
            return False
        ordered, _ = self._numbered()
        return bool((ordered[1:] == ordered[:-1]).any())

    def place_of_numbers(self, numbers: Numbers) -> Numbers:
        """Where each row was written last (-1: nowhere)."""
        if self._is_one_to_one and np.array_equal(numbers, self.numbers):
            return np.arange(len(numbers), dtype=np.int64)
        ordered, places = self._numbered()
        at = np.searchsorted(ordered, numbers, side="right") - 1
        return np.where((at >= 0) & (ordered[at] == numbers), places[at], _NOWHERE)

    def place_of_keys(self, keys: pa.Array) -> Numbers:
        """Where each key was written last (-1: nowhere)."""
        if self._is_one_to_one and keys.equals(self.keys):
            return np.arange(len(keys), dtype=np.int64)
        marks, places = self._marked()
        if not len(marks):
            return np.full(len(keys), _NOWHERE, dtype=np.int64)
        wanted = _marks(keys)
        at = np.searchsorted(marks, wanted, side="right") - 1
        candidates = np.where((at >= 0) & (marks[at] == wanted), places[at], _NOWHERE)
        same = flags(pc.equal(taken(self.keys, candidates), keys))
        for odd in np.flatnonzero((candidates >= 0) & ~same):
            candidates[odd] = self._beside(int(at[odd]), keys[int(odd)].as_py())
        return candidates

    def _beside(self, at: int, key: str) -> int:
        """The last place of a key whose mark another key has too."""
        marks, places = self._marked()
        mark = marks[at]
        while at >= 0 and marks[at] == mark:
            if self.keys[int(places[at])].as_py() == key:
                return int(places[at])
            at -= 1
        return _NOWHERE

    def _numbered(self) -> tuple[Numbers, Numbers]:
        if self._by_number is None:
            order = _order(self.numbers)
            self._by_number = (self.numbers[order], order)
        return self._by_number

    def _marked(self) -> tuple[npt.NDArray[np.uint64], Numbers]:
        if self._by_mark is None:
            places = np.flatnonzero(flags(pc.is_valid(self.keys)))
            marks = _marks(self.keys)[places]
            order = np.argsort(marks, kind="stable")
            self._by_mark = (marks[order], places[order])
        return self._by_mark


def _order(numbers: Numbers) -> Numbers:
    """The places in the order of their numbers; those of one number as they came."""
    if (numbers[1:] >= numbers[:-1]).all():
        return np.arange(len(numbers), dtype=np.int64)
    return np.argsort(numbers, kind="stable")


def _marks(keys: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each key that hardly any other key has; null counts as the empty text."""
    return digests(keys.fill_null(""), np.zeros(len(keys), dtype=np.uint64))
