"""Keys that wait to be looked at: those that a feed told just now, and those that wait in the state's queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.state.queue import Mark, Waiting
from dovetail.state.store import Store

MISSES_MAX = 3
"""Times that a row may be changed by others while it is being written, until they are kept from it."""
SCOPE_KEYS = 16_384
"""Keys of one member that are looked at together at most."""

_NOTHING = pa.array([], pa.string())


@dataclass(frozen=True, slots=True)
class Taken:
    """Keys of one mapping, by member, that are being dealt with; `tickets` are those of them that wait in the queue."""

    mapping: str
    keys: Mapping[str, pa.Array]
    tickets: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)


class Inbox:
    """Keys by mapping and member. Those that a feed told are kept in memory alone: the feed keeps them until they are
    acknowledged."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[tuple[str, str], pa.Array] = {}
        self._is_queued = True
        self._missed: dict[tuple[str, str, str], int] = {}

    def look(self) -> None:
        """Find out whether anything at all waits in the queue."""
        self._is_queued = not self._store.queue.is_empty

    @property
    def is_clear(self) -> bool:
        """Whether everything that the feeds told was dealt with, or waits in the state."""
        return not self._told

    def put(self, mapping: str, member: str, keys: pa.Array) -> None:
        """Keys that a feed told."""
        if len(keys):
            known = self._told.get((mapping, member))
            self._told[mapping, member] = keys if known is None else pa.concat_arrays([known, keys]).unique()

    def set_aside(self, mappings: Collection[str]) -> None:
        """Let what was told of other mappings than these wait in the queue, so that no feed must keep it."""
        for mapping, member in [place for place in self._told if place[0] not in mappings]:
            self._store.queue.push(mapping, member, self._told.pop((mapping, member)))

    def take(self, mapping: str, members: Sequence[str], limit: int = SCOPE_KEYS) -> Taken:
        """The next keys of a mapping; the queue keeps its own until `done`."""
        keys: dict[str, pa.Array] = {}
        tickets: dict[str, Sequence[Waiting]] = {}
        for member in members:
            told = self._told.pop((mapping, member), _NOTHING)
            if len(told) > limit:
                self._told[mapping, member] = told.slice(limit)
                told = told.slice(0, limit)
            waiting = self._store.queue.peek(mapping, member, limit) if self._is_queued else ()
            if waiting:
                tickets[member] = waiting
                queued = pa.array([one.key for one in waiting], pa.string())
                told = pa.concat_arrays([told, queued]).unique()
            if len(told):
                keys[member] = told
        return Taken(mapping, keys, tickets)

    def done(
        self, taken: Taken, again: Mapping[str, pa.Array], *, missed: Collection[tuple[str, str]] = frozenset()
    ) -> None:
        """All of these were dealt with but for those to be looked at `again`, which wait in the queue; inside the
        state's transaction that says what became of them. `missed` ones (member and key) were changed by others
        meanwhile."""
        for member, tickets in taken.tickets.items():
            self._store.queue.done(taken.mapping, member, tickets)
        for member, keys in again.items():
            self._store.queue.push(taken.mapping, member, keys)
        former, self._missed = self._missed, {}
        for member, key in missed:
            place = taken.mapping, member, key
            self._missed[place] = former.get(place, 0) + 1

    def insisted(self, taken: Taken) -> Taken | None:
        """Those of the keys whose rows were changed by others too often while we wrote; the rest waits in the queue.
        `None` where there are none."""
        often = {(member, key) for (mapping, member, key), times in self._missed.items() if times >= MISSES_MAX}
        chosen = {
            member: keys.filter(pc.is_in(keys, value_set=pa.array([key for one, key in often if one == member])))
            for member, keys in taken.keys.items()
            if any(one == member for one, _ in often)
        }
        chosen = {member: keys for member, keys in chosen.items() if len(keys)}
        if not chosen:
            return None
        self.give_back(taken)
        return Taken(taken.mapping, chosen)

    def give_back(self, taken: Taken) -> None:
        """None of these could be dealt with: they wait in the queue."""
        for member, keys in taken.keys.items():
            self._store.queue.push(taken.mapping, member, keys)

    def marks(self, mapping: str, members: Sequence[str]) -> dict[str, Mark]:
        """The members of a mapping of which every row may have changed."""
        if not self._is_queued:
            return {}
        found = {member: self._store.queue.marked(mapping, member) for member in members}
        return {member: mark for member, mark in found.items() if mark is not None}

    def waiting(self, mappings: Collection[str]) -> int:
        """How many keys of these mappings wait."""
        told = sum(len(keys) for (mapping, _), keys in self._told.items() if mapping in mappings)
        queue = self._store.queue
        return told if queue.is_empty else told + sum(queue.count_of(mapping) for mapping in mappings)
