"""What MariaDB says that it holds becomes a catalog: types, keys, references, collations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, DatasetKind, Field, Reference
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb import Connector
from dovetail.systems.connectors.mariadb.address import parse
from dovetail.systems.connectors.mariadb.declared import declared
from dovetail.testing.servers.mariadb import Server

TABLE = """
CREATE TABLE `Order` (
    id bigint unsigned AUTO_INCREMENT PRIMARY KEY COMMENT 'the number',
    code varchar(20) CHARACTER SET latin1 COLLATE latin1_general_cs NOT NULL,
    mood enum('it''s', 'ü,') NOT NULL DEFAULT 'ü,',
    tags set('a', 'b'),
    ok tinyint(1) NOT NULL DEFAULT 0,
    small smallint unsigned DEFAULT 7,
    price decimal(12, 2) unsigned,
    huge decimal(60, 5),
    doc json,
    plain longtext CHECK (plain <> 'x'),
    token uuid DEFAULT uuid(),
    made datetime(3) DEFAULT current_timestamp(3),
    seen timestamp NULL,
    twice int AS (small * 2) VIRTUAL,
    kept int AS (small * 3) STORED,
    hidden int INVISIBLE DEFAULT 1,
    UNIQUE KEY by_code (code, mood),
    UNIQUE KEY again (code, mood),
    UNIQUE KEY by_token (token),
    KEY plain_index (small)
) COMMENT 'what was ordered'
"""
LINE = """
CREATE TABLE line (
    order_id bigint unsigned NOT NULL, number int NOT NULL,
    code varchar(20) CHARACTER SET latin1 COLLATE latin1_general_cs,
    mood enum('it''s', 'ü,'), PRIMARY KEY (number, order_id),
    CONSTRAINT of_order FOREIGN KEY (order_id) REFERENCES `Order` (id) ON DELETE CASCADE,
    CONSTRAINT of_code FOREIGN KEY (code, mood) REFERENCES `Order` (code, mood)
)
"""


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Any]:
    connection = pymysql.connect(**parse(mariadb_url).parameters(), autocommit=True, charset="utf8mb4")
    with connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def catalog(mariadb_url: str, admin: Any) -> Iterator[Catalog]:
    for statement in (
        TABLE,
        LINE,
        "CREATE VIEW cheap AS SELECT id, price, mood FROM `Order`",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE dovetail_fence (a int)",
        "CREATE TABLE gone (a int)",
        "CREATE VIEW broken AS SELECT a FROM gone",
        "DROP TABLE gone",
    ):
        admin.execute(statement)
    sums = "SELECT mood, sum(price) AS s FROM `Order` GROUP BY mood"
    connector = Connector(url=mariadb_url, queries={"sums": (sums, ("mood",))})
    yield connector.describe()
    connector.close()


def fields(catalog: Catalog, name: str) -> dict[str, Field]:
    found = catalog.dataset(name)
    assert found is not None
    return {field.name: field for field in found.fields}


def test_tables_views_and_queries_are_datasets(catalog: Catalog) -> None:
    assert [(one.name, one.kind) for one in catalog.datasets] == [
        ("Order", DatasetKind.TABLE),
        ("cheap", DatasetKind.VIEW),
        ("line", DatasetKind.TABLE),
        ("sums", DatasetKind.QUERY),
    ]
    order, line, sums = (catalog.dataset(name) for name in ("Order", "line", "sums"))
    assert (order.comment, order.key, order.rows) == ("what was ordered", ("id",), 0)
    assert order.uniques == (("code", "mood"), ("token",))
    assert line.key == ("number", "order_id")
    assert set(line.references) == {
        Reference(("order_id",), "Order", ("id",)),
        Reference(("code", "mood"), "Order", ("code", "mood")),
    }
    assert sums.key == ("mood",)


def test_types_and_their_bounds(catalog: Catalog) -> None:
    found = {name: str(field.type) for name, field in fields(catalog, "Order").items()}
    assert found == {
        "id": "decimal(20, 0)",
        "code": "text(20)",
        "mood": "text",
        "tags": "text",
        "ok": "boolean",
        "small": "integer",
        "price": "decimal(12, 2)",
        "huge": "opaque",
        "doc": "json",
        "plain": "text",
        "token": "uuid",
        "made": "timestamp",
        "seen": "instant",
        "twice": "integer",
        "kept": "integer",
        "hidden": "integer",
    }
    small = fields(catalog, "Order")["small"].type
    assert (small.minimum, small.maximum) == (0, 65535)
    code = declared(fields(catalog, "Order")["code"].type.native)
    assert (code.base, code.sizes, code.charset, code.collation) == ("varchar", (20,), "latin1", "latin1_general_cs")
    assert fields(catalog, "Order")["mood"].labels == ("it's", "ü,")
    assert [field.type.kind for field in fields(catalog, "cheap").values()] == [Kind.DECIMAL, Kind.DECIMAL, Kind.TEXT]
    assert str(fields(catalog, "sums")["s"].type) == "decimal(34, 2)"


def test_what_the_system_fills_itself(catalog: Catalog) -> None:
    order = fields(catalog, "Order")
    assert {name for name, field in order.items() if field.computed} == {"twice", "kept"}
    assert {name for name, field in order.items() if field.drawn} == {"id", "token"}
    assert {name for name, field in order.items() if not field.nullable} == {"id", "code", "mood", "ok"}
    assert {name: field.default for name, field in order.items() if field.default is not None} == {
        "mood": "'ü,'",
        "ok": "0",
        "small": "7",
        "token": "uuid()",
        "made": "current_timestamp(3)",
        "hidden": "1",
    }
    assert order["id"].comment == "the number"
    assert all(field.computed for name in ("cheap", "sums") for field in fields(catalog, name).values())


def test_what_the_system_makes_otherwise_is_said(mariadb_url: str, admin: Any) -> None:
    columns = "a double, b double(8,2), c decimal(50,3), d inet6, e varchar(9) CHARACTER SET sjis, f json"
    admin.execute(f"CREATE TABLE t ({columns}, g decimal(9,2))")
    found = fields(Connector(url=mariadb_url).describe(), "t")
    assert {name for name, field in found.items() if field.rewrites} == {"b", "c", "d", "e"}


def test_an_account_with_rights_to_one_table_sees_the_same_of_it(
    mariadb_url: str, mariadb_server: Server, admin: Any
) -> None:
    columns = "id int AUTO_INCREMENT PRIMARY KEY, `a ``doc` json, b text COLLATE utf8mb4_bin"
    admin.execute(f"CREATE TABLE `odd ``t` ({columns})")
    admin.execute("CREATE OR REPLACE USER reader@127.0.0.1 IDENTIFIED BY 'reader'")
    admin.execute("GRANT SELECT ON `odd ``t` TO reader@127.0.0.1")
    url = mariadb_server.url(mariadb_url.rpartition("/")[2], user="reader", password="reader")
    try:
        assert Connector(url=url).describe() == Connector(url=mariadb_url).describe()
    finally:
        admin.execute("DROP USER reader@127.0.0.1")


@pytest.mark.parametrize(
    ("query", "key", "code"),
    [
        ("SELECT a FROM nowhere", (), "DV-321"),
        ("DELETE FROM t", (), "DV-321"),
        ("SELECT 1 AS a", ("b",), "DV-322"),
    ],
)
def test_a_useless_query_is_told_at_once(mariadb_url: str, query: str, key: tuple[str, ...], code: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Connector(url=mariadb_url, queries={"q": (query, key)}).describe()
    assert refused.value.code == code


def test_a_query_cannot_have_the_name_of_a_table(mariadb_url: str, admin: Any) -> None:
    admin.execute("CREATE TABLE t (a int)")
    with pytest.raises(DeclarationError) as refused:
        Connector(url=mariadb_url, queries={"t": ("SELECT 1 AS a", ())}).describe()
    assert refused.value.code == "DV-323"


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "postgresql://a@b/c"},
        {"url": "mariadb://a@b"},
        {"url": "mariadb://a@b/c?init_command=x"},
        {"url": "mariadb://a@b/c?ssl-mode=MAYBE"},
        {"url": "mariadb://a@b/c?ssl-ca=/x&ssl-ca=/y"},
        {"url": "mariadb://a@b/c?host=other"},
        {"url": "mariadb://a@b/c", "timeout_s": 0},
        {"url": "mariadb://a@b/c", "capture_by": "hope"},
        {"url": "mariadb://a@b/c", "tinyint_1": "text"},
        {"url": "mariadb://a@b/c", "timezone": "Mars/Olympus"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Connector(**settings)


def test_nothing_that_is_printed_holds_the_password() -> None:
    connector = Connector(url="mysql://ada:hush%2Fword@db.example:3307/shop")
    assert "word" not in repr(connector)
    assert "word" not in repr(connector._address)
    assert connector._address.parameters()["password"] == b"hush/word"
