"""Whatever is done to the cross-reference, it stays one-to-one; whatever is done to the queue, no key is lost.

Two machines do random things to a real state file, and to a plain model of what it promises.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dovetail.errors import StateFault
from dovetail.state.queue import Cursor
from dovetail.state.store import Store, open_state

MEMBERS = st.sampled_from(["shop", "warehouse", "shop2"])
ROWS = st.integers(1, 6)
KEYS = st.sampled_from(["a", "A", "b", "", "|", "\\N"])
LINKS = st.lists(st.tuples(ROWS, KEYS), max_size=4)
SOME_KEYS = st.lists(st.sampled_from("abcdef"), max_size=4)


class Reopened(RuleBasedStateMachine):
    """A state on disk that may be closed and opened at any time."""

    store: Store

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self._open()

    def _open(self):
        clock = lambda: dt.datetime(2026, 11, 21, tzinfo=dt.UTC)  # noqa: E731
        self.store = open_state(Path(self.folder.name) / "state.db", key=bytes(32), clock=clock)

    @rule()
    def reopen(self):
        self.store.close()
        self._open()

    def teardown(self):
        if hasattr(self, "folder"):
            self.store.close()
            self.folder.cleanup()


class OneToOne(Reopened):
    """The cross-reference against two plain dictionaries."""

    def __init__(self):
        super().__init__()
        self.keys: dict[tuple[str, int], str] = {}
        self.given: set[int] = set()

    @rule(member=MEMBERS, links=LINKS)
    def link(self, member, links):
        wanted = dict(self.keys)
        fits = True
        for row, key in links:
            fits &= wanted.setdefault((member, row), key) == key
        held = [key for (name, _), key in wanted.items() if name == member]
        fits &= len(held) == len(set(held))
        rows, keys = [row for row, _ in links], [key for _, key in links]
        if fits:
            self.store.crossref.link("product", member, rows, keys)
            self.keys = wanted
        else:
            with pytest.raises(StateFault):
                self.store.crossref.link("product", member, rows, keys)

    @rule(member=MEMBERS | st.none(), rows=st.lists(ROWS, max_size=3))
    def unlink(self, member, rows):
        gone = {place for place in self.keys if place[1] in rows and member in (None, place[0])}
        assert self.store.crossref.unlink("product", rows, member=member) == len(gone)
        self.keys = {place: key for place, key in self.keys.items() if place not in gone}

    @rule(count=st.integers(1, 5), fails=st.booleans())
    def allocate(self, count, fails):
        drawn = set()
        try:
            with self.store.transaction():
                first = self.store.crossref.allocate("product", count)
                drawn = set(range(first, first + count))
                if fails:
                    raise KeyError  # noqa: TRY301
        except KeyError:
            return
        assert not drawn & self.given
        self.given |= drawn

    @invariant()
    def both_directions_agree(self):
        if not hasattr(self, "folder"):
            return
        for member in ("shop", "warehouse", "shop2"):
            expected = {row: key for (name, row), key in self.keys.items() if name == member}
            table = self.store.crossref.load("product", member).to_pydict()
            assert dict(zip(table["row"], table["key"], strict=True)) == expected
            assert len(set(table["key"])) == len(table["key"])
            for row, key in expected.items():
                assert self.store.crossref.find("product", member, key) == row
        assert self.store.crossref.members("product") == tuple(sorted({name for name, _ in self.keys}))
        assert self.store.crossref.count("product") == len({row for _, row in self.keys})


class NothingLost(Reopened):
    """The queue against a count of how often each key was pushed, and how much of it somebody has seen."""

    def __init__(self):
        super().__init__()
        self.pushed: dict[str, int] = {}
        self.handled: dict[str, int] = {}
        self.at_work: list = []
        self.cursor = 0

    @rule(keys=SOME_KEYS, fails=st.booleans())
    def push(self, keys, fails):
        try:
            with self.store.transaction():
                self.store.queue.push("product", "shop", keys, cursors=[Cursor("shop", str(self.cursor + 1))])
                if fails:
                    raise KeyError  # noqa: TRY301
        except KeyError:
            return
        self.cursor += 1
        for key in keys:
            self.pushed[key] = self.pushed.get(key, 0) + 1

    @rule(count=st.integers(1, 4))
    def peek(self, count):
        seen = self.store.queue.peek("product", "shop", count)
        self.at_work.append((seen, dict(self.pushed)))

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def done(self, data):
        seen, at_that_time = self.at_work.pop(data.draw(st.integers(0, len(self.at_work) - 1)))
        self.store.queue.done("product", "shop", seen)
        for one in seen:
            self.handled[one.key] = max(self.handled.get(one.key, 0), at_that_time[one.key])

    @invariant()
    def whatever_is_not_handled_waits(self):
        if not hasattr(self, "folder"):
            return
        waiting = {one.key for one in self.store.queue.peek("product", "shop", 100)}
        assert waiting == {key for key, count in self.pushed.items() if count > self.handled.get(key, 0)}
        assert self.store.queue.cursor("shop") == (str(self.cursor) if self.cursor else None)


TestOneToOne = OneToOne.TestCase
TestOneToOne.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestNothingLost = NothingLost.TestCase
TestNothingLost.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
