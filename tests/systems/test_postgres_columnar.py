"""Large tables that come by ADBC hold what they hold as text, and a peer that breaks is noticed in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import Overdue, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.postgres import Connector, columnar
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.conformance.trial import Outcome, examine
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers.postgres import Pool, Server

BIG = 20_000
STREAM = columnar.stream


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            """
            CREATE TYPE mood AS ENUM ('glad', 'sad');
            CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric(12,2), free numeric, mood mood,
                               at timestamp, tz timestamptz, born date, data bytea, u uuid, doc jsonb, span int4range);
            INSERT INTO item SELECT n, repeat('x', 300), n / 100.0, CASE WHEN n % 7 = 0 THEN 'NaN' ELSE n * 1.5 END,
              CASE n % 3 WHEN 0 THEN 'glad'::mood WHEN 1 THEN 'sad' END,
              CASE n % 50 WHEN 7 THEN 'infinity'::timestamp WHEN 8 THEN '-infinity' WHEN 9 THEN '0044-03-15 BC'
                          WHEN 10 THEN '294276-12-31 23:59:59' ELSE timestamp '2024-01-31' + n * interval '1 s' END,
              CASE n % 50 WHEN 11 THEN 'infinity'::timestamptz WHEN 12 THEN '-infinity' ELSE now() END,
              CASE n % 50 WHEN 13 THEN 'infinity'::date WHEN 14 THEN '-infinity' WHEN 15 THEN '5874897-12-31' ELSE '1999-12-31' END,
              decode(md5(n::text), 'hex'), md5(n::text)::uuid, jsonb_build_object('n', n), int4range(n, n + 1)
              FROM generate_series(1, 20000) AS g (n)
            """
        )
        yield connection


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "ROWS_MIN", 0)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that went by ADBC."""
    asked: list[str] = []

    def stream(one: columnar.Asked, timeout_s: float) -> Iterator[pa.RecordBatch]:
        asked.append(one.sql)
        return STREAM(one, timeout_s)

    monkeypatch.setattr(columnar, "stream", stream)
    return asked


@contextmanager
def opened(url: str, **settings: object) -> Iterator[Connector]:
    system = Connector(url=url, **{"timeout_s": 20, "batch_rows": 3000, **settings})
    yield system
    system.close()


def item(system: Connector) -> Dataset:
    found = system.describe().dataset("item")
    assert found is not None
    return found


@pytest.mark.parametrize("digest", [False, True])
def test_both_ways_give_the_same(postgres_url: str, admin: psycopg.Connection, taken: list[str], digest: bool) -> None:
    tables = []
    for carrier in ("binary", "text"):
        with opened(postgres_url, carrier=carrier) as system:
            found = item(system)
            batches = list(system.read_after(found, found.names, digest=digest))
            assert max(one.num_rows for one in batches) == 3000
            tables.append(pa.Table.from_batches(batches))
    assert tables[0].equals(tables[1])
    assert len(taken) == 1
    assert tables[0].column(UNREADABLE).drop_null().unique().to_pylist()[:3] != []


def test_reading_goes_on_at_a_place(postgres_url: str, admin: psycopg.Connection, taken: list[str]) -> None:
    admin.execute(
        "CREATE TABLE word (id text PRIMARY KEY); INSERT INTO word SELECT n || '''\\ é' FROM generate_series(1, 900) n"
    )
    with opened(postgres_url, batch_rows=100) as system:
        found = system.describe().dataset("word")
        assert found is not None
        seen: list[str] = []
        after = None
        while part := next(system.read_after(found, ["id"], after=after)):
            if not part.num_rows:
                break
            seen += part.column(0).to_pylist()
            after = part.slice(part.num_rows - 1)
    assert len(seen) == len(set(seen)) == 900
    assert len(taken) == 10


def test_where_the_driver_is_not_installed_text_serves(
    postgres_url: str, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with opened(postgres_url) as system:
        found = item(system)
        assert sum(one.num_rows for one in system.read(found, ["id"])) == BIG


def test_a_column_of_another_type_than_described_comes_as_text(
    postgres_url: str, admin: psycopg.Connection, taken: list[str]
) -> None:
    with opened(postgres_url) as system:
        found = item(system)
        admin.execute("ALTER TABLE item ALTER id TYPE numeric(20,1) USING id + 0.5")
        rows = pa.Table.from_batches(system.read(found, ["id"]))
    assert taken == []
    assert rows.column("id").null_count == BIG
    assert rows.column(UNREADABLE).null_count == 0


def test_a_reading_that_is_given_up_leaves_no_connection(postgres_url: str, admin: psycopg.Connection) -> None:
    with opened(postgres_url, batch_rows=100) as system:
        reading = system.read(item(system), ["id", "name"])
        next(reading)
        reading.close()
        busy = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> $1"
        )
        limit = time.monotonic() + 5
        while admin.execute(busy.replace("$1", str(admin.info.backend_pid)).encode()).fetchone()[0]:
            assert time.monotonic() < limit
            time.sleep(0.05)


@pytest.fixture
def proxy(postgres_server: Server, postgres_url: str) -> Iterator[tuple[Proxy, str]]:
    """A way to the database that can break, and its URL."""
    with Proxy(postgres_server.port) as running:
        yield running, postgres_server.url(postgres_url.rpartition("/")[2], port=running.port)


@pytest.mark.parametrize(("how", "fault"), [(How.STALL, Overdue), (How.RESET, Unreachable)])
def test_a_peer_that_breaks_is_noticed(
    admin: psycopg.Connection, proxy: tuple[Proxy, str], how: How, fault: type
) -> None:
    way, url = proxy
    with opened(url, timeout_s=1.5, batch_rows=500) as far:
        found = item(far)
        way.plan(Break(how=how, armed_by=b"TO STDOUT (FORMAT binary)", after_bytes=3_000_000, from_server=True))
        started = time.monotonic()
        with pytest.raises(fault) as told:
            list(far.read(found, found.names))
        assert time.monotonic() - started < 8
        assert "postgres:" not in str(told.value)
        way.heal()
        assert sum(one.num_rows for one in far.read(found, ["id"])) == BIG


def test_promises_are_kept(postgres_pool: Pool, taken: list[str]) -> None:
    @contextmanager
    def fresh() -> Iterator[Connector]:
        name = postgres_pool.take()
        with opened(postgres_pool.server.url(name)) as system:
            yield system
        postgres_pool.give_back(name)

    kinds = ("texts", "floats", "dates", "times", "timestamps", "instants", "free_decimals", "bytes", "json")
    names = [name for name in PROMISES if name.removeprefix("hostile_") in kinds]
    results = examine(fresh, names)
    assert [one for one in results if one.outcome is not Outcome.PASSED] == []
    assert len(taken) > len(kinds)


def test_text_is_the_other_way(postgres_url: str, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "_answer", lambda *_: iter([]))
    with opened(postgres_url) as system:
        assert sum(one.num_rows for one in system.read(item(system), ["id"])) == BIG
    with opened(postgres_url, carrier="text") as system:
        assert sum(one.num_rows for one in system.read(item(system), ["id"])) == 0
