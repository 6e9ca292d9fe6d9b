"""A feed that reads the server's binary log: one stream a feed, kept open from call to call."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pymysql

from dovetail.errors import FeedLost
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Noticed
from dovetail.systems.connectors.mariadb import capture_memory as memories
from dovetail.systems.connectors.mariadb.address import Address
from dovetail.systems.connectors.mariadb.capture_decode import Above, Decoder, Key, Told, Watched
from dovetail.systems.connectors.mariadb.capture_keys import batch
from dovetail.systems.connectors.mariadb.capture_memory import Memory, Names, Noted
from dovetail.systems.connectors.mariadb.capture_queue import lost
from dovetail.systems.connectors.mariadb.capture_stream import Place, Stream, is_before, open_stream, visible
from dovetail.systems.connectors.mariadb.capture_tables import Link, Table, columns, look
from dovetail.systems.connectors.mariadb.faults import number, translated
from dovetail.systems.connectors.mariadb.session import Session

_VISIBLE_S = 0.05
"""Seconds in which a commit that the log tells of should be seen by everybody; else the reader comes again."""
_PAUSE_S = 0.0002
_CHECK_S = 5.0
_PURGED = 1236
"""The server's number for a place that its log does not have."""

_SEEN = "it is noted in the log"


@dataclass(slots=True)
class _Reading:
    """A feed that is being read."""

    memory: Memory
    tables: dict[str, Table]
    stream: Stream
    checked: float = field(default_factory=time.monotonic)


