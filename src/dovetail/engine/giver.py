"""Reading the giving member of a load: scope by scope in the order of the key, from wherever the load is."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.attempt import PATIENCE_S, TRIES_MAX, pause_s
from dovetail.engine.begun import Begun
from dovetail.engine.loadable import POURED_ROWS, SCOPE_ROWS, Loadable
from dovetail.engine.meet import Meeting
from dovetail.engine.pour import Channel, Looked
from dovetail.engine.rows import MemberRows, one_table, see
from dovetail.errors import DovetailError, Remedy
from dovetail.model.change import DIGEST
from dovetail.model.key import encode
from dovetail.systems.protocol import Passage, Source, SupportsDigest, SupportsLookup, SupportsOrder


@dataclass(frozen=True, slots=True)
class Read:
    """Rows as they were read: those of the giving member with their digests, and of the filled one what they meet.
    `place` is where the last of them stands, if that is not the last one here."""

    rows: MemberRows
    standing: MemberRows | None
    digests: npt.NDArray[np.int64] | None
    place: str | None = None


class Giver:
    """The member whose rows are loaded. `is_digested` asks for the digest of each row besides."""

    def __init__(
        self, way: Loadable, source: Source, begun: Begun, meeting: Meeting | None, *, is_digested: bool
    ) -> None:
        self._way = way
        self._source = source
        self._begun = begun
        self._meeting = meeting
        self._is_digested = is_digested

    def scopes(self) -> Iterator[Read]:
        """The giving member's rows, scope by scope, in the shared shape."""
        waiting: list[pa.RecordBatch] = []
        room = SCOPE_ROWS
        with closing(self._batches()) as batches:
            for batch in batches:
                at = 0
                while batch.num_rows - at >= room:
                    yield self._seen([*waiting, batch.slice(at, room)])
                    at, waiting, room = at + room, [], SCOPE_ROWS
                if at < batch.num_rows:
                    waiting.append(batch.slice(at))
                    room -= batch.num_rows - at
        if waiting:
            yield self._seen(waiting)

    def _seen(self, batches: list[pa.RecordBatch]) -> Read:
        own, unreadable = one_table(self._way.giver, batches)
        digests = [batch.column(DIGEST).to_numpy() for batch in batches] if self._is_digested else []
        rows = see(self._way.mapping, self._way.giver, own, unreadable)
        is_first_meeting = self._meeting is not None and not self._begun.is_resumed
        standing = self._meeting.natural(rows) if self._meeting is not None and is_first_meeting else None
        return Read(rows, standing, np.concatenate(digests) if digests else None)

    def _batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Batches in the order of the key; after a failure that passes, from the last key that was given."""
        source, member = self._source, self._way.giver
        if not isinstance(source, SupportsOrder):
            yield from source.read(member.dataset, member.columns)
            return
        dataset = replace(member.dataset, key=member.key)
        after, digest = self._begun.after(self._way), self._is_digested
        failed, limit = 0, time.monotonic() + PATIENCE_S
        while True:
            try:
                for batch in source.read_after(dataset, member.columns, after=after, digest=digest):
                    yield batch
                    if batch.num_rows:
                        after = batch.select(list(member.key)).slice(batch.num_rows - 1, 1)
                        failed, limit = 0, time.monotonic() + PATIENCE_S
            except DovetailError as error:
                failed += 1
                pause = pause_s(error, failed)
                if error.remedy is not Remedy.RETRY or failed == TRIES_MAX or time.monotonic() + pause > limit:
                    raise
                time.sleep(pause)
            else:
                return

    def looks(self, passage: Passage, found: Channel) -> Iterator[Looked]:
        """What the source tells of its rows, stretch by stretch, before they are poured."""
        after, giver = self._begun.after(self._way), self._way.giver
        digest = giver.columns if self._is_digested else None
        while True:
            rows = passage.look(after=after, rows=POURED_ROWS, told=found.told, digest=digest)
            if not rows.num_rows:
                return
            yield Looked(after, rows)
            after = rows.select(list(giver.key)).slice(rows.num_rows - 1, 1)

    def again(self, looked: Looked) -> Read:
        """The rows of a stretch, read to go the general way."""
        giver, source = self._way.giver, self._source
        keys, dataset = looked.rows.select(list(giver.key)), replace(giver.dataset, key=giver.key)
        if self._is_digested:
            assert isinstance(source, SupportsDigest)
            batches = list(source.digest_lookup(dataset, giver.columns, keys))
        else:
            assert isinstance(source, SupportsLookup)
            batches = list(source.lookup(dataset, giver.columns, keys))
        last = encode([keys.column(part).slice(len(keys) - 1, 1) for part in giver.key])
        return replace(self._seen(batches), place=str(last[0].as_py()))
