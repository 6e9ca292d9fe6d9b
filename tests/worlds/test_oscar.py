"""The example of a real store, run whole on the store's dump; SQL that knows no mapping judges what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from oscar import EXAMPLE, OscarWorld, find_dump, load
from oscar_truth import INVENTORY, STORE, exact, expected

from dovetail.demo.schema import _DRAWN, STOCK
from dovetail.testing.servers.postgres import Server

pytestmark = pytest.mark.server

READ = {"category": 22, "customer": 328 + 55, "order": 491, "order_line": 1119, "product": 276}
TABLE = {
    "category": "item_group",
    "customer": "partner",
    "order": "sales_order",
    "order_line": "sales_order_line",
    "product": "item",
}
SUMS = {
    "SELECT sum(num_in_stock) FROM partner_stockrecord": "SELECT sum(qty_on_hand) FROM item",
    "SELECT sum(total_incl_tax) FROM order_order": "SELECT sum(total) FROM sales_order",
    "SELECT sum(line_price_incl_tax) FROM order_line": "SELECT sum(quantity * unit_price) FROM sales_order_line",
}

BREAK = """
    CREATE SCHEMA kept;
    CREATE TABLE kept.auth_user AS SELECT id, email FROM auth_user;
    CREATE TABLE kept.address AS SELECT id, country_id FROM address_useraddress;
    CREATE TABLE kept.product AS SELECT id, title, upc FROM catalogue_product;
    CREATE TABLE kept.category AS SELECT id, slug FROM catalogue_category;
    CREATE TABLE kept.orders AS SELECT id, currency, date_placed, status, user_id FROM order_order;
    CREATE TABLE kept.line AS SELECT id, product_id FROM order_line;
    UPDATE auth_user SET email = (SELECT upper(email) FROM auth_user WHERE id = 1) WHERE id = 5;
    UPDATE auth_user SET email = 'nobody@' WHERE id = 7;
    INSERT INTO address_country VALUES ('NO', '', '', 'Norway', 'Norway', 0, true);
    UPDATE address_useraddress SET country_id = 'NO' WHERE user_id = 9;
    UPDATE catalogue_product SET title = '' WHERE id IN (1, 2);
    UPDATE catalogue_product SET upc = NULL WHERE id = 17;
    INSERT INTO partner_stockrecord SELECT 9001, 'SECOND', 'GBP', 1, 3, 0, 5, now(), now(), 2, 181;
    UPDATE catalogue_category SET slug = 'touring' WHERE slug = 'helmets';
    UPDATE order_order SET currency = 'EUR' WHERE id = 11;
    UPDATE order_order SET date_placed = '2026-10-25 00:30:00+00' WHERE id = 20;
    UPDATE order_order SET status = 'Refunded' WHERE id = 29;
    UPDATE order_order SET user_id = NULL WHERE id = 40;
    UPDATE order_line SET product_id = NULL WHERE id = 700;
"""
"""What the store lets happen and the inventory must not get; nothing of it is in the dump."""

MEND = """
    UPDATE auth_user t SET email = k.email FROM kept.auth_user k WHERE k.id = t.id AND k.email <> t.email;
    UPDATE address_useraddress t SET country_id = k.country_id FROM kept.address k WHERE k.id = t.id;
    UPDATE catalogue_product t SET title = k.title, upc = k.upc FROM kept.product k WHERE k.id = t.id;
    DELETE FROM partner_stockrecord WHERE id = 9001;
    UPDATE catalogue_category t SET slug = k.slug FROM kept.category k WHERE k.id = t.id;
    UPDATE order_order t SET currency = k.currency, date_placed = k.date_placed, status = k.status, user_id = k.user_id
        FROM kept.orders k WHERE k.id = t.id;
    UPDATE order_line t SET product_id = k.product_id FROM kept.line k WHERE k.id = t.id;
"""

GUESTS = """
    UPDATE order_order SET guest_email = (SELECT initcap(email) FROM auth_user WHERE id = 20)
        WHERE id = (SELECT min(id) FROM order_order WHERE user_id IS NULL);
    UPDATE order_order SET guest_email = (SELECT upper(guest_email) FROM order_order WHERE user_id IS NULL ORDER BY id LIMIT 1 OFFSET 1)
        WHERE id = (SELECT max(id) FROM order_order WHERE user_id IS NULL);
