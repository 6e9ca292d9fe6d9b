"""Mapping sheets and round trips on real rows of two SQLite systems."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing

import pytest
from rich.console import Console
from tests.reconcile.lab import Lab

from dovetail.engine.open import open_workspace
from dovetail.errors import DeclarationError, Declarations, UnknownName
from dovetail.steps import map as step

SHOP = """
CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, first TEXT, last TEXT, cents INTEGER, active INTEGER, mail TEXT, note TEXT);
INSERT INTO product VALUES
    (1, 'A-1', 'Mary Jo', 'Poe', 1234, 1, ' Ada@X.com', 'x'), (2, 'A-2', 'Ada', 'van Dyck', 5, 0, 'eva@x.com', NULL),
    (3, 'A-3', NULL, NULL, NULL, NULL, NULL, ''), (4, 'B-4', 'Bo', 'Lee', 7, 1, 'b', 'n');
"""
STOCK = """
CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT, price NUMERIC(10, 3), status TEXT, mail TEXT, loc TEXT);
INSERT INTO item VALUES ('1', 'Mary Jo Poe', 12.34, 'A', 'ada@x.com', 'DE-10115-Berlin'), ('2', 'Madonna', 0.055, 'X', 'EVA@x.com', 'DE-1'),
    ('9', NULL, NULL, 'Q', NULL, NULL);
"""
MAPPING = """
mapping: product
members:
  shop:  {dataset: product}
  stock: {dataset: item}
match: sku
fields:
  sku:    {shop: sku, stock: "'A-' || code", owner: shop}
  name:   {shop: "first || ' ' || last", stock: name, policy: {prefer: shop}}
  price:  {shop: cents / 100, stock: price, policy: {prefer: shop}}
  active: {shop: CAST(active AS BOOLEAN), stock: {field: status, codes: {A: true, X: false}}, policy: {prefer: shop}}
  mail:   {shop: lower(trim(mail)), stock: mail, policy: {prefer: shop}}
  land:   {shop: note, stock: "split_part(loc, '-', 1)", policy: {prefer: stock}}
  town:   {stock: "split_part(loc, '-', 3)"}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mappings").mkdir()
    systems = "".join(f"  {name}: {{connector: sqlite, path: {name}.db}}\n" for name in ("shop", "stock"))
    (tmp_path / "dovetail.yaml").write_text(f"dovetail: 1\nproject: lab\nsystems:\n{systems}")
    (tmp_path / "mappings" / "product.yaml").write_text(MAPPING)
    for name, ddl in (("shop", SHOP), ("stock", STOCK)):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.executescript(ddl)
    return tmp_path


def run(folder, work):
    with open_workspace(folder, variables={}) as workspace:
        return work(workspace)


def printed(shown):
    told = io.StringIO()
    Console(width=160, file=told).print(shown.table())
    return told.getvalue()


def codes(tested):
    return {(one.finding.code, one.finding.member, one.finding.field) for one in tested.findings}


def test_the_sheet_shows_every_cell(project):
    shown = run(project, step.show)
    document = shown.document()
    fields = document["mappings"]["product"]["fields"]
    assert fields["price"]["members"]["shop"] == {
        "read": "cents / 100",
        "type": "decimal(21, 2)",
        "class": "lossless",
        "reason": "each value has exactly one counterpart",
        "write": {"cents": "price * 100"},
    } | {"type": fields["price"]["members"]["shop"]["type"]}
    assert fields["name"]["members"]["shop"]["class"] == "lossy-with-restore"
    assert set(fields["name"]["members"]["shop"]["write"]) == {"first", "last"}
    assert list(fields["town"]["members"]) == ["stock"]
    assert json.loads(json.dumps(document)) == document
    text = printed(shown)
    assert "price * 100" in text
    assert "lossy-with-restore" in text


def test_an_unknown_mapping_is_named(project):
    with pytest.raises(UnknownName, match="prodct"):
        run(project, lambda workspace: step.show(workspace, "prodct"))


