"""Merged values, written out in a member's own shape."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags, is_whole, taken, whole
from dovetail.engine.book import NO_ROW
from dovetail.engine.links import Links
from dovetail.engine.survey import Survey, parent_member
from dovetail.expression.parse import Expression
from dovetail.identity.pair import ABSENT
from dovetail.kernel.evaluate import Failure, Output, evaluate
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.key import decode_first
from dovetail.model.type import Kind, Type

Places = npt.NDArray[np.int64]
KEPT_ROWS = 65_536
"""New rows at most that are kept from being tried until they are created."""

Sources: TypeAlias = "Bindings[str, npt.NDArray[np.integer]]"


@dataclass(frozen=True, slots=True)
class Settled:
    """Values of one shared field that no member holds as they are (a sum of edits, a union, a person's word): by place,
    in order."""

    places: Places
    values: pa.Array

    def at(self, places: Places) -> npt.NDArray[np.int64]:
        """Where the value of each place stands (`ABSENT`: nowhere)."""
        found = np.minimum(np.searchsorted(self.places, places), max(len(self.places) - 1, 0))
        return np.where(self.places[found] == places, found, ABSENT) if len(self.places) else found + ABSENT


@dataclass(frozen=True, slots=True)
class Put:
    """What some shared rows should hold at one member: `columns` row for row with `places`.

    `fed` names, for each column, the shared fields that feed it. `pending` is true where a reference names a row that
    has no key there yet (the
    column is null for the time being); `orphaned` where it will not get one in this run, because that row is held."""

    places: Places
    columns: pa.Table
    fed: Bindings[str, frozenset[str]]
    failures: tuple[Failure, ...]
    pending: npt.NDArray[np.bool_]
    orphaned: dict[int, tuple[str, int]]


def shared_column(
    survey: Survey, field: str, source: npt.NDArray[np.integer], places: Places, settled: Settled | None = None
) -> pa.Array:
    """The value of a shared field for each place, taken from the member that `source` names (-1: null); the number
    after the last member names what was `settled`."""
    chosen = source if is_whole(places, len(source)) else source[places]
    if len(chosen) and (chosen == chosen[0]).all() and 0 <= (side := int(chosen[0])) < len(survey.sides):
        rows = survey.sides[side]
        if rows.member.cell(field) is not None:
            positions = survey.index[side]
            return whole(taken(rows.shared.column(field), positions if chosen is source else positions[places]))
    return _from_several(survey, field, chosen.astype(np.int64), (places, settled))


def _from_several(
    survey: Survey, field: str, chosen: npt.NDArray[np.int64], found: tuple[Places, Settled | None]
) -> pa.Array:
    """The value of a shared field for each place, from the member that `chosen` names for it."""
    places, settled = found
    parts: list[pa.Array] = []
    offsets = []
    total = 0
    kind: pa.DataType | None = None
    for rows in survey.sides:
        offsets.append(total)
        if rows.member.cell(field) is None:
            continue
        column = pa.concat_arrays(
            rows.shared.column(field).chunks or [pa.nulls(0, rows.shared.schema.field(field).type)]
        )
        kind = column.type
        parts.append(column)
        total += len(column)
    if kind is None:
        return pa.nulls(len(places))
    knows = np.array([*(rows.member.cell(field) is not None for rows in survey.sides), settled is not None])
    chosen[~knows[np.maximum(chosen, 0)]] = ABSENT
    index = [survey.index[:, places]]
    offsets.append(total)
    if settled is not None:
        index.append(settled.at(places)[None, :])
        parts.append(settled.values.cast(kind))
    index_of = np.vstack([*index, np.full((1, len(places)), ABSENT)])
    position = index_of[np.maximum(chosen, 0), np.arange(len(places))]
    flat = position + np.array(offsets, dtype=np.int64)[np.maximum(chosen, 0)]
    return taken(pa.concat_arrays(parts), np.where((chosen < 0) | (position == ABSENT), ABSENT, flat))


class Putter:
    """Writes shared rows of one survey in the shape of one member.

    `counting` holds, for each field, the member whose value counts for rows that stand here (-1: this member's own),
    and the one whose value a new row gets, and what was settled besides."""

    def __init__(
        self,
        survey: Survey,
        side: int,
        counting: tuple[Sources, Sources, Bindings[str, Settled]],
        links: Links,
        parents: Bindings[str, CompiledMapping],
    ) -> None:
        self.survey = survey
        self.side = side
        self.member: CompiledMember = survey.sides[side].member
        self.sources, self.origins, self.settled = counting
        self.links = links
        self.parents = parents
        self._tried: Put | None = None

    def try_create(self, places: Places) -> Put:
        """What the member should hold where these rows are created; kept for `create` where nothing can change until
        then."""
        put = self.put(places, create=True)
        self._tried = put if len(places) <= KEPT_ROWS and self._is_final() else None
        return put

    def create(self, places: Places) -> Put:
        """As `try_create`, now that the rows are created."""
        tried, self._tried = self._tried, None
        if tried is not None and np.array_equal(tried.places, places):
            return tried
        return self.put(places, create=True)

    def _is_final(self) -> bool:
        """Whether every row that a new one may refer to has its key already, or will not get one."""
        referred = [name for name in self.fields_read(create=True) if name in self.survey.referred]
        parents = {self.survey.parent_of(name) for name in referred}
        return parents <= self.links.finished and self.survey.mapping.name not in parents

    def put(self, places: Places, *, create: bool) -> Put:
        """What the member should hold at these places. For rows to be created there is no old row: `old.x` is null."""
        outputs = self._outputs(create=create)
        scope: dict[str, Type] = {}
        columns: dict[str, pa.Array | pa.ChunkedArray] = {}
        pending = np.zeros(len(places), dtype=np.bool_)
        orphaned: dict[int, tuple[str, int]] = {}
        sources = {name: self._source(name, create=create) for name in self.fields_read(create=create)}
        for field, source in sources.items():
            cell = self.member.cell(field)
            if field in self.survey.referred and cell is not None:
                columns[field] = self._reference(field, source[places], places, (pending, orphaned))
                scope[field] = cell.type
            else:
                columns[field] = shared_column(self.survey, field, source, places, self.settled.get(field))
                scope[field] = self.survey.mapping.types.get(field, Type(Kind.TEXT))
        rows = self.survey.sides[self.side]
        position = self.survey.index[self.side, places]
        for name in dict.fromkeys(name for output in outputs for name in output.expression.old_names):
            columns[f"old.{name}"] = taken(rows.own.column(name), position)
            scope[f"old.{name}"] = self.member.scope[name]
        evaluated = evaluate(outputs, scope, _table(columns, len(places)))
        fed = {output.name: frozenset(output.expression.names) for output in outputs}
        return Put(places, evaluated.table, fed, evaluated.failures, pending, orphaned)

    def wanted(self, places: Places, wants: Expression) -> npt.NDArray[np.bool_]:
        """Which of these rows the member wants, by its own words over shared fields; a row it cannot judge is not
        wanted."""
        columns = {
            name: shared_column(self.survey, name, self.origins[name], places, self.settled.get(name))
            for name in wants.names
        }
        scope = {name: self.survey.mapping.types[name] for name in wants.names}
        answer = evaluate([Output("wants", wants)], scope, _table(columns, len(places))).table.column("wants")
        return flags(answer)

    def columns_written(self, *, create: bool) -> set[str]:
        """The columns that are filled."""
        return {output.name for output in self._outputs(create=create)}

    def _outputs(self, *, create: bool) -> list[Output]:
        filled = {fill.column for fill in self.member.fills if create or not fill.on_create_only}
        writes = [
            Output(name, write, self.member.scope[name])
            for cell in self.member.cells
            for name, write in (cell.creates if create else cell.writes)
            if name not in filled
        ]
        fills = [
            Output(fill.column, fill.expression, self.member.scope[fill.column])
            for fill in self.member.fills
            if fill.column in filled
        ]
        return writes + fills

    def fields_read(self, *, create: bool) -> list[str]:
        """The shared fields that go into this member's columns."""
        names = dict.fromkeys(name for output in self._outputs(create=create) for name in output.expression.names)
        return [name for name in names if name in self.sources]

    def comes_in(self, field: str) -> npt.NDArray[np.bool_]:
        """For which rows the value of a field comes from another member."""
        source = self._source(field, create=False)
        others: npt.NDArray[np.bool_] = (source >= 0) & (source != self.side)
        return others

    def _source(self, field: str, *, create: bool) -> npt.NDArray[np.integer]:
        """The member whose value is used: for a row that stands here the one that counts, else this member itself if it
        knows the field."""
        if create or self.member.cell(field) is None:
            return self.origins[field]
        counts = self.sources[field]
        return np.where(counts >= 0, counts, counts.dtype.type(self.side))

    def _reference(
        self,
        field: str,
        source: npt.NDArray[np.integer],
        places: Places,
        notes: tuple[npt.NDArray[np.bool_], dict[int, tuple[str, int]]],
    ) -> pa.Array:
        """The keys, at this member, of the rows that a reference names; notes those that have none yet."""
        pending, orphaned = notes
        cell = self.member.cell(field)
        parent = self.parents[self.survey.parent_of(field)]
        numbers = np.where(source >= 0, self.survey.referred[field][np.maximum(source, 0), places], NO_ROW)
        keys = self.links.keys_of(parent.name, parent_member(parent, self.member), numbers)
        missing = np.flatnonzero((numbers != NO_ROW) & flags(pc.is_null(keys)))
        pending[missing] = True
        for at in missing.tolist():
            number = int(numbers[at])
            if parent.name in self.links.finished or (parent.name, number) in self.links.held:
                orphaned[at] = (field, number)
        return decode_first(keys, cell.type if cell is not None else Type(Kind.TEXT))


def _table(columns: Bindings[str, pa.Array | pa.ChunkedArray], rows: int) -> pa.Table:
    if not columns:
        return pa.table({"dovetail_nothing": pa.nulls(rows)})
    return pa.table(dict(columns))
