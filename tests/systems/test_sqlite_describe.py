"""What SQLite says that it holds, and that it is understood."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from dovetail.errors import DeclarationError, SchemaDrift, Unreachable
from dovetail.model.catalog import Catalog, DatasetKind, Reference
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlite import Connector


def described(path: Path, script: str, **settings: object) -> Catalog:
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    return Connector(path=path, **settings).describe()


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("INTEGER", "integer"), ("int", "integer"), ("BIGINT UNSIGNED", "integer"), ("unsigned big int", "integer"),
        ("TINYINT(1)", "integer"), ("INT8", "integer"), ("serial", "integer"), ("VARCHAR(20)", "text(20)"),
        ("character varying(9)", "text(9)"), ("NVARCHAR(100)", "text(100)"), ("TEXT", "text"), ("STRING", "text"),
        ("DECIMAL(12,2)", "decimal(12, 2)"), ("numeric ( 9 , 3 )", "decimal(9, 3)"), ("NUMERIC", "decimal"),
        ("DECIMAL(10)", "decimal(10, 0)"), ("DECIMAL_TEXT(30, 4)", "decimal(30, 4)"), ("DECIMAL(40, 2)", "opaque"),
        ("DECIMAL(2, 5)", "opaque"), ("REAL", "float"), ("double precision", "float"), ("FLOAT(24)", "float"),
        ("BOOLEAN", "boolean"), ("bool", "boolean"), ("DATE", "date"), ("TIME", "time"), ("DATETIME", "timestamp"),
        ("TIMESTAMP", "timestamp"), ("timestamp with time zone", "instant"), ("TIMESTAMPTZ", "instant"),
        ("BLOB", "bytes"), ("VARBINARY(16)", "bytes"), ("JSON", "json"), ("UUID", "uuid"), ("POINT", "opaque"),
        ("INTERVAL", "opaque"), ("GEOMETRY", "opaque"), ("", "opaque"), ("weird words (1, 2)", "opaque"),
    ],
)  # fmt: skip
def test_declared_types(tmp_path: Path, declared: str, kind: str) -> None:
    dataset = described(tmp_path / "a.db", f"CREATE TABLE t (x {declared})").dataset("t")
    assert dataset is not None
    assert str(dataset.fields[0].type) == kind


SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, mail TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT DEFAULT 'x',
  loud TEXT GENERATED ALWAYS AS (upper(name)) VIRTUAL, kept TEXT AS (lower(name)) STORED);
CREATE TABLE "order line" (o INT, n INT, customer REFERENCES Customer, PRIMARY KEY (n, o)) WITHOUT ROWID;
CREATE TABLE child (a INT, b INT, c INT, FOREIGN KEY (b, a) REFERENCES "order line", FOREIGN KEY (c) REFERENCES CUSTOMER (ID),
  FOREIGN KEY (c) REFERENCES nowhere (x));
CREATE TABLE coded (code TEXT PRIMARY KEY, x INT, y INT, UNIQUE (x, y));
CREATE UNIQUE INDEX partly ON coded (y) WHERE x > 0;
CREATE UNIQUE INDEX reckoned ON coded (lower(code));
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE dovetail_ledger (x);
CREATE VIEW totals AS SELECT customer, count(*) AS n, avg(o) AS mean, max(customer) || '' AS words FROM "order line" GROUP BY 1;
CREATE VIEW broken AS SELECT * FROM gone;
INSERT INTO customer (id, mail) VALUES (1, 'a'), (2, 'b');
INSERT INTO "order line" VALUES (1, 1, 1), (1, 2, 2);
"""


@pytest.fixture
def shop(tmp_path: Path) -> Catalog:
    return described(tmp_path / "shop.db", SHOP)


def test_datasets_without_our_own_and_the_systems(shop: Catalog) -> None:
    names = [dataset.name for dataset in shop.datasets]
    assert names == ["child", "coded", "counted", "customer", "descending", "order line", "totals"]


