"""What the live demo adds to the store and to the project: levels of stock on both sides, which add up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dovetail.demo.folder import Place
from dovetail.demo.live_edits import People
from dovetail.demo.schema import kind_of, made, opened

_LEVELS = """CREATE TABLE stock_level (
    product_id INTEGER PRIMARY KEY REFERENCES product (id), sku VARCHAR(40) NOT NULL UNIQUE,
    on_hand INTEGER NOT NULL)"""

_MAPPING = """\
# How much lies on the shelves. Sales lower it in the store, receipts raise it in the inventory: movements add up.
mapping: level
members:
  shop:      {dataset: stock_level, creates: never}
  warehouse: {dataset: item, creates: never}
match: sku
fields:
  sku:     {shop: sku,     warehouse: code,        owner: warehouse}
  on_hand: {shop: on_hand, warehouse: qty_on_hand, policy: delta, first: warehouse}
deletes: {shop: ask, warehouse: ask}
"""

_GUARD = "guard: {rows: 500, share: 10%}"
_WIDE_GUARD = "guard: {rows: 100000, share: 100%}"


def set_up(place: Place, people: People) -> None:
    """Give the store its levels of stock, as the inventory counts them, and join them. So few rows change all the time
    here that a guard of 10 % would soon hold them."""
    mark = "?" if isinstance(place.shop, Path) else "%s"
    rows = [(row["id"], row["upc"].strip(" ").upper(), people.level(row)) for row in people.products]
    with opened(place.shop) as cursor:
        cursor.execute(made(_LEVELS, kind_of(place.shop)))
        cursor.executemany(f"INSERT INTO stock_level VALUES ({mark}, {mark}, {mark})", rows)  # noqa: S608
    (place.folder / "mappings" / "level.yaml").write_text(_MAPPING, encoding="utf-8")
    file = place.folder / "dovetail.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(_GUARD, _WIDE_GUARD), encoding="utf-8")


def levels(place: Place) -> Sequence[tuple[str, int]]:
    """What the store believes to lie on the shelves, by code."""
    with opened(place.shop) as cursor:
        cursor.execute("SELECT sku, on_hand FROM stock_level")
        return cursor.fetchall()


def languages(place: Place) -> dict[int, str]:
    """The languages of the store's customers."""
    with opened(place.shop) as cursor:
        cursor.execute("SELECT id, language FROM customer")
        return dict(cursor.fetchall())
