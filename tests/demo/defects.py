"""Twelve defects that a migration can leave behind, planted by plain SQL in a migrated inventory."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dovetail.demo.generate import World
from dovetail.demo.schema import Cursor

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Defect:
    """One defect: where it is planted, and what must be found: the mapping and, where one value is wrong, its field."""

    name: str
    mapping: str
    field: str
    plant: Callable[[Cursor, World, Callable[[str], str]], None]


def _items(world: World) -> list[str]:
    """Items that were created by the migration and that nothing else in this file touches by name."""
    old = world.stock["item"]
    return [
        key[0]
        for key, row in world.expected["item"].items()
        if key not in old and row["remark"] is None and row["weight_kg"]
    ]


def _partners(world: World) -> list[str]:
    return [key[0] for key in world.expected["partner"] if key not in world.stock["partner"]]


def _lines(world: World) -> list[Key]:
    return [key for key in world.expected["sales_order_line"] if key not in world.stock["sales_order_line"]]


def value_changed(cursor, world, sql):
    cursor.execute(sql("UPDATE item SET description = ? WHERE code = ?"), ["Quite another thing", _items(world)[0]])


def row_missing(cursor, world, sql):
    cursor.execute(sql("DELETE FROM sales_order_line WHERE order_no = ? AND line_no = ?"), list(_lines(world)[0]))


def row_extra(cursor, world, sql):
    kit, part = _items(world)[1], _items(world)[2]
    assert (kit, part) not in world.expected["bill_of_material"]
    number = "(SELECT item_no FROM item WHERE code = ?)"
    cursor.execute(
        sql(f"INSERT INTO bill_of_material (kit_no, part_no, quantity) VALUES ({number}, {number}, 1)"), [kit, part]
    )


def code_swapped(cursor, world, sql):
    cursor.execute(
        sql("UPDATE item SET status = CASE status WHEN 'A' THEN 'X' ELSE 'A' END WHERE code = ?"), [_items(world)[3]]
    )


def decimal_scale(cursor, world, sql):
    cursor.execute(sql("UPDATE item SET list_price = list_price * 100 WHERE code = ?"), [_items(world)[4]])


def trailing_blank(cursor, world, sql):
    cursor.execute(sql("UPDATE partner SET full_name = full_name || ' ' WHERE mail = ?"), [_partners(world)[0]])


def null_against_empty(cursor, world, sql):
    cursor.execute(sql("UPDATE item SET remark = '' WHERE code = ? AND remark IS NULL"), [_items(world)[5]])


def time_zone_shift(cursor, world, sql):
    number = next(key[0] for key in world.expected["sales_order"] if key not in world.stock["sales_order"])
    moment = world.expected["sales_order"][(number,)]["ordered_at"]
    shifted = moment.replace(hour=(moment.hour + 2) % 24)
    cursor.execute(
        sql("UPDATE sales_order SET ordered_at = ? WHERE order_no = ?"), [shifted.isoformat(sep=" "), number]
    )


def duplicated_child(cursor, world, sql):
    number, line = _lines(world)[1]
    cursor.execute(
        sql(
            "INSERT INTO sales_order_line (order_no, line_no, item_no, quantity, unit_price) "
            "SELECT order_no, 999, item_no, quantity, unit_price FROM sales_order_line WHERE order_no = ? AND line_no = ?"
        ),
        [number, line],
    )


def wrong_parent(cursor, world, sql):
    code = _items(world)[6]
    other = "sport" if world.expected["item"][(code,)]["group"] != "sport" else "toys"
    cursor.execute(
        sql("UPDATE item SET group_no = (SELECT group_no FROM item_group WHERE code = ?) WHERE code = ?"), [other, code]
    )


def truncated_text(cursor, world, sql):
    cursor.execute(sql("UPDATE item SET description = substr(description, 1, 8) WHERE code = ?"), [_items(world)[7]])


def unicode_form(cursor, world, sql):
    mail = next(key[0] for key, row in world.expected["partner"].items() if row["full_name"] == "Jos\u00e9 Nu\u00f1ez")
    other = unicodedata.normalize("NFD", world.expected["partner"][(mail,)]["full_name"])
    cursor.execute(sql("UPDATE partner SET full_name = ? WHERE mail = ?"), [other, mail])


DEFECTS = (
    Defect("value changed", "product", "name", value_changed),
    Defect("row missing", "order_line", "", row_missing),
    Defect("row extra", "component", "", row_extra),
    Defect("code swapped", "product", "active", code_swapped),
    Defect("decimal scale", "product", "price", decimal_scale),
    Defect("trailing blank", "customer", "name", trailing_blank),
    Defect("null against empty", "product", "remark", null_against_empty),
    Defect("time zone shift", "order", "placed", time_zone_shift),
    Defect("duplicated child", "order_line", "", duplicated_child),
    Defect("wrong parent", "product", "category", wrong_parent),
    Defect("truncated text", "product", "name", truncated_text),
    Defect("unicode form", "customer", "name", unicode_form),
)
