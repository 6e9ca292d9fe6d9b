"""Rows that cannot be paired are held, and what refers to them waits for a row in quarantine, not for one that is gone."""

import pytest
from lab import codes, writes

SHOP = """
    CREATE TABLE category (id INTEGER, slug TEXT);
    CREATE TABLE product (id INTEGER PRIMARY KEY, upc TEXT, category INTEGER);
"""
STOCK = """
    CREATE TABLE grp (no INTEGER PRIMARY KEY, slug TEXT);
    CREATE TABLE item (no INTEGER PRIMARY KEY, upc TEXT, grp INTEGER);
"""
MAPPINGS = {
    "category": """
    members: {shop: {dataset: category, key: [id], creates: never}, stock: {dataset: grp}}
    match: slug
    fields: {slug: {shop: slug, stock: slug, owner: shop}}
    """,
    "product": """
    members: {shop: {dataset: product, creates: never}, stock: {dataset: item}}
    match: upc
    fields:
      upc: {shop: upc, stock: upc, owner: shop}
      category: {shop: category, stock: grp, owner: shop, ref: category}
    """,
}
BY_CATEGORY = MAPPINGS["product"].replace("match: upc", "match: {together: [upc, category]}")


@pytest.fixture(params=[False, True], ids=["match", "match-by-parent"])
def made(lab, request):
    product = BY_CATEGORY if request.param else MAPPINGS["product"]
    made = lab({"shop": SHOP, "stock": STOCK}, {**MAPPINGS, "product": product})
    made.sql("shop", "INSERT INTO category VALUES (7, 'touring'), (8, 'racing'), (9, 'touring'), (10, NULL)")
    made.sql("shop", "INSERT INTO product VALUES (1, 'u1', 7), (2, 'u2', 8), (3, 'u3', 99), (4, 'u4', 10)")
    return made


@pytest.mark.parametrize("stands", [False, True], ids=["empty", "standing"])
def test_what_refers_to_a_row_that_cannot_be_paired_waits_for_it(made, stands):
    if stands:
        made.sql("stock", "INSERT INTO grp VALUES (50, 'touring')")
        made.sql("stock", "INSERT INTO item VALUES (60, 'u1', 50)")
    summary = made.migrate()
    held = {(one.mapping, one.refusal.key): one.refusal.code for one in made.rejects()}
    held.pop(("product", "60"), None)  # paired by its group, it waits as well
    assert {key: code for key, code in held.items() if key[0] == "product"} == {
        ("product", "1"): "DV-408",
        ("product", "3"): "DV-407",
        ("product", "4"): "DV-408",
    }
    reasons = {one.key[0][1]: one.message for one in summary.findings if one.code == "DV-408" and one.member == "shop"}
    assert reasons == {"1": "waits for its category, which is in quarantine"} | {"4": reasons["1"]}
    assert made.sql("stock", "SELECT upc FROM item WHERE no <> 60") == [("u2",)]
    made.sql("shop", "UPDATE category SET slug = 'helmets' WHERE id = 9")
    made.sql("shop", "UPDATE category SET slug = 'other' WHERE id = 10")
    made.migrate()
    assert {one.refusal.code for one in made.rejects()} == {"DV-407"}
    items = made.sql("stock", "SELECT upc, slug FROM item JOIN grp ON grp.no = item.grp ORDER BY 1")
    assert items == [("u1", "touring"), ("u2", "racing"), ("u4", "other")]


@pytest.mark.parametrize("match", ["slug", "{any: [slug, title]}", "{together: [slug, title]}"])
def test_a_double_key_is_told_before_and_after_the_row_is_linked(lab, match):
    made = lab(
        {
            "shop": "CREATE TABLE category (id INTEGER, slug TEXT, title TEXT);",
            "stock": "CREATE TABLE grp (no INTEGER PRIMARY KEY, slug TEXT, title TEXT);",
        },
        {
            "category": f"""
            members: {{shop: {{dataset: category, key: [id], creates: never}}, stock: {{dataset: grp}}}}
            match: {match}
            fields:
              slug: {{shop: slug, stock: slug, owner: shop}}
              title: {{shop: title, stock: title, owner: shop}}
            """
        },
    )
    made.sql("shop", "INSERT INTO category VALUES (1, 'a', 'A'), (1, 'a', 'A'), (2, 'b', 'B')")
    first = made.migrate()
    assert codes(first) == ["DV-403"]
    count = first.mappings["category"]
    assert (count.rows, count.quarantined, count.created, count.read["shop"]) == (2, 1, 1, 3)
    made.sql("shop", "DELETE FROM category WHERE rowid = 1")
    assert writes(made.migrate()) == 1
    made.sql("shop", "INSERT INTO category VALUES (1, 'a', 'A')")
    second = made.migrate()
    assert codes(second) == ["DV-403"]
    assert (second.mappings["category"].rows, second.mappings["category"].quarantined) == (2, 1)
