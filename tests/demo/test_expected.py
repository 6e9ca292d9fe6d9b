"""After the migration the inventory holds what plain Python worked out, on every combination of systems."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.demo.conftest import ROWS, assert_right, migrate

from dovetail.demo.folder import Place
from dovetail.demo.run import placed


def test_sqlite_to_sqlite(migrated):
    assert_right(migrated)


@pytest.mark.server
def test_sqlite_to_postgres(tmp_path: Path):
    with placed(tmp_path, "postgres") as servers:
        assert_right(migrate(Place(tmp_path, tmp_path / "shop.db", servers.warehouse), ROWS))


@pytest.mark.server
def test_postgres_to_sqlite(tmp_path: Path):
    with placed(tmp_path, "postgres") as servers:
        assert_right(migrate(Place(tmp_path, servers.shop, tmp_path / "warehouse.db"), ROWS))