"""
"""Allowed, and no reason to hold anything: a guest who has an account, and a guest who came twice."""

REFUSED = {
    ("customer", "account 1"): {"DV-405"},  # two accounts of one e-mail
    ("customer", "account 5"): {"DV-405"},
    ("customer", "account 7"): {"DV-412"},  # no e-mail address
    ("customer", "account 9"): {"DV-431"},  # a country without a code
    ("customer", "guest of order 40"): {"DV-412"},  # an order whose account was deleted
    **{("product", str(number)): {"DV-417"} for number in (2, 3, 4, 5, 6)},  # neither variant nor parent has a title
    ("product", "17"): {"DV-404"},  # no upc
    ("product", "181"): {"DV-403"},  # two stock records: one key twice
    ("category", "7"): {"DV-405"},  # two slugs alike
    ("category", "9"): {"DV-405"},
    ("order", "11"): {"DV-415"},  # another currency
    ("order", "20"): {"DV-436"},  # clocks in London showed this hour twice
    ("order", "29"): {"DV-431"},  # a status without a code
    ("order_line", "700"): {"DV-410"},  # its product was deleted
}
"""The rows that are refused for what they are, with the code."""

WAITING = {"DV-408"}

_PRODUCTS = """
    SELECT p.id FROM catalogue_product p JOIN catalogue_productcategory c ON c.product_id IN (p.id, p.parent_id)
    WHERE p.structure <> 'parent' AND (c.category_id IN (7, 9) OR p.id IN (2, 3, 4, 5, 6, 17, 181))"""
_ORDERS = "SELECT id FROM order_order WHERE user_id IN (1, 5, 7, 9) OR id IN (11, 20, 29, 40)"
_LINES = f"SELECT id FROM order_line WHERE id = 700 OR order_id IN ({_ORDERS}) OR product_id IN ({_PRODUCTS})"
DEPENDENTS = {"product": _PRODUCTS, "order": _ORDERS, "order_line": _LINES}
"""The rows that are refused, or refer to one that is, by the store's keys."""

ARRIVED = {
    "item": f"SELECT count(*) FROM catalogue_product WHERE structure <> 'parent' AND id NOT IN ({_PRODUCTS})",
    "sales_order": f"SELECT count(*) FROM order_order WHERE id NOT IN ({_ORDERS})",
    "sales_order_line": f"SELECT count(*) FROM order_line WHERE id NOT IN ({_LINES})",
}
_NUMBERS = count(1)

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
REFERENCES = "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
_ADDRESS = {"first_name", "last_name", "line1", "line2", "line3", "line4", "state", "postcode"}
PERSONAL = {
    *(f"auth_user.{name}" for name in ("username", "first_name", "last_name", "email", "password")),
    *(f"address_useraddress.{name}" for name in {*_ADDRESS, "phone_number", "notes", "search_text"}),
    *(f"order_shippingaddress.{name}" for name in {*_ADDRESS, "phone_number", "notes", "search_text"}),
    *(f"order_billingaddress.{name}" for name in _ADDRESS),  # empty, so nothing shows that `search_text` repeats them
    *(f"partner_partneraddress.{name}" for name in _ADDRESS),
    *(f"payment_bankcard.{name}" for name in ("name", "number", "expiry_date")),
    *("reviews_productreview.name", "reviews_productreview.email", "order_order.guest_email", "partner_partner.name"),
    *("communication_email.email", "customer_productalert.email", "wishlists_wishlistsharedemail.email"),
}
"""Chosen by reading the 97 tables; a partner is a supplier here, whose name may be a person's."""

SECRETS = """
    SELECT email FROM auth_user UNION SELECT password FROM auth_user UNION SELECT guest_email FROM order_order WHERE guest_email <> ''
    UNION SELECT concat_ws(' ', first_name, last_name) FROM address_useraddress
    UNION SELECT line1 FROM address_useraddress UNION SELECT phone_number FROM address_useraddress WHERE phone_number <> ''"""
"""Values that no report may hold."""


