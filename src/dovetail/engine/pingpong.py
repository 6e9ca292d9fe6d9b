"""Rows that somebody else keeps changing back: held, with both values, once a value came back often enough."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import taken, value_at
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.onlooker import Places
from dovetail.engine.rows import Problem
from dovetail.engine.ruled import rule_text
from dovetail.merge.fingerprint import fingerprints, row_seeds
from dovetail.merge.pingpong import ALTERNATIONS, Echoes, Sending, places_of
from dovetail.state.store import Store

CODE = "DV-480"
"""A value that we write comes back as it was, again and again."""
KEPT_S = 60.0
"""Seconds after which what was written where is kept in the state."""


class PingPong:
    """Looks on at what is written, and holds what only goes to and fro."""

    def __init__(self, store: Store, clock: Callable[[], dt.datetime], seed: int) -> None:
        self._store = store
        self._clock = clock
        self._seed = seed
        self._echoes: dict[str, Echoes] = {}
        self._unkept: dict[str, float] = {}

    def join(self, mapping: str) -> None:
        """Begin with what the state keeps, whoever wrote it; what we know ourselves is newer."""
        if mapping not in self._unkept:
            self._echoes[mapping] = Echoes(self._store.echoes.get(mapping) or b"")

    def hold(self, decision: Decision) -> None:
        """Hold the rows of which a value would be written that came back too often; the others are written."""
        survey, now = decision.survey, self._clock().timestamp()
        echoes = self._of(survey.mapping.name)
        is_held = False
        for work in decision.work:
            for name, places, sending in self._sendings(decision, work):
                counts = echoes.came_back(sending, now)
                held = np.flatnonzero(counts >= ALTERNATIONS)
                echoes.touch(sending.places[held], now)
                for at in held.tolist():
                    survey.hold(int(places[at]), _problem(decision, work, name, int(places[at])))
                    is_held = True
        if is_held:
            for work in decision.work:
                work.leave_out(decision.held)

    def wrote(self, decision: Decision, work: Work, chunk: Chunk, places: Places) -> None:
        """Remember what was written; inside the transaction that confirms it."""
        if chunk.removes or not len(places) or not decision.is_marked or work.new is None:
            return
        mapping, now = decision.survey.mapping.name, self._clock().timestamp()
        echoes = self._of(mapping)
        came_back = False
        written = np.zeros(len(decision.survey), dtype=np.bool_)
        written[places] = True
        for name, own, sending in self._sendings(decision, work, written):
            counts = echoes.came_back(sending, now)
            echoes.wrote(sending, self._left(decision, work, name, own, sending), counts, now)
            came_back |= bool(counts.any())
        since = self._unkept.setdefault(mapping, now)
        if came_back or not 0 <= now - since < KEPT_S:
            self.keep(mapping)

    def keep(self, mapping: str) -> None:
        """Let the state keep what was written where, if it does not know."""
        if self._unkept.pop(mapping, None) is not None:
            self._store.echoes.put(mapping, self._of(mapping).content(self._clock().timestamp()))

    def _of(self, mapping: str) -> Echoes:
        if mapping not in self._echoes:
            self.join(mapping)
        return self._echoes[mapping]

    def _sendings(
        self, decision: Decision, work: Work, some: np.ndarray | None = None
    ) -> Iterator[tuple[str, Places, Sending]]:
        """What updates send to one member: by shared field the marks of the value that counts and of what stands there;
        by column where the mapping fills it by itself."""
        survey, fields = decision.survey, decision.agreed.fields
        if work.new is None or not decision.is_marked or not len(work.updates):
            return
        among = np.ones(len(work.updates), dtype=np.bool_) if some is None else some[work.updates]
        flags: dict[str, np.ndarray] = {}
        for column, changed in work.changed.items():
            for name in (work.fed[column] & set(fields)) or {column}:
                flags[name] = flags.get(name, False) | (changed & among)
        for name, chosen in flags.items():
            at = np.flatnonzero(chosen)
            if not len(at):
                continue
            places = work.updates[at]
            if name not in fields:
                yield name, places, self._filled(decision, work, name, at)
                continue
            source, field = decision.sources[name][places].astype(np.int64), fields.index(name)
            single = (source >= 0) & (source < len(survey.sides)) & (source != work.side)
            places, source = places[single], source[single]
            sent, read = decision.marks[places, field, source], decision.marks[places, field, work.side]
            yield name, places, Sending(self._places(decision, work, name, places), sent, read)

    def _filled(self, decision: Decision, work: Work, column: str, at: Places) -> Sending:
        """What the mapping itself fills a column with."""
        assert work.new is not None
        survey, places = decision.survey, work.updates[at]
        seeds = row_seeds(survey.numbers[places], self._seed)
        own = taken(survey.sides[work.side].own.column(column), survey.index[work.side, places])
        sent = fingerprints(work.new.column(column).take(pa.array(at)), seeds)
        return Sending(self._places(decision, work, column, places), sent, fingerprints(own, seeds))

    def _places(self, decision: Decision, work: Work, name: str, places: Places) -> np.ndarray:
        member = decision.survey.sides[work.side].member.name
        return places_of(decision.survey.numbers[places], _number(member, name))

    @staticmethod
    def _left(decision: Decision, work: Work, name: str, places: Places, sending: Sending) -> np.ndarray:
        """The marks of what the member holds now."""
        if name not in decision.agreed.fields:
            return sending.sent
        left: np.ndarray = decision.agreed.cells["mark"][places, decision.agreed.fields.index(name), work.side]
        return left


def _problem(decision: Decision, work: Work, name: str, place: int) -> Problem:
    """Why the row is held: the rule, and the values that go to and fro, which are kept sealed."""
    survey = decision.survey
    rows = survey.sides[work.side]
    member, position = rows.member.name, int(survey.index[work.side, place])
    if name not in decision.agreed.fields:
        words = f"{name!r} at {member}, which the mapping fills, is changed back again and again"
        return Problem(CODE, words, member, name)
    source = int(decision.sources[name][place])
    giver = survey.sides[source]
    values = {
        member: value_at(rows.shared.column(name), position),
        giver.member.name: value_at(giver.shared.column(name), int(survey.index[source, place])),
    }
    rule = rule_text(decision, name, place)
    words = f"{name!r} is changed back at {member} each time that the value of {giver.member.name} is written ({rule})"
    return Problem(CODE, words, member, name, values=values)


@lru_cache(maxsize=4096)
def _number(member: str, name: str) -> int:
    text = f"{len(member)} {member} {name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
