"""A project over two SQLite systems that a sync keeps joined, and the words of a test about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.reconcile.lab import Lab, checked

from dovetail.engine.open import open_workspace
from dovetail.engine.sync import Sync
from dovetail.engine.turn import Turn, absorb
from dovetail.model.run import Summary

SHOP = """
CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, title TEXT, cents INTEGER, stock INTEGER, note TEXT);
CREATE TABLE line (id INTEGER PRIMARY KEY, nr TEXT UNIQUE, product INTEGER REFERENCES product (id), pieces INTEGER);
"""
DEPOT = """
CREATE TABLE item (code TEXT PRIMARY KEY, label TEXT, price DECIMAL(10,2), qty INTEGER, remark TEXT);
CREATE TABLE move (nr TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES item (code), pieces INTEGER);
"""
PRODUCT = """
members:
  shop: {dataset: product}
  depot: {dataset: item}
match: sku
fields:
  sku: {shop: sku, depot: code, owner: shop}
  name: {shop: title, depot: label, policy: ask}
  price: {shop: cents / 100, depot: price, policy: {prefer: shop}}
  stock: {shop: stock, depot: qty, policy: delta, first: depot}
deletes: {shop: propagate, depot: propagate}
guard: {rows: 100000, share: 100%}
"""
LINE = """
members:
  shop: {dataset: line}
  depot: {dataset: move}
match: nr
fields:
  nr: {shop: nr, depot: nr, owner: shop}
  product: {shop: product, depot: item, ref: product, owner: shop}
  pieces: {shop: pieces, depot: pieces, policy: {prefer: shop}}
deletes: {shop: propagate, depot: propagate}
guard: {rows: 100000, share: 100%}
"""


class Live(Lab):
    """A lab whose sync goes on from step to step; `has_feeds` says whether the systems tell what changed."""

    def __init__(
        self,
        folder: Path,
        *,
        has_feeds: bool,
        systems: dict[str, str] | None = None,
        mappings: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder, systems or {"shop": SHOP, "depot": DEPOT}, mappings or {"product": PRODUCT})
        self.has_feeds = has_feeds
        self._opened: Any = None
        self._sync: Sync | None = None

    @property
    def sync(self) -> Sync:
        """The running sync; started when it is first asked for."""
        if self._sync is None:
            self._opened = open_workspace(self.folder, variables={})
            self._sync = Sync(self._opened)
            if self.has_feeds:
                self._capture()
        return self._sync

    def _capture(self) -> None:
        assert self._sync is not None
        datasets: dict[str, dict[str, Any]] = {}
        for mapping in self._sync.reconcile.mappings.values():
            for member in mapping.members:
                datasets.setdefault(member.member.system, {})[member.dataset.name] = member.dataset
        for system, found in datasets.items():
            self._opened.connector(system).capture(self._sync.feeds.name, list(found.values()))

    @property
    def workspace(self) -> Any:
        """The opened project of the running sync."""
        assert self.sync is not None
        return self._opened

    def stop(self) -> None:
        """End the sync, as a process that is stopped would."""
        if self._sync is not None:
            self._sync.close()
            self._opened.close()
        self._sync = None

    close = stop

    def turn(self) -> Turn:
        """One look and one turn."""
        sync = self.sync
        if not sync._run:
            sync.start()
        for name in sync.order:
            sync.census(name)
        sync.feeds.open(self._systems())
        sync.ear.hark()
        sync.notice()
        done = sync.turn()
        assert not done.failed, done.failed
        checked(done.summary)
        return done

    def _systems(self) -> set[str]:
        return {one for name in self.sync.order for one in self.sync.systems(name)}

    def settle(self) -> Summary:
        """Turn until nothing is left to do; what was done. Then nothing more is written, whatever is announced."""
        total = Summary("sync", "")
        for _ in range(12):
            done = self.turn()
            absorb(total, done.summary)
            if not done.written and not done.looked and not done.waiting:
                break
        else:
            raise AssertionError("it does not come to rest")
        self.announce_all()
        for _ in range(6):
            done = self.turn()
            assert done.written == 0, "what was settled is written again"
            if not done.looked and not done.waiting:
                return total
        raise AssertionError("it does not come to rest")

    def announce_all(self) -> None:
        """Say of every row of every member that it may have changed."""
        for mapping in self.sync.reconcile.mappings.values():
            for member in mapping.members:
                table = self.workspace.store.crossref.load(mapping.name, member.name)
                self.workspace.store.queue.push(mapping.name, member.name, table.column("key").to_pylist())

    def shop(self, columns: str = "sku, title, cents, stock") -> list[tuple[Any, ...]]:
        """The shop's products."""
        return self.sql("shop", f"SELECT {columns} FROM product ORDER BY sku")

    def depot(self, columns: str = "code, label, price, qty") -> list[tuple[Any, ...]]:
        """The depot's items."""
        return self.sql("depot", f"SELECT {columns} FROM item ORDER BY code")

    def open_conflicts(self) -> list[str]:
        """The fields of open conflicts."""
        return [one.dispute.field for one in self.workspace.store.conflicts.list()]

    def sell(self, *rows: tuple[Any, ...]) -> None:
        """New products in the shop: sku, title, cents, stock."""
        for row in rows:
            self.sql("shop", "INSERT INTO product (sku, title, cents, stock) VALUES (?, ?, ?, ?)", *row)

    def store(self, *rows: tuple[Any, ...]) -> None:
        """New items in the depot: code, label, price, qty."""
        for row in rows:
            self.sql("depot", "INSERT INTO item (code, label, price, qty) VALUES (?, ?, ?, ?)", *row)
