"""What the inventory holds beforehand: a third of the store's things, partly different, and things of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from random import Random

from dovetail.demo.expect import Key, Translation
from dovetail.demo.oddities import OLD_ITEMS, OLD_PARTNERS, UNKNOWN_STATUS_ITEM
from dovetail.demo.store import Row

Stock = dict[str, dict[Key, Row]]

KNOWN_SHARE = 0.3
OWN_DEFAULTS: dict[str, Row] = {
    "item_group": {"zone": None},
    "item": {"unit": "PCE", "qty_on_hand": 0, "created_by": "dovetail"},
    "bill_of_material": {"note": None},
    "partner": {"credit_limit": None},
    "sales_order": {"picker": None},
    "sales_order_line": {"shelf": None},
}
"""Fields that only the inventory knows, and what a new row has there."""


def draw_stock(moved: Translation, rng: Random) -> Stock:
    """The inventory's rows by natural key; every reference of a row stands here too."""
    stock: Stock = {table: {} for table in OWN_DEFAULTS}
    _take(stock, moved, "item", rng, _known(moved.rows["item"], rng, _is_old_trade))
    for code in OLD_ITEMS:
        stock["item"][(code,)] = _old_item(code)
    groups = {row["group"] for row in stock["item"].values()}
    _take(stock, moved, "item_group", rng, _with_parents(groups, moved.rows["item_group"]))
    _take(stock, moved, "partner", rng, _known(moved.rows["partner"], rng, _is_old_customer))
    for mail in OLD_PARTNERS:
        stock["partner"][(mail,)] = _old_partner(mail)
    items, partners = stock["item"], stock["partner"]
    both = [
        key for key in moved.rows["bill_of_material"]
        if (key[0],) in items and (key[1],) in items and rng.random() < 0.7
    ]  # fmt: skip
    _take(stock, moved, "bill_of_material", rng, both)
    orders = _known(moved.rows["sales_order"], rng, lambda row: (row["partner"],) in partners)
    _take(stock, moved, "sales_order", rng, orders)
    lines = moved.rows["sales_order_line"]
    booked = [key for key, row in lines.items() if (key[0],) in stock["sales_order"] and (row["item"],) in items]
    _take(stock, moved, "sales_order_line", rng, booked)
    _add_own_things(stock)
    return stock


def _known(rows: dict[Key, Row], rng: Random, fits: Callable[[Row], bool]) -> list[Key]:
    """About a third of the rows that fit."""
    return [key for key, row in rows.items() if fits(row) and rng.random() < KNOWN_SHARE]


def _is_old_trade(item: Row) -> bool:
    """Sport is new in the store: the inventory has none of it yet."""
    return not (item["group"] or "").startswith("sport")


def _is_old_customer(partner: Row) -> bool:
    """Norway is new in the store: the inventory knows nobody there yet."""
    return bool(partner["country_code"] != "NOR")


def _with_parents(codes: set[str | None], groups: dict[Key, Row]) -> list[Key]:
    found: dict[Key, None] = {}
    for code in sorted(code for code in codes if code is not None):
        at: str | None = code
        while at is not None:
            found[(at,)] = None
            at = groups[(at,)]["parent"]
    return list(found)


def _take(stock: Stock, moved: Translation, table: str, rng: Random, keys: list[Key]) -> None:
    """Copy the rows, fill what only the inventory knows, and let half of them differ from the store."""
    change, own = _CHANGES[table], _OWN[table]
    for key in keys:
        row = dict(moved.rows[table][key]) | own(rng)
        if rng.random() < 0.5:
            change(row, rng)
        stock[table][key] = row


def _change_group(row: Row, _: Random) -> None:
    row["title"] = f"{row['title']} (old)"


def _change_item(row: Row, rng: Random) -> None:
    match rng.randint(0, 6):
        case 0:
            row["description"] = f"{row['description'][:70]} old"
        case 1:
            row["list_price"] += Decimal("0.10")
        case 2:
            row["weight_kg"] = (row["weight_kg"] or Decimal(0)) + Decimal("0.250")
        case 3:
            row["status"] = "X" if row["status"] == "A" else "A"
        case 4:
            row["remark"] = "" if row["remark"] is None else None
        case 5:
            row["group"] = None
        case _:
            row["description"] = f"{row['description'][:70]} "  # one blank more


