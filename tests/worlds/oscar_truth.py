"""What must stand in the inventory after the move, in SQL of its own over the store's tables: nothing here knows the
mappings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

Rows = list[tuple[Any, ...]]

STORE = {
    "item_group": """
        SELECT slug, name,
               (SELECT p.slug FROM catalogue_category p WHERE starts_with(c.path, p.path) AND p.depth = c.depth - 1)
        FROM catalogue_category c""",
    "item": """
        WITH family AS (SELECT id, id AS relative, 1 AS nearest FROM catalogue_product
                        UNION ALL SELECT id, parent_id, 2 FROM catalogue_product WHERE parent_id IS NOT NULL),
        titled AS (SELECT DISTINCT ON (f.id) f.id, p.title FROM family f JOIN catalogue_product p ON p.id = f.relative
                   WHERE p.title <> '' ORDER BY f.id, f.nearest),
        weighed AS (SELECT DISTINCT ON (f.id) f.id, v.value_integer FROM family f
                    JOIN catalogue_productattributevalue v ON v.product_id = f.relative
                    WHERE v.attribute_id IN (SELECT id FROM catalogue_productattribute WHERE code = 'weight_g')
                    ORDER BY f.id, f.nearest),
        hidden AS (SELECT f.id FROM family f JOIN catalogue_product p ON p.id = f.relative WHERE NOT p.is_public)
        SELECT upc, (SELECT title FROM titled t WHERE t.id = p.id),
               (SELECT price FROM partner_stockrecord WHERE product_id = p.id ORDER BY id LIMIT 1),
               (SELECT value_integer / 1000.0 FROM weighed w WHERE w.id = p.id),
               CASE WHEN id IN (SELECT id FROM hidden) THEN 'X' ELSE 'A' END,
               (SELECT c.slug FROM family f JOIN catalogue_productcategory pc ON pc.product_id = f.relative
                JOIN catalogue_category c ON c.id = pc.category_id WHERE f.id = p.id),
               (SELECT num_in_stock FROM partner_stockrecord WHERE product_id = p.id ORDER BY id LIMIT 1),
               NULL, 'PCE', 'oscar'
        FROM catalogue_product p WHERE structure IN ('child', 'standalone')""",
    "partner": """
        WITH first AS (SELECT min(id) AS id FROM order_order WHERE user_id IS NULL GROUP BY lower(guest_email))
        SELECT lower(email), concat(first_name, ' ', last_name),
               (SELECT nullif(phone_number, '') FROM address_useraddress WHERE user_id = u.id AND is_default_for_shipping),
               (SELECT country_id FROM address_useraddress WHERE user_id = u.id AND is_default_for_shipping),
               CASE is_active WHEN true THEN 'A' ELSE 'Z' END, NULL, NULL, NULL
        FROM auth_user u
        UNION ALL
        SELECT lower(guest_email), concat(a.first_name, ' ', a.last_name), nullif(a.phone_number, ''), a.country_id, 'A',
               NULL, NULL, NULL
        FROM first JOIN order_order o USING (id), order_shippingaddress a
        WHERE a.id = o.shipping_address_id AND lower(o.guest_email) NOT IN (SELECT lower(email) FROM auth_user)""",
    "sales_order": """
        SELECT number, lower(CASE WHEN guest_email <> '' THEN guest_email ELSE u.email END),
               CASE status WHEN 'Pending' THEN 10 WHEN 'Being processed' THEN 20 WHEN 'Complete' THEN 30
                           WHEN 'Cancelled' THEN 90 END,
               date_placed AT TIME ZONE 'Europe/London', total_incl_tax, NULL
        FROM order_order o LEFT JOIN auth_user u ON u.id = o.user_id""",
    "sales_order_line": """
        SELECT (SELECT number FROM order_order WHERE id = l.order_id),
               (SELECT count(*) FROM order_line b WHERE b.order_id = l.order_id AND b.id <= l.id),
               (SELECT upc FROM catalogue_product WHERE id = l.product_id), quantity, unit_price_incl_tax, NULL
        FROM order_line l""",
}
"""Every row that the store would give, by the inventory's table; references are spelled out."""

INVENTORY = {
    "item_group": "SELECT g.code, g.title, p.code FROM item_group g LEFT JOIN item_group p ON p.group_no = g.parent_no",
    "item": """
        SELECT i.code, description, list_price, weight_kg, status, g.code, qty_on_hand, remark, unit, created_by
        FROM item i LEFT JOIN item_group g ON g.group_no = i.group_no""",
    "partner": "SELECT mail, full_name, phone, country_code, standing, language, birth_date, credit_limit FROM partner",
    "sales_order": """
        SELECT order_no, mail, state, ordered_at, total, picker
        FROM sales_order o JOIN partner p ON p.partner_no = o.partner_no""",
    "sales_order_line": """
        SELECT order_no, line_no, code, quantity, unit_price, shelf
        FROM sales_order_line l JOIN item i ON i.item_no = l.item_no""",
}
"""The same of what the inventory holds, in the same order of columns."""

COUNTRIES = {"DE": "DEU", "DK": "DNK", "FR": "FRA", "GB": "GBR", "US": "USA"}
EXACT = {"item": (2, 3), "sales_order": (4,), "sales_order_line": (4,)}
MOMENTS = {"sales_order": 3}


def expected(table: str, rows: Iterable[tuple[Any, ...]]) -> Rows:
    """The store's answer in the inventory's terms."""
    if table == "partner":
        rows = [(*row[:3], COUNTRIES.get(row[3], row[3]), *row[4:]) for row in rows]
    return exact(table, rows)


def exact(table: str, rows: Iterable[tuple[Any, ...]]) -> Rows:
    """Rows that can be compared: SQLite's numbers and moments as what they stand for, in a fixed order."""
    made = []
    for row in rows:
        cells = list(row)
        for at in EXACT.get(table, ()):
            cells[at] = None if cells[at] is None else Decimal(str(cells[at])).normalize()
        if table in MOMENTS and isinstance(cells[MOMENTS[table]], str):
            cells[MOMENTS[table]] = dt.datetime.fromisoformat(cells[MOMENTS[table]])
        made.append(tuple(cells))
    return sorted(made, key=lambda row: tuple(str(cell) for cell in row))
