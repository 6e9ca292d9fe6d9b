"""The demo's project folder: the shipped files, with the systems that were chosen."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dovetail.demo.generate import World, draw_world
from dovetail.demo.mailing import make_contacts
from dovetail.demo.schema import kind_of, make_stock, make_store

PROJECT = Path(__file__).parent / "project"
"""The declarations, as `examples/store-and-inventory` shows them."""

THREE = Path(__file__).parent / "three"
"""What is declared otherwise where a third system takes part."""

_BEFORE_DEFAULTS = "\ndefaults:\n"
_MAILING = """\
  mailing:
    connector: csv
    path: mailing
    datasets:
      contacts: {key: [email], types: {born: date}}
"""


@dataclass(frozen=True)
class Place:
    """Where a demo lives: its folder, and its systems, each a SQLite file or the URL of a database; the third one,
    where there is one, is a folder of CSV files."""

    folder: Path
    shop: Path | str
    warehouse: Path | str
    mailing: Path | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the project's files ask for."""
        named = {"SHOP_URL": self.shop, "WAREHOUSE_URL": self.warehouse}
        return {name: where for name, where in named.items() if isinstance(where, str)}


def lay_out(place: Place) -> None:
    """Copy the declarations into the folder, and name in them the systems that were chosen."""
    shutil.copytree(PROJECT, place.folder, dirs_exist_ok=True)
    file = place.folder / "dovetail.yaml"
    text = file.read_text(encoding="utf-8")
    for name, where in (("shop", place.shop), ("warehouse", place.warehouse)):
        if isinstance(where, str):
            local = f"    connector: sqlite\n    path: {name}.db\n"
            text = text.replace(local, f"    connector: {kind_of(where)}\n    url: ${{{name.upper()}_URL}}\n")
    if place.mailing is not None:
        text = text.replace(_BEFORE_DEFAULTS, _MAILING + _BEFORE_DEFAULTS)
        shutil.copytree(THREE, place.folder, dirs_exist_ok=True)
    file.write_text(text, encoding="utf-8")


def build(place: Place, rows: int, seed: int = 2026) -> World:
    """Lay the project out and make both databases; the answer knows what must come of it."""
    world = draw_world(rows, seed)
    lay_out(place)
    make_store(place.shop, world.store)
    make_stock(place.warehouse, world.stock)
    if place.mailing is not None:
        make_contacts(place.mailing, world)
    return world
