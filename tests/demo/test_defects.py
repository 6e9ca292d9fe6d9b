"""Twelve planted defects: `verify` finds all of them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.demo.conftest import assert_right, migrate
from tests.demo.defects import DEFECTS, Defect

from dovetail.demo.judge import judge
from dovetail.demo.run import placed
from dovetail.demo.schema import opened
from dovetail.demo.shell import dovetail


def findings(answer):
    """Where `verify` says that the systems differ; held rows and open conflicts are not differences."""
    return [
        (finding.get("mapping", ""), finding.get("field", ""))
        for finding in answer.document["findings"]
        if finding.get("severity") == "difference"
    ]


def plant(done, defects):
    def spelled(statement: str) -> str:
        """The statement with the marks for values that the system's driver wants."""
        return statement if isinstance(done.place.warehouse, Path) else statement.replace("?", "%s")

    with opened(done.place.warehouse) as cursor:
        for defect in defects:
            defect.plant(cursor, done.world, spelled)


def assert_all_found(done):
    plant(done, DEFECTS)
    assert len(judge(done.world, done.place.shop, done.place.warehouse).differences) == 12
    answer = dovetail(done.place, "verify", accept=(1,))
    assert sorted(findings(answer)) == sorted((defect.mapping, defect.field) for defect in DEFECTS)
    assert answer.total("different") == 12


def test_before_planting_there_is_nothing_to_find(migrated):
    assert findings(migrated.verify) == []


def test_twelve_of_twelve_are_found_and_nothing_else(copied):
    assert_all_found(copied())


@pytest.mark.server
def test_on_postgres_the_content_is_right_and_all_defects_are_found(tmp_path):
    with placed(tmp_path, "postgres") as place:
        done = migrate(place)
        assert_right(done)
        assert findings(done.verify) == []
        assert_all_found(done)


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_each_defect_is_found_alone(copied, defect: Defect):
    done = copied()
    plant(done, [defect])
    answer = dovetail(done.place, "verify", accept=(1,))
    assert findings(answer) == [(defect.mapping, defect.field)]
