"""A state with segments behaves like a plain dictionary of links and bases, whatever happens to it in which order."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dovetail.errors import StateFault
from dovetail.merge.packed import CELL, pack
from dovetail.state.segment import Segment
from dovetail.state.store import open_state

KEY = bytes(range(32))
MEMBERS = ("shop", "warehouse", "till")
EVERY_ROW = range(1, 25)
EVERY_KEY = ["007", "a", "ä", "", "x" * 20, "-5", "+5", "9" * 19, "b|c", *map(str, range(40))]
ROWS = st.sampled_from(EVERY_ROW)
KEYS = st.sampled_from(EVERY_KEY)
POSITIONS = st.sets(st.integers(0, 9), max_size=2)
LAYOUTS = ("one", "two")


def clock():
    return dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


@st.composite
def chunks(draw):
    """A segment of some rows, its keys as the plain oracle knows them, and its base."""
    rows = sorted(draw(st.sets(ROWS, min_size=draw(st.sampled_from([0, 4])), max_size=7)))
    keys = {}
    for member in draw(st.sets(st.sampled_from(MEMBERS))):
        pool = draw(st.lists(KEYS, min_size=len(rows), max_size=len(rows), unique=True))
        holes = draw(st.sets(st.integers(0, 6)))
        keys[member] = [None if at in holes else key for at, key in enumerate(pool)]
    layout = draw(st.sampled_from([None, *LAYOUTS]))
    marks = np.zeros((len(rows) if layout else 0, 2 if layout else 0, 2 if layout else 0), dtype=CELL)
    marks["mark"] = draw(st.integers(0, 2**64 - 1))
    if marks.size:
        marks["mark"][:, 0, 0] = np.arange(len(rows))
        marks["agreement"][:, 1, :] = draw(st.integers(0, 9))
    return rows, keys, layout, marks


class Machine(RuleBasedStateMachine):
    """Rules on the left, the oracle on the right."""

    address = ""

    def __init__(self):
        super().__init__()
        place = f"{uuid4().hex}"
        self.where = f"{self.address}{place}" if "schema=" in self.address else f"{self.address}/{place}.db"
        self.store = open_state(self.where, key=KEY, clock=clock)
        self.links = {member: {} for member in MEMBERS}
        self.base = {}
        self.chunk = 0
        self.pending = {}
        self.created = {}

    def teardown(self):
        self.store.close()

    def fits(self, member, rows, keys):
        """Whether the links would leave the oracle one-to-one."""
        own = self.links[member]
        back = {key: row for row, key in own.items()}
        pairs = [(row, key) for row, key in zip(rows, keys, strict=True) if key is not None]
        once = len({row for row, _ in set(pairs)}) == len({key for _, key in set(pairs)}) == len(set(pairs))
        return once and all(own.get(row, key) == key and back.get(key, row) == row for row, key in pairs)

    @rule(chunk=chunks())
    def put(self, chunk):
        self.try_to_put(chunk)

    def try_to_put(self, chunk):
        rows, keys, layout, marks = chunk
        self.chunk += 1
        columns = {member: pa.array(own, pa.string()) for member, own in keys.items()}
        segment = Segment("m", pa.array(rows, pa.int64()), columns, layout, marks, place=str(self.chunk).encode())
        if all(self.fits(member, rows, own) for member, own in keys.items()):
            with self.store.transaction():
                self.store.segments.put("p", self.chunk, segment)
                for member in keys:
                    self.store.journal.append_segment("run", "p", self.chunk, member=member)
            self.pending[self.chunk] = chunk
        else:
            with pytest.raises(StateFault):
                self.store.segments.put("p", self.chunk, segment)

    @rule(without=POSITIONS, data=st.data())
    def confirm(self, without, data):
        if not self.pending:
            assert not self.store.segments.confirm("p", 99)
            return
        self.try_to_confirm(data.draw(st.sampled_from(sorted(self.pending))), without)

    def try_to_confirm(self, number, without):
        rows, keys, layout, marks = self.pending[number]
        left = [at for at in range(len(rows)) if at not in without]
        positions = [at for at in without if at < len(rows)]
        rows, marks = [rows[at] for at in left], marks[left] if layout else marks
        keys = {member: [own[at] for at in left] for member, own in keys.items()}
        if not all(self.fits(member, rows, own) for member, own in keys.items()):
            with pytest.raises(StateFault):
                self.store.segments.confirm("p", number, without=positions)
            return
        assert self.store.segments.confirm("p", number, without=positions)
        assert self.store.segments.confirm("p", number, without=positions)
        del self.pending[number]
        self.created[number] = (rows, keys)
        for member, own in keys.items():
            self.links[member] |= {row: key for row, key in zip(rows, own, strict=True) if key is not None}
        if layout:
            self.base |= {row: (layout, packed) for row, packed in zip(rows, pack(marks), strict=True)}

    @rule(chunk=chunks())
    def load(self, chunk):
        self.try_to_put(chunk)
        if self.chunk in self.pending:
            self.try_to_confirm(self.chunk, ())

    @rule(data=st.data())
    def drop(self, data):
        if self.pending:
            number = data.draw(st.sampled_from(sorted(self.pending)))
            self.store.segments.drop("p", number)
            del self.pending[number]

    @rule(member=st.sampled_from(MEMBERS), links=st.lists(st.tuples(ROWS, KEYS), max_size=4))
    def link(self, member, links):
        rows, keys = [row for row, _ in links], [key for _, key in links]
        if self.fits(member, rows, keys):
            self.store.crossref.link("m", member, rows, keys)
            self.links[member] |= dict(links)
        else:
            with pytest.raises(StateFault):
                self.store.crossref.link("m", member, rows, keys)

    @rule(member=st.sampled_from([None, *MEMBERS]), rows=st.lists(ROWS, max_size=6))
    def unlink(self, member, rows):
        gone = self.store.crossref.unlink("m", rows, member=member)
        before = sum(map(len, self.links.values()))
        for name in [member] if member else MEMBERS:
            self.links[name] = {row: key for row, key in self.links[name].items() if row not in rows}
        assert gone == before - sum(map(len, self.links.values()))

    @rule(rows=st.lists(ROWS, max_size=5), layout=st.sampled_from(LAYOUTS), value=st.binary(min_size=48, max_size=48))
    def save(self, rows, layout, value):
        self.store.base.save("m", self.store.base.layout("m", layout), rows, [value] * len(rows))
        self.base |= dict.fromkeys(rows, (layout, value))

    @rule(rows=st.lists(ROWS, max_size=5))
    def remove(self, rows):
        self.store.base.remove("m", rows)
        self.base = {row: kept for row, kept in self.base.items() if row not in rows}

    @rule()
    def reopen(self):
        self.store.close()
        self.store = open_state(self.where, key=KEY, clock=clock)

    @rule(rows=st.lists(ROWS, max_size=6), keys=st.lists(KEYS, max_size=6), member=st.sampled_from(MEMBERS))
    def look_up(self, rows, keys, member):
        back = {key: row for row, key in self.links[member].items()}
        assert self.store.crossref.keys("m", member, rows).to_pylist() == [self.links[member].get(row) for row in rows]
        assert self.store.crossref.rows("m", member, keys).to_pylist() == [back.get(key) for key in keys]
        for row in rows[:1]:
            assert self.store.crossref.members_of("m", row) == {
                name: own[row] for name, own in self.links.items() if row in own
            }

    @rule(row=ROWS)
    def history(self, row):
        told = [(one.entry.member, one.entry.key, one.entry.chunk) for one in self.store.journal.history("m", row)]
        every = self.created | {number: chunk[:2] for number, chunk in self.pending.items()}
        known = [
            (member, own[rows.index(row)], number)
            for number, (rows, keys) in every.items()
            for member, own in keys.items()
            if row in rows and own[rows.index(row)] is not None
        ]
        assert sorted(told) == sorted(known)

    @rule(rows=st.lists(ROWS, unique=True, max_size=8))
    def some_of_the_base(self, rows):
        layouts = self.store.base.layouts("m")
        table = self.store.base.load_rows("m", rows).to_pydict()
        kept = {row: (layouts[one], packed) for row, one, packed in zip(*table.values(), strict=True)}
        assert list(kept) == sorted(set(rows) & set(self.base))
        held = {
            rows[place]: (layouts[part.layout], part.cells[at].tobytes())
            for part in self.store.base.held("m", rows)
            for at, place in enumerate(part.places)
        }
        assert kept == held == {row: self.base[row] for row in rows if row in self.base}

    @invariant()
    def everything_is_as_if_written_one_by_one(self):
        crossref, links = self.store.crossref, self.links
        for member, own in links.items():
            back = {key: row for row, key in own.items()}
            assert crossref.keys("m", member, EVERY_ROW).to_pylist() == [own.get(row) for row in EVERY_ROW]
            assert crossref.rows("m", member, EVERY_KEY).to_pylist() == [back.get(key) for key in EVERY_KEY]
            rows = sorted(own)
            assert crossref.load("m", member).to_pydict() == {"row": rows, "key": [own[row] for row in rows]}
            assert crossref.count("m", member=member) == len(own)
        linked = sorted({row for own in links.values() for row in own})
        assert crossref.members("m") == tuple(sorted(member for member, own in links.items() if own))
        assert crossref.count("m") == len(linked)
        assert crossref.paired("m") == sum(sum(row in own for own in links.values()) > 1 for row in linked)
        streamed = [
            (row, {member: key for member, own in keys.items() if (key := own[at].as_py()) is not None})
            for rows, keys in crossref.batches("m")
            for at, row in enumerate(rows.to_pylist())
        ]
        assert streamed == [
            (row, {name: links[name][row] for name in sorted(links) if row in links[name]}) for row in linked
        ]
        layouts = self.store.base.layouts("m")
        table = self.store.base.load("m").to_pydict()
        kept = {row: (layouts[one], packed) for row, one, packed in zip(*table.values(), strict=True)}
        assert list(kept) == sorted(self.base)
        assert kept == self.base
        assert self.store.base.count("m") == len(self.base)
        assert self.store.segments.pending("p") == tuple(sorted(self.pending))
        last = self.store.segments.last("p")
        assert (last and last.chunk) == max(self.created, default=None)
        assert self.store.examine() == ""


def test_segments_are_as_if_written_one_by_one_in_a_file(tmp_path):
    class InFile(Machine):
        address = str(tmp_path)

    play(InFile, examples=40)


def test_segments_are_as_if_written_one_by_one_on_a_server(states_url):
    class OnServer(Machine):
        address = f"{states_url}{'&' if '?' in states_url else '?'}schema=machine_"

    play(OnServer, examples=5)


def play(machine, *, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
