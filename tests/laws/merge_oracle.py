"""What must come of edits on several sides, told row by row in plain Python from the rules alone.

Every value is an *event*: somebody typed it, or a decision made it of others. An event knows what came before it. Of two
events the later one counts; where neither came out of the other they are concurrent, and the field's rule decides. There
are no fingerprints here, no agreement numbers and no base: what a member has seen is told by the event that it holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

CONFLICT = object()
"""Nobody decides: every member keeps its own."""


@dataclass(eq=False)
class Event:
    """A value, what it replaced, and the events that it came out of."""

    value: object
    before: object = None
    parents: tuple[Event, ...] = ()
    is_typed: bool = True

    def history(self):
        found, left = {self}, [self]
        while left:
            fresh = [parent for parent in left.pop().parents if parent not in found]
            found.update(fresh)
            left += fresh
        return found


def latest(events):
    """Those of the events that no other of them came out of."""
    seen = {event: event.history() for event in events}
    return {event for event in seen if not any(event in past for other, past in seen.items() if other is not event)}


@dataclass(frozen=True)
class Cell:
    """How a member sees what it holds, and what it holds after a value was written there."""

    read: object = staticmethod(lambda own: own)
    write: object = staticmethod(lambda value, old: value)


@dataclass(frozen=True)
class Rule:
    """What is declared of a field: `order` are the members that win a first meeting, or are preferred."""

    kind: str
    cells: dict[str, Cell]
    order: tuple[str, ...] = ()


@dataclass
class Winner:
    """A value that counts, and the member whose it is; `None` where it was made of several."""

    value: object
    source: str | None
    event: Event | None = None


@dataclass
class Field:
    """One field of one row. `known` is the last event that each member is known to have taken part in, with the value
    that it showed then."""

    rule: Rule
    known: dict[str, tuple[Event, object]] = field(default_factory=dict)
    start: int = 0

    def look(self, own, stamps, seen: Counter):
        """Decide, by what the members hold now."""
        self.own, self.stamps, self.seen, self.is_created = own, stamps, seen, False
        self.read = {member: self.rule.cells[member].read(value) for member, value in own.items()}
        self.now = {member: self._event(member, value) for member, value in self.read.items()}
        self.decided = self._decide()
        return self.decided

    def _event(self, member, value):
        event, shown = self.known.get(member, (None, None))
        if event is None:
            return Event(value)
        return event if shown == value else Event(value, shown, (event,))

    # ------------------------------------------------------------------------------------------------------- decide

    def _decide(self):
        members = list(self.read)
        if any(member not in self.known for member in members):
            return self._meet(members)
        top = latest(set(self.now.values()))
        rivals = [member for member in members if self.now[member] in top]
        if len(rivals) == len(members) and len(top) == 1:
            return None
        if self.rule.kind == "owner" and self.rule.order[0] in members:
            self.seen["put back"] += any(one.is_typed for one in top - {self.now[self.rule.order[0]]})
            return self._of(self.rule.order[0])
        if len(top) > 1:
            self.seen["concurrent"] += 1
            self.seen["owed against an edit"] += any(not event.is_typed for event in top)
            return self._choose(rivals, members)
        self.seen["one edit" if next(iter(top)).is_typed else "owed"] += 1
        fine = [member for member in rivals if self.rule.cells[member] == Cell()]
        winner = self._of((fine or rivals)[0])
        if self.rule.kind == "delta":
            assert winner.value == self._total(), "one edit is the sum of all"
            return CONFLICT if winner.value < 0 and next(iter(top)).is_typed else winner
        return winner

    def _of(self, member):
        return Winner(self.read[member], member)

    def _meet(self, members):
        if len({self.read[member] for member in members}) == 1:
            return None
        self.seen["first meeting"] += 1
        for member in self.rule.order:
            if member in members:
                is_oversold = self.rule.kind == "delta" and self.read[member] < 0
                return CONFLICT if is_oversold else self._of(member)
        return CONFLICT if self.rule.kind == "delta" else self._choose(members, members)

    def _choose(self, rivals, members):
        kind = self.rule.kind
        if kind == "delta":
            self.seen["added up"] += 1
            total = self._total()
            self.seen["oversold"] += total < 0
            return CONFLICT if total < 0 else Winner(total, self._holder(total))
        if len({self.read[member] for member in rivals}) == 1:
            self.seen["typed the same"] += 1
            return self._of(next(member for member in rivals if self.now[member].is_typed))
        for source in rivals:
            if all(self._holds(member, self.read[source]) for member in rivals):
                self.seen["typed alike"] += 1
                everybody = all(self._holds(member, self.read[source]) for member in members)
                return None if everybody else self._of(source)
        if kind == "prefer":
            wishes = [member for member in self.rule.order if member in rivals]
            self.seen["nobody preferred"] += not wishes
            return self._of(wishes[0]) if wishes else CONFLICT
        if kind in ("min", "max"):
            best = (min if kind == "min" else max)(self.read[member] for member in rivals)
            return self._of(next(member for member in rivals if self.read[member] == best))
        if kind == "newest":
            return self._newest(rivals)
        if kind == "union":
            self.seen["united"] += 1
            return Winner(self._words(), None)
        self.seen["asked"] += 1
        return CONFLICT

    def _holds(self, member, value):
        """Whether the member sees what it sees now also after that value was written there."""
        cell = self.rule.cells[member]
        return cell.read(cell.write(value, self.own[member])) == self.read[member]

    def _holder(self, value):
        return next((member for member, held in self.read.items() if held == value), None)

    def _newest(self, rivals):
        """A value that nobody typed since the last decision is as old as its oldest holder says."""
        quiet = [self.stamps[member] for member in rivals if member in self.known and not self.now[member].is_typed]
        times = {
            member: (None if None in quiet else min(quiet))
            if member in self.known and not self.now[member].is_typed
            else self.stamps[member]
            for member in rivals
        }
        if None in times.values():
            self.seen["no time"] += 1
            return CONFLICT
        last = max(times.values())
        values = {self.read[member] for member in rivals if times[member] == last}
        self.seen["same time"] += len(values) > 1
        return CONFLICT if len(values) > 1 else self._of(next(member for member in rivals if times[member] == last))

    def _typed(self):
        """Everything that anybody typed, as far as those who hold the row know of it."""
        return [event for event in set().union(*(one.history() for one in self.now.values())) if event.is_typed]

    def _total(self):
        """What was there when all met, and every movement since, once."""
        return self.start + sum(event.value - event.before for event in self._typed() if event.parents)

    def _words(self):
        """Every word that somebody wrote, but for those that somebody took away. Nobody writes a word twice."""
        added, removed = set(), set()
        for event in self._typed():
            was, holds = words_in(event.before), words_in(event.value)
            added, removed = added | (holds - was), removed | (was - holds)
        return frozenset(added - removed)

    # --------------------------------------------------------------------------------------------------------- note

    def is_due(self, member):
        """Whether the value that counts is still to be written at a member that holds the row."""
        if not isinstance(self.decided, Winner) or member == self.decided.source:
            return False
        if self.decided.source is not None and self.now[member] is self.now[self.decided.source]:
            return False
        if self.rule.kind == "union":
            return words_in(self.own[member]) != words_in(self.decided.value)
        return self.rule.cells[member].write(self.decided.value, self.own[member]) != self.own[member]

    def written(self, member, own):
        """The row was written at a member, which holds `own` now."""
        value = self.rule.cells[member].read(own)
        if member not in self.read:
            self._created(member, value)
        elif not isinstance(self.decided, Winner) or self.decided.source == member:
            assert value == self.read[member], (
                f"{self.rule.kind}: wrote {value!r} over {self.read}, decided {self.decided}, {self.now}"
            )
        else:
            self._check(member, value)
            self._settle(member, value)

    def _check(self, member, value):
        wanted = self.decided.value
        if self.rule.kind == "union":
            assert words_in(value) == words_in(wanted), (value, wanted)
            return
        cell = self.rule.cells[member]
        assert value == cell.read(cell.write(wanted, self.own.get(member))), (
            f"{self.rule.kind}: {value!r}, not {wanted!r}"
        )

    def _settle(self, member, value):
        """The decision is there from now on. Whoever gave the value, or holds it, has it too; the others took part."""
        decided = self.decided
        if decided.event is None:
            decided.event = Event(decided.value, None, tuple(dict.fromkeys(self.now.values())), is_typed=False)
            if any(other not in self.known for other in self.read) and self.rule.kind == "delta":
                self.start = decided.value
        for other, held in self.read.items():
            if self.known.get(other, (None, None))[0] is not decided.event:
                has_it = other == decided.source or not self.is_due(other)
                self.known[other] = (decided.event if has_it else self.now[other], held)
        self.known[member] = (decided.event, value)

    def _created(self, member, value):
        was_created, self.is_created = self.is_created, True
        if isinstance(self.decided, Winner):
            self._check(member, value)
            self._settle(member, value)
            return
        assert value in {self.rule.cells[member].read(held) for held in self.read.values()}, (self.rule.kind, value)
        is_met = all(other in self.known for other in self.read)
        if self.decided is CONFLICT:
            assert is_met or member not in self.rule.order, "a new row must not decide what nobody decided"
            if is_met:
                past = [
                    event for event in set().union(*(one.history() for one in self.now.values())) if not event.is_typed
                ]
                self.known[member] = (latest(set(past)).pop(), value)
            return
        event = Event(value, None, tuple(dict.fromkeys(self.now.values())), is_typed=False)
        if is_met:
            event = self.known[next(iter(self.read))][0] if was_created else next(iter(self.now.values()))
        elif self.rule.kind == "delta":
            self.start = value
        self.known |= {other: (event, held) for other, held in self.read.items()}
        self.known[member] = (event, value)

    def ended(self):
        """The pass ended well. Where nothing was to be written, all agree."""
        if self.is_created or self.decided is CONFLICT or any(self.is_due(member) for member in self.read):
            return
        if any(member not in self.known for member in self.read) and self.rule.kind == "delta":
            self.start = next(iter(self.read.values()))
        event = Event(None, None, tuple(dict.fromkeys(self.now.values())), is_typed=False)
        self.known |= {member: (event, held) for member, held in self.read.items()}


def words_in(text):
    if isinstance(text, frozenset):
        return text
    return frozenset(word.strip() for word in (text or "").split(",") if word.strip())