class Log:
    """The feeds of one database that read the server's log."""

    def __init__(self, address: Address, *, truth: bool) -> None:
        self._address = address
        self._truth = truth
        self._readings: dict[str, _Reading] = {}
        self._lock = threading.RLock()

    def make(self, session: Session, feed: str, of: Names, tables: Mapping[str, Table], known: Memory | None) -> None:
        """Cover exactly those tables from now on; of those that were not covered, all rows may have changed."""
        if known is not None and known.lost:
            memories.drop(session, of)
        memories.make(session, of)
        is_new = known is None or known.way != memories.BINLOG or bool(known.lost or self._why(session, feed, known))
        for name in set(known.datasets if known else ()) - set(tables):
            memories.uncover(session, of, [name])
        before = {} if known is None or is_new else known.datasets
        for name, one in tables.items():
            if name not in before or before[name].key != one.key or before[name].digest != _SEEN:
                memories.cover(session, of, name, one.key, "")
        if is_new:
            memories.place(session, of, memories.BINLOG, _told(self._here(session, feed)))
        for name, one in tables.items():
            if name not in before or before[name].key != one.key or before[name].digest != _SEEN:
                with session.writing():
                    memories.owe(session, of, name, "it is noted from now on")
                    memories.cover(session, of, name, one.key, _SEEN)

    def _here(self, session: Session, feed: str) -> tuple[Place, int]:
        """The place of the log's end, and when its file was begun."""
        place = visible(session)
        stream = self._glance(session, feed, place)
        try:
            return place, _begun(stream, session.timeout_s)
        finally:
            stream.close()

    def _glance(self, session: Session, feed: str, place: Place) -> Stream:
        """A stream under a name of its own: the one that a running sync reads goes on."""
        decoder = Decoder(session.schema, {}, "", {})
        return open_stream(self._address, session.timeout_s, f"{feed} {secrets.token_hex(8)}", place, decoder)

    def _why(self, session: Session, feed: str, known: Memory) -> str:
        """Why the log cannot be read on from where it was; empty where it can."""
        if not known.position:
            return "nothing says how far the log was read"
        place, begun = _placed(known.position)
        try:
            stream = self._glance(session, feed, place)
            try:
                return "" if _begun(stream, session.timeout_s) == begun else "the server's log was begun anew"
            finally:
                stream.close()
        except pymysql.Error as error:
            if number(error) != _PURGED:
                raise
            return "the server no longer has the log from where it is to be read"

    def lost(self, session: Session, feed: str, found: Memory) -> str:
        """Why changes may have gone unnoticed; empty while none can have."""
        if found.lost or feed in self._readings:
            return found.lost
        unnoted = [name for name, one in found.datasets.items() if one.digest != _SEEN]
        return f"{unnoted[0]} is not noted yet" if unnoted else self._why(session, feed, found)

    def noticed(self, session: Session, feed: str, of: Names, rows: int) -> Noticed:
        """What has come; where nothing has, it is made sure that nothing is on its way."""
        reading = self._open(session, feed, of)
        try:
            return self._noticed(session, of, reading, rows)
        except pymysql.Error as error:
            self._end(feed, reading)
            raise _gone(error, of) or error from error
        except FeedLost:
            self._end(feed, reading)
            raise

    def _noticed(self, session: Session, of: Names, reading: _Reading, rows: int) -> Noticed:
        noted = memories.waiting(session, of, rows)
        stream = reading.stream
        stream.pump(rows)
        seen = visible(session)
        is_all = stream.settle(seen, rows, session.timeout_s) if not stream.first(rows)[0] else False
        if stream.decoder.lost:
            raise lost(of, stream.decoder.lost)
        if stream.decoder.moved:
            self._renew(session, reading)
        told, more = _visible(session, stream, rows, seen)
        if told:
            stream.give(told[-1])
        if not told and not noted:
            return Noticed({}, {}, None, more)
        keys, whole = self._gathered(reading, told, noted)
        place = _told((told[-1].place, told[-1].begun)) if told else ""
        cursor = f"{memories.spelled([one.id for one in noted])}|{place}"
        return Noticed(keys, whole, cursor, more or not is_all)

    def _gathered(
        self, reading: _Reading, told: Sequence[Told], noted: Sequence[Noted]
    ) -> tuple[dict[str, pa.RecordBatch], dict[str, str]]:
        names = {one.place: name for name, one in reading.memory.datasets.items()}
        whole = {names[one.place]: str(one.reason) for one in noted if one.place in names}
        found: dict[str, tuple[list[Key], list[str | None]]] = {}
        for one in told:
            whole |= one.whole
            for name, keys in one.keys.items():
                gathered, versions = found.setdefault(name, ([], []))
                gathered += keys
                versions += [one.version] * len(keys)
        batches = {}
        for name, (gathered, versions) in found.items():
            batches[name] = batch(reading.tables[name].parts, gathered, versions, truth=self._truth)
        return batches, whole

    def acknowledge(self, session: Session, feed: str, of: Names, cursor: str) -> None:
        """Write down how far the log was dealt with, and forget what was noted besides; never back."""
        ids, _, position = cursor.partition("|")
        memories.forget(session, of, memories.listed(ids))
        if not position:
            return
        known = memories.recall(session, of)
        place, _ = _placed(position)
        if known is not None and (not known.position or is_before(_placed(known.position)[0], place)):
            memories.place(session, of, memories.BINLOG, position)
        reading = self._readings.get(feed)
        if reading is not None:
            reading.stream.acknowledge(place)

    def waiting(self, session: Session, feed: str, of: Names) -> Callable[[float], bool]:
        """Waits for the server's word, without a connection that is lent."""
        reading = self._open(session, feed, of)

        def wait(timeout_s: float) -> bool:
            with translated(feed, timeout_s):
                try:
                    return reading.stream.wait(timeout_s)
                except pymysql.Error as error:
                    self._end(feed, reading)
                    raise _gone(error, of) or error from error

        return wait

    def _open(self, session: Session, feed: str, of: Names) -> _Reading:
        with self._lock:
            reading = self._readings.get(feed)
            if reading is not None and time.monotonic() - reading.checked < _CHECK_S:
                return reading
            found = memories.recall(session, of)
            if found is None or found.lost or not found.position:
                raise lost(of, "it is not there" if found is None else found.lost or "it was not made to its end")
            if reading is not None and reading.memory.datasets == found.datasets:
                reading.checked = time.monotonic()
                return reading
            if reading is not None:
                self._end(feed, reading)
            return self._begin(session, feed, of, found)

    def _begin(self, session: Session, feed: str, of: Names, found: Memory) -> _Reading:
        place, begun = _placed(found.position)
        tables = look(session, _datasets(found), sees_numbers=False)
        decoder = Decoder(session.schema, _watched(found, tables), of.own, _above(session, tables))
        try:
            stream = open_stream(self._address, session.timeout_s, feed, place, decoder)
            if _begun(stream, session.timeout_s) != begun:
                stream.close()
                raise lost(of, "the server's log was begun anew")
        except pymysql.Error as error:
            raise _gone(error, of) or error from error
        self._readings[feed] = _Reading(found, tables, stream)
        return self._readings[feed]

    def _renew(self, session: Session, reading: _Reading) -> None:
        """Know tables that changed as they are now; all their rows count as changed in any case."""
        tables = look(session, _datasets(reading.memory), sees_numbers=False)
        with reading.stream.lock:
            decoder = reading.stream.decoder
            decoder.moved.clear()
            reading.tables = {**reading.tables, **tables}
            decoder.watched, decoder.above = _watched(reading.memory, tables), _above(session, tables)
            for told in decoder.done:
                for name in set(told.keys) & set(tables):
                    if any(len(key) != len(tables[name].parts) for key in told.keys[name]):
                        told.keys.pop(name)

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


