"""A worker that sleeps at a bad moment, while another one does the whole work: it wakes up and changes nothing."""

import pytest
from plain import THING, arrived, fill
from world import World

from dovetail.engine.load import Load
from dovetail.engine.partition import Partition
from dovetail.engine.reconcile import Reconcile
from dovetail.errors import Unreachable


@pytest.fixture
def made(world, quick):
    return fill(world("sqlite", "sqlite"))


def overtake(monkeypatch, made, owner, name, *, after=lambda: None):
    """Before a step of this worker, let another one do everything."""
    original = getattr(owner, name)
    others = []

    def late(self, *arguments, **options):
        if not others:
            others.append(None)
            others[0] = made.migrate()
            after()
        return original(self, *arguments, **options)

    monkeypatch.setattr(owner, name, late)
    return others


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Partition, "reserve"), (Partition, "write"), (Partition, "confirm"), (Partition, "tidy"), (Load, "_end")],
)  # fmt: skip
def test_a_sleeper_is_fenced_wherever_it_slept(made, monkeypatch, told, owner, name):
    with monkeypatch.context() as patch:
        others = overtake(patch, made, owner, name)
        answer = made.fail()
    assert others[0].code == 0
    assert (answer.code, answer.errors) == (4, ["DV-307"]), answer.out
    arrived(made)
    told(f"a worker overtaken before `{name.strip('_')}`", "DV-307, exit 4; nothing of it was written")


def test_a_sleeper_that_then_loses_its_connection_does_not_take_the_work_back(made, monkeypatch, told):
    def lost():
        raise Unreachable("the connection was lost while it slept")

    with monkeypatch.context() as patch:
        others = overtake(patch, made, Partition, "write", after=lost)
        answer = made.fail()
    assert others[0].code == 0
    assert answer.errors == ["DV-307"], answer.out
    arrived(made)
    told("a worker overtaken that lost its connection too", "DV-307, exit 4; nothing of it was written")


def test_pairs_that_agree_are_not_linked_by_two_workers_differently(made, monkeypatch):
    """Here there is nothing to write at all, so only the state's own fence can stop the sleeper."""
    made.map("thing", THING.replace("fields:", "match: n\n    fields:"))
    made.sql("right", "INSERT INTO b (v, n) VALUES ('secret value 1', 1)")
    made.sql("left", "DELETE FROM a WHERE n > 1")
    with monkeypatch.context() as patch:
        others = overtake(patch, made, Reconcile, "_settle_quiet")
        answer = made.fail()
    assert (others[0].writes, answer.errors) == (0, ["DV-307"])
    assert made.settled()


def test_a_worker_of_another_state_is_noticed_too(made, monkeypatch, told):
    """Two states over one target cannot know of each other; the target's fence tells both that somebody else was there."""
    other = World(made.folder.parent / "other", {**made.places})
    other.map("thing", THING)

    def lost():
        raise Unreachable("the connection was lost while it slept")

    with monkeypatch.context() as patch:
        original = Partition.write
        slept = []

        def late(self, *arguments):
            if not slept:
                slept.append(None)
                assert other.migrate().code == 0
                lost()
            return original(self, *arguments)

        patch.setattr(Partition, "write", late)
        answer = made.fail()
    assert answer.errors == ["DV-307"]
    assert made.sql("right", "SELECT count(*), count(DISTINCT n) FROM b") == [(300, 300)]
    told("a worker with another state took over", "DV-307, exit 4; every row stands once")
