"""The cross-reference in memory for the time of a run: which key of which member is which shared row."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from collections.abc import Sequence

from dovetail.engine.arrays import listed
from dovetail.state.store import Store


class Links:
    """Keys and shared row numbers of every mapping, loaded when first asked for.

    Numbers are drawn from the state when `durable`; otherwise they are provisional and negative, for a plan writes
    nothing. `held` are shared rows that stand in quarantine in this run, `finished` mappings whose rows are all
    written:
    what refers to a row of theirs that has no key must wait.
    """

    def __init__(self, store: Store, members: Bindings[str, Sequence[str]], *, durable: bool) -> None:
        self.held: set[tuple[str, int]] = set()
        self.finished: set[str] = set()
        self._store = store
        self._durable = durable
        self._members = members
        self._rows: dict[tuple[str, str], dict[str, int]] = {}
        self._keys: dict[tuple[str, str], dict[int, str]] = {}
        self._provisional = -1

    def rows(self, mapping: str, member: str) -> dict[str, int]:
        """Shared row number by key."""
        place = (mapping, member)
        if place not in self._rows:
            table = self._store.crossref.load(mapping, member)
            numbers, keys = listed(table.column("row")), listed(table.column("key"))
            self._rows[place] = dict(zip(keys, numbers, strict=True))
            self._keys[place] = dict(zip(numbers, keys, strict=True))
        return self._rows[place]

    def keys(self, mapping: str, member: str) -> dict[int, str]:
        """Key by shared row number."""
        self.rows(mapping, member)
        return self._keys[mapping, member]

    def known(self, mapping: str) -> list[int]:
        """Every shared row number of a mapping, in order."""
        numbers: set[int] = set()
        for member in self._members[mapping]:
            numbers.update(self.rows(mapping, member).values())
        return sorted(numbers)

    def draw(self, mapping: str, count: int) -> range:
        """`count` numbers for new shared rows."""
        if self._durable:
            start = self._store.crossref.allocate(mapping, count) if count else 0
            return range(start, start + count)
        first = self._provisional
        self._provisional -= count
        return range(first, first - count, -1)

    def link(self, mapping: str, member: str, row: int, key: str) -> None:
        """Note that this key is this shared row, instead of what stood there before."""
        rows, keys = self.rows(mapping, member), self.keys(mapping, member)
        former = keys.get(row)
        if former is not None and rows.get(former) == row:
            del rows[former]
        rows[key] = row
        keys[row] = key

    def unlink(self, mapping: str, member: str, row: int) -> None:
        """Forget the key of a shared row at one member."""
        key = self.keys(mapping, member).pop(row, None)
        if key is not None:
            self.rows(mapping, member).pop(key, None)
