"""What a PostgreSQL database says that it holds, and how quickly; and by which URLs it is reached."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import DatasetKind, Reference
from dovetail.model.type import Kind
from dovetail.systems import registry
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.connectors.postgres.address import parse

SCHEMA = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE DOMAIN cents AS numeric(10,2) CHECK (VALUE >= 0);
CREATE DOMAIN must_cents AS cents NOT NULL;
CREATE DOMAIN code AS char(3);
CREATE TABLE customer (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail varchar(80) UNIQUE, "First Name" text NOT NULL DEFAULT 'x',
    mood mood, owed must_cents, nation code, born date, seen timestamp(3), since timestamptz, photo bytea, tags text[], wide numeric(50,2),
    odd numeric(2,5), free numeric, half real, full_name text GENERATED ALWAYS AS (lower("First Name")) STORED, token uuid DEFAULT gen_random_uuid(),
    doc jsonb, old json, spell interval, at_time time(0), big bigserial, UNIQUE (nation, born)
);
COMMENT ON TABLE customer IS 'people'; COMMENT ON COLUMN customer.mail IS 'address';
CREATE UNIQUE INDEX once ON customer (token);
CREATE UNIQUE INDEX half_once ON customer (seen) WHERE mood = 'ok';
CREATE UNIQUE INDEX lower_once ON customer (lower(mail));
CREATE TABLE sale (no int, line int, customer int REFERENCES customer, PRIMARY KEY (line, no));
CREATE TABLE part (sale_line int, sale_no int, FOREIGN KEY (sale_line, sale_no) REFERENCES sale);
CREATE VIEW sad AS SELECT id, mail FROM customer WHERE mood = 'sad';
CREATE MATERIALIZED VIEW happy AS SELECT id, owed FROM customer;
CREATE TABLE log (at date, word text, PRIMARY KEY (at, word)) PARTITION BY RANGE (at);
CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE SCHEMA stock; CREATE TABLE stock.item (id int PRIMARY KEY, customer int REFERENCES public.customer);
CREATE TABLE dovetail_ledger (x int);
"""


@pytest.fixture
def system(postgres_url: str) -> Iterator[Connector]:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
    connector = Connector(url=postgres_url)
    yield connector
    connector.close()


def test_tables_views_and_partitions(system: Connector) -> None:
    found = system.describe()
    kinds = {dataset.name: dataset.kind for dataset in found.datasets}
    table, view = DatasetKind.TABLE, DatasetKind.VIEW
    assert kinds == {"customer": table, "happy": view, "log": table, "part": table, "sad": view, "sale": table}
    assert [one.name for one in found.datasets] == sorted(kinds)
    assert found.dataset("sad").key == ()
    assert all(field.computed for field in found.dataset("happy").fields)


def test_keys_uniques_and_references(system: Connector) -> None:
    found = system.describe()
    customer = found.dataset("customer")
    assert customer.key == ("id",)
    assert sorted(customer.uniques) == [("mail",), ("nation", "born"), ("token",)], (
        "not the partial and the expression index"
    )
    assert (customer.comment, customer.field("mail").comment) == ("people", "address")
    assert found.dataset("sale").key == ("line", "no"), "in the order of the key"
    assert found.dataset("sale").references == (Reference(("customer",), "customer", ("id",)),)
    assert found.dataset("part").references == (Reference(("sale_line", "sale_no"), "sale", ("line", "no")),)


def test_fields(system: Connector) -> None:
    customer = system.describe().dataset("customer")
    told = {
        field.name: f"{field.type}{'' if field.nullable else ' !'}{' drawn' if field.drawn else ''}{' computed' if field.computed else ''}"
        for field in customer.fields
    }
    assert told == {
        "id": "integer ! drawn", "mail": "text(80)", "First Name": "text !", "mood": "text", "owed": "decimal(10, 2) !",
        "nation": "text(3)", "born": "date", "seen": "timestamp", "since": "instant", "photo": "bytes", "tags": "opaque",
        "wide": "opaque", "odd": "opaque", "free": "decimal", "half": "float", "full_name": "text computed", "token": "uuid drawn",
        "doc": "json", "old": "json", "spell": "opaque", "at_time": "time", "big": "integer ! drawn",
    }  # fmt: skip
    assert (customer.field("id").type.minimum, customer.field("id").type.maximum) == (-(2**31), 2**31 - 1)
    assert customer.field("nation").type.native == "character(3)", "a domain is what it is over"
    assert customer.field("First Name").default == "'x'::text"


def test_several_schemas(system: Connector) -> None:
    both = Connector(url=system.url, schema=("stock", "public"))
    found = both.describe()
    assert {"item", "public.customer", "public.log"} <= {dataset.name for dataset in found.datasets}
    assert found.dataset("item").references == (Reference(("customer",), "public.customer", ("id",)),)
    assert sum(one.num_rows for one in both.read(found.dataset("public.sale"), ["no"])) == 0
    both.close()