def _change_component(row: Row, _: Random) -> None:
    row["quantity"] += 1


def _change_partner(row: Row, rng: Random) -> None:
    match rng.randint(0, 9):
        case 0 | 1:
            row["full_name"] = row["full_name"].upper()
        case 2:
            row["standing"] = "B" if row["standing"] == "A" else "A"
        case 3:
            row["country_code"] = "DEU" if row["country_code"] != "DEU" else "FRA"
        case 4:
            row["birth_date"] = dt.date(1970, 1, 1) if row["birth_date"] is None else None
        case 5 if rng.random() < 0.25:
            row["language"] = "da"  # nobody said who wins: a person must
        case _:
            row["phone"] = (
                f"+49 40 {rng.randint(1_000_000, 9_999_999)}"  # the inventory is preferred: goes to the store
            )


def _change_order(row: Row, rng: Random) -> None:
    if rng.random() < 0.5:
        row["state"] = 10 if row["state"] != 10 else 20
    else:
        row["ordered_at"] += dt.timedelta(hours=1)


def _change_line(row: Row, rng: Random) -> None:
    if rng.random() < 0.5:
        row["quantity"] += 1
    else:
        row["unit_price"] += Decimal("0.01")


_CHANGES: dict[str, Callable[[Row, Random], None]] = {
    "item_group": _change_group,
    "item": _change_item,
    "bill_of_material": _change_component,
    "partner": _change_partner,
    "sales_order": _change_order,
    "sales_order_line": _change_line,
}

_OWN: dict[str, Callable[[Random], Row]] = {
    "item_group": lambda rng: {"zone": rng.choice(("north", "south"))},
    "item": lambda rng: {
        "unit": rng.choice(("PCE", "SET")),
        "qty_on_hand": rng.randint(0, 500),
        "created_by": "import",
    },
    "bill_of_material": lambda rng: {"note": rng.choice((None, "glue first"))},
    "partner": lambda rng: {"credit_limit": Decimal(rng.randint(1, 50) * 100)},
    "sales_order": lambda rng: {"picker": rng.choice(("Ann", "Bob"))},
    "sales_order_line": lambda rng: {"shelf": f"{rng.choice('ABC')}{rng.randint(1, 40)}"},
}


def _old_item(code: str) -> Row:
    """An item that the store's odd rows would meet, untouched so far."""
    return {
        "code": code,
        "description": f"Old {code.lower()}",
        "remark": None,
        "list_price": Decimal("12.50"),
        "weight_kg": Decimal("0.400"),
        "status": "Q" if code == UNKNOWN_STATUS_ITEM else "A",
        "group": "garden",
        "unit": "PCE",
        "qty_on_hand": 7,
        "created_by": "import",
    }


def _old_partner(mail: str) -> Row:
    """A partner that the store's odd rows would meet."""
    return {
        "mail": mail,
        "full_name": "Old Partner",
        "phone": None,
        "language": "de",
        "standing": "A",
        "country_code": "DEU",
        "birth_date": None,
        "credit_limit": Decimal(900),
    }


def _add_own_things(stock: Stock) -> None:
    """Things that the store never heard of; they stay as they are."""

    def add(table: str, key: Key, **row: object) -> None:
        """One row of the inventory's own."""
        stock[table][key] = OWN_DEFAULTS[table] | row

    add("item_group", ("archive",), code="archive", title="Archive", parent=None)
    for code in ("OWN-1", "OWN-2"):
        stock["item"][(code,)] = _old_item(code) | {"group": "archive"}
    mail = "own.supplier@example.com"
    stock["partner"][(mail,)] = _old_partner(mail)
    moment = dt.datetime.fromisoformat("2023-05-04 03:02:01")
    add("sales_order", ("OWN1",), order_no="OWN1", partner=mail, state=30, ordered_at=moment, total=Decimal(25))
