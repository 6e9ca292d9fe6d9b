"""What taking writes back would mean: which rows and fields can hold again what they held, and which moved since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import listed
from dovetail.engine.decision import Surroundings
from dovetail.engine.decree import row_digest, same
from dovetail.engine.links import Links
from dovetail.engine.past import Past, net, one_of, seen_before
from dovetail.engine.scope import look_at, rows_of_keys
from dovetail.engine.survey import parent_member
from dovetail.engine.workspace import Workspace
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import Verb
from dovetail.model.key import encode
from dovetail.state.decrees import Kind, Ruling
from dovetail.state.journal import Journaled

ROWS_MAX = 20_000
"""Rows at most that are looked at together."""


@dataclass(frozen=True, slots=True)
class Back:
    """Something that can be as it was: a field of a row, or (`field` empty) the row. `now` is what each member holds,
    `then` what all shall hold."""

    mapping: str
    keys: Mapping[str, str]
    ruling: Ruling
    now: Mapping[str, object]
    then: object


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays as it is, and why."""

    mapping: str
    keys: Mapping[str, str]
    field: str
    reason: str


@dataclass(slots=True)
class Undoing:
    """What taking a run back would do, and what it would leave alone."""

    run: str
    back: list[Back] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose writes are taken back: those of one run, by whose order, and perhaps only of one field, where the value
    that stood at one `member` counts."""

    run: str
    by: str = ""
    field: str = ""
    member: str = ""


def weigh(
    workspace: Workspace, mappings: Mapping[str, CompiledMapping], told: Sequence[Journaled], wanted: Wanted
) -> Undoing:
    """What taking these writes of one run back would do; nothing is changed. `mappings` are all of the project,
    compiled; `told` is in the order of the journal, the newest first."""
    undoing = Undoing(wanted.run)
    names = {name: [member.name for member in one.members] for name, one in mappings.items()}
    store = workspace.store
    around = Surroundings(Links(store, names, durable=False, asked=names.keys()), mappings, store.meta.seed)
    by_mapping: dict[str, dict[int, list[Journaled]]] = {}
    for one in reversed(told):
        if one.is_sure:
            by_mapping.setdefault(one.mapping, {}).setdefault(one.entry.row, []).append(one)
    for name, rows in by_mapping.items():
        if name not in mappings:
            undoing.left.append(Left(name, {}, "", "the mapping is no longer declared"))
            continue
        numbers = sorted(rows)
        for at in range(0, len(numbers), ROWS_MAX):
            some = numbers[at : at + ROWS_MAX]
            pasts = {row: net([one.entry for one in rows[row]]) for row in some}
            _Weighing(workspace, mappings[name], around, wanted, undoing).weigh(pasts)
    return undoing


class _Weighing:
    """Some rows of one mapping: what the run did to them, and what stands there now."""

    def __init__(
        self,
        workspace: Workspace,
        mapping: CompiledMapping,
        around: Surroundings,
        wanted: Wanted,
        undoing: Undoing,
    ) -> None:
        self.workspace, self.mapping, self.around = workspace, mapping, around
        self.wanted, self.undoing = wanted, undoing
        self.members = [member.name for member in mapping.members]
        self.keys: dict[int, dict[str, str]] = {}
        self._lists: dict[tuple[int, str, str], list[object]] = {}

    def weigh(self, pasts: Mapping[int, Mapping[str, Past]]) -> None:
        """Find out, row by row, what can be as it was."""
        rows = list(pasts)
        crossref, name = self.workspace.store.crossref, self.mapping.name
        asked = {}
        for member in self.members:
            linked = crossref.keys(name, member, rows)
            asked[member] = linked.drop_null()
            for row, key in zip(rows, linked.to_pylist(), strict=True):
                if key is not None:
                    self.keys.setdefault(row, {})[member] = key
        self.decision = look_at(self.mapping, asked, self.around, self.workspace)
        self.place = {number: at for at, number in enumerate(self.decision.survey.numbers.tolist())}
        old = self._old(pasts)
        gone = self._standing_again(pasts)
        for row, by_member in pasts.items():
            for member, past in by_member.items():
                if past.verb is Verb.CREATE and not self.wanted.field:
                    self._weigh_create(row, member, past)
                elif past.verb is Verb.DELETE and not self.wanted.field:
                    self._weigh_delete(row, member, past, is_there=(row, member) in gone)
                elif not self.wanted.field and self._is_retired(row, member, past):
                    self._weigh_retired(row, member, past)
            updates = {
                member: past
                for member, past in by_member.items()
                if past.verb is Verb.UPDATE and not self._is_retired(row, member, past)
            }
            if updates and not any(past.verb is Verb.CREATE for past in by_member.values()):
                self._weigh_updates(row, updates, old)

    # ---------------------------------------------------------------------------------------------------- what stands

    def _column(self, side: int, kind: str, name: str) -> list[object]:
        """A column of a member's rows as Python knows it; `own` or `shared`."""
        found = self._lists.get((side, kind, name))
        if found is None:
            rows = self.decision.survey.sides[side]
            found = self._lists[side, kind, name] = listed((rows.own if kind == "own" else rows.shared).column(name))
        return found

    def _value(self, side: int, kind: str, name: str, row: int) -> object:
        return self._column(side, kind, name)[self.decision.survey.index[side, self.place[row]]]

    def _holders(self, row: int, field: str = "") -> list[int]:
        """The members that hold the row now, and know the field."""
        if row not in self.place:
            return []
        sides = np.flatnonzero(self.decision.active[:, self.place[row]]).tolist()
        return [side for side in sides if not field or self.mapping.members[side].cell(field) is not None]

    def _row(self, side: int, row: int) -> dict[str, object]:
        return {cell.field: self._value(side, "shared", cell.field, row) for cell in self.mapping.members[side].cells}

    def _is_agreed(self, side: int, field: str, row: int) -> bool | None:
        """Whether a member holds what was last agreed on, `None` where nothing was."""
        at, place = self.decision.agreed.fields.index(field), self.place[row]
        cell = self.decision.agreed.cells[place, at, side]
        if not cell["agreement"]:
            return None
        return bool(cell["mark"] == self.decision.marks[place, at, side])

    def _is_as_written(self, side: int, row: int, past: Past, columns: Sequence[str]) -> bool:
        """Whether the columns still hold what the run gave them."""
        return all(same(self._value(side, "own", name, row), past.after[name]) for name in columns)

    def _is_last(self, row: int) -> bool:
        """Whether nobody wrote to the row after the run."""
        history = self.workspace.store.journal.history(self.mapping.name, row)
        return bool(history) and history[0].run == self.wanted.run

    def _leave(self, row: int, field: str, reason: str) -> None:
        self.undoing.left.append(Left(self.mapping.name, self.keys.get(row, {}), field, reason))

    # ------------------------------------------------------------------------------------------------- rows, as wholes

    def _weigh_create(self, row: int, member: str, past: Past) -> None:
        """A row that the run created at a member: it can go there, as long as nobody edited it."""
        side = self.members.index(member) if member in self.members else ABSENT
        if side == ABSENT or side not in self._holders(row):
            return  # it is gone already
        if past.after:
            key = self.mapping.members[side].key  # a row that was put back may have drawn another
            is_still = self._is_as_written(side, row, past, [name for name in past.after if name not in key])
        else:
            is_still = self._is_last(row) and (self._is_whole(side, row) or self._is_like_the_others(side, row))
        if not is_still:
            self._leave(row, "", f"the row changed at {member} since")
            return
        values = self._row(side, row)
        seen = {member: row_digest(values)}
        ruling = Ruling(row, "", Kind.GONE, seen, at=member, run=self.wanted.run, by=self.wanted.by)
        self.undoing.back.append(Back(self.mapping.name, self.keys[row], ruling, {member: values}, None))

    def _is_whole(self, side: int, row: int) -> bool:
        """Whether a member holds in every field what was agreed on."""
        return all(self._is_agreed(side, cell.field, row) for cell in self.mapping.members[side].cells)

    def _is_like_the_others(self, side: int, row: int) -> bool:
        """Whether a row of which nothing is agreed on holds what the other members hold."""
        others = [other for other in self._holders(row) if other != side]
        at = self.place[row]
        marks = self.decision.marks
        return bool(others) and all(
            self._is_agreed(side, name, row) is None and marks[at, place, side] == marks[at, place, other]
            for place, name in enumerate(self.decision.agreed.fields)
            for other in others
            if self.mapping.members[side].cell(name) is not None and self.mapping.members[other].cell(name) is not None
        )

    def _weigh_delete(self, row: int, member: str, past: Past, *, is_there: bool) -> None:
        """A row that the run deleted at a member: it can be there again, unless it is."""
        if is_there and self.keys.get(row, {}).get(member) == past.key:
            return  # it stands again already
        if is_there:
            self._leave(row, "", f"another row stands at {member} under its key")
        elif not past.before:
            self._leave(row, "", f"what stood at {member} is not kept")
        else:
            value = {"key": past.key, "own": dict(past.before)}
            keys = self.keys.get(row) or {member: past.key}
            ruling = Ruling(row, "", Kind.THERE, {}, value=value, at=member, run=self.wanted.run, by=self.wanted.by)
            self.undoing.back.append(Back(self.mapping.name, keys, ruling, {member: None}, dict(past.before)))

    def _is_retired(self, row: int, member: str, past: Past) -> bool:
        """Whether the run deleted the row softly, and it is so still."""
        if past.verb is not Verb.UPDATE or member not in self.members or row not in self.place:
            return False
        side = self.members.index(member)
        compiled, place = self.mapping.members[side], self.place[row]
        columns = {name for name, _ in compiled.remove}
        is_gone = bool(self.decision.survey.vanished[side, place] and self.decision.survey.index[side, place] != ABSENT)
        return is_gone and bool(columns) and set(past.after) - set(compiled.key) <= columns

    def _weigh_retired(self, row: int, member: str, past: Past) -> None:
        value = {"key": past.key, "own": {name: past.before.get(name) for name in past.after}, "was": dict(past.after)}
        ruling = Ruling(row, "", Kind.THERE, {}, value=value, at=member, run=self.wanted.run, by=self.wanted.by)
        self.undoing.back.append(Back(self.mapping.name, self.keys[row], ruling, {member: None}, dict(past.before)))

    def _standing_again(self, pasts: Mapping[int, Mapping[str, Past]]) -> set[tuple[int, str]]:
        """The rows that the run deleted, and that stand again under their keys: row and member."""
        found = set()
        for member in self.mapping.members:
            keys = {
                past.key: row
                for row, by_member in pasts.items()
                if (past := by_member.get(member.name)) is not None and past.verb is Verb.DELETE
            }
            if keys:
                source = self.workspace.connector(member.member.system)
                for batch in rows_of_keys(source, member, pa.array(list(keys))):
                    standing = encode([batch.column(part) for part in member.key]).to_pylist()
                    found |= {(keys[key], member.name) for key in standing if key in keys}
        return found

    # ---------------------------------------------------------------------------------------------------------- fields

    def _old(self, pasts: Mapping[int, Mapping[str, Past]]) -> dict[tuple[int, str], dict[str, object]]:
        """What the shared fields were, by row and member, before the run wrote there."""
        found: dict[tuple[int, str], dict[str, object]] = {}
        for side, member in enumerate(self.mapping.members):
            befores = {
                row: past.before
                for row, by_member in pasts.items()
                if (past := by_member.get(member.name)) is not None
                and past.verb is Verb.UPDATE
                and side in self._holders(row)
            }
            if befores:
                places = np.array([self.place[row] for row in befores], dtype=np.int64)
                own = self.decision.survey.sides[side].own.take(pa.array(self.decision.survey.index[side, places]))
                values = seen_before(self.mapping, member, own, list(befores.values()))
                found |= {(row, member.name): one for row, one in zip(befores, values, strict=True)}
        return found

    def _weigh_updates(
        self, row: int, updates: Mapping[str, Past], old: Mapping[tuple[int, str], Mapping[str, object]]
    ) -> None:
        """The fields of a row that the run changed at some members."""
        by_field: dict[str, dict[str, tuple[str, ...]]] = {}
        holders = [self.members[side] for side in self._holders(row)]
        gone = [member for member in updates if member not in holders]
        if gone:
            self._leave(row, "", f"the row is gone at {' and '.join(gone)} by now")
        for member, past in updates.items():
            if member in gone:
                continue
            for name, columns in self._fields(self.mapping.members[self.members.index(member)], past).items():
                by_field.setdefault(name, {})[member] = columns
        for shared in self.mapping.mapping.fields:
            if shared.name in by_field and self.wanted.field in ("", shared.name):
                self._weigh_field(row, shared.name, by_field[shared.name], (updates, old))

    def _fields(self, member: CompiledMember, past: Past) -> dict[str, tuple[str, ...]]:
        """The shared fields that a change at a member touched, with the columns that express them."""
        found = {}
        for cell in member.cells:
            columns = tuple(name for name, _ in cell.writes if name in past.after and name not in member.key)
            if columns:
                found[cell.field] = columns
        return found

    def _weigh_field(
        self,
        row: int,
        name: str,
        written: Mapping[str, tuple[str, ...]],
        before: tuple[Mapping[str, Past], Mapping[tuple[int, str], Mapping[str, object]]],
    ) -> None:
        updates, old = before
        now = {self.members[side]: self._value(side, "shared", name, row) for side in self._holders(row, name)}
        olds = {member: old[row, member][name] for member in written if name in old.get((row, member), {})}
        if len(olds) < len(written):
            self._leave(row, name, "what stood there is not kept")
            return
        lost = [held for past in updates.values() for held in past.losing.get(name, {}).values()]
        chosen = one_of(olds, lost, self.wanted.member)
        back = [member for member, held in now.items() if chosen is not None and same(held, olds[chosen])]
        if len(back) == len(now):
            return  # it is as it was already
        moved = [member for member in self._moved(row, name, written, updates) if member not in back]
        if moved:
            self._leave(row, name, f"it changed at {' and '.join(moved)} since")
            return
        if chosen is None:
            told = " and ".join(olds)
            self._leave(row, name, f"{told} held different values before; name one of them, with its key")
            return
        self._put_back(row, name, (chosen, olds[chosen]), now)

    def _moved(
        self, row: int, name: str, written: Mapping[str, tuple[str, ...]], updates: Mapping[str, Past]
    ) -> list[str]:
        """The members at which the field is no longer as the run left it."""
        moved = []
        first = self.members.index(next(iter(written)))
        for side in self._holders(row, name):
            member = self.members[side]
            agreed = self._is_agreed(side, name, row)
            if member in written:
                is_still = self._is_as_written(side, row, updates[member], written[member])
            elif agreed is None:
                at = self.decision.agreed.fields.index(name)
                marks = self.decision.marks[self.place[row], at]
                is_still = bool(marks[side] == marks[first]) or name in self.decision.survey.referred
            else:
                is_still = agreed
            if not is_still:
                moved.append(member)
        return moved

    def _put_back(self, row: int, name: str, chosen: tuple[str, object], now: Mapping[str, object]) -> None:
        member, value = chosen
        shared = self.mapping.mapping.field(name)
        then = value
        if shared is not None and shared.ref is not None and shared.by is None and value is not None:
            number = self._number(shared.ref, member, value)
            if number is None:
                self._leave(row, name, f"the {shared.ref} that it referred to is not known any more")
                return
            value = number
        stuck = [held for held in now if not self._can_be_written(held, name) and not same(now[held], value)]
        if stuck:
            self._leave(row, name, f"{' and '.join(stuck)} cannot be written")
            return
        ruling = Ruling(row, name, Kind.VALUE, now, value=value, run=self.wanted.run, by=self.wanted.by)
        self.undoing.back.append(Back(self.mapping.name, self.keys[row], ruling, now, then))

    def _number(self, parent: str, member: str, value: object) -> int | None:
        """The shared row to which a member's own reference led."""
        mapping = self.around.mappings[parent]
        giver = parent_member(mapping, self.mapping.members[self.members.index(member)])
        found: int | None = self.workspace.store.crossref.rows(parent, giver, encode([pa.array([value])]))[0].as_py()
        return found

    def _can_be_written(self, member: str, name: str) -> bool:
        compiled = self.mapping.members[self.members.index(member)]
        cell = compiled.cell(name)
        return compiled.writable and cell is not None and bool(cell.writes)