def test_declared_queries(system: Connector) -> None:
    sql = "SELECT mood, count(*) AS people FROM customer GROUP BY mood; "
    asking = Connector(url=system.url, queries={"moods": (sql, ("mood",))})
    found = asking.describe().dataset("moods")
    assert (found.kind, found.key) == (DatasetKind.QUERY, ("mood",))
    assert [(field.name, field.type.kind) for field in found.fields] == [("mood", Kind.TEXT), ("people", Kind.INTEGER)]
    assert next(iter(asking.read(found, ["people"]))).num_rows == 0
    for wrong in (
        "DELETE FROM customer RETURNING 1 AS x",
        "SELECT 1 AS a, 2 AS a",
        "SELECT nonsense",
        "COPY customer TO PROGRAM 'true'",
    ):
        wronged = Connector(url=system.url, queries={"q": (wrong, ())})
        with pytest.raises(DeclarationError, match="DV-321"):
            wronged.describe()
    for name, key, code in (("q", ("gone",), "DV-322"), ("sale", ("mood",), "DV-323")):
        with pytest.raises(DeclarationError, match=code):
            Connector(url=system.url, queries={name: (sql, key)}).describe()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a) TO PROGRAM 'touch /dovetail' --",
        "SELECT 1 AS a) TO '/dovetail' --",
        "SELECT 1 AS a; SELECT 2 AS a",
        "SELECT nextval('customer_big_seq') AS a",
        "SELECT set_config('transaction_read_only', 'off', true) AS a; DELETE FROM customer",
        "WITH gone AS (DELETE FROM customer RETURNING id) SELECT id FROM gone",
        "SELECT 1 AS a /*",
        "",
    ],
)
def test_queries_cannot_break_out(system: Connector, sql: str) -> None:
    with pytest.raises(Refused):
        list(system.query(sql))


def test_three_hundred_tables_are_described_in_under_a_second(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE TABLE parent (id bigint PRIMARY KEY)")
        columns = ", ".join(f"c{at} varchar(20) NOT NULL DEFAULT 'x'" for at in range(20))
        for number in range(299):
            admin.execute(
                f"CREATE TABLE t{number} (id bigserial PRIMARY KEY, parent bigint REFERENCES parent, {columns}, UNIQUE (c1, c2))".encode()
            )
    system = Connector(url=postgres_url)
    system.describe()
    started = time.perf_counter()
    found = system.describe()
    spent = time.perf_counter() - started
    print(f"300 tables, {sum(len(one.fields) for one in found.datasets)} fields: {spent:.3f} s")
    assert len(found.datasets) == 300
    assert spent < 1
    system.close()


def test_row_estimates_come_from_the_last_analyze(system: Connector) -> None:
    with psycopg.connect(system.url, autocommit=True) as admin:
        assert system.describe().dataset("log").rows in (0, None)
        admin.execute("INSERT INTO log SELECT '2024-05-01', i::text FROM generate_series(1, 700) AS i")
        admin.execute("INSERT INTO sale SELECT i, i FROM generate_series(1, 500) AS i")
        admin.execute("ANALYZE")
    assert (system.describe().dataset("log").rows, system.describe().dataset("sale").rows) == (700, 500)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/d?options=-c%20search_path%3Devil",
        "postgresql://h/d?service=other",
        "postgresql://h/d?passfile=/etc/passwd",
        "postgresql://h/d?hostaddr=10.0.0.1",
        "postgresql://h/d?host=elsewhere",
        "postgresql://h/d?sslmode=sometimes",
        "postgresql://h/d?sslmode=require&sslmode=disable",
        "postgresql://h1,h2/d",
        "postgresql://h:port/d",
        "postgresql://h",
        "postgresql:///",
        "mysql://h/d",
        "host=h dbname=d",
        "jdbc:postgresql://h/d?socketFactory=x",
        "",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Connector(url=url)
    assert refused.value.code == "DV-319"


def test_urls_are_taken_apart() -> None:
    whole = parse("postgres://a%40b:p%2Fw@db.example:6000/my%20db?sslmode=verify-full&sslrootcert=/ca.pem")
    assert whole.parameters() == {
        "host": "db.example", "port": 6000, "dbname": "my db", "user": "a@b", "password": "p/w",
        "sslmode": "verify-full", "sslrootcert": "/ca.pem",
    }  # fmt: skip
    assert parse("postgresql://me@/d?host=/var/run/postgresql").host == "/var/run/postgresql"


def test_passwords_are_never_shown() -> None:
    system = registry.open("postgres", {"url": "postgresql://ada:s3cr3t@127.0.0.1:1/shop", "timeout_s": 2})
    assert "s3cr3t" not in repr(system) + str(system)
    with pytest.raises(Exception, match="DV-301") as refused:
        system.describe()
    assert "s3cr3t" not in str(refused.value)
    with pytest.raises(DeclarationError) as wrong:
        Connector(url="postgresql://ada:s3cr3t@h/d?options=x")
    assert "s3cr3t" not in str(wrong.value)


@pytest.mark.parametrize("settings", [{"timeout_s": 0}, {"batch_rows": 0}, {"schema": ()}, {"timezone": "Mars/North"}])
def test_settings_that_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Connector(url="postgresql://h/d", **settings)
