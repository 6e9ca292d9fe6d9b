"""The rows of the filled member that a scope of a load may have to be paired with, found by their natural key.

They are looked up where that key is the filled member's own key, so each scope sees every row that any of its rows
could be paired with; rows of the filled member that were not met are dealt with in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import taken
from dovetail.engine.decision import Decision
from dovetail.engine.links import Links
from dovetail.engine.loadable import SCOPE_ROWS, Loadable
from dovetail.engine.rows import MemberRows, one_table, see
from dovetail.engine.scoped import ScopeLinks
from dovetail.engine.write import Written
from dovetail.expression.parse import column
from dovetail.identity.pair import ABSENT
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.key import decode, encode
from dovetail.model.type import Kind, Type
from dovetail.state.store import Store
from dovetail.systems.protocol import Source, SupportsLookup, SupportsVersions


class Meeting:
    """What the filled member holds of each scope."""

    def __init__(self, way: Loadable, target: Source, store: Store) -> None:
        assert isinstance(target, SupportsLookup)
        self._way = way
        self._target = target
        self._store = store
        self._dataset = replace(way.taker.dataset, key=way.taker.key)

    def natural(self, rows: MemberRows) -> MemberRows:
        """The rows that stand under the natural keys of these rows."""
        return self.rows_of(self._natural(rows))

    def linked(self, rows: MemberRows, links: ScopeLinks) -> MemberRows:
        """As `natural`, and those that are linked with these rows already, after a load that was broken off; both
        sides' links go into `links`."""
        name, giver, taker = self._way.mapping.name, self._way.giver.name, self._way.taker.name
        crossref = self._store.crossref
        numbers = crossref.rows(name, giver, rows.keys)
        is_linked = numbers.is_valid()
        known = numbers.filter(is_linked)
        links.link_many(name, giver, known.to_numpy(), rows.keys.filter(is_linked))
        wanted = self._natural(rows)
        if len(known):
            linked_keys = crossref.keys(name, taker, known)
            has_key = linked_keys.is_valid()
            links.link_many(name, taker, known.filter(has_key).to_numpy(), linked_keys.drop_null())
            wanted = pa.concat_tables([wanted, self._parts(linked_keys.drop_null())])
        return self.rows_of(wanted)

    def count(self) -> int:
        """How many rows the filled member holds."""
        if isinstance(self._target, SupportsVersions):
            versions = self._target.versions(self._dataset)
            if versions:
                return sum(versions.values())
        return sum(batch.num_rows for batch in self._target.read(self._dataset, self._way.taker.key))

    def rows_of(self, keys: pa.Table) -> MemberRows:
        """The rows of those keys, in the shared shape."""
        batch = keys.combine_chunks().to_batches() if keys.num_rows else []
        found = list(self._target.lookup(self._dataset, self._way.taker.columns, batch[0])) if batch else []
        own, unreadable = one_table(self._way.taker, found)
        return see(self._way.mapping, self._way.taker, own, unreadable)

    def not_met(self, apart: Apart) -> Iterator[MemberRows]:
        """The rows of the filled member that are linked with nothing and were met by no scope, some at a time."""
        met = apart.keys(self._way.taker.name)
        name, taker = self._way.mapping.name, self._way.taker
        for batch in self._target.read(self._dataset, taker.key):
            keys = encode([batch.column(part) for part in taker.key])
            lonely = keys.filter(self._store.crossref.rows(name, taker.name, keys).is_null())
            lonely = lonely.filter(pc.invert(pc.is_in(lonely, value_set=met)))
            for at in range(0, len(lonely), SCOPE_ROWS):
                yield self.rows_of(self._parts(lonely.slice(at, SCOPE_ROWS)))

    def _natural(self, rows: MemberRows) -> pa.Table:
        """The keys that rows would stand under: a value that the filled member's type cannot hold stands nowhere."""
        taker, types = self._way.taker, self._way.mapping.types
        outputs, scope, columns = [], {}, {}
        for part in taker.key:
            field = next(cell.field for cell in taker.cells if cell.read.column == part)
            outputs.append(Output(part, column(field), taker.scope[part]))
            scope[field] = types.get(field, Type(Kind.TEXT))
            columns[field] = rows.shared.column(field)
        found = evaluate(outputs, scope, pa.table(columns)).table
        is_whole = np.ones(found.num_rows, dtype=np.bool_)
        for part in taker.key:
            is_whole &= pc.is_valid(found.column(part)).to_numpy()
        return found.select(list(taker.key)).filter(pa.array(is_whole))

    def _parts(self, keys: pa.Array) -> pa.Table:
        taker = self._way.taker
        parts = decode(keys.to_pylist(), [taker.scope[part] for part in taker.key])
        return pa.table(dict(zip(taker.key, parts, strict=True)))


class Apart:
    """Rows that a load met but did not link: held ones, and pairs that are left out. The rest of the run knows them."""

    def __init__(self) -> None:
        self._links: list[tuple[str, npt.NDArray[np.int64], pa.Array]] = []
        self._held: set[int] = set()

    def see(self, decision: Decision, written: Written) -> None:
        """Note the rows of a scope."""
        survey = decision.survey
        apart = decision.held | (decision.filtered & (survey.index != ABSENT).all(axis=0))
        apart[[place for place, _ in written.moved]] = True
        self._held.update(survey.numbers[decision.held].tolist())
        for side, rows in enumerate(survey.sides):
            at = np.flatnonzero(apart & (survey.index[side] != ABSENT))
            if len(at):
                keys = taken(rows.keys, survey.index[side, at])
                self._links.append((rows.member.name, survey.numbers[at], keys))

    def keys(self, member: str) -> pa.Array:
        """Their keys at a member."""
        return pa.concat_arrays([pa.array([], pa.string()), *(keys for name, _, keys in self._links if name == member)])

    def link(self, mapping: str, links: Links) -> None:
        """Let the rest of the run know them."""
        for member, numbers, keys in self._links:
            links.link_many(mapping, member, numbers, keys)
        links.held |= {(mapping, number) for number in self._held}


def no_rows(way: Loadable, side: int) -> MemberRows:
    """No row of a member."""
    member = way.mapping.members[side]
    schema = pa.schema([(name, member.scope[name].arrow()) for name in member.columns])
    return see(way.mapping, member, schema.empty_table())
