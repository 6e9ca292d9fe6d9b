"""What a person ordered, taken into a decision: it counts before any rule, as long as nobody moved since."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.arrays import listed, taken, value_at
from dovetail.engine.book import NO_ROW
from dovetail.engine.decision import Decision, Decreed, Surroundings
from dovetail.engine.put import Places, Putter
from dovetail.engine.survey import Survey
from dovetail.engine.work import changed_columns
from dovetail.identity.pair import ABSENT
from dovetail.merge.deletes import Fate
from dovetail.merge.reason import Reason
from dovetail.state import lossless
from dovetail.state.decrees import Decree, Kind, Ruling, Status
from dovetail.state.store import Store

if TYPE_CHECKING:
    from dovetail.engine.write import Written

Contested = dict[str, Places]
Orders = Sequence[tuple[Decree, int]]

_UNSEEN = object()


def apply_decrees(decision: Decision, around: Surroundings, contested: Contested) -> dict[int, Fate]:
    """Let open decrees about the rows of a decision count, over what was judged and contested; the answer names, by
    place, the rows of which a person said what becomes of them. Each that was met is noted in `decision.decreed`."""
    survey = decision.survey
    decrees = around.links.store.decrees
    name = survey.mapping.name
    ordered: dict[int, Fate] = {}
    if not len(survey) or not decrees.is_any(name):
        return ordered
    by_field: dict[str, list[tuple[Decree, int]]] = defaultdict(list)
    for decree, place in _met(decrees.open(name, survey.numbers.tolist()), survey.numbers):
        by_field[decree.ruling.field].append((decree, place))
    for decree, place in by_field.pop("", []):
        lapsed = _order_row(decision, decree.ruling, place, ordered)
        decision.decreed.append(Decreed(place, decree, lapsed))
        if not lapsed:
            decision.words["", place] = decree.words
        if ordered.get(place) is Fate.DELETE:
            for field, places in contested.items():
                contested[field] = places[places != place]
    fields = {shared.name for shared in survey.mapping.mapping.fields}
    for field, orders in by_field.items():
        if field in fields:
            _FieldOrders(decision, around, field, orders).give(contested)
        else:
            decision.decreed += [Decreed(place, decree, "the field is no longer declared") for decree, place in orders]
    return ordered


def _met(decrees: Sequence[Decree], numbers: npt.NDArray[np.int64]) -> Iterator[tuple[Decree, int]]:
    """Each decree with the place of its row."""
    wanted = np.array([decree.ruling.row for decree in decrees], dtype=np.int64)
    places = np.flatnonzero(np.isin(numbers, wanted))
    place_of = dict(zip(numbers[places].tolist(), places.tolist(), strict=True))
    for decree in decrees:
        is_restored = decree.ruling.kind is Kind.THERE and bool(decree.ruling.at)  # by who ordered it (`restore.py`)
        if decree.ruling.row in place_of and not is_restored:
            yield decree, place_of[decree.ruling.row]


class _FieldOrders:
    """The decrees about one shared field: `values` are what shall count, `sources` the members that hold it (the number
    after the last one: none needs to)."""

    def __init__(self, decision: Decision, around: Surroundings, field: str, orders: Orders) -> None:
        self.decision, self.around, self.field, self.orders = decision, around, field, orders
        self.survey = decision.survey
        self.places = np.array([place for _, place in orders], dtype=np.int64)
        self.sides = [at for at, rows in enumerate(self.survey.sides) if rows.member.cell(field) is not None]
        self.now = {
            side: listed(taken(self.survey.sides[side].shared.column(field), self.survey.index[side, self.places]))
            for side in self.sides
        }
        self.names = [rows.member.name for rows in self.survey.sides]
        self.values = [_ordered(decree.ruling) for decree, _ in orders]
        self.sources = [self._source(decree.ruling) for decree, _ in orders]

    def _source(self, ruling: Ruling) -> int:
        if ruling.kind is Kind.TAKE:
            return self.names.index(ruling.member) if ruling.member in self.names else ABSENT
        return len(self.names)

    def give(self, contested: Contested) -> None:
        """Make the ordered values count; an order lapses where a member holds neither what the person saw nor what was
        ordered."""
        lapsed = {at: why for at in range(len(self.orders)) if (why := self._impossible(at))}
        strays = {at: found for at in range(len(self.orders)) if at not in lapsed and (found := self._strays(at))}
        rules = self.decision.rules[self.field]
        counting = (self.decision.sources[self.field], self.decision.origins[self.field], rules)
        before = [array[self.places].copy() for array in counting]
        self._settle([at for at in range(len(self.orders)) if at not in lapsed])
        for at, sides in strays.items():
            moved = [self.names[side] for side in sides if not self._holds(at, side)]
            if moved:
                lapsed[at] = f"{' and '.join(moved)} changed since"
        for at, (decree, place) in enumerate(self.orders):
            self.decision.decreed.append(Decreed(place, decree, lapsed.get(at, "")))
            if at in lapsed:
                for array, old in zip(counting, before, strict=True):
                    array[place] = old[at]
                self.decision.words.pop((self.field, place), None)
        ordered = np.array([place for at, place in enumerate(self.places.tolist()) if at not in lapsed], dtype=np.int64)
        contested[self.field] = np.setdiff1d(contested[self.field], ordered)

    def _impossible(self, at: int) -> str:
        """Why the order cannot be carried out, empty where it can."""
        source, place = self.sources[at], self.places[at]
        if source == len(self.names):
            return "" if self._is_carried(at) else "the field is of another type by now"
        if source == ABSENT or source not in self.sides or not self.decision.active[source, place]:
            return f"{self.orders[at][0].ruling.member} does not hold it any more"
        return "" if same(self.now[source][at], self.values[at]) else f"{self.names[source]} changed since"

    def _is_carried(self, at: int) -> bool:
        """Whether the value still is one of the field's."""
        if self.field in self.survey.referred:
            return self.values[at] is None or isinstance(self.values[at], int)
        try:
            pa.scalar(self.values[at], self.survey.mapping.types[self.field].arrow())
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError, ValueError):
            return False
        return True

    def _strays(self, at: int) -> list[int]:
        """The members that hold neither what the person saw nor, word for word, what was ordered."""
        seen = self.orders[at][0].ruling.seen
        place = self.places[at]
        return [
            side
            for side in self.sides
            if side != self.sources[at]
            and self.decision.active[side, place]
            and not same(self.now[side][at], seen.get(self.names[side], _UNSEEN))
            and not self._is_ordered(at, side)
        ]

    def _is_ordered(self, at: int, side: int) -> bool:
        if self.field not in self.survey.referred:
            return same(self.now[side][at], self.values[at])
        source, place = self.sources[at], self.places[at]
        referred = self.survey.referred[self.field]
        wanted = referred[source, place] if source < len(self.names) else self._number(at)
        return bool(referred[side, place] == wanted)

    def _number(self, at: int) -> int:
        return NO_ROW if self.values[at] is None else int(self.values[at])

    def _settle(self, chosen: Sequence[int]) -> None:
        """Let the chosen orders count."""
        decision, name = self.decision, self.field
        rivals = decision.rivals.setdefault(name, np.zeros_like(decision.active))
        for at in chosen:
            decree, place = self.orders[at]
            decision.sources[name][place] = decision.origins[name][place] = self.sources[at]
            decision.rules[name][place] = Reason.DECREE
            decision.words[name, place] = decree.words
            rivals[:, place] = decision.active[:, place]
            rivals[[side for side in range(len(self.names)) if side not in self.sides], place] = False
        free = [at for at in chosen if self.sources[at] == len(self.names)]
        if free and name in self.survey.referred:
            referred = self.survey.referred[name]
            line = np.full((1, referred.shape[1]), NO_ROW, dtype=np.int64)
            line[0, self.places[free]] = [self._number(at) for at in free]
            self.survey.referred[name] = np.vstack([referred[: len(self.names)], line])
        elif free:
            decision.settle(name, {int(self.places[at]): self.values[at] for at in free}, Reason.DECREE)

    def _holds(self, at: int, side: int) -> bool:
        """Whether a member holds the ordered value as its cell shows it."""
        if not self.survey.sides[side].member.writable:
            return False
        counting = (self.decision.sources, self.decision.origins, self.decision.settled)
        putter = Putter(self.survey, side, counting, self.around.links, self.around.mappings)
        put = putter.put(self.places[at : at + 1], create=False)
        if put.failures or put.pending.any():
            return False
        changed = changed_columns(self.decision, side, put)
        return not any(flags.any() for column, flags in changed.items() if self.field in put.fed[column])


