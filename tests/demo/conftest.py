"""A small demo, migrated once by the shipped commands, and copied for every test that changes it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dovetail.demo.folder import Place, build
from dovetail.demo.generate import World
from dovetail.demo.judge import judge
from dovetail.demo.shell import Answer, dovetail
from dovetail.demo.tell import OUTCOMES

ROWS = 150
ALLOW = ("--allow", "100000")


@dataclass(frozen=True)
class Migrated:
    """A demo after its first migration, with the answers of the commands."""

    place: Place
    world: World
    plan: Answer
    first: Answer
    second: Answer
    verify: Answer


def migrate(place: Place, rows: int = ROWS) -> Migrated:
    """Build both systems and run the shipped commands."""
    world = build(place, rows)
    return Migrated(
        place,
        world,
        plan=dovetail(place, "plan", accept=(0, 1)),
        first=dovetail(place, "migrate", *ALLOW, accept=(0, 1)),
        second=dovetail(place, "migrate", accept=(0, 1)),
        verify=dovetail(place, "verify", accept=(0, 1)),
    )


def assert_right(done: Migrated) -> None:
    """The inventory is as it must be, every summary adds up and tells the truth, and nothing is left to do."""
    verdict = judge(done.world, done.place.shop, done.place.warehouse)
    assert [str(difference) for difference in verdict.differences] == []
    for answer in (done.plan, done.first, done.second, done.verify):
        for name, mapping in answer.document["mappings"].items():
            assert mapping["rows"] == sum(mapping[outcome] for outcome in OUTCOMES), (answer.command, name)
    for name, outcome in done.world.outcomes.items():
        for answer in (done.plan, done.first):
            told = {part: answer.document["mappings"][name][part] for part in vars(outcome)}
            assert told == vars(outcome), (answer.command, name)
    assert done.second.writes == 0
    assert done.verify.total("different") == 0
    assert done.verify.total("created") + done.verify.total("updated") + done.verify.total("deleted") == 0


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    folder = tmp_path_factory.mktemp("demo")
    return migrate(Place(folder, folder / "shop.db", folder / "warehouse.db"))


@pytest.fixture
def copied(migrated: Migrated, tmp_path: Path) -> Callable[[], Migrated]:
    """Gives a copy of the migrated demo that a test may damage."""

    def copy() -> Migrated:
        folder = tmp_path / "copy"
        shutil.copytree(migrated.place.folder, folder)
        return dataclasses.replace(migrated, place=Place(folder, folder / "shop.db", folder / "warehouse.db"))

    return copy
