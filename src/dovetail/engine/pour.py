"""A load whose rows never enter this process: the source computes what the target is to hold, and its bytes go straight
into the target.

The source tells of each row its key, its digest, and whether anything about it is in doubt. A stretch of rows in which
one is in doubt goes the general way, so the outcome is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.deliver import Desk, are_free
from dovetail.engine.ledger import Bulk
from dovetail.engine.links import Links
from dovetail.engine.loadable import Loadable
from dovetail.engine.partition import Partition, Stream
from dovetail.engine.survey import parent_member
from dovetail.failpoints import Point, failpoint
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.based import needs_base
from dovetail.model.change import DIGEST
from dovetail.model.key import encode
from dovetail.model.type import Kind, Type
from dovetail.quality.check import declared, questions
from dovetail.state.segment import Segment
from dovetail.systems.protocol import Passage, Source, SupportsLanding, SupportsPassage
from dovetail.systems.push import DOUBT, WANTED, Asked, Computed, Landing, Lookup, Refusal

PAIRS_MAX = 10_000
"""Rows of a referred mapping at most whose keys are given to the source."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What is asked of the source, and how it lands in the target."""

    way: Loadable
    asked: Asked
    landing: Landing

    @property
    def fields(self) -> tuple[str, ...]:
        """The target's fields that are filled, in the order of the bytes."""
        return tuple(output.name for output in self.asked.outputs)

    @property
    def told(self) -> tuple[str, ...]:
        """The source's fields that the target's key is made of."""
        names = {name for output in self._key_outputs() for name in output.expression.names}
        columns = [name for cell in self.way.giver.cells if cell.field in names for name in cell.columns]
        return tuple(name for name in dict.fromkeys(columns) if name not in self.way.giver.key)

    def _key_outputs(self) -> list[Output]:
        taker = self.way.taker
        return [Output(one.name, one.expression, one.fit) for one in self.asked.outputs if one.name in taker.key]

    def keys_there(self, looked: pa.RecordBatch) -> tuple[pa.Array, pa.RecordBatch]:
        """The keys that the rows will have in the target, as texts, and the first of them in its parts."""
        giver, taker = self.way.giver, self.way.taker
        columns = [*giver.key, *self.told]
        table = pa.Table.from_batches([looked.select(columns)])
        outputs = self._key_outputs()
        names = {name for output in outputs for name in output.expression.names}
        shared = [Output(one.name, one.expression, one.fit) for one in self.asked.shared if one.name in names]
        seen = evaluate(shared, {name: giver.scope[name] for name in columns}, table).table
        scope = {name: self.way.mapping.types.get(name, Type(Kind.TEXT)) for name in names}
        made = evaluate(outputs, scope, seen).table.select(list(taker.key))
        first = made.slice(0, 1).combine_chunks().to_batches()[0]
        return encode([made.column(part) for part in taker.key]), first


def channel(
    way: Loadable, ends: tuple[Source, Source], links: Links, mappings: Mapping[str, CompiledMapping], *, is_based: bool
) -> Channel | str:
    """How the rows of a mapping can be poured, or why they cannot."""
    source, target = ends
    giver, taker = way.giver, way.taker
    if way.meets or is_based or needs_base(way.mapping.mapping):
        return "rows must be compared, or their base kept"
    if not isinstance(source, SupportsPassage) or not isinstance(target, SupportsLanding):
        return "the systems have no form in common"
    if giver.gone is not None or taker.wants is not None:
        return "rows are softly deleted, or not all wanted"
    if not any(part and set(part) <= set(taker.key) for part in (taker.dataset.key, *taker.dataset.uniques)):
        return f"nothing keeps the key of {taker.name} unique"
    asked = _asked(way, links, mappings)
    if isinstance(asked, str):
        return asked
    if any(set(output.expression.names) & asked.lookups.keys() for output in asked.outputs if output.name in taker.key):
        return f"the key of {taker.name} refers to another mapping"
    landing = target.landing(taker.dataset, tuple(output.name for output in asked.outputs))
    if isinstance(landing, Refusal):
        return landing.reason
    refused = source.refusal(replace(giver.dataset, key=giver.key), asked, landing)
    return refused.reason if refused is not None else Channel(way, asked, landing)


