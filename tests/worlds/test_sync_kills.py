"""`kill -9` of what carries edits, again and again, while people type on both sides without pause: nothing is lost, nothing
doubled, nothing left open. And the judge of that finds a broken program out."""

from __future__ import annotations

import os
import sys
import time

import pytest
import two

from dovetail.failpoints import Point
from dovetail.testing.chaos.judge import Promise
from dovetail.testing.chaos.trial import BY_PASSES
from dovetail.testing.program import Program
from dovetail.testing.trace import Place

pytestmark = pytest.mark.timeout(600)
PAIRS = [("sqlite", "postgres"), ("postgres", "postgres")]
MARIA = [("postgres", "mariadb", "binlog"), ("mariadb", "sqlite", "triggers"), ("mariadb", "mariadb", "binlog")]
AIMS = (Place.CHUNK_COMMIT, Place.BETWEEN_COMMITS, Place.BETWEEN_COMMITS, Place.STATE_COMMIT, Place.TRANSACTION)


@pytest.fixture
def trial(world, tmp_path):
    """Makes a trial between two kinds of places."""

    def make(left, right, *, state="sqlite", capture_by="auto", **how):
        made = world(left, right, state=state, timeout_s=30)
        made.declare_each({name: {"capture_by": capture_by} for name, where in made.places.items() if "mariadb:" in where})
        return two.trial(two.make(made), tmp_path / "trial", **how)

    return make


def strike(made, kills, *, within_s=1.5):
    """Kill so often: every other time at random, else at one of the places where it could hurt."""
    while made.keeper.toll.kills < kills:
        made.raise_if_anybody_failed()
        made.keeper.kill(made.dice, within_s=within_s, aims=AIMS if made.keeper.toll.kills % 2 else ())


def judged(made, told, words):
    ended = made.finish()
    verdict, toll, typed = ended.verdict, made.keeper.toll, made.record.counts
    print("seed", made.seed, "typed", dict(typed), "toll", toll, "passes", ended.passes)
    print("\n".join(verdict.told()))
    landed = ", ".join(f"{count} {place}" for place, count in toll.places.most_common())
    assert verdict.is_clean, (made.seed, verdict.told())
    assert not toll.tracebacks
    told(
        f"{toll.kills} times kill -9, {words}",
        f"{typed.total():,} edits ({verdict.contested} rows edited by two at once, {typed['delete']} deletes): 0 lost, 0 doubled; "
        f"{toll.recovered} chunks only a ledger knew; landed: {landed}",
        ended.seconds,
    )
    return ended


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_kills_while_people_type_on_both_sides(trial, told, left, right):
    made = trial(left, right, rows=120, rate=60)
    made.begin()
    strike(made, 6)
    ended = judged(made, told, f"{left} and {right}")
    assert made.keeper.toll.chunks > 5
    assert ended.verdict.contested > 10
    assert made.record.total > 500


def test_kills_while_the_systems_note_what_changes(trial, told):
    """With a slot on one side and a slot on the other, which tell the next process what the killed one did not see."""
    made = trial("postgres", "postgres", rows=120, rate=60)
    assert made.program.run("capture", "--make").code == 0
    made.begin()
    strike(made, 6)
    judged(made, told, "with capture, postgres and postgres")
    assert made.program.run("capture", "--drop").code == 0


@pytest.mark.parametrize(
    ("left", "right", "way"), [("postgres", "mariadb", "binlog"), ("mariadb", "sqlite", "triggers")]
)
def test_kills_while_mariadb_notes_what_changes(trial, told, left, right, way):
    """The log, or a queue that is filled by those who type, tells the next process what the killed one did not see."""
    made = trial(left, right, rows=80, rate=40, capture_by=way)
    assert made.program.run("capture", "--make").code == 0
    made.begin()
    strike(made, 3)
    judged(made, told, f"with capture by {way}, {left} and {right}")
    assert made.program.run("capture", "--drop").code == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("left", "right", "way"), MARIA)