@pytest.fixture(scope="module")
def store(postgres_server: Server) -> Iterator[str]:
    """The name of a database that holds the store; nobody changes it."""
    dump = find_dump()
    if dump is None:
        pytest.skip("the store's dump is not here; DOVETAIL_OSCAR_DUMP may name it")
    load(dump, postgres_server.create("oscar"))
    yield "oscar"
    postgres_server.drop("oscar")


@pytest.fixture
def oscar(
    store: str, postgres_server: Server, place: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[[str], OscarWorld]]:
    """Makes a world of a store of its own and an inventory of a kind."""
    made: list[str] = []

    def make(kind: str = "postgres") -> OscarWorld:
        made.append(f"oscar_{next(_NUMBERS)}")
        postgres_server.run(f"CREATE DATABASE {made[-1]} TEMPLATE {store}")
        folder = tmp_path / made[-1]
        folder.mkdir()
        warehouse = str(folder / "warehouse.db") if kind == "sqlite" else place("postgres")
        return OscarWorld(folder, {"shop": postgres_server.url(made[-1]), "warehouse": warehouse})

    yield make
    for name in made:
        postgres_server.drop(name)


def differences(world: OscarWorld) -> dict[str, tuple[list[object], list[object]]]:
    """By table the rows that are missing, and those that should not be there."""
    found = {}
    for table, query in STORE.items():
        should = Counter(expected(table, world.sql("shop", query)))
        does = Counter(exact(table, world.sql("warehouse", INVENTORY[table])))
        if should != does:
            found[table] = list((should - does).elements()), list((does - should).elements())
    return found


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_the_whole_history_moves_and_every_value_is_right(oscar: Callable[[str], OscarWorld], kind: str) -> None:
    world = oscar(kind)
    for command in ("check", "doctor", "map test", "plan"):
        answer = world.run(command)
        assert answer.code == 0, answer.out
    assert {name: one["created"] for name, one in answer.document["mappings"].items()} == READ
    migrated = world.migrate()
    assert (migrated.code, migrated.document["findings"]) == (0, [])
    for name, one in migrated.document["mappings"].items():
        assert (one["read"]["shop"], one["created"]) == (READ[name], READ[name])
    assert differences(world) == {}
    for store, inventory in SUMS.items():
        total = Decimal(str(world.sql("warehouse", inventory)[0][0]))
        assert round(total, 2) == world.sql("shop", store)[0][0]  # SQLite adds up in binary
    assert world.settled()


def test_what_an_empty_inventory_would_refuse_is_known_before_anything_is_written(
    oscar: Callable[[str], OscarWorld],
) -> None:
    world = oscar("sqlite")
    world.sql("shop", BREAK)
    tried = world.run("map test")
    found = {(one["code"], one["mapping"], one["field"]) for one in tried.document["findings"]}
    assert {("DV-216", "order", "placed"), ("DV-216", "customer", "country"), ("DV-214", "order", "status")} <= found
    assert tried.code == 1, "a status without a code"


def test_each_held_row_has_its_reason_and_all_others_arrive(oscar: Callable[[str], OscarWorld]) -> None:
    world = oscar("postgres")
    world.sql("shop", BREAK)
    world.sql("shop", GUESTS)
    migrated = world.migrate()
    rejects = world.run("rejects").document["rejects"]
    held_for = {(one["mapping"], one["key"]): one["code"] for one in rejects}
    roots = {row: code for row, code in held_for.items() if code not in WAITING}
    assert set(roots) == set(REFUSED)
    assert {row: roots[row] for row in roots if roots[row] not in REFUSED[row]} == {}
    waiting = set(held_for) - set(roots)
    assert waiting == {
        (name, str(key)) for name, query in DEPENDENTS.items() for (key,) in world.sql("shop", query)
    } - set(REFUSED)
    for table, query in ARRIVED.items():
        assert world.sql("warehouse", f"SELECT count(*) FROM {table}") == world.sql("shop", query)
    missing = differences(world)
    assert all(extra == [] for _, extra in missing.values()), "nothing wrong got in"
    assert {TABLE[name] for name, _ in held_for} == set(missing)
    assert migrated.code == 1
    assert world.settled()
    world.sql("shop", MEND)
    retried = world.run("rejects retry")
    assert (retried.code, retried.document["findings"]) == (0, [])
    assert differences(world) == {}
    assert world.settled()


