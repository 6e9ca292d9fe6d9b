"""Noting which rows change in memory: a queue of committed transactions for each feed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.errors import FeedLost, SystemFault
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import VERSION, Feed, Noticed, Visibility
from dovetail.systems.connectors.memory.write import Key, field_of

WAY = "triggers"


@dataclass(slots=True)
class _Told:
    """What one transaction changed. `whole` are datasets of which every row may have changed, with the reason."""

    number: int
    version: str
    keys: dict[str, list[Key]] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Feed:
    """The datasets that it covers, and what was noted and not acknowledged."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    told: deque[_Told] = field(default_factory=deque)
    given: int = 0
    lost: str = ""


class Capture:
    """The feeds of one system. The caller holds the system's lock, but for `await_changes`."""

    def __init__(self) -> None:
        self.feeds: dict[str, _Feed] = {}
        self._changes: dict[str, list[Key]] = {}
        self._numbers = 0
        self._committed = threading.Condition()

    def visible(self, dataset: Dataset) -> Visibility:
        """How changes of a dataset can be seen."""
        if dataset.kind is not DatasetKind.TABLE or not dataset.key:
            return Visibility(dataset.name, "reading", reason="it is no table with a key")
        return Visibility(dataset.name, WAY, cost="a key for each change, in memory")

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Cover exactly those datasets."""
        for one in datasets:
            if self.visible(one).way != WAY:
                raise SystemFault(f"changes of {one.name} cannot be noted", where=one.name, code="DV-360")
        made = self.feeds.setdefault(feed, _Feed())
        reason = made.lost or "it is noted from now on"
        whole = {one.name: reason for one in datasets if made.lost or made.datasets.get(one.name) is None}
        made.datasets, made.lost = {one.name: one for one in datasets}, ""
        if whole:
            self._put(made, _Told(0, "", whole=whole))
        return self._standing(feed, made)

    def feed(self, feed: str) -> Feed | None:
        """How a feed stands."""
        made = self.feeds.get(feed)
        return None if made is None else self._standing(feed, made)

    def lose(self, feed: str, reason: str) -> None:
        """Forget all that the feed noted, as a system does that gives a reader up."""
        made = self.feeds[feed]
        made.lost = reason
        made.told.clear()

    def _standing(self, feed: str, made: _Feed) -> Feed:
        return Feed(feed, WAY, tuple(made.datasets), sum(len(one.keys) for one in made.told), None, made.lost)

    def noticed(self, feed: str, rows: int) -> Noticed:
        """The oldest transactions, about so many changes."""
        made = self._reading(feed)
        keys: dict[str, tuple[list[Key], list[str]]] = {}
        whole: dict[str, str] = {}
        last, count = None, 0
        for told in made.told:
            if count >= rows:
                break
            for name, changed in told.keys.items():
                gathered, versions = keys.setdefault(name, ([], []))
                gathered += changed
                versions += [told.version] * len(changed)
                count += len(changed)
            whole |= told.whole
            last = told
        if last is None:
            return Noticed({}, {}, None)
        made.given = max(made.given, last.number)
        batches = {name: _batch(made.datasets[name], *found) for name, found in keys.items() if name in made.datasets}
        return Noticed(batches, whole, str(last.number), last is not made.told[-1])

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget the transactions up to that one."""
        told = self._reading(feed).told
        while told and told[0].number <= int(cursor):
            told.popleft()

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait for a transaction that was not given yet."""
        with self._committed:
            return self._committed.wait_for(lambda: self._has_more(feed), timeout_s)

    def _has_more(self, feed: str) -> bool:
        made = self.feeds.get(feed)
        return made is None or bool(made.lost or (made.told and made.told[-1].number > made.given))

    def change(self, dataset: Dataset, keys: Sequence[Key]) -> None:
        """Rows that the open transaction changes."""
        if dataset.key and self.feeds:
            self._changes.setdefault(dataset.name, []).extend(keys)

    def undo(self) -> None:
        """The open transaction changed nothing."""
        self._changes = {}

    def commit(self, version: str) -> None:
        """The open transaction has changed its rows."""
        changes, self._changes = self._changes, {}
        for made in self.feeds.values():
            keys = {name: changed for name, changed in changes.items() if changed and name in made.datasets}
            if keys and not made.lost:
                self._put(made, _Told(0, version, keys))

    def _put(self, made: _Feed, told: _Told) -> None:
        with self._committed:
            self._numbers += 1
            told.number = self._numbers
            made.told.append(told)
            self._committed.notify_all()

    def _reading(self, feed: str) -> _Feed:
        made = self.feeds.get(feed)
        if made is None or made.lost:
            why = made.lost if made is not None else "it is not there"
            raise FeedLost(f"the feed tells not everything: {why}", where=feed)
        return made


def _batch(dataset: Dataset, keys: Sequence[Key], versions: Sequence[str]) -> pa.RecordBatch:
    parts = [
        pa.array([key[at] for key in keys], field_of(dataset, part).type.arrow()) for at, part in enumerate(dataset.key)
    ]
    return pa.RecordBatch.from_arrays([*parts, pa.array(versions, pa.string())], [*dataset.key, VERSION])