def test_keys_and_who_draws_them(shop: Catalog) -> None:
    keys = {
        dataset.name: (dataset.key, [field.name for field in dataset.fields if field.drawn])
        for dataset in shop.datasets
    }
    assert keys["customer"] == (("id",), ["id"])
    assert keys["counted"] == (("id",), ["id"])
    assert keys["order line"] == (("n", "o"), [])
    assert keys["coded"] == (("code",), [])
    assert keys["child"] == ((), [])
    assert keys["descending"] == (("id",), []), "SQLite makes no row number of INTEGER PRIMARY KEY DESC"


def test_fields(shop: Catalog) -> None:
    customer = shop.dataset("customer")
    assert customer is not None
    assert [field.name for field in customer.fields if field.computed] == ["loud", "kept"]
    assert [field.name for field in customer.fields if not field.nullable] == ["id", "mail"]
    assert customer.field("name").default == "'x'"
    assert customer.uniques == (("mail",),)
    assert customer.rows == 2


def test_only_whole_unique_indexes_are_promises(shop: Catalog) -> None:
    assert shop.dataset("coded").uniques == (("x", "y"),)


def test_references_with_implicit_and_misspelled_parents(shop: Catalog) -> None:
    assert shop.dataset("order line").references == (Reference(("customer",), "customer", ("id",)),)
    assert set(shop.dataset("child").references) == {
        Reference(("b", "a"), "order line", ("n", "o")),
        Reference(("c",), "customer", ("id",)),
    }


def test_views_take_types_from_columns_and_else_from_rows(shop: Catalog) -> None:
    view = shop.dataset("totals")
    assert view.kind is DatasetKind.VIEW
    assert [str(field.type) for field in view.fields] == ["integer", "integer", "float", "text"]


def test_queries(tmp_path: Path) -> None:
    queries = {"busy": ('SELECT customer AS id, count(*) AS n FROM "order line" GROUP BY 1; ', ("id",))}
    found = described(tmp_path / "q.db", SHOP, queries=queries).dataset("busy")
    assert (found.kind, found.key, found.names) == (DatasetKind.QUERY, ("id",), ("id", "n"))
    assert [field.type.kind for field in found.fields] == [Kind.INTEGER, Kind.INTEGER]


@pytest.mark.parametrize(
    ("name", "sql", "error"),
    [
        ("q", "DELETE FROM customer", DeclarationError),
        ("q", "SELECT 1 AS id; DROP TABLE customer", DeclarationError),
        ("q", "SELECT mail FROM customer", DeclarationError),
        ("q", "SELECT id FROM vanished", SchemaDrift),
        ("customer", "SELECT id FROM customer", DeclarationError),
        ("q", "SELECT ? AS id", DeclarationError),
    ],
)
def test_queries_that_cannot_be(tmp_path: Path, name: str, sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        described(tmp_path / "q.db", SHOP, queries={name: (sql, ("id",))})


def test_a_missing_file_is_an_error_and_stays_missing(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        Connector(path=tmp_path / "typo.db").describe()
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize("settings", [{"batch_rows": 0}, {"timeout_s": 0}, {"timezone": "Mars/Olympus"}])
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Connector(path=tmp_path / "a.db", **settings)


def test_three_hundred_tables_in_a_blink(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} VARCHAR(20)" for number in range(30))
    script = "".join(
        f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, parent REFERENCES t0, {columns}, UNIQUE (c1, c2));"
        for number in range(300)
    )
    with sqlite3.connect(tmp_path / "many.db") as connection:
        connection.executescript(f"BEGIN; {script} COMMIT")
    system = Connector(path=tmp_path / "many.db")
    began = time.perf_counter()
    catalog = system.describe()
    assert len(catalog.datasets) == 300
    assert time.perf_counter() - began < 2, "measured: 0.1 s"


@pytest.mark.parametrize(
    "name", ['a"b', "a.b", "a b", "😀", "select", "x" * 63, "[brackets]", "`tick`", "semi;colon--", "ünï", "%s ?1"]
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    system = Connector(path=tmp_path / "odd.db")
    catalog = described(
        tmp_path / "odd.db",
        f"CREATE TABLE {quoted} ({quoted} TEXT PRIMARY KEY, v INT); INSERT INTO {quoted} VALUES ('k', 1)",
    )
    dataset = catalog.dataset(name)
    assert dataset.key == (name,)
    assert [batch.to_pylist() for batch in system.read(dataset, [name, "v"])] == [[{name: "k", "v": 1}]]