def test_the_analysis_sees_every_table_reference_and_secret(oscar: Callable[[str], OscarWorld]) -> None:
    world = oscar("sqlite")
    answer = world.run("analyze", "--system", "shop", "--html", str(world.folder / "analysis.html"))
    assert answer.code == 0, answer.out
    datasets = answer.document["systems"]["shop"]["datasets"]
    tables = [name for (name,) in world.sql("shop", TABLES)]
    assert (len(tables), set(tables) - set(datasets)) == (97, set())
    for name in tables:
        fields = datasets[name]["fields"]
        counted = ", ".join(f'count("{field}"), count(DISTINCT "{field}"::text)' for field in fields)
        told = [number for known in fields.values() for number in (known["rows"] - known["nulls"], known["distinct"])]
        assert world.sql("shop", f"SELECT count(*), {counted} FROM {name}") == [(datasets[name]["rows"], *told)], name
    references = {(name, part["dataset"]) for name in tables for part in datasets[name]["references"]}
    assert references == set(world.sql("shop", REFERENCES))
    personal = {
        f"{name}.{field}"
        for name in tables
        for field, known in datasets[name]["fields"].items()
        if "sensitive" in known
    }
    assert personal == PERSONAL
    page = (world.folder / "analysis.html").read_text(encoding="utf-8")
    for (value,) in world.sql("shop", SECRETS):
        assert value not in page


def test_the_tables_of_the_example_are_those_of_the_demo() -> None:
    for kind in ("sqlite", "postgres"):
        drawn = _DRAWN[kind]
        told = (EXAMPLE / f"inventory.{kind}.sql").read_text(encoding="utf-8").partition("\n")[2]
        assert told.split() == " ".join(f"{one.format(drawn=drawn)};" for one in STOCK).split()


KNOWN = """
    INSERT INTO item_group (group_no, parent_no, code, title) VALUES (900, NULL, 'jackets', 'JACKETS'), (901, 900, 'archive', 'Archive');
    INSERT INTO item (item_no, code, description, list_price, status, group_no, unit, qty_on_hand, created_by)
        VALUES (7001, '5000640001776', 'Old light', 1, 'X', 901, 'SET', 3, 'import'), (7002, '1000000000000', 'Own', 2, 'A', 901, 'PCE', 4, 'import');
    INSERT INTO partner (partner_no, mail, full_name, language, standing, country_code, credit_limit)
        VALUES (8001, 'hugo.okonkwo0@example.com', 'H. O.', 'de', 'A', 'DEU', 500);
"""
"""What the inventory knows beforehand: things of the store under numbers of its own, and things of its own."""


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_what_the_inventory_knows_already_is_taken_over_and_the_rest_stays(
    oscar: Callable[[str], OscarWorld], kind: str
) -> None:
    world = oscar(kind)
    world.sql("warehouse", KNOWN)
    counts = world.migrate().document["mappings"]
    assert {name: one["created"] for name, one in counts.items()} == READ | {
        "category": 21,
        "product": 275,
        "customer": 382,
    }
    assert {name: one["updated"] for name, one in counts.items() if one["updated"]} == {
        "category": 1,  # its new parent had no number when it was decided
        "product": 1,
        "customer": 1,
    }
    found = differences(world)
    assert {table: len(missing) for table, (missing, _) in found.items()} == {"item_group": 0, "item": 1, "partner": 1}
    assert found["item_group"][1] == [("archive", "Archive", "jackets")]
    kept = world.sql(
        "warehouse",
        "SELECT item_no, description, unit, created_by, qty_on_hand FROM item WHERE item_no < 7003 AND item_no > 7000 ORDER BY 1",
    )
    assert kept == [(7001, "Front light 425 lumen", "SET", "import", 120), (7002, "Own", "PCE", "import", 4)]
    partner = world.sql(
        "warehouse", "SELECT full_name, language, country_code, credit_limit FROM partner WHERE partner_no = 8001"
    )
    assert partner == [("Hugo Okonkwo", "de", "FRA", 500)]
    assert world.settled()
