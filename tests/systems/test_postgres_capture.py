"""How PostgreSQL notes changes, by its log and by triggers: every kind of table, whoever writes, whenever it
commits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import psycopg
import pytest

from dovetail.errors import FeedLost, Overdue, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import VERSION
from dovetail.model.key import texts
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.connectors.postgres import capture_decode as decoding
from dovetail.testing.conformance.trial import trials
from dovetail.testing.servers.postgres import Server

FEED = "dovetail_tried"
KINDS = """
CREATE TABLE plain (id int PRIMARY KEY, v text);
CREATE TABLE pair (a int, b text, v text, PRIMARY KEY (b, a));
CREATE TABLE full_identity (id int PRIMARY KEY, v text);
ALTER TABLE full_identity REPLICA IDENTITY FULL;
CREATE TABLE no_identity (id int PRIMARY KEY, v text);
ALTER TABLE no_identity REPLICA IDENTITY NOTHING;
CREATE TABLE by_index (id int PRIMARY KEY, v text, code text NOT NULL UNIQUE);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v text);
CREATE TABLE computed (n int, id int GENERATED ALWAYS AS (n + 1) STORED PRIMARY KEY, v text);
CREATE TABLE parted (id int, part text, v text, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
CREATE TABLE mixed (id int, part text, v text, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
CREATE TABLE mixed_a PARTITION OF mixed FOR VALUES IN ('a');
ALTER TABLE mixed_a REPLICA IDENTITY FULL;
CREATE TABLE uneven (id int, part text, v text, w text NOT NULL DEFAULT '', PRIMARY KEY (part, id)) PARTITION BY LIST
(part); CREATE TABLE uneven_a PARTITION OF uneven FOR VALUES IN ('a');
CREATE TABLE uneven_b PARTITION OF uneven FOR VALUES IN ('b');
CREATE UNIQUE INDEX uneven_w ON uneven_b (part, id, w);
ALTER TABLE uneven_b REPLICA IDENTITY USING INDEX uneven_w;
CREATE TABLE "odd ""t"" {queue} $$" ("the ""key"" {source}" int PRIMARY KEY, v text);
"""
WRITES = (
    ("plain", "INSERT INTO plain VALUES (1), (2)", {"1", "2"}),
    ("plain", "UPDATE plain SET v = 'x' WHERE id = 2", {"2"}),
    ("plain", "UPDATE plain SET id = 3 WHERE id = 2", {"2", "3"}),
    ("plain", "UPDATE plain SET v = 'x' WHERE id = 77", set()),
    ("plain", "INSERT INTO plain VALUES (3, 'c') ON CONFLICT (id) DO UPDATE SET v = excluded.v", {"3"}),
    ("plain", "DELETE FROM plain WHERE id = 1", {"1"}),
    ("pair", "INSERT INTO pair VALUES (1, '|é\\', 'v')", {"\\|é\\\\|1"}),
    ("pair", "UPDATE pair SET a = 2", {"\\|é\\\\|1", "\\|é\\\\|2"}),
    ("pair", "DELETE FROM pair", {"\\|é\\\\|2"}),
    *(
        (name, statement.format(name=name), keys)
        for name in ("full_identity", "no_identity", "late_key", "unlogged")
        for statement, keys in (
            ("INSERT INTO {name} VALUES (1)", {"1"}),
            ("UPDATE {name} SET v = 'x'", {"1"}),
            ("UPDATE {name} SET id = 2", {"1", "2"}),
            ("DELETE FROM {name}", {"2"}),
        )
    ),
    ("by_index", "INSERT INTO by_index VALUES (1, 'v', 'c')", {"1"}),
    ("by_index", "UPDATE by_index SET code = 'd'", {"1"}),
    ("by_index", "DELETE FROM by_index", {"1"}),
    ("computed", "INSERT INTO computed (n) VALUES (1)", {"2"}),
    ("computed", "UPDATE computed SET n = 2", {"2", "3"}),
    ("computed", "DELETE FROM computed", {"3"}),
    ("parted", "INSERT INTO parted VALUES (1, 'a')", {"a|1"}),
    ("parted", "UPDATE parted SET part = 'b'", {"a|1", "b|1"}),
    ("parted", "UPDATE parted_b SET v = 'x'", {"b|1"}),
    ("parted", "DELETE FROM parted", {"b|1"}),
    ("uneven", "INSERT INTO uneven VALUES (1, 'a'), (2, 'b')", {"a|1", "b|2"}),
    ("uneven", "UPDATE uneven SET v = 'x'", {"a|1", "b|2"}),
    ("uneven", "DELETE FROM uneven", {"a|1", "b|2"}),
    ("mixed", "INSERT INTO mixed VALUES (1, 'a')", {"a|1"}),
    ("mixed", "UPDATE mixed SET v = 'x'", {"a|1"}),
    ("mixed", "DELETE FROM mixed_a", {"a|1"}),
    ('odd "t" {queue} $$', 'INSERT INTO "odd ""t"" {queue} $$" VALUES (5)', {"5"}),
    ('odd "t" {queue} $$', 'UPDATE "odd ""t"" {queue} $$" SET v = 1', {"5"}),
)
CATALOG = """
SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger),
       (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_publication_rel), (SELECT count(*) FROM pg_type),
       (SELECT count(*) FROM pg_depend), (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_shdepend),
       (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())
"""


@dataclass
class Place:
    """A database, a connection of its application, and a connector that notes what that changes."""

    url: str
    way: str
    application: psycopg.Connection
    connector: Connector
    others: list[Connector] = field(default_factory=list)

    def run(self, script: str) -> None:
        self.application.execute(script)

    def catalog(self) -> tuple[object, ...]:
        return self.application.execute(CATALOG).fetchone()

    def datasets(self, *names: str) -> list[Dataset]:
        found = self.connector.describe().datasets
        return [one for one in found if not names or one.name in names]

    def capture(self, *names: str) -> None:
        standing = self.connector.capture(FEED, self.datasets(*names))
        assert (standing.way, standing.lost) == (self.way, "")
        self.told()

    def told(self, connector: Connector | None = None) -> tuple[dict[str, set[str]], dict[str, str]]:
        """All that the feed holds, acknowledged: keys by dataset, and what is whole."""
        reader = connector or self.connector
        keys: dict[str, set[str]] = {}
        whole: dict[str, str] = {}
        while (noticed := reader.noticed(FEED, rows=10_000)).cursor is not None:
            for name, batch in noticed.keys.items():
                parts = [batch.column(part) for part in batch.schema.names if part != VERSION]
                keys.setdefault(name, set()).update(texts(parts))
            whole |= noticed.whole
            reader.acknowledge(FEED, noticed.cursor)
        return keys, whole

    def another(self, **settings: object) -> Connector:
        self.others.append(Connector(**{"url": self.url, "capture_by": self.way, "timeout_s": 20, **settings}))
        return self.others[-1]


@pytest.fixture(params=["slot", "triggers"])
def place(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Place]:
    with psycopg.connect(postgres_url, autocommit=True) as application:
        connector = Connector(url=postgres_url, capture_by=request.param, timeout_s=20)
        found = Place(postgres_url, request.param, application, connector)
        yield found
        for one in (connector, *found.others):
            one.close()
        connector.release(FEED)
        connector.close()


@pytest.mark.parametrize("trial", [one for one in trials() if "capturing" in one.promise.check.__module__], ids=str)
def test_triggers_keep_the_promises_too(postgres_url: str, trial) -> None:
    connector = Connector(url=postgres_url, capture_by="triggers", timeout_s=20)
    if trial.absent(connector):
        pytest.skip("nothing here brings the fault about")
    try:
        trial.run(connector)
    finally:
        connector.close()


def test_every_kind_of_table_is_written_as_before_and_told(place: Place) -> None:
    place.run(KINDS)
    place.capture()
    for name, statement, wanted in WRITES:
        place.run(statement)
        keys, whole = place.told()
        assert (keys, whole) == ({name: wanted} if wanted else {}, {}), statement
    for name in ("plain", "parted", "full_identity"):
        place.run(f"TRUNCATE {name}")
        assert place.told() == ({}, {name: "it was truncated"})


def test_tables_without_a_key_are_told_as_a_whole(place: Place) -> None:
    place.run("CREATE TABLE heap (n int)")
    place.capture()
    for statement in ("INSERT INTO heap VALUES (1)", "UPDATE heap SET n = 2", "DELETE FROM heap"):
        place.run(statement)
        assert place.told()[1].keys() == {"heap"}, statement
    place.run("UPDATE heap SET n = 3")
    assert place.told() == ({}, {})


def test_a_key_that_a_member_declares(place: Place) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY, code text, v text)")
    (dataset,) = place.datasets()
    place.connector.capture(FEED, [replace(dataset, key=("code",))])
    place.told()
    place.run("INSERT INTO t VALUES (1, 'a')")
    place.run("UPDATE t SET code = 'b'")
    assert place.told() == ({"t": {"a", "b"}}, {})
    place.run("DELETE FROM t")
    assert place.told() == ({"t": {"b"}}, {})


def test_keys_are_what_reading_gives(place: Place) -> None:
    place.run("CREATE TYPE mood AS ENUM ('so so', 'fine'); CREATE DOMAIN short AS varchar(9)")
    columns = {
        "a": ("smallint", "-7"), "b": ("bigint", "9223372036854775807"), "c": ("numeric", "1.50"),
        "d": ("numeric(12, 2)", "3.10"), "e": ("real", "0.1"), "f": ("double precision", "0.1"),
        "g": ("boolean", "true"), "h": ("char(5)", "'ab '"), "i": ("short", "'x  '"), "j": ("bytea", "'\\x00ff5c'"),
        "k": ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"), "l": ("date", "'2024-02-29'"),
        "m": ("timestamptz", "'2024-02-29 10:00:00.5+02'"), "n": ("timestamp", "'2024-02-29 10:00'"),
        "o": ("time", "'10:00:00.25'"), "p": ("mood", "'so so'"), "q": ("interval", "'1 day'"),
        "r": ("int[]", "'{1,2}'"),
        "s": ("text", "E'a|b\\\\c'"),
    }  # fmt: skip
    fields = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    place.run(f"CREATE TABLE wide ({fields}, v text, PRIMARY KEY ({', '.join(columns)}))")
    place.capture()
    place.run("SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; SET bytea_output = 'escape'")
    place.run("SET extra_float_digits = -3; SET intervalstyle = 'iso_8601'")
    place.run(f"INSERT INTO wide VALUES ({', '.join(value for _, value in columns.values())})")
    (dataset,) = place.datasets()
    (read,) = place.connector.read(dataset, dataset.key)
    assert place.told() == ({"wide": set(texts(read.columns))}, {})


def test_a_long_key_that_stays_as_it_is(place: Place) -> None:
    """Stored apart from its row, it is not sent again with an update."""
    place.run("CREATE TABLE t (id text PRIMARY KEY, v text); ALTER TABLE t ALTER COLUMN id SET STORAGE EXTERNAL")
    place.run("CREATE TABLE u (a text, b int, v text, PRIMARY KEY (b, a))")
    place.run("ALTER TABLE u ALTER COLUMN a SET STORAGE EXTERNAL")
    place.capture()
    long = "x" * 2_400
    place.run(f"INSERT INTO t VALUES ('{long}', 'v'); INSERT INTO u VALUES ('{long}', 1, 'v')")
    place.told()
    place.run("UPDATE t SET v = 'w'; UPDATE u SET v = 'w'")
    assert place.told() == ({"t": {long}, "u": {f"1|{long}"}}, {})
    place.run("UPDATE u SET b = 2")
    assert place.told() == ({"u": {f"1|{long}", f"2|{long}"}}, {})


def test_a_feed_that_somebody_else_extends_while_it_is_read(place: Place) -> None:
    for name in "tuw":
        place.run(f"CREATE TABLE {name} (id int PRIMARY KEY)")
    place.capture("t")
    place.run("INSERT INTO t VALUES (1)")
    assert place.told() == ({"t": {"1"}}, {})
    other = place.another()
    other.capture(FEED, place.datasets("t", "u"))
    place.run("INSERT INTO u VALUES (2); INSERT INTO t VALUES (3)")
    keys, whole = place.told()
    assert ("u" in whole, keys["t"]) == (True, {"3"})
    place.run("INSERT INTO u VALUES (4)")
    assert place.told() == ({"u": {"4"}}, {})
    if place.way == "slot":
        (name,) = place.application.execute("SELECT pubname FROM pg_publication").fetchone()
        place.run(f"ALTER PUBLICATION {name} ADD TABLE w")
        place.run("INSERT INTO w VALUES (5); INSERT INTO t VALUES (6)")
        assert place.told()[0] == {"t": {"6"}}
        place.run("INSERT INTO w VALUES (7); INSERT INTO t VALUES (8)")
        assert place.told()[0] == {"t": {"8"}}


def test_a_late_commit_is_told_late_and_not_missed(place: Place) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY)")
    place.capture()
    with psycopg.connect(place.url) as late:
        late.execute("INSERT INTO t VALUES (1)")
        place.run("INSERT INTO t VALUES (2)")
        first = place.connector.noticed(FEED, rows=100)
        assert texts([first.keys["t"].column("id")]) == ["2"]
        place.run("INSERT INTO t VALUES (3)")
        late.commit()
        place.connector.acknowledge(FEED, first.cursor)
    assert place.told() == ({"t": {"1", "3"}}, {})


def test_what_is_prepared_is_told_when_it_commits(place: Place) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY)")
    place.capture()
    place.run("BEGIN")
    place.run("INSERT INTO t VALUES (1)")
    place.run("SAVEPOINT s")
    place.run("INSERT INTO t VALUES (2)")
    place.run("ROLLBACK TO SAVEPOINT s")
    name = f"p{random.getrandbits(40)}"
    place.run(f"PREPARE TRANSACTION '{name}'")
    place.run("INSERT INTO t VALUES (3)")
    assert place.told() == ({"t": {"3"}}, {})
    place.run(f"COMMIT PREPARED '{name}'")
    assert place.told() == ({"t": {"1"}}, {})


def test_a_writer_that_is_under_way_when_the_feed_is_made(place: Place) -> None:
    """Its changes are committed before the feed is made, or told; never neither."""
    place.run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)")
    place.capture("u")
    with psycopg.connect(place.url) as slow:
        slow.execute("INSERT INTO t VALUES (1)")
        impatient = place.another(timeout_s=2)
        with pytest.raises(Overdue):
            impatient.capture(FEED, place.datasets())
        started = time.monotonic()
        place.run("INSERT INTO t VALUES (2)")
        place.run("INSERT INTO u VALUES (2)")
        assert time.monotonic() - started < 2.0, "the application waits"
        impatient.close()
        made = threading.Thread(target=place.connector.capture, args=(FEED, place.datasets()))
        made.start()
        time.sleep(0.3)
        slow.commit()
        made.join()
    assert "t" in place.told()[1]
    place.run("INSERT INTO t VALUES (4)")
    assert place.told() == ({"t": {"4"}}, {})


def test_nothing_is_missed_and_nothing_invented_under_load(place: Place) -> None:
    """Many writers that commit late, roll back and undo parts; a reader that forgets to acknowledge and starts anew."""
    place.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    place.capture()
    committed: set[str] = set()
    undone: set[str] = set()
    chance = random.Random(7)

    def write(number: int, seed: int) -> None:
        own = random.Random(seed)
        with psycopg.connect(place.url) as connection:
            for turn in range(40):
                key = number * 1000 + 2 * turn
                connection.execute("INSERT INTO t VALUES (%s, 0)", [key])
                connection.execute("SAVEPOINT s")
                connection.execute("INSERT INTO t VALUES (%s, 0)", [key + 1])
                is_part = own.random() < 0.5
                if is_part:
                    connection.execute("ROLLBACK TO SAVEPOINT s")
                time.sleep(own.random() * 0.02)
                keys = {str(key)} if is_part else {str(key), str(key + 1)}
                if own.random() < 0.3:
                    connection.rollback()
                    undone.update({str(key), str(key + 1)})
                else:
                    connection.commit()
                    committed.update(keys)
                    undone.update({str(key + 1)} - keys)

    writers = [threading.Thread(target=write, args=(number, number)) for number in range(1, 5)]
    for one in writers:
        one.start()
    found: set[str] = set()
    reader = place.another()
    while any(one.is_alive() for one in writers):
        reader.await_changes(FEED, 0.05)
        noticed = reader.noticed(FEED, rows=chance.choice((1, 7, 1000)))
        if noticed.cursor is not None:
            found |= set(texts([noticed.keys["t"].column("id")]))
            if chance.random() < 0.7:
                reader.acknowledge(FEED, noticed.cursor)
        if chance.random() < 0.1:
            reader.close()
    found |= place.told(reader)[0].get("t", set())
    assert committed <= found, "a committed change is missed"
    assert not undone & found, "a change that was undone is told"
    assert len(committed) > 60


def test_who_may_only_write_the_table_writes_it(place: Place, postgres_server: Server) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    place.capture()
    name = f"clerk{random.getrandbits(40)}"
    place.run(f"GRANT TEMPORARY ON DATABASE {psycopg.conninfo.conninfo_to_dict(place.url)['dbname']} TO PUBLIC")
    place.run(f"CREATE ROLE {name} LOGIN PASSWORD 'c'; GRANT USAGE ON SCHEMA public TO {name}")
    place.run(f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t TO {name}")
    try:
        url = postgres_server.url(psycopg.conninfo.conninfo_to_dict(place.url)["dbname"], user=name, password="c")
        with psycopg.connect(url, autocommit=True) as clerk:
            clerk.execute("CREATE TEMP TABLE pg_attribute (n int); CREATE TEMP TABLE dovetail_new (n int)")
            clerk.execute("SET search_path = pg_temp, pg_catalog")
            clerk.execute("INSERT INTO public.t VALUES (1)")
            clerk.execute("UPDATE public.t SET v = 'x'")
            clerk.execute("DELETE FROM public.t")
            assert place.told() == ({"t": {"1"}}, {})
            clerk.execute("TRUNCATE public.t")
            assert place.told()[1].keys() == {"t"}
    finally:
        place.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_writes_of_replication_are_told_too(place: Place) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY)")
    place.capture()
    place.run("SET session_replication_role = replica")
    place.run("INSERT INTO t VALUES (1)")
    assert place.told() == ({"t": {"1"}}, {})


def test_released_it_leaves_nothing(place: Place) -> None:
    place.run(KINDS)
    before = place.catalog()
    place.capture()
    assert place.catalog() != before
    place.run("INSERT INTO plain VALUES (1)")
    place.connector.release(FEED)
    assert place.catalog() == before
    place.run("INSERT INTO plain VALUES (2)")
    assert place.connector.feed(FEED) is None


def test_a_changed_key_column_stops_nobody_and_is_told(place: Place) -> None:
    place.run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1)")
    place.capture()
    place.run("ALTER TABLE t RENAME COLUMN id TO number")
    place.run("UPDATE t SET v = 'x'")
    place.run("INSERT INTO t VALUES (2)")
    assert place.connector.feed(FEED).lost
    place.run("ALTER TABLE t RENAME COLUMN number TO id")
    place.connector.capture(FEED, place.datasets())
    assert "t" in place.told()[1]


def test_a_key_column_of_another_type(place: Place) -> None:
    """PostgreSQL itself refuses it while the column is published."""
    place.run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1)")
    place.capture()
    change = "ALTER TABLE t ALTER COLUMN id TYPE text"
    if place.way == "slot":
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            place.run(change)
        place.connector.release(FEED)
        place.run(change)
    else:
        place.run(change)
        place.run("INSERT INTO t VALUES ('three')")
        assert place.connector.feed(FEED).lost
    place.connector.capture(FEED, place.datasets())
    assert "t" in place.told()[1]
    place.run("INSERT INTO t VALUES ('four')")
    assert place.told() == ({"t": {"four"}}, {})


def test_a_partition_that_is_attached_is_told_as_whole(place: Place) -> None:
    place.run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    place.run("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE other (id int PRIMARY KEY)")
    place.run("CREATE TABLE p2 (id int PRIMARY KEY); INSERT INTO p2 VALUES (15)")
    place.capture("p", "other")
    place.run("ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)")
    place.run("INSERT INTO p VALUES (12)")
    assert "p" in place.connector.feed(FEED).lost
    place.connector.capture(FEED, place.datasets("p", "other"))
    assert place.told()[1].keys() == {"p"}
    place.run("DELETE FROM p2 WHERE id = 15")
    assert place.told() == ({"p": {"15"}}, {})


def test_two_schemas_of_one_database_have_feeds_of_one_name(place: Place) -> None:
    place.run("CREATE SCHEMA east; CREATE SCHEMA west")
    place.run("CREATE TABLE east.t (id int PRIMARY KEY); CREATE TABLE west.t (id int PRIMARY KEY)")
    sides = {name: place.another(schema=name) for name in ("east", "west")}
    for side in sides.values():
        side.capture(FEED, side.describe().datasets)
        place.told(side)
    place.run("INSERT INTO east.t VALUES (1); INSERT INTO west.t VALUES (2)")
    assert place.told(sides["east"]) == ({"t": {"1"}}, {})
    sides["east"].release(FEED)
    assert place.told(sides["west"]) == ({"t": {"2"}}, {})
    sides["west"].release(FEED)


def test_a_feed_that_never_was(place: Place) -> None:
    assert place.connector.feed(FEED) is None
    for ask in (lambda: place.connector.noticed(FEED, rows=1), lambda: place.connector.await_changes(FEED, 0.1)):
        with pytest.raises(FeedLost):
            ask()
    place.connector.release(FEED)


def test_many_rows_of_one_transaction(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "KEYS_MAX", 5_000)
    place.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    place.capture()
    place.run("INSERT INTO t SELECT g FROM generate_series(1, 20000) AS g")
    keys, whole = place.told()
    assert ("t" in whole) if place.way == "slot" else (len(keys["t"]) == 20_000)
    place.run("UPDATE t SET v = 'x' WHERE id <= 3000")
    keys, whole = place.told()
    assert (len(keys["t"]), whole) == (3000, {})


def test_the_tables_that_inherit_are_not_noted(place: Place) -> None:
    place.run("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)")
    place.run("CREATE VIEW w AS SELECT 1 AS n")
    found = {one.dataset: one for one in place.connector.visibility(place.datasets())}
    assert (found["parent"].way, found["w"].way) == ("digests", "reading")
    assert "inherit" in found["parent"].reason
    with pytest.raises(SystemFault, match="inherit") as refused:
        place.connector.capture(FEED, place.datasets("parent"))
    assert refused.value.code == "DV-360"