def _visible(session: Session, stream: Stream, rows: int, seen: Place) -> tuple[Sequence[Told], bool]:
    """The oldest transactions whose rows everybody sees by now, about so many changes; and whether there are more."""
    limit = time.monotonic() + _VISIBLE_S
    while True:
        told, more = stream.first(rows)
        hidden = next((at for at, one in enumerate(told) if is_before(seen, one.place)), len(told))
        if hidden or not told:
            return told[:hidden], more or hidden < len(told)
        if time.monotonic() > limit:
            return (), True
        time.sleep(_PAUSE_S)
        seen = visible(session)


def _begun(stream: Stream, timeout_s: float) -> int:
    """When the file of the log was begun that the stream reads first."""
    limit = time.monotonic() + timeout_s
    while not stream.decoder.first_begun and time.monotonic() < limit:
        stream.step()
    return stream.decoder.first_begun


def _datasets(found: Memory) -> list[Dataset]:
    return [Dataset(name, DatasetKind.TABLE, (), one.key) for name, one in found.datasets.items()]


def _watched(found: Memory, tables: Mapping[str, Table]) -> dict[str, Watched]:
    """How the log tells of each table; one that is gone is known by its name."""
    nothing = Watched((), (), 0)
    return {
        name: Watched(tables[name].parts, tables[name].places, tables[name].columns) if name in tables else nothing
        for name in found.datasets
    }


def _above(session: Session, tables: Mapping[str, Table]) -> dict[str, Above]:
    """The tables whose rows take rows of those with them."""
    tops: dict[str, list[tuple[str, Link]]] = {}
    for of in tables.values():
        for path in of.paths:
            if path[-1].is_here:
                tops.setdefault(path[-1].parent, []).append((of.name, path[-1]))
    found = {}
    for parent, links in tops.items():
        wanted = list(dict.fromkeys(name for _, link in links for _, name in link.fields))
        parts, places, count = columns(session, parent, wanted)
        below = [frozenset(name for name, link in links if getattr(link, on)) for on in ("on_delete", "on_update")]
        found[parent] = Above(Watched(parts, places, count), *below)
    return found


def _told(place: tuple[Place, int]) -> str:
    """A place as it is written down.

    >>> _told((("binlog.000002", 342), 1700000000))
    'binlog.000002:342@1700000000'
    """
    return f"{place[0][0]}:{place[0][1]}@{place[1]}"


def _placed(text: str) -> tuple[Place, int]:
    where, _, begun = text.rpartition("@")
    file, _, position = where.rpartition(":")
    return (file, int(position)), int(begun)


def _gone(error: pymysql.Error, of: Names) -> FeedLost | None:
    """The error as the loss of the feed, if it is that."""
    is_gone = number(error) == _PURGED or memories.is_missing(error)
    return lost(of, "the server no longer has the log from where it is to be read") if is_gone else None
