"""One scope that is carried out: rows filled in, later rows removed, and what became of them noted in the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import taken
from dovetail.engine.decide import refresh
from dovetail.engine.decision import Decision, Surroundings
from dovetail.engine.deliver import Desk
from dovetail.engine.partition import Partition
from dovetail.engine.passes import hold_what_waits
from dovetail.engine.progress import Progress
from dovetail.engine.quarantine import record
from dovetail.engine.quiet import keep_quiet
from dovetail.engine.rows import parts_of
from dovetail.engine.write import Heard, Writer
from dovetail.state.store import Store


class Deal:
    """The decision about one scope of a mapping, on its way into the members."""

    def __init__(
        self,
        decision: Decision,
        around: Surroundings,
        desk: Desk,
        *,
        partitions: Mapping[tuple[str, str], Partition],
        progress: Progress,
        heard: Heard,
    ) -> None:
        self.decision = decision
        self.name = decision.survey.mapping.name
        self._around = around
        self._desk = desk
        self._partitions = partitions
        self.writer = Writer(decision, around, desk, progress=progress, heard=heard)

    @property
    def written(self) -> int:
        """Rows written so far."""
        return self.writer.written.counts.total()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from changing the rows that are to be changed, at every member, while the block lasts. What was
        decided before may be wrong by then: it is to be decided anew."""
        with ExitStack() as held:
            for work in self.decision.work:
                partition = self._partition(work.side)
                places = np.concatenate([work.updates, work.deletes])
                if partition is not None and len(places) and not len(work.creates):
                    rows = self.decision.survey.sides[work.side]
                    keys = taken(rows.keys, self.decision.survey.index[work.side, places])
                    dataset = replace(rows.member.dataset, key=rows.member.key)
                    held.enter_context(partition.locking(dataset, parts_of(rows.member, keys)))
            yield

    def fill(self) -> None:
        """Create and change rows at every member."""
        refresh(self.decision, self._around)
        for work in self.decision.work:
            partition = self._partition(work.side)
            if partition is not None:
                self.writer.fill(work, partition)

    def remove(self) -> None:
        """Delete rows at every member."""
        for work in self.decision.work:
            partition = self._partition(work.side)
            if partition is not None:
                self.writer.remove(work, partition)

    def _partition(self, side: int) -> Partition | None:
        return self._partitions.get((self.name, self.decision.survey.sides[side].member.name))

    def settle(self) -> None:
        """Note what needed no write, what is held and what is contested; inside a transaction of the state."""
        store = self._desk.store
        hold_what_waits(self.decision, self.writer.written)
        for (mapping, _), partition in self._partitions.items():
            if mapping == self.name:
                partition.hold()
        keep_quiet(store, self.decision)
        record(store, self._desk.run, self.decision, self.writer.written, is_whole=False)

    def again(self) -> dict[str, pa.Array]:
        """The keys, by member, of rows to be looked at again: they changed while they were being written, or a row that
        they refer to got its key only afterwards."""
        survey, written = self.decision.survey, self.writer.written
        waiting = (written.pending | self.decision.waiting) - survey.problems.keys()
        found: dict[str, list[str]] = {}
        for place in dict.fromkeys([*(place for place, _ in written.moved), *waiting]):
            member, key = survey.key_of(place)
            found.setdefault(member, []).append(key)
        return {member: pa.array(keys, pa.string()).unique() for member, keys in found.items()}

    def missed(self) -> set[tuple[str, str]]:
        """Member and key, as `again` names them, of the rows that changed while they were being written."""
        return {self.decision.survey.key_of(place) for place, _ in self.writer.written.moved}

    def linked(self) -> dict[str, pa.Array]:
        """The keys, by member, of rows that were linked just now."""
        survey, links = self.decision.survey, self._around.links
        fresh = survey.fresh | self.writer.written.created
        found = {}
        for rows in survey.sides:
            keys = links.keys_of(self.name, rows.member.name, survey.numbers[np.flatnonzero(fresh)])
            if len(keys) > keys.null_count:
                found[rows.member.name] = keys.drop_null()
        return found


def freed(store: Store, mapping: str, linked: Mapping[str, pa.Array]) -> dict[tuple[str, str], list[str]]:
    """The keys, by mapping and member, of rows in quarantine that waited for these."""
    found: dict[tuple[str, str], list[str]] = {}
    for member, keys in linked.items():
        for reject in store.rejects.waiting(mapping, member, keys):
            found.setdefault((reject.mapping, reject.refusal.member), []).append(reject.refusal.key)
    return found
