"""The odd rows of a real store, planted among the good ones: what must be held, and what must survive untouched."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from dovetail.demo import words
from dovetail.demo.store import Row, Tables

OLD_ITEMS = ("ODD-NOPRICE-OLD", "ODD-TWINS", "ODD-LETTER", "ODD-CASE")
"""Odd products that the inventory already knows."""

OLD_PARTNERS = ("odd.dormant.old@example.com", "odd.twins@example.com", "odd.case@example.com")
"""Odd customers that the inventory already knows."""

UNKNOWN_STATUS_ITEM = "ODD-LETTER"
"""The product whose status in the inventory is a letter that nobody mapped."""

DST_EDGES = (
    dt.datetime.fromisoformat("2026-03-29 00:59:59"),  # the second before the clocks go forward
    dt.datetime.fromisoformat("2026-03-29 01:00:00"),
    dt.datetime.fromisoformat("2026-10-24 23:59:59"),
    dt.datetime.fromisoformat("2026-10-25 02:00:00"),  # after the hour that happens twice
    dt.datetime.fromisoformat("2025-12-31 23:30:00"),  # already the next year in Berlin
    dt.datetime.fromisoformat("2024-02-28 23:30:00"),  # already the leap day
)


def plant(store: Tables, rng: Random) -> None:
    """Add the odd rows to the store, and give some good rows names that careless programs damage."""
    for title, product in zip(words.SPECIAL_TITLES, _some(store["product"], rng), strict=False):
        product["title"] = title
    for names, customer in zip(words.SPECIAL_NAMES, _some(store["customer"], rng), strict=False):
        customer["first_name"], customer["last_name"] = names
    for moment, order in zip(DST_EDGES, _some(store["shop_order"], rng), strict=False):
        order["placed_at"] = moment
    _plant_categories(store)
    _plant_products(store)
    _plant_kits(store)
    _plant_customers(store, rng)
    _plant_orders(store)


def _some(rows: list[Row], rng: Random) -> list[Row]:
    """Twenty good rows, or a quarter of them, in any order."""
    good = [row for row in rows if row.get("structure") != "parent" and row.get("status") not in ("basket", "prospect")]
    return rng.sample(good, min(20, len(good) // 4))


def _add(rows: list[Row], **values: Any) -> Row:
    row = {"id": max(row["id"] for row in rows) + 1, **values}
    rows.append(row)
    return row


def _plant_categories(store: Tables) -> None:
    rows = store["category"]
    root = next(row["id"] for row in rows if row["slug"] == "garden")
    name = "Seasonal decoration for terraces, balconies and winter gardens"
    long = _add(rows, parent_id=root, name=name, slug="odd-long")
    below = _add(rows, parent_id=long["id"], name="Wreaths", slug="odd-below-long")
    _add(rows, parent_id=below["id"], name="Ribbons", slug="odd-far-below-long")
    _add(rows, parent_id=root, name="", slug="odd-nameless")


def _plant_products(store: Tables) -> None:
    rows, category = store["product"], {row["slug"]: row["id"] for row in store["category"]}

    def add(upc: str | None, **other: Any) -> None:
        """A good product but for what is given."""
        row: Row = {"parent_id": None, "structure": "standalone", "upc": upc, "title": f"Odd one {len(rows)}"}
        row["remark"] = None
        row.update(category_id=category["garden"], price_cents=1250, weight_g=400, is_public=True)
        _add(rows, **row | other)

    add("ODD-NOPRICE", price_cents=None)
    add("ODD-NOPRICE-OLD", price_cents=None)
    add("ODD-NEGATIVE", price_cents=-500)
    add("ODD-LONG", title="A very long title that goes on and on, " * 3)
    add("ODD-EXACT", title="\u00fc" * 80)
    add(None, title="A product without a number")
    add("ODD-DOUBLE")
    add("odd-double ", price_cents=1300)
    add("ODD-TWINS")
    add("Odd-Twins", price_cents=1300)
    add("ODD-PARKED", category_id=category["odd-long"])
    add("ODD-FAR-PARKED", category_id=category["odd-far-below-long"])
    add("ODD-NAMELESS-PLACE", category_id=category["odd-nameless"])
    add(UNKNOWN_STATUS_ITEM)
    add(" odd-case ", title="Found in spite of blanks and capitals")


def _plant_kits(store: Tables) -> None:
    number = {row["upc"]: row["id"] for row in store["product"]}
    rows = store["kit_component"]
    first = next(row["id"] for row in store["product"] if row["structure"] == "standalone")
    _add(rows, kit_id=number["ODD-EXACT"], component_id=first, quantity=2)
    _add(rows, kit_id=number["ODD-EXACT"], component_id=number["ODD-LONG"], quantity=1)
    _add(rows, kit_id=number["ODD-NEGATIVE"], component_id=first, quantity=1)
    _add(rows, kit_id=first, component_id=number["ODD-EXACT"], quantity=3)
    _add(rows, kit_id=first, component_id=number["ODD-EXACT"], quantity=4)


def _plant_customers(store: Tables, rng: Random) -> None:
    rows = store["customer"]

    def add(mail: str | None, **other: Any) -> None:
        """A good customer but for what is given."""
        row: Row = {
            "first_name": "Odd",
            "last_name": f"Person {len(rows)}",
            "email": mail,
            "phone": "",
            "language": "de",
        }
        row.update(
            country="DE", status="active", birthday=None, created_at=dt.datetime.fromisoformat("2025-05-05 05:05:05")
        )
        _add(rows, **row | other)

    for mail in words.BAD_MAILS:
        add(mail)
    for at in range(len(rows) // 400):
        add(f"typo{at}{rng.choice(('.example.com', '@', '@@example.com'))}")
    add(None)
    for mail in ("Odd.Double@Example.com", "odd.double@example.com ", "odd.twins@example.com", "ODD.TWINS@example.com"):
        add(mail)
    add("odd.triple@example.com")
    add("Odd.triple@example.com")
    add(" odd.TRIPLE@example.com")
    add("odd.dormant@example.com", status="dormant")
    add("odd.dormant.old@example.com", status="dormant")
    add("odd.nowhere@example.com", country="XX")
    add("odd.longname@example.com", first_name="Wolfeschlegelsteinhausen" * 2, last_name="Bergerdorff" * 4)
    add(" Odd.Case@EXAMPLE.com", first_name="Carla", last_name="Case")


def _plant_orders(store: Tables) -> None:
    orders, lines = store["shop_order"], store["order_line"]
    customer = {row["email"]: row["id"] for row in store["customer"]}
    product = {row["upc"]: row["id"] for row in store["product"]}
    good = next(row["id"] for row in store["customer"] if row["status"] == "active")
    usual = next(row["id"] for row in store["product"] if row["structure"] == "standalone" and row["upc"] is not None)

    def add(number: str, buyer: int, *products: int, **other: Any) -> None:
        """An order with one line for each product."""
        row: Row = {
            "number": number,
            "customer_id": buyer,
            "status": "paid",
            "placed_at": dt.datetime.fromisoformat("2026-06-01 09:30:00"),
        }
        order = _add(orders, **row | {"total_cents": 1250 * len(products)} | other)
        for at, bought in enumerate(products, 1):
            _add(lines, order_id=order["id"], line_no=at, product_id=bought, quantity=1, unit_cents=1250)

    add("X-BADMAIL", customer["anna.example.com"], usual, usual)
    add("X-DOUBLE", customer["Odd.Double@Example.com"], usual)
    add("X-DORMANT", customer["odd.dormant@example.com"], usual)
    add("X-LOST", good, usual, usual, status="lost")
    add("X-TWICE", good, usual)
    add("X-TWICE", good, usual, total_cents=999)
    add("X-NEGATIVE", good, usual, total_cents=-1)
    add("X-ODDLINES", good, usual, product["ODD-NOPRICE"], product["ODD-PARKED"], usual, product["ODD-EXACT"])
    lines[-2]["quantity"] = 0
