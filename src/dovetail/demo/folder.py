"""The demo's project folder: the shipped files, with the systems that were chosen."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dovetail.demo.generate import World, draw_world
from dovetail.demo.schema import make_stock, make_store

PROJECT = Path(__file__).parent / "project"
"""The declarations, as `examples/store-and-inventory` shows them."""


@dataclass(frozen=True)
class Place:
    """Where a demo lives: its folder, and its two systems, each a SQLite file or the URL of a PostgreSQL database."""

    folder: Path
    shop: Path | str
    warehouse: Path | str

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the project's files ask for."""
        named = {"SHOP_URL": self.shop, "WAREHOUSE_URL": self.warehouse}
        return {name: where for name, where in named.items() if isinstance(where, str)}


def lay_out(place: Place) -> None:
    """Copy the declarations into the folder, and name PostgreSQL in them where it was chosen."""
    shutil.copytree(PROJECT, place.folder, dirs_exist_ok=True)
    file = place.folder / "dovetail.yaml"
    text = file.read_text(encoding="utf-8")
    for name, where in (("shop", place.shop), ("warehouse", place.warehouse)):
        if isinstance(where, str):
            local = f"    connector: sqlite\n    path: {name}.db\n"
            text = text.replace(local, f"    connector: postgres\n    url: ${{{name.upper()}_URL}}\n")
    file.write_text(text, encoding="utf-8")


def build(place: Place, rows: int, seed: int = 2026) -> World:
    """Lay the project out and make both databases; the answer knows what must come of it."""
    world = draw_world(rows, seed)
    lay_out(place)
    make_store(place.shop, world.store)
    make_stock(place.warehouse, world.stock)
    return world
