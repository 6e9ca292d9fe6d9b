"""The statements of the sql room: their text in each dialect, and that real SQLite agrees."""

from __future__ import annotations

import sqlite3

import pytest

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.sql import ledger, refusal, statements
from dovetail.systems.sql.dialect import POSTGRES, SQLITE, Dialect
from dovetail.systems.sql.quote import column, identifier, table
from dovetail.systems.sql.statements import Guard

NASTY = 'o"dd; DROP TABLE x --'
T = table("t", "s")


def test_names_are_always_quoted() -> None:
    assert identifier(NASTY).sql("postgres") == '"o""dd; DROP TABLE x --"'
    assert table("select", "a.b").sql("sqlite") == '"a.b"."select"'
    assert column("x", T).sql("postgres") == '"t"."x"'


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            SQLITE,
            (
                'UPDATE "s"."t" SET "a" = ?1, "b" = ?2 WHERE "t"."k" = ?3 AND "t"."k" COLLATE BINARY = ?3'
                ' AND "t"."a" COLLATE BINARY IS ?4 AND "t"."b" IS ?5'
            ),
        ),
        (
            POSTGRES,
            (
                'UPDATE "s"."t" SET "a" = $1, "b" = $2 WHERE "t"."k" = $3 AND "t"."k" COLLATE "C" = $3'
                ' AND "t"."a" COLLATE "C" IS NOT DISTINCT FROM $4 AND "t"."b" IS NOT DISTINCT FROM $5'
            ),
        ),
    ],
)
def test_guarded_update(dialect: Dialect, expected: str) -> None:
    keys, expects = [Guard("k", text=True)], [Guard("a", text=True), Guard("b")]
    assert dialect.sql(statements.update(T, ["a", "b"], keys=keys, expected=expects, dialect=dialect)) == expected


def test_insert_and_delete() -> None:
    tree = statements.insert(T, ["a", NASTY], dialect=SQLITE, alternative="ABORT")
    assert SQLITE.sql(tree) == 'INSERT OR ABORT INTO "s"."t" ("a", "o""dd; DROP TABLE x --") VALUES (?1, ?2)'
    assert SQLITE.sql(statements.insert(T, [], dialect=SQLITE)) == 'INSERT INTO "s"."t" DEFAULT VALUES'
    tree = statements.delete(T, keys=[Guard("k")], expected=[Guard("a")], dialect=POSTGRES)
    assert POSTGRES.sql(tree) == 'DELETE FROM "s"."t" WHERE "t"."k" = $1 AND "t"."a" IS NOT DISTINCT FROM $2'


def test_fence_and_ledger_in_postgres() -> None:
    fence, made = (POSTGRES.sql(tree) for tree in ledger.make(POSTGRES, "public"))
    assert fence == (
        'CREATE TABLE IF NOT EXISTS "public"."dovetail_fence" ("partition" text NOT NULL, "epoch" bigint NOT NULL, '
        'PRIMARY KEY ("partition"))'
    )
    assert made == (
        'CREATE TABLE IF NOT EXISTS "public"."dovetail_ledger" ("partition" text NOT NULL, "chunk" bigint NOT NULL, '
        '"run" text NOT NULL, "content" bytea NOT NULL, PRIMARY KEY ("partition", "chunk"))'
    )
    assert POSTGRES.sql(ledger.read_epoch(POSTGRES, lock=True)).endswith(
        'WHERE "dovetail_fence"."partition" = $1 FOR UPDATE'
    )
    assert POSTGRES.sql(ledger.entries(POSTGRES)).endswith(
        'WHERE "dovetail_ledger"."partition" = $1 ORDER BY "dovetail_ledger"."chunk"'
    )


WHOLE = Dataset(
    "t",
    DatasetKind.TABLE,
    (
        Field("k", Type(Kind.TEXT, length=9), nullable=False),
        Field("n", Type(Kind.INTEGER, minimum=0, maximum=255)),
        Field("d", Type(Kind.DECIMAL, precision=38, scale=3)),
        Field("j", Type(Kind.JSON)),
    ),
    key=("k",),
    uniques=(("n", "d"),),
)