def test_laws_hold_and_columns_are_asked_as_a_whole(project):
    tested = run(project, step.test)
    found = codes(tested)
    assert ("DV-214", "stock", "active") in found, "status Q is not listed"
    assert ("DV-213", "shop", "name") in found, "a first name holds the separator"
    assert ("DV-215", "stock", "active") in found
    assert ("DV-216", "shop", "name") in found, "Madonna has no last name"
    assert ("DV-216", "shop", "price") in found, "0.055 has no whole cents"
    assert ("DV-217", "shop", "mail") in found
    assert ("DV-216", "stock", "sku") in found, "B-4 has not the prefix"
    assert not found & {(code, member, name) for code, member, name in found if code in ("DV-211", "DV-212")}
    assert not tested.ok, "an unlisted code is a problem"
    assert tested.rows == {("product", "shop"): 4, ("product", "stock"): 3}


def test_all_is_well_once_every_code_is_listed(project):
    with closing(sqlite3.connect(project / "stock.db")) as connection, connection:
        connection.execute("UPDATE item SET status = 'A' WHERE status = 'Q'")
    tested = run(project, step.test)
    assert tested.ok
    document = tested.document()
    assert json.loads(json.dumps(document)) == document
    counts = document["mappings"]["product"]["shop"]["fields"]["price"]
    assert counts["class"] == "lossless"
    assert "broken" not in counts
    assert "both laws hold" in printed(tested)


def test_an_empty_member_is_tried_with_rows_made_of_the_others_values(project):
    with closing(sqlite3.connect(project / "stock.db")) as connection, connection:
        connection.execute("DELETE FROM item")
    tested = run(project, step.test)
    counts = tested.document()["mappings"]["product"]["stock"]["fields"]["price"]
    assert counts["holds"] == counts["trials"] > 0
    refused = next(one for one in tested.findings if (one.finding.code, one.finding.field) == ("DV-216", "sku"))
    assert (refused.finding.member, refused.finding.key) == ("stock", ()), "B-4 has not the prefix"
    assert refused.example["law"] == "CreateGet"


def test_a_code_that_only_a_read_only_member_has_is_a_problem_too(project):
    text = (project / "dovetail.yaml").read_text()
    query = "queries: {all: {sql: 'SELECT * FROM item', key: [code]}}"
    (project / "dovetail.yaml").write_text(text.replace("stock.db}", f"stock.db, {query}}}"))
    (project / "mappings" / "product.yaml").write_text(MAPPING.replace("{dataset: item}", "{dataset: all}"))
    tested = run(project, step.test)
    assert ("DV-214", "stock", "active") in codes(tested)
    assert not tested.ok


def test_nothing_is_called_proved_where_nothing_was_tried(project):
    for name, table in (("stock.db", "item"), ("shop.db", "product")):
        with closing(sqlite3.connect(project / name)) as connection, connection:
            connection.execute(f"DELETE FROM {table}")
    tested = run(project, step.test)
    assert tested.ok
    assert "nothing was tried" in printed(tested)
    assert "laws hold" not in printed(tested)


def test_a_wrong_write_is_shown_before_and_after(project):
    text = MAPPING.replace("stock: name,", "stock: {read: name, write: upper(name)},")
    text = text.replace("shop: cents / 100,", "shop: {read: cents / 100, write: price * 1000},")
    (project / "mappings" / "product.yaml").write_text(text)
    tested = run(project, step.test)
    broken = [one for one in tested.findings if one.finding.code == "DV-212"]
    assert {(one.finding.member, one.finding.field) for one in broken} == {("shop", "price"), ("stock", "name")}
    shop = next(one for one in broken if one.finding.member == "shop" and one.example["law"] == "PutGet")
    assert shop.finding.key
    assert set(shop.example) == {"law", "before", "shared", "after", "reads"}
    assert shop.example["shared"] not in shop.finding.message, "a message holds no value"
    assert "<-" in printed(tested)


def test_parts_of_one_field_are_written_together(project):
    text = (
        MAPPING.replace("land:   {shop: note,", "land:   {shop: note,")
        .replace(
            "town:   {stock: \"split_part(loc, '-', 3)\"}",
            "town:   {shop: mail, stock: \"split_part(loc, '-', 3)\", policy: {prefer: stock}}",
        )
        .replace("  mail:   {shop: lower(trim(mail)), stock: mail, policy: {prefer: shop}}\n", "")
    )
    (project / "mappings" / "product.yaml").write_text(text)
    shown = run(project, step.show)
    member = next(member for member in shown.mappings[0].members if member.name == "stock")
    whole = next(fill for fill in member.fills if fill.column == "loc")
    assert set(whole.expression.names) == {"land", "town"}
    assert not whole.on_create_only


