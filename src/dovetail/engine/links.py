"""The cross-reference for the time of a run: which key of which member is which shared row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Mapping as Bindings

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags, taken
from dovetail.engine.book import NO_ROW, Book, Numbers, ordered
from dovetail.state.store import Store


class Links:
    """Keys and shared row numbers of every mapping.

    The links of a member are read once, when first asked for, and stay as they are but for what is linked here. Of the
    mappings in `asked` the state is asked each time, for the keys or rows in question only; what is linked here
    outranks it.

    Numbers are drawn from the state when `durable`; otherwise they are provisional and negative, for a plan writes
    nothing. `held` are shared rows that stand in quarantine in this run, `finished` mappings whose rows are all
    written:
    what refers to a row of theirs that has no key must wait. `unpaired` are keys (mapping, member, key) of rows that
    stand in quarantine because they could not be paired, so that they have no shared row.
    """

    def __init__(
        self, store: Store, members: Bindings[str, Sequence[str]], *, durable: bool, asked: Collection[str] = ()
    ) -> None:
        self.held: set[tuple[str, int]] = set()
        self.finished: set[str] = set()
        self.unpaired: set[tuple[str, str, str]] = set()
        self.store = store
        self.durable = durable
        self._asked = frozenset(asked)
        self._members = members
        self._books: dict[tuple[str, str], Book] = {}
        self._provisional = -1

    def numbers(self, mapping: str, member: str, keys: pa.Array) -> Numbers:
        """The shared row of each key; `NO_ROW` where the key is null or unknown."""
        found, written = self._book(mapping, member).numbers(keys)
        if mapping not in self._asked or written.all():
            return found
        asked = np.flatnonzero(~written)
        names = keys.take(pa.array(asked)).dictionary_encode()
        rows = self.store.crossref.rows(mapping, member, names.dictionary).take(names.indices)
        numbers = rows.fill_null(NO_ROW).to_numpy(zero_copy_only=False).astype(np.int64)
        _, moved = self._book(mapping, member).keys(numbers)
        found[asked] = np.where(moved, NO_ROW, numbers)
        return found

    def keys_of(self, mapping: str, member: str, numbers: Numbers) -> pa.Array:
        """The key of each shared row at a member; null where it has none, and for `NO_ROW`."""
        keys, written = self._book(mapping, member).keys(numbers)
        asked = np.flatnonzero(~written & (numbers != NO_ROW))
        if mapping not in self._asked or not len(asked):
            return keys
        rows, at = np.unique(numbers[asked], return_inverse=True)
        standing = self.store.crossref.keys(mapping, member, pa.array(rows))
        places = np.full(len(numbers), -1, dtype=np.int64)
        places[asked] = at
        return pc.coalesce(keys, taken(standing, places))

    def known(self, mapping: str) -> Numbers:
        """Every shared row of a mapping that any member has a key of, in order; reads them all."""
        rows = [self._book(mapping, member).rows() for member in self._members[mapping]]
        if mapping in self._asked:
            rows += [_links(self.store, mapping, member)[0] for member in self._members[mapping]]
        same = all(np.array_equal(one, rows[0]) for one in rows)
        return rows[0] if rows and same else ordered(rows)

    def draw(self, mapping: str, count: int) -> range:
        """`count` numbers for new shared rows."""
        if self.durable:
            start = self.store.crossref.allocate(mapping, count) if count else 0
            return range(start, start + count)
        first = self._provisional
        self._provisional -= count
        return range(first, first - count, -1)

    def link(self, mapping: str, member: str, row: int, key: str) -> None:
        """Note that this key is this shared row, instead of what stood there before."""
        self.link_many(mapping, member, np.array([row], dtype=np.int64), pa.array([key], pa.string()))

    def link_many(self, mapping: str, member: str, numbers: Numbers, keys: pa.Array) -> None:
        """Note the key of each shared row, none of them null, instead of what stood there before."""
        self._book(mapping, member).write(numbers, keys)

    def unlink(self, mapping: str, member: str, row: int) -> None:
        """Forget the key of a shared row at one member."""
        self.unlink_many(mapping, member, np.array([row], dtype=np.int64))

    def unlink_many(self, mapping: str, member: str, numbers: Numbers) -> None:
        """Forget the keys of shared rows at one member: they do not stand there any more."""
        keys = self.keys_of(mapping, member, numbers)
        known = np.flatnonzero(flags(pc.is_valid(keys)))
        if not len(known):
            return
        book = self._book(mapping, member)
        book.write(np.full(len(known), NO_ROW, dtype=np.int64), taken(keys, known))
        book.write(numbers[known], pa.nulls(len(known), pa.string()))

    def settled(self, mapping: str) -> None:
        """Let go of what was linked here, now that the state knows it; only where the state is asked each time."""
        if mapping in self._asked:
            for member in self._members[mapping]:
                self._books.pop((mapping, member), None)

    def _book(self, mapping: str, member: str) -> Book:
        place = (mapping, member)
        if place not in self._books:
            book = Book()
            if mapping not in self._asked:
                book.write(*_links(self.store, mapping, member), is_one_to_one=True)
            self._books[place] = book
        return self._books[place]


def _links(store: Store, mapping: str, member: str) -> tuple[Numbers, pa.Array]:
    """Every link of a member that the state knows."""
    table = store.crossref.load(mapping, member).combine_chunks()
    keys = table.column("key")
    return table.column("row").to_numpy(), pa.concat_arrays(keys.chunks or [pa.array([], keys.type)])
