"""What the inventory must hold in the end, worked out in plain Python from the store's rows alone."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from dovetail.demo import words
from dovetail.demo.store import Row, Tables

Key = tuple[Hashable, ...]
Held = dict[int, str]
"""Why a row of the store, by its `id`, must be held: `match`, `check`, `code`, `fit` or `parent`."""

STANDINGS = {"active": "A", "blocked": "B", "closed": "Z", "prospect": "P"}
ORDER_STATES = {"new": 10, "paid": 20, "shipped": 30, "cancelled": 90}


@dataclass
class Translation:
    """The store's rows as the inventory would hold them, by natural key.

    `rows` is by table of the inventory; `ids` says which row of the store each came from; `held` is by mapping;
    `filtered` counts the rows that do not belong to the inventory."""

    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    ids: dict[str, dict[Key, int]] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    filtered: Counter[str] = field(default_factory=Counter)


def translate(store: Tables) -> Translation:
    """Every row of the store that can be moved, and the reason for each that cannot."""
    done = Translation()
    _groups(store, done)
    _items(store, done)
    _components(store, done)
    _partners(store, done)
    _orders(store, done)
    _lines(store, done)
    return done


def _record(done: Translation, places: tuple[str, str], rows: Iterable[Row], see: Callable[[Row], Row | str]) -> None:
    """Sort rows into held and moved; `see` gives the inventory's row with its natural key under `_key`, or a reason."""
    mapping, table = places
    seen = [(row["id"], see(row)) for row in rows]
    count = Counter(row["_key"] for _, row in seen if not isinstance(row, str))
    held = done.held.setdefault(mapping, {})
    moved = done.rows.setdefault(table, {})
    ids = done.ids.setdefault(table, {})
    for number, row in seen:
        if isinstance(row, str):
            held[number] = row
        elif None in row["_key"] or count[row["_key"]] > 1:
            held[number] = "match"
        else:
            moved[row["_key"]] = {name: value for name, value in row.items() if name != "_key"}
            ids[row["_key"]] = number


def _groups(store: Tables, done: Translation) -> None:
    by_id = {row["id"]: row for row in store["category"]}

    def see(row: Row) -> Row | str:
        """The group, or why it is held: its own name, or one of those above it."""
        if len(row["name"]) < 1:
            return "check"
        if len(row["name"]) > 40:
            return "fit"
        parent = by_id.get(row["parent_id"])
        if parent is not None and isinstance(see(parent), str):
            return "parent"
        return {"_key": (row["slug"],), "code": row["slug"], "title": row["name"], "parent": parent and parent["slug"]}

    _record(done, ("category", "item_group"), store["category"], see)


def _items(store: Tables, done: Translation) -> None:
    by_id = {row["id"]: row for row in store["product"]}
    slugs = {row["id"]: row["slug"] for row in store["category"]}
    held = done.held["category"]
    sold = [row for row in store["product"] if row["structure"] != "parent"]
    codes = Counter(row["upc"].strip(" ").upper() for row in sold if row["upc"] is not None)

    def see(row: Row) -> Row | str:
        """The item; a variant takes its title and its category from its parent where it has none."""
        above = by_id.get(row["parent_id"], {})
        title = row["title"] if row["title"] is not None else above["title"]
        category = row["category_id"] if row["category_id"] is not None or not above else above["category_id"]
        if row["upc"] is None or codes[row["upc"].strip(" ").upper()] > 1:
            return "match"
        if row["price_cents"] is None or not 0 <= row["price_cents"] <= 10_000_000:
            return "check"
        if len(title) > 80:
            return "fit"
        if category in held:
            return "parent"
        code = row["upc"].strip(" ").upper()
        return {
            "_key": (code,),
            "code": code,
            "description": title,
            "remark": row["remark"],
            "list_price": Decimal(row["price_cents"]) / 100,
            "weight_kg": None if row["weight_g"] is None else Decimal(row["weight_g"]) / 1000,
            "status": "A" if row["is_public"] else "X",
            "group": slugs.get(category),
        }

    _record(done, ("product", "item"), sold, see)


