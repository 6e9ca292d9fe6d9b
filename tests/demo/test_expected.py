"""After the migration the inventory holds what plain Python worked out, on every combination of systems."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.demo.conftest import ROWS, Migrated, migrate

from dovetail.demo.folder import Place
from dovetail.demo.judge import judge
from dovetail.demo.run import placed

OUTCOMES = ("created", "updated", "deleted", "unchanged", "filtered", "quarantined", "conflicts")


def assert_right(done: Migrated) -> None:
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


def test_sqlite_to_sqlite(migrated):
    assert_right(migrated)


@pytest.mark.server
@pytest.mark.parametrize(
    ("shop", "warehouse"), [("postgres", "postgres"), ("sqlite", "postgres"), ("postgres", "sqlite")]
)
def test_with_postgres(shop, warehouse, tmp_path: Path):
    with ExitStack() as stack:
        servers = stack.enter_context(placed(tmp_path, "postgres"))
        place = Place(
            tmp_path,
            servers.shop if shop == "postgres" else tmp_path / "shop.db",
            servers.warehouse if warehouse == "postgres" else tmp_path / "warehouse.db",
        )
        assert_right(migrate(place, ROWS))
