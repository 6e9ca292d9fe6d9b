"""The judge of the crash harness notices each kind of harm, and a broken program is found out."""

from __future__ import annotations

import dataclasses

import pytest
from many import Many

from dovetail.failpoints import Action, Order, Point
from dovetail.testing.kill import Campaign
from dovetail.testing.oracle import counts, judge


@pytest.fixture
def scene(world):
    """A load of 400 rows that went through, with the end of its run."""
    made = Many(world("sqlite", "sqlite"), 400)
    made.reset()
    return made, counts(made), made.program.run("migrate")


def test_nothing_is_wrong_after_a_load(scene):
    verdict = judge(scene[0], scene[2], scene[1])
    assert verdict.is_clean, verdict
    assert verdict.rows == 400


HARMS = """
    DELETE FROM c WHERE q = 7;
    INSERT INTO c (p, q) SELECT p, q FROM c WHERE q = 8;
    INSERT INTO p (name) VALUES ('nobody');
    UPDATE c SET p = p + 1 WHERE q = 9;
    UPDATE c SET no = no + 100000 WHERE q = 10;
    INSERT INTO dovetail_ledger VALUES ('x', 1, 'y', x'00'), ('x', 2, 'y', x'00');
"""
SAID = [
    "1 ledger entries are left",
    "child: 6 pairs in the cross-reference differ",
    "verify ended with 1 []",
    "child: 240 rows, 241 outcomes",
    "parent: 38 told as created, 36 more rows",
]


def test_each_harm_is_noticed(scene):
    made, before, ended = scene
    made.world.sql("right", HARMS)
    told = dict(ended.document["mappings"])
    told["child"] = {**told["child"], "unchanged": 1}
    verdict = judge(made, dataclasses.replace(ended, document={"mappings": told}), before | {"parent": 3})
    assert (verdict.lost, verdict.doubled, verdict.foreign) == (2, 1, 2), verdict
    assert [words for words in SAID if words not in verdict.wrong] == [], verdict.wrong


BROKEN = """
from dovetail.systems.connectors.sqlite.connector import Connector
Connector.ledger = lambda self, partition: self.forget(partition, 10**9) or ()
"""


def test_a_program_that_forgets_its_ledger_is_found_out(scene, tmp_path, monkeypatch):
    """Without the ledger a chunk that only the target knows is written twice."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(broken))
    made = Campaign(scene[0], tmp_path)
    verdict = made.at_point(Order(Point.COMMITTED, Action.KILL))
    assert not verdict.is_clean
    assert verdict.doubled
    assert "wrong" in made.table()
