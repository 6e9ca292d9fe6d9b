"""What was decided about one mapping, as values; nothing has been written."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Bindings
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.agreed import Agreed
from dovetail.engine.arrays import value_at
from dovetail.engine.clocks import ClockOf, ours
from dovetail.engine.links import Links
from dovetail.engine.put import Places, Putter, Settled, shared_column
from dovetail.engine.survey import Survey
from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.reason import CHOSEN, Reason
from dovetail.model.change import Verb
from dovetail.model.finding import Finding
from dovetail.model.run import MappingCount
from dovetail.state.decrees import Decree

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contest:
    """A field (or, with an empty name, a whole row) that no rule could settle."""

    place: int
    field: str
    reason: str
    code: str = "DV-440"


@dataclass(frozen=True, slots=True)
class Decreed:
    """A person's order about the row at a place; `lapsed` says why it does not count any more, and is empty while it
    does."""

    place: int
    decree: Decree
    lapsed: str = ""


@dataclass(slots=True)
class Work:
    """What is to be written at one member. `changed` says, row for row with `updates`, which columns of `new` differ
    from what stands there.

    `creates` are places only: what they should hold is put when their parents have keys. `deletes` are carried out as
    the member spells a delete; `revived` rows, which it holds as deleted, stand again."""

    side: int
    putter: Putter
    creates: Places
    updates: Places
    deletes: Places
    revived: Places
    new: pa.Table | None = None
    changed: dict[str, Flags] = field(default_factory=dict)
    fed: Bindings[str, frozenset[str]] = field(default_factory=dict)

    @property
    def touched(self) -> Places:
        """The rows that stand there and are changed, in order."""
        return np.union1d(self.updates, self.revived) if len(self.revived) else self.updates

    def leave_out(self, rows: Flags) -> None:
        """Do nothing for these shared rows (flags by place)."""
        keep = ~rows[self.updates]
        if self.new is not None:
            self.new = self.new.filter(pa.array(keep))
            self.changed = {column: flags[keep] for column, flags in self.changed.items()}
        self.updates = self.updates[keep]
        self.creates = self.creates[~rows[self.creates]]
        self.deletes = self.deletes[~rows[self.deletes]]
        self.revived = self.revived[~rows[self.revived]]


@dataclass(slots=True)
class Decision:
    """Everything decided about one mapping; nothing has been written.

    `marks` are today's fingerprints in the shape of the base (rows, fields, members), once they are needed
    (`is_marked`); `sources` the member
    whose value counts, by field (-1: nobody's, the members keep theirs), `origins` the member whose value a new row
    gets.
    `settled` holds, by field, values that no member holds; there `sources` and `origins` name the number after the last
    member.
    `rules` holds, by field, the `Reason` why the value counts, `rivals` which members' values stood against each other
    (a line each member; no entry where none did), and `words` what a reason cannot say, by field and place.
    `remarks` are told to a person beside the contests.
    `apart` says which members have nothing to do with which rows any more; `parting` those which shall not from now on,
    `rejoined` those which have again, `unlinked` where a link is to be forgotten; `forgotten` rows are gone everywhere.
    `decreed` are a person's orders that were met; `expelled` names member and place of rows that one of them removes
    there. `waiting` are rows whose update must wait until a row that they refer to has its key; `left_out` those that a
    reviewed plan does not show as they are now. Where only some rows were looked at, `beyond` counts the others, and
    `standing` all rows of each member."""

    survey: Survey
    agreed: Agreed
    sources: dict[str, npt.NDArray[np.int8]]
    origins: dict[str, npt.NDArray[np.int8]]
    marks: npt.NDArray[np.uint64]
    first_agreement: npt.NDArray[np.int64]
    active: Flags
    filtered: Flags
    left_out: Flags
    apart: Flags
    is_marked: bool = False
    settled: dict[str, Settled] = field(default_factory=dict)
    rules: dict[str, npt.NDArray[np.int8]] = field(default_factory=dict)
    rivals: dict[str, Flags] = field(default_factory=dict)
    words: dict[tuple[str, int], str] = field(default_factory=dict)
    doubted: dict[str, Flags] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    contests: list[Contest] = field(default_factory=list)
    decreed: list[Decreed] = field(default_factory=list)
    expelled: list[tuple[int, int]] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    parting: Flags = field(init=False)
    rejoined: Flags = field(init=False)
    unlinked: Flags = field(init=False)
    work: list[Work] = field(default_factory=list)
    beyond: MappingCount | None = None
    standing: Bindings[str, int] | None = None

    def __post_init__(self) -> None:
        self.parting, self.rejoined, self.unlinked = (np.zeros(self.active.shape, dtype=np.bool_) for _ in range(3))

    def settle(self, name: str, values: Bindings[int, object], reason: Reason) -> None:
        """Let these values of a field count, by place, though no member may hold them; raises `pa.ArrowInvalid` where
        the shared type cannot carry one."""
        known = self.settled.get(name)
        merged = dict(zip(known.places.tolist(), known.values.to_pylist(), strict=True)) if known is not None else {}
        merged.update(values)
        places = np.array(sorted(merged), dtype=np.int64)
        kind = self.survey.mapping.types[name].arrow()
        self.settled[name] = Settled(places, pa.array([merged[place] for place in places.tolist()], kind))
        chosen = list(values)
        self.sources[name][chosen] = self.origins[name][chosen] = len(self.survey.sides)
        self.rules[name][chosen] = reason

    def losing(self, name: str, place: int) -> dict[str, object]:
        """The values of a field that stood against the one that counts, by member, where a rule chose among several."""
        rivals = self.rivals.get(name)
        if rivals is None or self.rules[name][place] not in CHOSEN:
            return {}
        one = np.array([place], dtype=np.int64)
        source = self.sources[name]
        value = value_at(shared_column(self.survey, name, source, one, self.settled.get(name)), 0)
        found = {}
        for side in np.flatnonzero(rivals[:, place]).tolist():
            rows = self.survey.sides[side]
            held = value_at(rows.shared.column(name), int(self.survey.index[side, place]))
            if side != source[place] and held != value:
                found[rows.member.name] = held
        return found

    @property
    def held(self) -> Flags:
        """Rows in quarantine."""
        flags = np.zeros(len(self.survey), dtype=np.bool_)
        flags[list(self.survey.problems)] = True
        return flags

    @property
    def next_agreement(self) -> npt.NDArray[np.int64]:
        """The number of the next agreement on each field of each row (rows, fields).

        Numbers go up by two: the one in between marks a member that took part but is still owed the value."""
        return self.first_agreement + 2

    def being_written(self) -> Flags:
        """Which fields of which rows wait for a write somewhere (rows, fields)."""
        flags = np.zeros(self.marks.shape[1::-1], dtype=np.bool_).T
        whole = np.zeros(len(self.survey), dtype=np.bool_)
        for work in self.work:
            whole[work.creates] = True
            whole[work.deletes] = True
            whole[work.revived] = True
            for column, changed in work.changed.items():
                for name in work.fed[column]:
                    if name in self.agreed.fields:
                        flags[work.updates[changed], self.agreed.fields.index(name)] = True
        if whole.any():
            flags |= whole[:, None]
        return flags


def nobody(_name: str) -> bool:
    """Whether a mapping is doubted, where none is."""
    return False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What deciding needs besides the rows: links, all compiled mappings, the seed of fingerprints, what was decided
    before, the clocks of systems, and which mappings are doubted since something was put back from a backup."""

    links: Links
    mappings: Bindings[str, CompiledMapping]
    seed: int
    decided: dict[str, Decision] = field(default_factory=dict)
    clocks: ClockOf = ours
    doubted: Callable[[str], bool] = nobody

    def lookup(self, mapping: str, name: str) -> pa.Array:
        """All values of a shared field of a mapping that was decided before; raises `KeyError`."""
        survey = self.decided[mapping].survey
        if survey.mapping.mapping.field(name) is None:
            raise KeyError(name)
        columns = [rows.shared.column(name) for rows in survey.sides if rows.member.cell(name) is not None]
        return pa.concat_arrays([chunk for column in columns for chunk in column.chunks])


class Turn(StrEnum):
    """What an update does to a row besides setting fields."""

    NONE = ""
    RETIRE = "retire"
    """It deletes the row as the member spells it (`remove`)."""
    REVIVE = "revive"
    """It lets a row stand again that was deleted so (`revive`)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one verb that are written in one transaction."""

    verb: Verb
    places: Places
    rows: pa.RecordBatch
    expected: pa.RecordBatch | None
    keys: pa.Array | None
    pending: npt.NDArray[np.bool_]
    turn: Turn = Turn.NONE

    @property
    def removes(self) -> bool:
        """Whether its rows are gone afterwards."""
        return self.verb is Verb.DELETE or self.turn is Turn.RETIRE