def _ordered(ruling: Ruling) -> Any:
    return ruling.seen.get(ruling.member) if ruling.kind is Kind.TAKE else ruling.value


def same(one: object, other: object) -> bool:
    """Whether two values of one field are the same, to the last digit.

    >>> same(1, 1), same(1, True), same(float("nan"), float("nan"))
    (True, False, True)
    """
    if one is _UNSEEN or other is _UNSEEN or type(one) is not type(other):
        return False
    return one == other or lossless.written(one) == lossless.written(other)


def row_values(survey: Survey, side: int, place: int) -> dict[str, object]:
    """What a member holds of a row, by shared field; references as its own keys."""
    rows, position = survey.sides[side], int(survey.index[side, place])
    return {cell.field: value_at(rows.shared.column(cell.field), position) for cell in rows.member.cells}


def row_digest(values: object) -> str | None:
    """What tells one state of a whole row from another, without its values; `None` of a row that is not there."""
    if values is None:
        return None
    return hashlib.blake2b(lossless.written(values).encode(), digest_size=16).hexdigest()


def _order_row(decision: Decision, ruling: Ruling, place: int, ordered: dict[int, Fate]) -> str:
    """Let an order about a whole row count; why it lapsed, empty where it did not."""
    survey = decision.survey
    holders = np.flatnonzero(decision.active[:, place]).tolist()
    names = [rows.member.name for rows in survey.sides]
    if ruling.at:
        holders = [side for side in holders if names[side] == ruling.at]
    is_there = ruling.kind is Kind.THERE
    if (is_there and not survey.vanished[:, place].any()) or (not is_there and not holders and not ruling.at):
        return ""
    moved = [
        names[side] for side in holders if row_digest(row_values(survey, side, place)) != ruling.seen.get(names[side])
    ]
    if moved:
        return f"{' and '.join(moved)} changed since"
    if is_there and not holders:
        return "no member holds the row any more"
    if is_there:
        ordered[place] = Fate.CREATE_AGAIN
        return ""
    if ruling.at:
        side = names.index(ruling.at) if ruling.at in names else ABSENT
        return _expel(decision, side, place) if side != ABSENT else f"{ruling.at} is no longer declared"
    ordered[place] = Fate.DELETE
    return ""


