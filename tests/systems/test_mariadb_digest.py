"""A digest that MariaDB computes of a row tells every difference that a reader would see."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from dovetail.model.change import DIGEST
from dovetail.systems.connectors.mariadb.address import parse
from dovetail.systems.connectors.mariadb.connector import Connector

pytestmark = pytest.mark.server

_SAME_TO_THE_SERVER = [
    ("varchar(20) COLLATE utf8mb4_general_ci", "'abc'", "'ABC'"),
    ("varchar(20) COLLATE utf8mb4_general_ci", "'abc'", "'abc '"),
    ("varchar(20) COLLATE utf8mb4_unicode_ci", "'e'", "'é'"),
    ("longtext", "repeat('x', 2000000)", "concat(repeat('x', 1999999), 'y')"),
    ("longblob", "repeat(X'00', 2000000)", "repeat(X'00', 1999999)"),
    ("double", "0.1", "0.10000000000000002"),
    ("float", "16777216", "16777218"),
    ("decimal(30,10)", "12345678901234567890.0000000001", "12345678901234567890.0000000002"),
    ("datetime(6)", "'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.000001'"),
    ("bit(9)", "b'1'", "b'100000000'"),
    ("int", "NULL", "0"),
    ("varchar(20)", "NULL", "'-'"),
    ("varchar(20)", "NULL", "''"),
    ("enum('a','b')", "'a'", "'b'"),
    ("set('a','b')", "'a'", "'a,b'"),
    ("varbinary(4)", "X'61'", "X'6100'"),
    ("time(6)", "'-00:00:01'", "'00:00:01'"),
    ("json", """'{"a": 1}'""", """'{"a":1}'"""),
]


@pytest.fixture
def app(mariadb_url: str) -> Iterator[pymysql.Connection]:
    connection = pymysql.connect(**parse(mariadb_url).parameters(), autocommit=True)
    yield connection
    connection.close()


def test_values_that_differ_have_other_digests(mariadb_url: str, app: pymysql.Connection) -> None:
    """Whatever a collation calls equal, however long a text is; and equal values have the same."""
    system = Connector(url=mariadb_url, timeout_s=20)
    with app.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        for at, (kind, one, other) in enumerate(_SAME_TO_THE_SERVER):
            cursor.execute(f"CREATE TABLE t{at} (id int PRIMARY KEY, a varchar(9), v {kind})")
            cursor.execute(f"INSERT INTO t{at} VALUES (1, 'x', {one}), (2, 'x', {other})")
    catalog = system.describe()
    for at, (kind, one, _) in enumerate(_SAME_TO_THE_SERVER):
        dataset = catalog.dataset(f"t{at}")
        assert dataset is not None
        before = system.digest_total(dataset, ["v"])
        assert system.digest_total(dataset, ["v"]) == before
        with app.cursor() as cursor:
            cursor.execute(f"UPDATE t{at} SET v = {one} WHERE id = 2")
        after = system.digest_total(dataset, ["v"])
        assert before != after, kind
        (batch,) = system.digest_rows(dataset, ["v"])
        assert len(set(batch.column(DIGEST).to_pylist())) == 2, "rows of other keys have one digest"
    system.close()