def test_floats_of_another_member_are_written_exactly(project):
    with closing(sqlite3.connect(project / "stock.db")) as connection:
        connection.executescript(
            STOCK.replace("NUMERIC(10, 3)", "REAL").replace("CREATE TABLE item", "DROP TABLE item; CREATE TABLE item")
        )
    with closing(sqlite3.connect(project / "shop.db")) as connection, connection:
        connection.execute("UPDATE product SET cents = 7 WHERE id = 1")
    tested = run(project, step.test)
    prices = [one for one in tested.findings if one.finding.field == "price"]
    assert {(one.finding.code, one.finding.member) for one in prices} <= {("DV-216", "shop")}


@pytest.mark.parametrize(
    ("write", "code"),
    [("upper(price)", "DV-127"), ("name", "DV-208"), ("{cent: price * 100}", "DV-203"), ("prise * 100", "DV-101")],
)
def test_a_write_that_does_not_fit_is_refused_where_it_stands(project, write, code):
    text = MAPPING.replace("shop: cents / 100,", f"shop: {{read: cents / 100, write: {write}}},")
    (project / "mappings" / "product.yaml").write_text(text)
    with pytest.raises(DeclarationError) as refused:
        run(project, step.show)
    mistake = refused.value.mistakes[0] if isinstance(refused.value, Declarations) else refused.value
    assert mistake.code == code
    assert mistake.where.file.endswith("product.yaml")
    assert mistake.where.line == 10


PEOPLE = "CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, name TEXT, phone TEXT, land TEXT, town TEXT);"
GUESTS = "CREATE TABLE guest (no INTEGER PRIMARY KEY, mail TEXT UNIQUE, first TEXT, last TEXT, phone TEXT NOT NULL, loc TEXT);"
PERSON = """
members:
  desk:  {dataset: person}
  hotel: {dataset: guest}
match: mail
fields:
  mail:  {desk: mail, hotel: lower(mail), owner: desk}
  name:  {desk: name, hotel: "first || ' ' || last", owner: desk}
  phone: {desk: phone, hotel: {field: phone, null: ''}, owner: desk}
  land:  {desk: land, hotel: "split_part(loc, '-', 1)", owner: desk}
  town:  {desk: town, hotel: "split_part(loc, '-', 3)", owner: desk}
"""


def test_rows_are_created_and_changed_through_derived_expressions(tmp_path):
    made = Lab(tmp_path, {"desk": PEOPLE, "hotel": GUESTS}, {"person": PERSON})
    made.sql(
        "desk",
        "INSERT INTO person VALUES (1, 'mj@x.com', 'Mary Jo Poe', NULL, 'DE', 'Berlin'), (2, 'a@x.com', 'Ada Lee', '1', 'FR', 'Nice')",
    )
    made.sql("hotel", "INSERT INTO guest VALUES (7, 'MJ@x.com', 'Mary Jo', 'Poe', '', 'DE-10115-Berlin')")
    summary = made.migrate()
    assert (summary.mappings["person"].created, summary.mappings["person"].updated) == (1, 0), "Mary Jo is left alone"
    created = made.sql("hotel", "SELECT mail, first, last, phone, loc FROM guest WHERE no <> 7")
    assert created == [("a@x.com", "Ada", "Lee", "1", "FR--Nice")]
    made.sql("desk", "INSERT INTO person VALUES (3, 'b@x.com', 'Bo Poe', NULL, NULL, NULL)")
    made.migrate()
    assert made.sql("hotel", "SELECT phone, loc FROM guest WHERE mail = 'b@x.com'") == [("", None)]
    made.sql("desk", "UPDATE person SET name = 'Mary Jo Smith', town = 'Bonn' WHERE id = 1")
    assert made.migrate().mappings["person"].updated == 1
    held = made.sql("hotel", "SELECT mail, first, last, phone, loc FROM guest WHERE no = 7")
    assert held == [("MJ@x.com", "Mary Jo", "Smith", "", "DE-10115-Bonn")]
    assert made.verify().ok
