"""Edits as people make them on both sides while the demo is live; each knows what must come of it, in plain Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from dovetail.demo import words
from dovetail.demo.expect import ORDER_STATES, Key, berlin
from dovetail.demo.generate import World
from dovetail.demo.stock import OWN_DEFAULTS
from dovetail.demo.store import Row

SHOP, WAREHOUSE = "shop", "warehouse"

KINDS = {
    "sale": 30,
    "receipt": 22,
    "price": 14,
    "phone": 9,
    "shipped": 9,
    "rename": 6,
    "both": 5,
    "deleted": 3,
    "dispute": 2,
}
"""What people do, and how often."""

_TITLE_MAX = 80
_NEXT = {"new": "paid", "paid": "shipped"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement at one side; `?` stands for each value."""

    side: str
    sql: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Sign:
    """How an edit shows that it has arrived: the answers are all alike and, where `expected` is given, what it says
    at that time."""

    asked: tuple[Statement, ...]
    expected: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody did: what is done at one side is one transaction. A dispute has no signs: it never arrives, since
    a person must settle it."""

    kind: str
    words: str
    writes: tuple[Statement, ...]
    signs: tuple[Sign, ...] = ()

    @property
    def sides(self) -> tuple[str, ...]:
        """Where it was made."""
        return tuple(side for side in (SHOP, WAREHOUSE) if any(write.side == side for write in self.writes))


class People:
    """Everybody who works with the two systems. Drawing an edit changes what the judge expects."""

    def __init__(self, world: World, rng: Random) -> None:
        self._world, self._rng = world, rng
        held, store = world.held, world.store
        standing = world.expected
        self.products = [
            row
            for row in store["product"]
            if row["structure"] == "standalone" and row["id"] not in held["product"] and _code(row) in standing["item"]
        ]
        """Those that are sold, by the store's own rows; each has a level of stock at both sides."""
        self._customers = [
            row
            for row in store["customer"]
            if row["id"] not in held["customer"] and row["status"] == "active" and _mail(row) in standing["partner"]
        ]
        self._orders = [row for row in store["shop_order"] if row["id"] not in held["order"] and row["status"] in _NEXT]
        self._calm = [row for row in self._customers if _mail(row) not in world.conflicts["customer"]]
        self._order = max(row["id"] for row in store["shop_order"])
        self._line = max(row["id"] for row in store["order_line"])
        self._sold: list[tuple[str, int, int]] = []
        self.disputes: dict[int, tuple[str, str]] = {}
        """The languages that the store and the inventory hold, by customer, until a person settles it."""

    def draw(self, kind: str | None = None) -> Edit:
        """What somebody does next."""
        chosen = kind or self._rng.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        return _DRAWN[chosen](self)

    def level(self, row: Row) -> int:
        """What must lie on the shelves of a product."""
        return int(self._world.expected["item"][_code(row)]["qty_on_hand"])

    # Each of them: the row that it is about, what must come of it, and the statements.

    def sale(self) -> Edit:
        """An order of some products in the store; their stock goes down."""
        buyer, moment = self._rng.choice(self._customers), dt.datetime(2026, 11, 2, 9) + self._some_time()
        bought = self._rng.sample(self.products, self._rng.choice((1, 2, 2, 3)))
        self._order += 1
        order, number, total = self._order, f"L{self._order}", 0
        writes = []
        for at, product in enumerate(bought, 1):
            self._line += 1
            quantity, cents = self._rng.choice((1, 1, 2)), product["price_cents"]
            total += quantity * cents
            self._world.expected["sales_order_line"][number, at] = OWN_DEFAULTS["sales_order_line"] | {
                "order_no": number, "line_no": at, "item": _code(product)[0], "quantity": quantity,
                "unit_price": Decimal(cents) / 100,
            }  # fmt: skip
            writes.append(Statement(SHOP, _LINE, (self._line, order, at, product["id"], quantity, cents)))
            writes.append(self._moved(product, SHOP, -quantity))
        self._world.expected["sales_order"][number,] = OWN_DEFAULTS["sales_order"] | {
            "order_no": number, "partner": _mail(buyer)[0], "state": ORDER_STATES["new"],
            "ordered_at": berlin(moment), "total": Decimal(total) / 100,
        }  # fmt: skip
        self._orders.append({"id": order, "number": number, "status": "new"})
        self._sold.append((number, order, len(bought)))
        said = f"sale {number}: {len(bought)} line{'s' * (len(bought) > 1)}, {total / 100:,.2f}"
        head = Statement(SHOP, _ORDER, (order, number, buyer["id"], moment, total))
        return Edit("sale", said, (head, *writes), (self._lines_of(number), *map(_levels, bought)))

    def receipt(self) -> Edit:
        """Goods arrive in the warehouse."""
        product, count = self._rng.choice(self.products), self._rng.choice((6, 10, 12, 24))
        write = self._moved(product, WAREHOUSE, count)
        return Edit("receipt", f"receipt of {count}: {_title(product)}", (write,), (_levels(product),))

    def price(self) -> Edit:
        """The store sells for another price."""
        product = self._rng.choice(self.products)
        product["price_cents"] = max(50, int(product["price_cents"] * self._rng.uniform(0.8, 1.25)))
        price = Decimal(product["price_cents"]) / 100
        said = f"new price {price:,.2f}: {_title(product)}"
        return self._renewed("price", said, product, ("price_cents", "list_price", price))

    def rename(self) -> Edit:
        """The store calls a product something else."""
        product = self._rng.choice(self.products)
        kind = f"{self._rng.choice(words.QUALITIES)} {self._rng.choice(words.MATERIALS).lower()}"
        product["title"] = f"{kind} {self._rng.choice(words.THINGS)}"[:_TITLE_MAX]
        said = f"new name: {_title(product)}"
        return self._renewed("rename", said, product, ("title", "description", product["title"]))

    def _renewed(self, kind: str, said: str, product: Row, change: tuple[str, str, object]) -> Edit:
        (name, other, value), key = change, _code(product)
        self._world.expected["item"][key][other] = value
        sql = f"UPDATE product SET {name} = ? WHERE id = ?"  # noqa: S608
        write = Statement(SHOP, sql, (product[name], product["id"]))
        asked = Statement(WAREHOUSE, f"SELECT {other} FROM item WHERE code = ?", key)  # noqa: S608
        return Edit(kind, said, (write,), (Sign((asked,), lambda: self._world.expected["item"][key][other]),))

    def phone(self) -> Edit:
        """The warehouse writes down a better telephone number."""
        row = self._rng.choice(self._customers)
        write, sign = self._called(row)
        return Edit("phone", f"telephone of {row['first_name']} {row['last_name']}", (write,), (sign,))

    def shipped(self) -> Edit:
        """An order goes one step further in the store."""
        waiting = [row for row in self._orders if row["status"] in _NEXT]
        if not waiting:
            return self.sale()
        row = self._rng.choice(waiting)
        row["status"] = _NEXT[row["status"]]
        key = (row["number"],)
        self._world.expected["sales_order"][key]["state"] = ORDER_STATES[row["status"]]
        write = Statement(SHOP, "UPDATE shop_order SET status = ? WHERE id = ?", (row["status"], row["id"]))
        asked = Statement(WAREHOUSE, "SELECT state FROM sales_order WHERE order_no = ?", key)
        said = f"order {row['number']} is {row['status']}"
        sign = Sign((asked,), lambda: self._world.expected["sales_order"][key]["state"])
        return Edit("shipped", said, (write,), (sign,))

    def both(self) -> Edit:
        """At the same moment goods of a product are sold and arrive, or a customer's name and telephone change."""
        if self._rng.random() < 0.5:
            product = self._rng.choice(self.products)
            writes = (self._moved(product, SHOP, -1), self._moved(product, WAREHOUSE, 12))
            return Edit("both", f"sold 1, received 12: {_title(product)}", writes, (_levels(product),))
        row = self._rng.choice(self._customers)
        row["first_name"] = self._rng.choice(words.FIRST_NAMES)
        key, full = _mail(row), f"{row['first_name']} {row['last_name']}"
        self._world.expected["partner"][key]["full_name"] = full
        named = Statement(SHOP, "UPDATE customer SET first_name = ? WHERE id = ?", (row["first_name"], row["id"]))
        asked = Statement(WAREHOUSE, "SELECT full_name FROM partner WHERE mail = ?", key)
        called, sign = self._called(row)
        arrives = Sign((asked,), lambda: self._world.expected["partner"][key]["full_name"])
        return Edit("both", f"name and telephone of {full}", (named, called), (arrives, sign))

    def deleted(self) -> Edit:
        """A line of an order is taken away again."""
        if not any(lines > 1 for _, _, lines in self._sold):
            return self.price()
        at = next(at for at, (_, _, lines) in enumerate(self._sold) if lines > 1)
        number, order, lines = self._sold.pop(at)
        del self._world.expected["sales_order_line"][number, lines]
        write = Statement(SHOP, "DELETE FROM order_line WHERE order_id = ? AND line_no = ?", (order, lines))
        return Edit("deleted", f"line {lines} of {number} is deleted", (write,), (self._lines_of(number),))

    def dispute(self) -> Edit:
        """Both sides change a customer's language, each to another; no rule says who wins."""
        if not self._calm:
            return self.phone()
        row = self._calm.pop(self._rng.randrange(len(self._calm)))
        one, other = self._rng.sample([word for word in words.LANGUAGES if word != row["language"]], 2)
        self.disputes[row["id"]] = (one, other)
        self._world.expected["partner"][_mail(row)]["language"] = other
        writes = (
            Statement(SHOP, "UPDATE customer SET language = ? WHERE id = ?", (one, row["id"])),
            Statement(WAREHOUSE, "UPDATE partner SET language = ? WHERE mail = ?", (other, *_mail(row))),
        )
        return Edit("dispute", f"{row['first_name']} {row['last_name']} speaks {one} here, {other} there", writes)

    # -------------------------------------------------------------------------------------------------------- within

    def _moved(self, product: Row, side: str, count: int) -> Statement:
        self._world.expected["item"][_code(product)]["qty_on_hand"] += count
        if side == SHOP:
            return Statement(
                SHOP, "UPDATE stock_level SET on_hand = on_hand + ? WHERE sku = ?", (count, *_code(product))
            )
        return Statement(
            WAREHOUSE, "UPDATE item SET qty_on_hand = qty_on_hand + ? WHERE code = ?", (count, *_code(product))
        )

    def _called(self, row: Row) -> tuple[Statement, Sign]:
        number = f"+49 40 {self._rng.randint(1_000_000, 9_999_999)}"
        self._world.expected["partner"][_mail(row)]["phone"] = self._world.phones[row["id"]] = number
        write = Statement(WAREHOUSE, "UPDATE partner SET phone = ? WHERE mail = ?", (number, *_mail(row)))
        asked = Statement(SHOP, "SELECT phone FROM customer WHERE id = ?", (row["id"],))
        return write, Sign((asked,), lambda: self._world.phones[row["id"]])

    def _lines_of(self, number: str) -> Sign:
        lines = self._world.expected["sales_order_line"]
        asked = Statement(WAREHOUSE, "SELECT count(*) FROM sales_order_line WHERE order_no = ?", (number,))
        return Sign((asked,), lambda: sum(key[0] == number for key in tuple(lines)))

    def _some_time(self) -> dt.timedelta:
        return dt.timedelta(seconds=self._rng.randrange(36_000))


_ORDER = """INSERT INTO shop_order (id, number, customer_id, status, placed_at, total_cents)
    VALUES (?, ?, ?, 'new', ?, ?)"""
_LINE = """INSERT INTO order_line (id, order_id, line_no, product_id, quantity, unit_cents)
    VALUES (?, ?, ?, ?, ?, ?)"""

_DRAWN: dict[str, Callable[[People], Edit]] = {
    "sale": People.sale, "receipt": People.receipt, "price": People.price, "phone": People.phone,
    "shipped": People.shipped, "rename": People.rename, "both": People.both, "deleted": People.deleted,
    "dispute": People.dispute,
}  # fmt: skip


def _levels(product: Row) -> Sign:
    """Both sides count the same."""
    here = Statement(SHOP, "SELECT on_hand FROM stock_level WHERE sku = ?", _code(product))
    there = Statement(WAREHOUSE, "SELECT qty_on_hand FROM item WHERE code = ?", _code(product))
    return Sign((here, there))


def _code(product: Row) -> Key:
    return (product["upc"].strip(" ").upper(),)


def _mail(customer: Row) -> Key:
    return (customer["email"].strip(" ").lower(),)


def _title(product: Row) -> str:
    return str(product["title"])
