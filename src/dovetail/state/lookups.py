"""Finding rows by key and keys by row in the live segments, many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.state.keyset import Hashes, KeySet
from dovetail.state.planes import Numbers
from dovetail.state.shelf import Extent, Shelf, among

_MANY_KEYS = 2000
_MANY_SEGMENTS = 4
_ASK_BY_KEY = 64
"""Keys at most for which a segment with numbers in no order is searched for each alone."""


class Lookup:
    """Answers that fill up: one place for each thing asked, from several segments and from single links."""

    def __init__(self, count: int) -> None:
        self._places: list[npt.NDArray[np.intp]] = []
        self._values: list[pa.Array] = []
        self.is_open = np.ones(count, dtype=np.bool_)

    def answer(self, places: npt.NDArray[np.intp], values: pa.Array) -> None:
        """Take the answers for those places."""
        if len(places):
            self._places.append(places)
            self._values.append(values)
            self.is_open[places] = False

    def array(self, kind: pa.DataType) -> pa.Array:
        """The answers in the order of the questions, null where there is none."""
        if not self._places:
            return pa.nulls(len(self.is_open), kind)
        order = np.zeros(len(self.is_open), dtype=np.int64)
        order[np.concatenate(self._places)] = np.arange(sum(len(places) for places in self._places))
        values = pa.concat_arrays(self._values)
        return pc.take(values, pa.array(order, mask=self.is_open))


def keys_in_segments(shelf: Shelf, extents: tuple[Extent, ...], rows: Numbers) -> Lookup:
    """The key of each row, where a segment has one."""
    answers = Lookup(len(rows))
    order = None if (rows[1:] >= rows[:-1]).all() else np.argsort(rows, kind="stable")
    ordered = rows if order is None else rows[order]
    for extent in extents:
        start, end = np.searchsorted(ordered, extent.first), np.searchsorted(ordered, extent.last, "right")
        if start == end:
            continue
        held, wanted = shelf.rows(extent), ordered[start:end]
        at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
        hit = (held[at] == wanted) & ~among(wanted, shelf.gone(extent, wanted))
        places = np.arange(start, end)[hit] if order is None else order[start:end][hit]
        keys = shelf.keys(extent).taken(at[hit])
        if keys.null_count:
            present = np.asarray(keys.is_valid())
            places, keys = places[present], keys.drop_null()
        answers.answer(places, keys)
    return answers


def rows_in_segments(shelf: Shelf, extents: tuple[Extent, ...], keys: KeySet) -> Lookup:
    """The row of each key, where a segment has it."""
    answers = Lookup(len(keys))
    of_texts = [extent for extent in extents if extent.summary.lowest_text is not None and _meets(extent, keys)]
    hashed = _hashed(shelf, of_texts, keys) if of_texts else _NO_HASHES
    for extent in [*(extent for extent in extents if extent.summary.lowest is not None), *of_texts]:
        is_text = extent.summary.lowest_text is not None
        places, at = _texts(shelf, extent, keys, hashed) if is_text else _numbers(shelf, extent, keys)
        if len(at):
            rows = shelf.rows(extent)[at]
            counts = ~among(rows, shelf.gone(extent, rows))
            answers.answer(places[counts], pa.array(rows[counts]))
    return answers


Hits = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Places among what was asked, and the places in the segment where they were found."""

Hashed = tuple[Hashes, npt.NDArray[np.intp]]
"""Hashes, ascending, and the place of each among what was asked."""

_NO_HASHES: Hashed = (np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.intp))
_NOTHING: Hits = (np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp))


def _numbers(shelf: Shelf, extent: Extent, keys: KeySet) -> Hits:
    values, places = keys.numbers
    assert extent.summary.lowest is not None
    assert extent.summary.highest is not None
    low, high = np.searchsorted(values, extent.summary.lowest), np.searchsorted(values, extent.summary.highest, "right")
    if low == high:
        return _NOTHING
    values, places = values[low:high], places[low:high]
    held = shelf.keys(extent)
    assert held.numbers is not None
    if held.is_ascending:
        numbers = np.asarray(held.numbers)
        at = np.minimum(np.searchsorted(numbers, values), len(numbers) - 1)
        hit = numbers[at] == values
        return places[hit], at[hit]
    return _matched(held.numbers, pa.array(values), places)


def _meets(extent: Extent, keys: KeySet) -> bool:
    """Whether any of the keys may stand between the lowest and the highest of a segment."""
    bounds, said = keys.bounds, extent.summary
    assert said.lowest_text is not None
    assert said.highest_text is not None
    return bounds is not None and bounds[0] <= said.highest_text and bounds[1] >= said.lowest_text


def _hashed(shelf: Shelf, extents: list[Extent], keys: KeySet) -> Hashed:
    """The keys' hashes, ascending, without those that no segment has as a first look tells, where that pays."""
    hashes, places = keys.hashes
    if len(keys) > _MANY_KEYS and len(extents) > _MANY_SEGMENTS:
        passing = shelf.sieve(extents).passing(hashes)
        return hashes[passing], places[passing]
    return hashes, places


def _texts(shelf: Shelf, extent: Extent, keys: KeySet, hashed: Hashed) -> Hits:
    hashes, places = hashed
    places = places[shelf.hashes(extent).among(hashes)]
    if not len(places):
        return _NOTHING
    return _matched(shelf.keys(extent).values, pc.take(keys.texts, pa.array(places)), places)


def _matched(held: pa.Array, wanted: pa.Array, places: npt.NDArray[np.intp]) -> Hits:
    """Where each wanted key stands in a segment; the shorter side is searched in the longer one."""
    if len(wanted) <= _ASK_BY_KEY:
        found = np.array([pc.index(held, one).as_py() for one in wanted], dtype=np.intp)
        hit = (found >= 0) & np.asarray(wanted.is_valid())
        return places[hit], found[hit]
    index = pc.index_in(wanted, value_set=held, skip_nulls=True)
    hit = np.asarray(index.is_valid())
    return places[hit], np.asarray(index.drop_null()).astype(np.intp)
