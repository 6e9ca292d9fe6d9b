"""A crash on each side of every durable step, and a user who edits in the middle of a write."""

import pytest
from lab import codes, writes

from dovetail.engine.partition import Partition
from dovetail.errors import Fenced
from dovetail.state.intents import Intents

LEFT = "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT);"
RIGHT = "CREATE TABLE b (no INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);"
THING = """
    members: {left: {dataset: a}, right: {dataset: b}}
    fields: {v: {left: v, right: v, policy: {prefer: left}}}
    deletes: {left: propagate, right: ask}
    guard: {rows: 100000, share: 100%}
"""


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def made(lab):
    made = lab({"left": LEFT, "right": RIGHT}, {"thing": THING})
    made.sql("left", "INSERT INTO a VALUES (1, 'x'), (2, 'y'), (3, 'z')")
    return made


def dies(monkeypatch, owner, name, *, after):
    """Let one call of a method be the last thing that happens; without a natural key only the ledger can tell
    afterwards."""
    original = getattr(owner, name)

    def dying(*arguments, **options):
        if after:
            original(*arguments, **options)
        raise Crash

    monkeypatch.setattr(owner, name, dying)


POINTS = [(Intents, "put"), (Partition, "write"), (Partition, "confirm")]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), POINTS)
def test_a_crash_at_any_step_of_a_create(made, monkeypatch, owner, name, after):
    with monkeypatch.context() as patch:
        dies(patch, owner, name, after=after)
        with pytest.raises(Crash):
            made.migrate()
    summary = made.migrate()
    assert made.sql("right", "SELECT v FROM b ORDER BY v") == [("x",), ("y",), ("z",)]
    assert ("DV-452" in codes(summary)) is (
        (owner, name, after) in [(Partition, "write", True), (Partition, "confirm", False)]
    )
    assert writes(made.migrate()) == 0
    assert made.verify().ok


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), POINTS)
def test_a_crash_in_an_update_or_a_delete_loses_no_later_edit(made, monkeypatch, owner, name, after):
    made.migrate()
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.sql("left", "DELETE FROM a WHERE id = 2")
    with monkeypatch.context() as patch:
        dies(patch, owner, name, after=after)
        with pytest.raises(Crash):
            made.migrate()
    arrived = made.sql("right", "SELECT count(*) FROM b WHERE v = 'new'") == [(1,)]
    if arrived:
        made.sql("left", "UPDATE a SET v = 'x' WHERE id = 1")
    made.migrate()
    expected = "x" if arrived else "new"
    assert sorted(made.sql("right", "SELECT v FROM b")) == sorted([(expected,), ("z",)])
    assert made.sql("left", "SELECT v FROM a WHERE id = 1") == [(expected,)]
    assert writes(made.migrate()) == 0


def test_an_edit_between_reading_and_writing_is_not_overwritten(made, monkeypatch):
    made.migrate()
    made.sql("left", "UPDATE a SET v = 'ours'")
    original = Partition.write

    def late(self, *arguments):
        made.sql("right", "UPDATE b SET v = 'theirs' WHERE v = 'y'")
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", late)
        summary = made.migrate()
    assert codes(summary) == ["DV-451"]
    assert summary.mappings["thing"].conflicts == 1
    assert sorted(made.sql("right", "SELECT v FROM b")) == [("ours",), ("ours",), ("theirs",)]
    made.migrate()
    assert made.sql("right", "SELECT DISTINCT v FROM b") == [("ours",)]


def test_a_worker_that_was_overtaken_writes_nothing(made, monkeypatch):
    original = Partition.write

    def overtaken(self, *arguments):
        self.target.raise_epoch(self.name)
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", overtaken)
        with pytest.raises(Fenced):
            made.migrate()
    assert made.sql("right", "SELECT count(*) FROM b") == [(0,)]
    assert made.migrate().mappings["thing"].created == 3
