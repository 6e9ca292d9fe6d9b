"""A row that both sides change without pause: no movement of it is lost, and the sync does not starve."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.engine.sync import Sync
from dovetail.testing.servers.postgres import databases

pytestmark = pytest.mark.server

PROJECT = """
dovetail: 1
project: hot
systems:
  shop: {connector: postgres, url: "${SHOP}"}
  depot: {connector: postgres, url: "${DEPOT}"}
"""
MAPPING = """
mapping: stock
members: {shop: {dataset: product}, depot: {dataset: item}}
match: sku
fields:
  sku: {shop: sku, depot: code, owner: shop}
  stock: {shop: stock, depot: qty, policy: delta, first: depot}
guard: {rows: 1000000, share: 100%}
"""
SECONDS = 3.0


def test_a_hot_row_is_settled_while_it_is_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text(PROJECT)
    (tmp_path / "mappings" / "stock.yaml").write_text(MAPPING)
    locked: list[str] = []
    locking = Partition.locking
    monkeypatch.setattr(Partition, "locking", lambda self, *given: locked.append(self.name) or locking(self, *given))
    with databases("shop", "depot") as (shop, depot):
        _run(shop, "CREATE TABLE product (id int PRIMARY KEY, sku text UNIQUE, stock int)")
        _run(shop, "INSERT INTO product VALUES (1, 'a', 1000)")
        _run(depot, "CREATE TABLE item (code text PRIMARY KEY, qty int); INSERT INTO item VALUES ('a', 1000)")
        made = [0, 0]
        over = threading.Event()
        people = [
            threading.Thread(target=_type, args=(shop, "UPDATE product SET stock = stock - 1", made, 0, over)),
            threading.Thread(target=_type, args=(depot, "UPDATE item SET qty = qty + 2", made, 1, over)),
        ]
        with open_workspace(tmp_path, variables={"SHOP": shop, "DEPOT": depot}) as workspace:
            sync = Sync(workspace)
            sync.start()
            for person in people:
                person.start()
            written = 0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                sync.census("stock")
                turn = sync.turn()
                assert not turn.failed
                written += turn.written
            over.set()
            for person in people:
                person.join()
            for _ in range(5):
                sync.census("stock")
                sync.turn()
            sync.close()
        expected = 1000 - made[0] + 2 * made[1]
        assert _one(shop, "SELECT stock FROM product") == _one(depot, "SELECT qty FROM item") == expected
        assert min(made) > 100
        assert written > 2, "nothing was settled while the row was hot"
        assert locked, "nobody was ever kept from the row"


def _type(url: str, statement: str, made: list[int], at: int, over: threading.Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while not over.is_set():
            connection.execute(statement)
            made[at] += 1


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _one(url: str, statement: str) -> int:
    with psycopg.connect(url) as connection:
        (value,) = connection.execute(statement).fetchone() or (None,)
        return int(value)