def _expel(decision: Decision, side: int, place: int) -> str:
    """Remove a row at one member, which has nothing to do with it from then on."""
    if not decision.survey.sides[side].member.writable:
        return f"{decision.survey.sides[side].member.name} can only be read"
    if decision.active[side, place]:
        decision.expelled.append((side, place))
    decision.parting[side, place] = True
    return ""


def end_decrees(store: Store, decision: Decision, written: Written | None) -> set[int]:
    """Note the decrees that are carried out and those that lapsed, inside a transaction of the state; the conflicts of
    those that are still to be carried out."""
    ends, pending = [], set()
    for one in decision.decreed:
        conflict = one.decree.ruling.conflict
        if one.lapsed:
            ends.append((one.decree.id, Status.LAPSED, one.lapsed))
        elif _is_done(decision, one.place, written):
            ends.append((one.decree.id, Status.DONE, "all members hold it"))
            if conflict is not None:
                store.conflicts.resolve(conflict, f"by order {one.decree.id}")
        elif conflict is not None:
            pending.add(conflict)
    if ends:
        store.decrees.close(ends)
    return pending


def _is_done(decision: Decision, place: int, written: Written | None) -> bool:
    """Whether everything that was to be written of a row was written."""
    if written is None or place in decision.survey.problems or place in decision.waiting | written.pending:
        return False
    if decision.filtered[place] or decision.left_out[place]:
        return False
    return all(moved != place for moved, _ in written.moved)
