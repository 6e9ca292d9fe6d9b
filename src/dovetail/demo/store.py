"""The online store's rows, drawn from a seed."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from dovetail.demo import words

Row = dict[str, Any]
Tables = dict[str, list[Row]]

CUSTOMERS_PER_PRODUCT = 1.5
ORDERS_PER_PRODUCT = 2.5
OPENED = dt.datetime.fromisoformat("2024-01-02 00:00:00")  # the store keeps UTC without saying so
DAYS_OPEN = 1000


def draw_store(rows: int, rng: Random) -> Tables:
    """A store with `rows` products that are sold, and customers and orders in proportion; nothing odd in it yet."""
    categories = _categories(rng)
    products = _products(rows, categories, rng)
    sold = [product for product in products if product["structure"] != "parent"]
    customers = _customers(int(rows * CUSTOMERS_PER_PRODUCT), rng)
    orders, lines = _orders(int(rows * ORDERS_PER_PRODUCT), customers, sold, rng)
    return {
        "category": categories,
        "product": products,
        "kit_component": _kits(sold, rng),
        "customer": customers,
        "shop_order": orders,
        "order_line": lines,
    }


def slug(name: str) -> str:
    """The name as it stands in an address.

    >>> slug("Pots & Pans")
    'pots-pans'
    """
    return "-".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())


def _categories(rng: Random) -> list[Row]:
    names: list[tuple[str, str, str | None]] = []
    for root, branches in words.CATEGORIES.items():
        names.append((root, slug(root), None))
        for branch, leaves in branches.items():
            names.append((branch, f"{slug(root)}-{slug(branch)}", slug(root)))
            names += [(leaf, f"{slug(root)}-{slug(leaf)}", f"{slug(root)}-{slug(branch)}") for leaf in leaves]
    numbers = list(range(1, len(names) + 1))
    rng.shuffle(numbers)  # a child may have a smaller number than its parent
    number = {code: at for (_, code, _), at in zip(names, numbers, strict=True)}
    drawn = [
        {"id": number[code], "parent_id": number[parent] if parent else None, "name": name, "slug": code}
        for name, code, parent in names
    ]
    return sorted(drawn, key=lambda row: int(str(row["id"])))


def _products(rows: int, categories: list[Row], rng: Random) -> list[Row]:
    """Single products, and families: a parent that is not sold, with variants that take its title and category."""
    places = [category["id"] for category in categories]
    products: list[Row] = []
    sold = 0
    while sold < rows:
        number = len(products) + 1
        if rng.random() < 0.08 and rows - sold >= 4:
            parent = _product(number, rng, structure="parent", category_id=rng.choice(places))
            parent.update(upc=None, price_cents=None, weight_g=None)
            products.append(parent)
            for at, colour in enumerate(rng.sample(words.COLOURS, rng.randint(2, 4)), 1):
                child = _product(number + at, rng, structure="child", category_id=None)
                child.update(parent_id=number, upc=f"F{number:06d}-{colour[:2].upper()}{at}")
                child["title"] = f"{parent['title']}, {colour}" if rng.random() < 0.3 else None
                products.append(child)
                sold += 1
        else:
            category = rng.choice(places) if rng.random() > 0.01 else None
            products.append(_product(number, rng, structure="standalone", category_id=category))
            sold += 1
    return products


def _product(number: int, rng: Random, *, structure: str, category_id: int | None) -> Row:
    title = f"{rng.choice(words.QUALITIES)} {rng.choice(words.MATERIALS).lower()} {rng.choice(words.THINGS)}"
    return {
        "id": number,
        "parent_id": None,
        "structure": structure,
        "upc": f"P{number:06d}",
        "title": title,
        "remark": rng.choice((None, None, "", "fragile", "two parts")),
        "category_id": category_id,
        "price_cents": rng.choice((99, 199, 450, 1000, 1995, 100_000))
        if rng.random() < 0.2
        else rng.randint(50, 90_000),
        "weight_g": None if rng.random() < 0.03 else rng.randint(5, 40_000),
        "is_public": rng.random() < 0.9,
    }


def _kits(sold: list[Row], rng: Random) -> list[Row]:
    """Some products are kits of others; a kit may be part of a larger kit."""
    rows: list[Row] = []
    for at in range(len(sold) // 20):
        kit = sold[at * 20 + 10]
        parts = rng.sample(sold[: at * 20 + 10], min(rng.randint(2, 5), at * 20 + 10))
        for part in parts:
            rows.append(
                {"id": len(rows) + 1, "kit_id": kit["id"], "component_id": part["id"], "quantity": rng.randint(1, 8)}
            )
    return rows


def _customers(count: int, rng: Random) -> list[Row]:
    rows = []
    for number in range(1, count + 1):
        first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
        mail = f"{_ascii(first)}.{_ascii(last)}{number}@{rng.choice(words.MAIL_HOSTS)}"
        born = dt.date(1940, 1, 1) + dt.timedelta(days=rng.randint(0, 24_000))
        rows.append(
            {
                "id": number,
                "first_name": first,
                "last_name": last,
                "email": _as_typed(mail, rng),
                "phone": "" if rng.random() < 0.3 else f"+49 30 {rng.randint(1_000_000, 9_999_999)}",
                "language": rng.choice(words.LANGUAGES),
                "country": rng.choice(tuple(words.COUNTRIES)),
                "status": rng.choices(("active", "blocked", "closed", "prospect"), (85, 5, 5, 5))[0],
                "birthday": None if rng.random() < 0.4 else born,
                "created_at": _moment(rng),
            }
        )
    return rows


def _ascii(name: str) -> str:
    return "".join(sign for sign in name.lower() if "a" <= sign <= "z") or "x"


def _as_typed(mail: str, rng: Random) -> str:
    """The address as people type it: capitals, a blank before or after."""
    dice = rng.random()
    if dice < 0.15:
        mail = mail.title()
    if dice < 0.05:
        mail = f" {mail}"
    return f"{mail} " if dice > 0.97 else mail


def _moment(rng: Random) -> dt.datetime:
    """Any second between 4 and 22 o'clock; the hours in which clocks change are planted on purpose."""
    return OPENED + dt.timedelta(days=rng.randint(0, DAYS_OPEN), seconds=rng.randint(4 * 3600, 22 * 3600))


def _orders(count: int, customers: list[Row], sold: list[Row], rng: Random) -> tuple[list[Row], list[Row]]:
    buyers = [customer for customer in customers if customer["status"] != "prospect"]
    orders: list[Row] = []
    lines: list[Row] = []
    for number in range(1, count + 1):
        status = rng.choices(("new", "paid", "shipped", "cancelled", "basket"), (10, 15, 65, 5, 5))[0]
        bought = [] if status == "basket" else rng.choices(sold, k=rng.choices((1, 2, 3, 4, 6), (30, 30, 20, 15, 5))[0])
        total = 0
        for at, product in enumerate(bought, 1):
            line = {
                "id": len(lines) + 1,
                "order_id": number,
                "line_no": at,
                "product_id": product["id"],
                "quantity": rng.choices((1, 2, 3, 12), (70, 20, 8, 2))[0],
                "unit_cents": product["price_cents"],
            }
            total += line["quantity"] * line["unit_cents"]
            lines.append(line)
        orders.append(
            {
                "id": number,
                "number": f"S{100_000 + number}",
                "customer_id": rng.choice(buyers)["id"],
                "status": status,
                "placed_at": _moment(rng),
                "total_cents": total,
            }
        )
    return orders, lines