def _asked(way: Loadable, links: Links, mappings: Mapping[str, CompiledMapping]) -> Asked | str:
    mapping, giver, taker = way.mapping, way.giver, way.taker
    filled = {fill.column for fill in taker.fills}
    writes = [(name, write) for cell in taker.cells for name, write in cell.creates if name not in filled]
    writes += [(fill.column, fill.expression) for fill in taker.fills]
    given = {cell.field for cell in giver.cells}
    if any(write.old_names or not set(write.names) <= given for _, write in writes):
        return f"a column of {taker.name} is not made of what {giver.name} gives alone"
    if not set(taker.key) <= {name for name, _ in writes}:
        return f"{taker.name} draws its keys"
    lookups = {}
    for shared in mapping.mapping.fields:
        if shared.ref is None or shared.by is not None or shared.name not in given:
            continue
        cell, parent = taker.cell(shared.name), mappings[shared.ref]
        pairs = _pairs(links, parent, (parent_member(parent, giver), parent_member(parent, taker)))
        if cell is None or pairs is None:
            return f"{shared.name!r} refers to too many rows, or is not written"
        lookups[shared.name] = Lookup(shared.name, cell.type, pairs)
    scope = {field.name: mapping.types.get(field.name, Type(Kind.INTEGER)) for field in mapping.mapping.fields}
    asks = [
        Computed(question.name, question.expression)
        for question in questions(declared(mapping.mapping), scope)
        if question.expression is not None
    ]
    return Asked(
        scope=dict(giver.scope),
        reads=giver.columns,
        shared=tuple(Computed(one.field, one.read, mapping.types.get(one.field, one.type)) for one in giver.cells),
        outputs=tuple(Computed(name, write, taker.scope[name]) for name, write in writes),
        where=giver.where,
        asks=tuple(asks),
        lookups=lookups,
    )


def _pairs(links: Links, parent: CompiledMapping, members: tuple[str, str]) -> dict[str, str] | None:
    """The keys of a mapping's rows at one member, each with the key at the other; `None` where there are too many."""
    if any(len(member.key) != 1 for member in parent.members):
        return None
    if links.store.crossref.count(parent.name) > PAIRS_MAX:
        return None
    numbers = links.known(parent.name)
    here, there = (links.keys_of(parent.name, member, numbers) for member in members)
    both = pc.and_(here.is_valid(), there.is_valid())
    return dict(zip(here.filter(both).to_pylist(), there.filter(both).to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class Looked:
    """A stretch of the source's rows as they were looked at, and the key that it follows."""

    after: pa.RecordBatch | None
    rows: pa.RecordBatch

    @property
    def is_sure(self) -> bool:
        """Whether every row is wanted and none in doubt."""
        sure = pc.and_(pc.all(self.rows.column(WANTED)), pc.invert(pc.any(self.rows.column(DOUBT))))
        return bool(sure.as_py())


class Pour:
    """One stretch of rows on its way: intended, sent, confirmed, as a delivery is."""

    def __init__(self, desk: Desk, channel: Channel, partition: Partition, passage: Passage, looked: Looked) -> None:
        self.desk = desk
        self.looked = looked
        self.version: str | None = None
        self._channel = channel
        self._partition = partition
        self._passage = passage
        self._number = self._holding = 0
        self.keys = encode([looked.rows.column(part) for part in channel.way.giver.key])
        self._there, self._first = channel.keys_there(looked.rows)

    def is_free(self) -> bool:
        """Whether each row has a key in the target that no other row has, as far as the state knows."""
        name, taker = self._channel.way.mapping.name, self._channel.way.taker.name
        return not self._there.null_count and are_free(self.desk.store, name, taker, self._there)

    @property
    def is_intended(self) -> bool:
        """Whether the intent still stands."""
        return self._holding == self._partition.holding

    @property
    def digests(self) -> pa.Array | None:
        """The digest of each row, where it was asked for."""
        return self.looked.rows.column(DIGEST) if DIGEST in self.looked.rows.schema.names else None

    def intend(self) -> None:
        """Make durable which rows are about to be written."""
        store, way, name = self.desk.store, self._channel.way, self._channel.way.mapping.name
        self._number, self._holding = self._partition.next_chunk(), self._partition.holding
        count = len(self.keys)
        keys = {way.giver.name: self.keys, way.taker.name: self._there}
        failpoint(Point.INTENT_BEFORE)
        with store.transaction():
            first = store.crossref.allocate(name, count)
            rows = pa.array(range(first, first + count), pa.int64())
            store.segments.put(self._partition.name, self._number, Segment(name, rows, keys))
            store.journal.append_segment(self.desk.run, self._partition.name, self._number, member=way.taker.name)
        failpoint(Point.INTENT_AFTER)

    def send(self) -> None:
        """Let the bytes flow, and their claim with them, in one transaction of the target."""
        self._partition.tidy()
        taker, rows = self._channel.way.taker, self.looked.rows
        blocks = self._passage.pour(self._channel.fields, after=self.looked.after, rows=rows.num_rows, every=True)
        with closing(blocks):  # type: ignore[type-var]
            poured = Stream(self._channel.fields, blocks, rows.num_rows, self._first)
            self.version = self._partition.pour(taker.dataset, poured, self._number, self.desk.run, self._claim)

    def _claim(self, version: str | None) -> bytes:
        return Bulk(self.desk.installation, version=version, rows=len(self.keys)).content()

    def confirm(self, note: Callable[[], None]) -> None:
        """Make the state know what the target holds, and in the same transaction whatever `note` adds."""
        self._partition.confirm(self._number, Bulk(self.desk.installation), note=note)

    def is_known(self) -> bool:
        """After a try whose end we do not know: whether the target committed it; then the state knows it now."""
        self._partition.reopen()
        return self._partition.knows(self._number)