def test_create_in_each_dialect() -> None:
    assert SQLITE.sql(statements.create(table("t"), WHOLE, dialect=SQLITE)) == (
        'CREATE TABLE IF NOT EXISTS "t" ("k" VARCHAR(9) NOT NULL PRIMARY KEY, "n" INTEGER, "d" DECIMAL_TEXT(38, 3), '
        '"j" JSON_TEXT, UNIQUE ("n", "d"))'
    )
    assert POSTGRES.sql(statements.create(table("t"), WHOLE, dialect=POSTGRES)) == (
        'CREATE TABLE IF NOT EXISTS "t" ("k" varchar(9) NOT NULL, "n" smallint, "d" numeric(38, 3), "j" jsonb, '
        'PRIMARY KEY ("k"), UNIQUE ("n", "d"))'
    )


@pytest.fixture
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INT, b TEXT COLLATE NOCASE, v, PRIMARY KEY (b, a)) WITHOUT ROWID")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, "x", None), (2, "X", 5), (3, "y", 6)])
    return connection


def test_sqlite_finds_exactly_the_keys_through_the_index(database: sqlite3.Connection) -> None:
    keys = [Guard("a"), Guard("b", text=True)]
    sql = SQLITE.sql(statements.select_by_keys(table("t"), ["a", "v"], keys, rows=3, dialect=SQLITE))
    assert database.execute(sql, (1, "X", 2, "X", 2, "X")).fetchall() == [(2, 5)]
    assert "SEARCH t" in str(database.execute(f"EXPLAIN QUERY PLAN {sql}", (1, "X", 2, "X", 2, "X")).fetchall())


def test_sqlite_guards_null_and_bytes(database: sqlite3.Connection) -> None:
    keys = statements.guards(WHOLE, ["k"])
    assert keys == (Guard("k", text=True),)
    update = SQLITE.sql(statements.update(table("t"), ["v"], keys=[Guard("a")], expected=[Guard("v")], dialect=SQLITE))
    assert database.execute(update, (9, 1, None)).rowcount == 1
    assert database.execute(update, (9, 2, None)).rowcount == 0
    update = SQLITE.sql(
        statements.update(table("t"), ["v"], keys=[Guard("a")], expected=[Guard("b", text=True)], dialect=SQLITE)
    )
    assert [database.execute(update, (1, 3, text)).rowcount for text in ("Y", "y ", "y")] == [0, 0, 1]


def test_an_unknown_column_is_an_error_not_a_text(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        database.execute(SQLITE.sql(statements.select(table("t"), ["gone"])))


def test_epochs_only_grow_and_ledgers_forget(database: sqlite3.Connection) -> None:
    for _ in range(2):
        for tree in ledger.make(SQLITE):
            database.execute(SQLITE.sql(tree))
    raising = SQLITE.sql(ledger.raise_epoch(SQLITE))
    assert [database.execute(raising, ("p",)).fetchall()[0][0] for _ in range(3)] == [1, 2, 3]
    assert database.execute(SQLITE.sql(ledger.read_epoch(SQLITE, lock=False)), ("p",)).fetchone() == (3,)
    for partition, chunk in (("p", 2), ("p", 1), ("q", 1)):
        database.execute(SQLITE.sql(ledger.record(SQLITE)), (partition, chunk, "r", b"x"))
    entries = SQLITE.sql(ledger.entries(SQLITE))
    assert [row[1] for row in database.execute(entries, ("p",))] == [1, 2]
    database.execute(SQLITE.sql(ledger.forget(SQLITE)), ("p", 1))
    assert [row[1] for row in database.execute(entries, ("p",))] == [2]
    assert len(database.execute(entries, ("q",)).fetchall()) == 1


def test_every_refusal_has_words() -> None:
    codes = [value for name, value in vars(refusal).items() if name.isupper() and isinstance(value, str)]
    assert set(codes) == set(refusal.WORDS)
    assert len(set(codes)) == len(codes)
