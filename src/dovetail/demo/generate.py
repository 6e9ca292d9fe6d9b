"""A whole world to try Dovetail on: a store, an inventory, and what the inventory must hold after the migration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from dovetail.demo.expect import Held, Key, Translation, translate
from dovetail.demo.oddities import UNKNOWN_STATUS_ITEM, plant
from dovetail.demo.stock import OWN_DEFAULTS, Stock, draw_stock
from dovetail.demo.store import Row, Tables, draw_store

ROWS_MIN = 60
"""Fewer products leave no room for the odd ones."""

MAPPING_OF = {
    "item_group": "category",
    "item": "product",
    "bill_of_material": "component",
    "partner": "customer",
    "sales_order": "order",
    "sales_order_line": "order_line",
}
"""Which mapping of the demo project fills which table of the inventory; parents before children."""

PREFERRED = {"partner": ("phone",)}
"""Fields whose value the inventory keeps, and the store is given."""

ASKED = {"partner": ("language",)}
"""Fields without a rule: where both sides differ, a person is asked and nothing is written."""


DISPUTED = {"item": {("ODD-TWINS",)}, "partner": {("odd.twins@example.com",)}}
"""Rows of the inventory that two rows of the store would meet; they are held with them."""


@dataclass(frozen=True)
class Outcome:
    """How many shared rows of one mapping must end in which way."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    quarantined: int = 0


@dataclass
class World:
    """Both systems before the migration, and the right answer.

    `stock` and `expected` hold the inventory's rows by table and natural key, before and after. `phones` are the
    store's telephone numbers after the migration, by customer. `held` are the store's rows that must be quarantined,
    by mapping and `id`, with the reason."""

    store: Tables
    stock: Stock
    expected: Stock
    held: dict[str, Held]
    outcomes: dict[str, Outcome]
    phones: dict[int, str]
    conflicts: dict[str, set[Key]] = field(default_factory=dict)


def draw_world(rows: int, seed: int = 2026) -> World:
    """The world of that many products; the same for the same seed."""
    rng = Random(seed)
    store = draw_store(max(rows, ROWS_MIN), rng)
    plant(store, rng)
    moved = translate(store)
    _hold_unknown_status(moved)
    stock = draw_stock(moved, rng)
    expected: Stock = {}
    outcomes: dict[str, Outcome] = {}
    conflicts: dict[str, set[Key]] = {}
    for table, mapping in MAPPING_OF.items():
        expected[table], outcomes[mapping], conflicts[mapping] = _combine(table, moved, stock[table])
    phones = _phones(store, moved, expected["partner"])
    return World(store, stock, expected, moved.held, outcomes, phones, conflicts)


def _hold_unknown_status(moved: Translation) -> None:
    """The inventory's row of this product cannot be understood, so the pair is held as it is."""
    key = (UNKNOWN_STATUS_ITEM,)
    moved.held["product"][moved.ids["item"].pop(key)] = "code"
    del moved.rows["item"][key]


def _combine(table: str, moved: Translation, stock: dict[Key, Row]) -> tuple[dict[Key, Row], Outcome, set[Key]]:
    """The table after the migration: what stood there, brought to the store's values; and what did not."""
    after = {key: dict(row) for key, row in stock.items()}
    held = len(moved.held[MAPPING_OF[table]]) + len(DISPUTED.get(table, ()))
    count: Counter[str] = Counter(quarantined=held)
    conflicts: set[Key] = set()
    for key, row in moved.rows[table].items():
        before = stock.get(key)
        if before is None:
            after[key] = OWN_DEFAULTS[table] | row
            count["created"] += 1
            continue
        kept = {name: before[name] for name in (*PREFERRED.get(table, ()), *ASKED.get(table, ()))}
        after[key] = before | row | kept
        if any(before[name] != row[name] for name in ASKED.get(table, ())):
            conflicts.add(key)
        elif after[key] != before or any(before[name] != row[name] for name in PREFERRED.get(table, ())):
            count["updated"] += 1
        else:
            count["unchanged"] += 1
    return after, Outcome(**count, conflicts=len(conflicts)), conflicts


def _phones(store: Tables, moved: Translation, partners: dict[Key, Row]) -> dict[int, str]:
    """The inventory's telephone numbers for the customers that it knows, everybody else's as before."""
    phones = {row["id"]: row["phone"] for row in store["customer"]}
    phones.update({number: partners[key]["phone"] or "" for key, number in moved.ids["partner"].items()})
    return phones