def _components(store: Tables, done: Translation) -> None:
    code = {number: key[0] for key, number in done.ids["item"].items()}

    def see(row: Row) -> Row | str:
        """The line of a bill of material; both ends must have arrived."""
        if row["kit_id"] not in code or row["component_id"] not in code:
            return "parent"
        key = (code[row["kit_id"]], code[row["component_id"]])
        return {"_key": key, "kit": key[0], "component": key[1], "quantity": row["quantity"]}

    _record(done, ("component", "bill_of_material"), store["kit_component"], see)


def _partners(store: Tables, done: Translation) -> None:
    wanted = [row for row in store["customer"] if row["status"] != "prospect"]
    done.filtered["customer"] = len(store["customer"]) - len(wanted)
    mails = Counter(row["email"].strip(" ").lower() for row in store["customer"] if row["email"] is not None)

    def see(row: Row) -> Row | str:
        """The partner with one name, a small-letter address and the inventory's codes."""
        mail = None if row["email"] is None else row["email"].strip(" ").lower()
        name = f"{row['first_name']} {row['last_name']}"
        if mail is None or mails[mail] > 1:
            return "match"
        if not _is_mail(mail) or row["country"] not in words.COUNTRIES:
            return "check"
        if row["status"] not in STANDINGS:
            return "code"
        if len(name) > 80:
            return "fit"
        return {
            "_key": (mail,),
            "mail": mail,
            "full_name": name,
            "phone": row["phone"] or None,
            "language": row["language"],
            "standing": STANDINGS[row["status"]],
            "country_code": words.COUNTRIES[row["country"]],
            "birth_date": row["birthday"],
        }

    _record(done, ("customer", "partner"), wanted, see)


def _is_mail(mail: str) -> bool:
    """Good enough to tell this store's good addresses from its bad ones; deliberately not the product's own rule."""
    name, at, host = mail.partition("@")
    return bool(at and name) and "@" not in host and " " not in mail and "." in host and not name.endswith(".")


def _orders(store: Tables, done: Translation) -> None:
    mail = {number: key[0] for key, number in done.ids["partner"].items()}
    placed = [row for row in store["shop_order"] if row["status"] != "basket"]
    numbers = Counter(row["number"] for row in placed)

    def see(row: Row) -> Row | str:
        """The order in the inventory's codes and in Berlin's time."""
        if numbers[row["number"]] > 1:
            return "match"
        if row["total_cents"] < 0:
            return "check"
        if row["status"] not in ORDER_STATES:
            return "code"
        if row["customer_id"] not in mail:
            return "parent"
        return {
            "_key": (row["number"],),
            "order_no": row["number"],
            "partner": mail[row["customer_id"]],
            "state": ORDER_STATES[row["status"]],
            "ordered_at": berlin(row["placed_at"]),
            "total": Decimal(row["total_cents"]) / 100,
        }

    _record(done, ("order", "sales_order"), placed, see)


def berlin(moment: dt.datetime) -> dt.datetime:
    """A moment in UTC as the clock in Berlin shows it, by the rule of the European Union.

    >>> berlin(dt.datetime(2026, 3, 29, 1, 0))
    datetime.datetime(2026, 3, 29, 3, 0)
    """
    starts, ends = (dt.datetime.combine(_last_sunday(moment.year, month), dt.time(1)) for month in (3, 10))
    return moment + dt.timedelta(hours=2 if starts <= moment < ends else 1)


def _last_sunday(year: int, month: int) -> dt.date:
    last = dt.date(year, month, calendar.monthrange(year, month)[1])
    return last - dt.timedelta(days=(last.weekday() + 1) % 7)


def _lines(store: Tables, done: Translation) -> None:
    number = {number: key[0] for key, number in done.ids["sales_order"].items()}
    code = {number: key[0] for key, number in done.ids["item"].items()}

    def see(row: Row) -> Row | str:
        """The line of an order that arrived, for an item that arrived."""
        if not 1 <= row["quantity"] <= 1000:
            return "check"
        if row["order_id"] not in number or row["product_id"] not in code:
            return "parent"
        key = (number[row["order_id"]], row["line_no"])
        return {
            "_key": key,
            "order_no": key[0],
            "line_no": key[1],
            "item": code[row["product_id"]],
            "quantity": row["quantity"],
            "unit_price": Decimal(row["unit_cents"]) / 100,
        }

    _record(done, ("order_line", "sales_order_line"), store["order_line"], see)
