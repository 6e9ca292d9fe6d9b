"""A system that asks for patience, or is away for a moment, is waited for: by one pass of a sync as by every other run."""

from __future__ import annotations

import pytest

from dovetail.engine import attempt
from dovetail.engine.open import open_workspace
from dovetail.errors import Throttled, Unreachable
from dovetail.steps.sync import sync_once
from dovetail.systems.connectors.sqlite import Connector

SYSTEMS = {
    "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES (1, 'x')",
    "right": "CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT);",
}
MAPPING = """\
members: {left: {dataset: a}, right: {dataset: b}}
match: id
fields:
  id: {left: id, right: id, owner: left}
  v: {left: v, right: v, policy: {prefer: left}}
deletes: {left: ask, right: ask}
"""


@pytest.fixture
def project(lab, monkeypatch):
    monkeypatch.setattr(attempt, "PAUSE_FIRST_S", 0.001)
    made = lab(SYSTEMS, {"thing": MAPPING})
    once(made)
    made.sql("left", "UPDATE a SET v = 'y'")
    return made


def once(made):
    with open_workspace(made.folder, variables={}) as workspace:
        return sync_once(workspace)


def faulty(monkeypatch, verb, errors):
    """The verb fails with each of these errors in turn, then works."""
    works, left = getattr(Connector, verb), list(errors)

    def answer(self, *arguments, **options):
        if left:
            raise left.pop(0)
        return works(self, *arguments, **options)

    monkeypatch.setattr(Connector, verb, answer)
    return left


@pytest.mark.parametrize("verb", ["read", "lookup", "read_after", "transaction"])
@pytest.mark.parametrize("error", [Unreachable("away", where="left"), Throttled("slowly", where="left", retry_after_s=0.001)], ids=["away", "slowly"])
def test_one_pass_waits_for_what_passes(project, monkeypatch, verb, error):
    left = faulty(monkeypatch, verb, [error, error, error])
    once(project)
    assert project.sql("right", "SELECT v FROM b") == [("y",)]
    if verb in ("read", "transaction"):
        assert left == []


def test_what_does_not_pass_is_told_in_the_end(project, monkeypatch):
    faulty(monkeypatch, "read", [Unreachable("away", where="left")] * 50)
    with pytest.raises(Unreachable):
        once(project)
    assert project.sql("right", "SELECT v FROM b") == [("x",)]


def test_a_system_that_asks_for_patience_at_first_sight_is_waited_for(project, monkeypatch):
    left = faulty(monkeypatch, "describe", [Throttled("slowly", where="left", retry_after_s=0.001)] * 2)
    once(project)
    assert left == []
    assert project.sql("right", "SELECT v FROM b") == [("y",)]