def test_two_hundred_kills_with_mariadb(trial, told, left, right, way):
    made = trial(left, right, rows=400, rate=60, capture_by=way)
    assert made.program.run("capture", "--make").code == 0
    made.begin()
    strike(made, 200)
    judged(made, told, f"with capture by {way}, {left} and {right}")


def test_kills_of_whole_passes(trial, told):
    made = trial("sqlite", "postgres", ways=BY_PASSES, rows=120, rate=60)
    made.begin()
    strike(made, 3)
    judged(made, told, "whole passes, sqlite and postgres")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_a_thousand_kills(trial, told, left, right):
    made = trial(left, right, rows=400)
    made.begin()
    strike(made, 1_000)
    judged(made, told, f"{left} and {right}")


# ------------------------------------------------------------------------------------------------------- broken programs

LEDGER_IGNORED = """
from dovetail.engine.partition import Partition
Partition._recover = lambda self, entry: False
"""
GUARD_IGNORED = """
import dataclasses
from dovetail.engine.partition import Partition
true = Partition.write
def write(self, dataset, change, chunk, run, account):
    if change.verb != "create" and change.expected is not None:
        keys = change.expected.select([name for name in dataset.key])
        change = dataclasses.replace(change, expected=keys)
    return true(self, dataset, change, chunk, run, account)
Partition.write = write
"""
CLAIMS_BOTH = """
import numpy as np
from dovetail.engine import deliver, record
true = record.settle_base
def settle_base(decision, work, chunk, *, receipt, done, seed):
    true(decision, work, chunk, receipt=receipt, done=done, seed=seed)
    places = chunk.places[done]
    for at, name in enumerate(decision.agreed.fields):
        for side in range(len(decision.survey.sides)):
            cells = decision.agreed.cells[:, at, side]
            cells["mark"][places] = decision.marks[places, at, side]
            cells["agreement"][places] = decision.next_agreement[places, at]
record.settle_base = settle_base
for module in (deliver,):
    if hasattr(module, "settle_base"):
        module.settle_base = settle_base
"""


@pytest.fixture
def broken(trial, tmp_path):
    """Makes a trial whose command is broken in a way."""

    def make(text, left="sqlite", right="postgres", **how):
        made = trial(left, right, born=Program, **how)
        folder = tmp_path / "broken"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(text)
        path = os.pathsep.join([str(folder), *filter(None, sys.path)])
        made.program.variables["PYTHONPATH"] = path
        return made

    return make


def found(made, kills, *, seconds=25):
    """What the judge says after so many kills right behind a commit of a target."""
    limit = time.monotonic() + seconds
    made.keeper.orders = f"{Point.COMMITTED}=kill@2"
    made.begin()
    while made.keeper.toll.kills < kills and time.monotonic() < limit:
        made.raise_if_anybody_failed()
        made.keeper.orders = f"{Point.COMMITTED}=kill@{made.dice.randint(1, 25)}"
        time.sleep(0.05)
    made.keeper.orders = ""
    verdict = made.finish().verdict
    print("\n".join(verdict.told()))
    return verdict


def test_a_program_that_forgets_its_ledger_doubles_rows(broken):
    made = broken(LEDGER_IGNORED, rows=5_000, deeds={"insert": 1.0})
    verdict = found(made, 6)
    assert verdict.broken[Promise.NO_DOUBLE]


def test_a_program_that_writes_unguarded_loses_edits(broken):
    made = broken(GUARD_IGNORED)
    made.keeper.orders = f"{Point.INTENT_AFTER}=delay(0.1)@*"
    made.begin()
    time.sleep(5)
    verdict = made.finish().verdict
    assert verdict.broken[Promise.NO_LOSS]


def test_a_program_that_claims_what_it_did_not_write_loses_edits(broken):
    made = broken(CLAIMS_BOTH)
    verdict = found(made, 6)
    assert verdict.broken[Promise.NO_LOSS] or verdict.broken[Promise.CONVERGENCE]
