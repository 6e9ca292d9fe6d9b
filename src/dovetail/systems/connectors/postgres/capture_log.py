"""Reading a feed from the log: one stream a feed, kept open from call to call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa

from dovetail.errors import FeedLost
from dovetail.model.change import Noticed
from dovetail.systems.connectors.postgres import capture_slot as slots
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.capture_decode import Told, lsn, lsn_text
from dovetail.systems.connectors.postgres.capture_keys import batch
from dovetail.systems.connectors.postgres.capture_stream import Stream, open_stream
from dovetail.systems.connectors.postgres.faults import translated
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, columns

CHECK_S = 5.0
"""Seconds after which it is looked again whether a feed still tells everything."""

_VISIBLE_S = 0.05
"""Seconds in which a commit that the log tells of should be seen by everybody; else the reader comes again."""
_PAUSE_S = 0.0002
_SNAPSHOT = "SELECT txid_current_snapshot()::text"
_NUMBERS = 2**32
"""Transactions after which their numbers begin anew."""
_GONE = ("42704", "55000")
"""The server knows the slot or the publication no more, or has given the slot up."""


@dataclass(slots=True)
class _Reading:
    """A feed that is being read; `datasets` are its tables by number: name, key, and how the key is stored."""

    slot: str
    stream: Stream
    datasets: dict[int, tuple[str, tuple[str, ...], dict[str, Column]]]
    checked: float = field(default_factory=time.monotonic)


class Log:
    """The feeds of one database that read its log."""

    def __init__(self, address: Address, names: Names) -> None:
        self._address = address
        self._names = names
        self._readings: dict[str, _Reading] = {}
        self._lock = threading.RLock()

    def noticed(self, session: Session, feed: str, slot: str, rows: int) -> Noticed:
        """What has come; where nothing has, it is made sure that nothing is on its way."""
        reading = self._open(session, feed, slot)
        try:
            reading.stream.pump(rows)
            if reading.stream.decoder.unknown:
                self._end(feed, reading)
                reading = self._open(session, feed, slot, ignored=reading.stream.decoder.unknown)
            return self._noticed(session, reading, rows)
        except psycopg.Error as error:
            self._end(feed, reading)
            raise _gone(error, slot) or error from error

    def _noticed(self, session: Session, reading: _Reading, rows: int) -> Noticed:
        self._check(session, reading)
        stream, is_all = reading.stream, False
        if not stream.first(rows)[0]:
            is_all = stream.settle(session, rows)
        told, more = _visible(session, stream, rows)
        if not told:
            return Noticed({}, {}, None, more)
        keys, whole = _gathered(reading, told)
        return Noticed(keys, whole, lsn_text(told[-1].end), more or not is_all)

    def acknowledge(self, session: Session, feed: str, slot: str, cursor: str) -> None:
        """Let the server forget what came up to there."""
        with self._lock:
            reading = self._readings.get(feed)
        if reading is None:
            slots.advance(session, slot, cursor)
            return
        try:
            reading.stream.acknowledge(lsn(cursor))
        except psycopg.Error:
            self._end(feed, reading)
            raise

    def waiting(self, session: Session, feed: str, slot: str) -> Callable[[float], bool]:
        """Waits for the server's word, without a connection that is lent."""
        reading = self._open(session, feed, slot)

        def wait(timeout_s: float) -> bool:
            with translated(feed, timeout_s):
                try:
                    return reading.stream.wait(timeout_s)
                except psycopg.Error as error:
                    self._end(feed, reading)
                    raise _gone(error, slot) or error from error

        return wait

    def _end(self, feed: str, reading: _Reading) -> None:
        """End one reading of a feed, and none that was begun since."""
        with self._lock:
            if self._readings.get(feed) is reading:
                del self._readings[feed]
        reading.stream.close()

    def close(self, feed: str | None = None) -> None:
        """End the reading of a feed, or of all."""
        with self._lock:
            ended = [self._readings.pop(name) for name in list(self._readings) if feed in (None, name)]
        for reading in ended:
            reading.stream.close()

    def _open(self, session: Session, feed: str, slot: str, *, ignored: AbstractSet[int] = frozenset()) -> _Reading:
        with self._lock:
            if feed in self._readings:
                return self._readings[feed]
            found = slots.standing(session, slot)
            why = "it is not there" if found is None else slots.lost(session, self._names, found)
            if found is None or why:
                raise _lost(slot, why)
            datasets = {}
            for name, covered in found.datasets.items():
                stored = columns(session, self._names.table(name))
                datasets[covered.oid] = (name, covered.key, stored)
            wanted = {oid: key for oid, (_, key, _) in datasets.items()}
            try:
                stream = open_stream(self._address, session, slot, wanted=wanted, ignored=ignored)
            except psycopg.Error as error:
                raise _gone(error, slot) or error from error
            self._readings[feed] = _Reading(slot, stream, datasets)
            return self._readings[feed]

    def _check(self, session: Session, reading: _Reading) -> None:
        """Now and then, that the feed still tells everything: a publication that was dropped is missed by nobody."""
        if time.monotonic() - reading.checked < CHECK_S:
            return
        found = slots.standing(session, reading.slot)
        why = "it is not there" if found is None else slots.lost(session, self._names, found)
        if why:
            raise _lost(reading.slot, why)
        reading.checked = time.monotonic()


