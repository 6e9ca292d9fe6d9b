"""One chunk of a bulk load as the state keeps it: shared rows with their keys, base and digests, in compressed
parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

from dovetail.merge.packed import CELL
from dovetail.state.keyset import Hashes, KeySet, strings, whole_numbers
from dovetail.state.planes import Cells, Flags, Numbers, Packing, Unpacking, spread

_TAIL_BITS = np.uint64(8)

ROWS = "rows"
BASE = "base"
NOTHING = np.zeros((0, 0, 0), dtype=CELL)
"""The cells of a segment without a base."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Shared rows that one chunk of a bulk load creates, and what is to be remembered of each.

    `rows` ascends. `keys` holds for each member the key of each row, as text or as the whole number whose text it is,
    null where a row has none. `layout` is the base's layout document, `None` where no base is kept, and `marks` the
    base, of the type `CELL` and in the shape (rows, fields, members). `digests` are whatever row digests a member's own
    system computed (int64). `place` and `counts` are the load's own: where this chunk ends, and what it counted.
    """

    mapping: str
    rows: pa.Array
    keys: Mapping[str, pa.Array]
    layout: str | None = None
    marks: Cells = field(default_factory=NOTHING.copy)
    digests: Mapping[str, pa.Array] = field(default_factory=dict)
    place: bytes = b""
    counts: Mapping[str, int] = field(default_factory=dict)

    def without(self, positions: Numbers) -> Segment:
        """The same without the rows at those positions."""
        keep = np.ones(len(self.rows), dtype=np.bool_)
        keep[positions] = False
        mask = pa.array(keep)
        return Segment(
            mapping=self.mapping,
            rows=self.rows.filter(mask),
            keys={member: keys.filter(mask) for member, keys in self.keys.items()},
            layout=self.layout,
            marks=self.marks[keep] if self.layout is not None else self.marks,
            digests={member: digests.filter(mask) for member, digests in self.digests.items()},
            place=self.place,
            counts=self.counts,
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a segment at one member: whole numbers where `numbers` is given, else texts."""

    numbers: pa.Array | None
    texts: pa.Array | None
    is_ascending: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return int(self.values.nbytes)

    @property
    def values(self) -> pa.Array:
        """The keys as they are kept, null where a row has none."""
        return self.numbers if self.numbers is not None else self.texts

    def taken(self, positions: Numbers) -> pa.Array:
        """The texts at those positions."""
        return strings(pc.take(self.values, pa.array(positions)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What can be said of a segment's keys at a member without reading them: how many, and between which."""

    count: int
    lowest: int | None = None
    highest: int | None = None
    lowest_text: str | None = None
    highest_text: str | None = None
    repeated: int = 0


def rows_part(rows: Numbers) -> bytes:
    """The row numbers as bytes."""
    packing = Packing()
    packing.numbers(ROWS, rows)
    return packing.written()


def keys_part(keys: Keys) -> bytes:
    """The keys at one member as bytes."""
    packing = Packing()
    packing.holes("holes", keys.values)
    if keys.numbers is not None:
        packing.numbers("numbers", np.asarray(keys.numbers.drop_null()))
    else:
        packing.texts("texts", keys.values.drop_null())
    return packing.written()


def keys_of(given: pa.Array) -> Keys:
    """Keys as a segment keeps them: as whole numbers where all are the texts of some."""
    if isinstance(given, pa.ChunkedArray):
        given = given.combine_chunks()
    numbers = whole_numbers(given)
    if numbers is None:
        return Keys(None, strings(given))
    values = np.asarray(numbers.drop_null())
    is_whole = numbers.null_count == 0
    return Keys(numbers, None, is_whole and bool((values[1:] > values[:-1]).all()))


def asked(keys: Keys) -> KeySet:
    """The keys that there are, to be looked up."""
    return KeySet(keys.values.drop_null())


def summary(keys: Keys, present: KeySet) -> tuple[Summary, Hashes | None]:
    """What is said of the keys, and the hashes of texts, ascending."""
    bounds = pc.min_max(present.given).as_py()
    if keys.numbers is not None:
        repeated = 0 if keys.is_ascending else len(present) - int(pc.count_distinct(present.given).as_py())
        return Summary(len(present), bounds["min"], bounds["max"], repeated=repeated), None
    found, _ = present.hashes
    repeated = 0
    if (found[1:] == found[:-1]).any():
        repeated = len(present) - int(pc.count_distinct(present.given).as_py())
    return Summary(len(present), None, None, bounds["min"], bounds["max"], repeated), found


def read_rows(content: bytes) -> Numbers:
    """The row numbers again."""
    return Unpacking(content).numbers(ROWS)


def read_keys(content: bytes, count: int) -> Keys:
    """The keys again; `count` is the number of rows."""
    unpacking = Unpacking(content)
    present = unpacking.present("holes", count)
    if not unpacking.holds("numbers"):
        return Keys(None, spread(unpacking.texts("texts"), present))
    values = unpacking.numbers("numbers")
    is_ascending = present is None and bool((values[1:] > values[:-1]).all())
    return Keys(spread(pa.array(values), present), None, is_ascending)


@dataclass(frozen=True, slots=True)
class KeyHashes:
    """The hashes of a segment's texts, ascending, in five bytes each."""

    heads: npt.NDArray[np.uint32]
    tails: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return self.heads.nbytes + self.tails.nbytes

    def among(self, asked: Hashes) -> Flags:
        """Which of the hashes asked for are here; they ascend."""
        heads = (asked >> _TAIL_BITS).astype(np.uint32)
        at = np.minimum(np.searchsorted(self.heads, heads), len(self.heads) - 1)
        found = self.heads[at] == heads
        places = np.flatnonzero(found)
        if len(places):
            whole = (self.heads.astype(np.uint64) << _TAIL_BITS) | self.tails
            some = asked[places]
            found[places] = whole[np.minimum(np.searchsorted(whole, some), len(whole) - 1)] == some
        return np.asarray(found)


def hashes_part(found: Hashes) -> bytes:
    """Ascending hashes as bytes."""
    packing = Packing()
    packing.numbers("hashes", found.astype(np.int64))
    return packing.written()


def read_hashes(content: bytes) -> KeyHashes:
    """The hashes again."""
    found = Unpacking(content).numbers("hashes").astype(np.uint64)
    return KeyHashes((found >> _TAIL_BITS).astype(np.uint32), found.astype(np.uint8))


def cells_part(cells: Cells) -> bytes:
    """Base cells as bytes."""
    packing = Packing()
    packing.cells(BASE, cells)
    return packing.written()


def read_cells(content: bytes) -> Cells:
    """The base cells again."""
    return Unpacking(content).cells(BASE)


def digests_part(digests: pa.Array) -> bytes:
    """Row digests as bytes, as they are: they are as good as random."""
    packing = Packing()
    packing.holes("holes", digests)
    packing.plain("digests", np.asarray(digests.drop_null().cast(pa.int64())))
    return packing.written()


def read_digests(content: bytes, count: int) -> pa.Array:
    """The row digests again."""
    unpacking = Unpacking(content)
    return spread(pa.array(unpacking.plain("digests")), unpacking.present("holes", count))


def checksum(content: bytes, about: str) -> int:
    """A number that changes when the content does, or when it stands elsewhere."""
    found = xxh3_64_intdigest(content, xxh3_64_intdigest(about.encode()))
    return found - (1 << 64) if found >> 63 else found