def _visible(session: Session, stream: Stream, rows: int) -> tuple[Sequence[Told], bool]:
    """The oldest transactions whose rows everybody sees by now, about so many changes; and whether there are more.

    The log tells of a commit as soon as it is written, a little before other sessions see it, or long before where the
    commit waits for a standby. Whoever looked at the rows meanwhile would find them unchanged."""
    limit = time.monotonic() + _VISIBLE_S
    while True:
        told, more = stream.first(rows)
        if not told:
            return told, more
        is_under_way = _under_way(session.rows(_SNAPSHOT)[0][0])
        hidden = next((at for at, one in enumerate(told) if is_under_way(one.version)), len(told))
        if hidden:
            stream.give(told[hidden - 1])
            return told[:hidden], more or hidden < len(told)
        if time.monotonic() > limit:
            return (), True
        time.sleep(_PAUSE_S)


def _under_way(snapshot: str) -> Callable[[str], bool]:
    """Whether a transaction was not over when the snapshot (`xmin:xmax:under way`) was taken.

    >>> [_under_way("10:20:12,15")(version) for version in ("9", "12", "13", "20")]
    [False, True, False, True]
    """
    _, after, running = snapshot.split(":")
    numbers = {int(one) % _NUMBERS for one in running.split(",") if one}
    first_unborn = int(after) % _NUMBERS

    def is_under_way(version: str) -> bool:
        number = int(version)
        return number in numbers or (number - first_unborn) % _NUMBERS < _NUMBERS // 2

    return is_under_way


def _gathered(reading: _Reading, told: Sequence[Told]) -> tuple[dict[str, pa.RecordBatch], dict[str, str]]:
    """Keys and whole tables by dataset."""
    found: dict[int, tuple[list[object], list[str]]] = {oid: ([], []) for oid in reading.datasets}
    whole: dict[str, str] = {}
    for one in told:
        for oid, keys in one.keys.items():
            gathered, versions = found[oid]
            gathered += keys
            versions += [one.version] * len(keys)
        for oid, reason in one.whole.items():
            whole[reading.datasets[oid][0]] = reason
    batches: dict[str, pa.RecordBatch] = {}
    for oid, (gathered, versions) in found.items():
        if gathered:
            name, parts, stored = reading.datasets[oid]
            rows = [gathered] if len(parts) == 1 else list(zip(*gathered, strict=True))
            written = [pa.array(part, pa.binary()) for part in rows]
            batches[name] = batch(parts, stored, written, versions)
    return batches, whole


def _gone(error: psycopg.Error, slot: str) -> FeedLost | None:
    """The error as the loss of the feed, if it is that."""
    return _lost(slot, (error.diag.message_primary or "").split("\n")[0]) if error.sqlstate in _GONE else None


def _lost(slot: str, why: str) -> FeedLost:
    return FeedLost(f"the feed tells not everything: {why}", where=slot, hint="dovetail capture --make")
