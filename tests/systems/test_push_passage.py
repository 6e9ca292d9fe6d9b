"""Rows that pass straight from one PostgreSQL into another are those that the general way would have written."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import Fenced, Overdue, Refused, Unreachable
from dovetail.expression.parse import parse
from dovetail.expression.types import infer
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.catalog import Dataset
from dovetail.model.change import DIGEST, UNREADABLE, LedgerEntry
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.protocol import Passage, SupportsLanding, SupportsPassage, Takes
from dovetail.systems.push import DOUBT, WANTED, Asked, Computed, Landing, Lookup, Refusal
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers.postgres import Pool, Server

SOURCE = """
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE person (
    id int PRIMARY KEY, first text, last varchar(40), mail text, code char(2), cents bigint, ratio numeric, price numeric(9, 3),
    born date, seen timestamp, at timestamptz, clock time, good boolean, token uuid, notes jsonb, raw json, blob bytea,
    size float8, mood mood, small smallint, country int);
"""
TARGET = """
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE client (
    number bigint PRIMARY KEY, name varchar(30) NOT NULL, mail text, code char(2), credit numeric(8, 2), ratio numeric,
    price numeric(9, 2), born date, seen timestamp, at timestamptz, clock time, good boolean, token uuid, notes jsonb, raw json,
    blob bytea, size float8, mood mood, small smallint, land text, status text);
"""
SHARED = {
    "number": "id",
    "name": "first || ' ' || last",
    "mail": "lower(mail)",
    "code": "code",
    "credit": "cents / 100",
    **{
        name: name
        for name in ("ratio", "price", "born", "seen", "at", "clock", "good", "token", "notes", "raw", "blob")
    },
    "size": "size",
    "mood": "mood",
    "small": "small",
    "land": "country",
    "status": "CASE code WHEN 'DE' THEN 'home' WHEN 'AT' THEN 'near' ELSE unmapped(code) END",
}
PAIRS = {"1": "Germany", "2": "Österreich"}


NAMES = """
id first last mail code cents ratio price born seen at clock good token notes raw blob size mood small country
""".split()


def rows() -> list[tuple[Any, ...]]:
    """Ordinary rows, and one of each kind that must not pass."""
    stamp = dt.datetime(2026, 3, 29, 2, 30, 0, 123456)
    plain = [
        "Ada",
        "Love\nlace",
        "Ada@Example.ORG",
        "DE",
        12345,
        Decimal("1.50"),
        Decimal("2.340"),
        dt.date(1, 1, 1),
        stamp,
    ]
    plain += [stamp.replace(tzinfo=dt.UTC), dt.time(23, 59, 59, 999999), True, "6f9619ff-8b86-d011-b42d-00c04fc964ff"]
    plain += ['{"b": 1, "a": [null]}', '{"b": 1,  "a": 2}', b"\x00\xff\\", -0.0, "fine", -32768, 1]
    made = [(at, *plain) for at in range(1, 40)]

    def other(number: int, /, **changes: Any) -> None:
        row = dict(zip(NAMES, (number, *plain), strict=True)) | changes
        made.append(tuple(row[name] for name in NAMES))

    other(100, **dict.fromkeys([name for name in NAMES if name not in ("id", "first", "last")]))
    other(101, mail="ΟΔΟΣ@x.gr")
    other(102, mail="MÜLLER@x.de")
    other(103, first="x" * 31)
    other(104, cents=99_999_999)
    other(105, cents=100_000_000)
    other(106, ratio=Decimal("NaN"))
    other(107, ratio=Decimal("1e-19"))
    other(108, price=Decimal("0.001"))
    other(109, code="FR")
    other(110, country=3)
    other(111, first=None)
    other(112, ratio=Decimal("100.000"))
    other(113, size=float("nan"), ratio=Decimal(5))
    other(114, first="", last="", mail="", code="")
    other(115, mail="a@b.de", first="no")
    other(116, cents=-5, good=False)
    other(117, price=Decimal("NaN"))
    return made


FAR = (
    "INSERT INTO person (id, first, last, born) VALUES (120, 'a', 'b', 'infinity'), (121, 'a', 'b', '0044-03-15 BC');"
    "INSERT INTO person (id, first, last, clock) VALUES (122, 'a', 'b', '24:00')"
)


@pytest.fixture
def ends(postgres_pool: Pool) -> Iterator[tuple[Connector, Connector]]:
    """Two databases, the first one filled."""
    names = postgres_pool.take(), postgres_pool.take()
    urls = [postgres_pool.server.url(name) for name in names]
    with psycopg.connect(urls[0], autocommit=True) as source, psycopg.connect(urls[1], autocommit=True) as target:
        source.execute(SOURCE)
        target.execute(TARGET)
        marks = ", ".join(["%s"] * len(NAMES))
        with source.cursor() as cursor:
            cursor.executemany(f"INSERT INTO person VALUES ({marks})", rows())
        source.execute(FAR)
    systems = Connector(url=urls[0], timeout_s=20), Connector(url=urls[1], timeout_s=20)
    yield systems
    for system, name in zip(systems, names, strict=True):
        system.close()
        postgres_pool.give_back(name)


def found(system: Connector, name: str) -> Dataset:
    """The dataset of that name."""
    dataset = system.describe().dataset(name)
    assert dataset is not None
    return dataset


def asked_of(source: Dataset, target: Dataset, **changes: Any) -> Asked:
    """Everything of the mapping above."""
    scope = {field.name: field.type for field in source.fields}
    shared = {name: parse(text) for name, text in SHARED.items()}
    types = {name: infer(expression, scope) for name, expression in shared.items()}
    given: dict[str, Any] = {
        "scope": scope,
        "reads": tuple(scope),
        "shared": tuple(Computed(name, expression, types[name]) for name, expression in shared.items()),
        "outputs": tuple(Computed(name, parse(name)) for name in target.names),
        "where": parse("first <> 'no'"),
        "asks": (Computed("check", parse("credit IS NULL OR credit > -0.05")),),
        "lookups": {"land": Lookup("land", Type(Kind.TEXT), PAIRS)},
    }
    return Asked(**(given | changes))


def general(system: Connector, source: Dataset, target: Dataset, asked: Asked) -> dict[int, dict[str, Any] | None]:
    """What the general way makes of each row: its values at the target, or none where it is held or not wanted."""
    (batch,) = list(system.read(source, source.names))
    own = pa.Table.from_batches([batch])
    unreadable = own.column(UNREADABLE).to_pylist()
    first = evaluate([Output(one.name, one.expression, one.fit) for one in asked.shared], asked.scope, own)
    held = {failure.position for failure in first.failures} | {at for at, words in enumerate(unreadable) if words}
    assert asked.where is not None
    wanted = evaluate([Output("w", asked.where)], asked.scope, own).table.column("w").to_pylist()
    land = [PAIRS.get(str(value)) for value in first.table.column("land").to_pylist()]
    held |= {
        at for at, value in enumerate(first.table.column("land").to_pylist()) if value is not None and not land[at]
    }
    shared = first.table.set_column(first.table.schema.get_field_index("land"), "land", pa.array(land, pa.string()))
    scope = {one.name: one.fit for one in asked.shared if one.fit is not None} | {"land": Type(Kind.TEXT)}
    types = {field.name: field.type for field in target.fields}
    second = evaluate([Output(one.name, one.expression, types[one.name]) for one in asked.outputs], scope, shared)
    held |= {failure.position for failure in second.failures}
    good = evaluate([Output("g", asked.asks[0].expression)], scope, shared).table.column("g").to_pylist()
    values = second.table.to_pylist()
    for at, row in enumerate(values):
        fails = row["name"] is None or good[at] is False
        values[at] = None if at in held or not wanted[at] or fails else row
    return dict(zip(own.column("id").to_pylist(), values, strict=True))


def passed(
    ends: tuple[Connector, Connector], asked: Asked, landing: Landing, chunk: int
) -> dict[int, tuple[bool, bool]]:
    """Carry everything over, as a load does it; whether each row was wanted, and in doubt."""
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    seen: dict[int, tuple[bool, bool]] = {}
    after: pa.RecordBatch | None = None
    epoch = target.raise_epoch("p")
    with source.passage(person, asked, landing) as passage:
        while (batch := passage.look(after=after, rows=chunk, digest=person.names)).num_rows:
            flags = [batch.column(name).to_pylist() for name in (WANTED, DOUBT)]
            seen |= dict(zip(batch.column("id").to_pylist(), zip(*flags, strict=True), strict=True))
            every = all(flags[0]) and not any(flags[1])
            with target.transaction() as transaction:
                transaction.fence("p", epoch)
                with contextlib.closing(passage.pour(client.names, after=after, rows=chunk, every=every)) as blocks:
                    taken = transaction.take(client, client.names, blocks)
                transaction.record([LedgerEntry("p", len(seen), "run", b"")])
            assert taken == sum(wanted and not doubt for wanted, doubt in zip(*flags, strict=True))
            after = batch.slice(batch.num_rows - 1, 1).select(["id"])
    assert len(target.ledger("p")) == -(-len(seen) // chunk)
    return seen


@pytest.mark.parametrize("chunk", [1000, 7])
def test_what_passes_is_what_the_general_way_writes(ends: tuple[Connector, Connector], chunk: int) -> None:
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    asked = asked_of(person, client)
    assert source.refusal(person, asked, landing) is None
    wanted = general(source, person, client, asked)
    seen = passed(ends, asked, landing, chunk)
    assert set(seen) == set(wanted)
    (batch,) = list(target.read(client, client.names))
    stands = {row["number"]: row for row in batch.to_pylist()}
    for key, row in stands.items():
        assert repr(row) == repr(wanted[key]), key
    assert not [key for key, row in wanted.items() if row is None and key in stands]
    kept_back = {key for key, row in wanted.items() if row is not None and key not in stands}
    assert kept_back == {101}, "only letters that the server may see otherwise"
    with psycopg.connect(target.url) as admin:
        shown = admin.execute("SELECT ratio::text FROM client WHERE number IN (1, 112, 113) ORDER BY number").fetchall()
    assert shown == [("1.5",), ("100",), ("5",)], "a number without declared places has no zeros at its end"
    assert seen[115] == (False, False)
    assert seen[116] == (True, True)


def test_the_digests_are_those_of_the_server(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    with source.passage(person, asked_of(person, client), landing) as passage:
        looked = passage.look(after=None, rows=1000, told=["mail"], digest=person.names)
    alone = pa.Table.from_batches(list(source.digest_rows(person, person.names))).sort_by("id")
    assert looked.column(DIGEST).to_pylist() == alone.column(DIGEST).to_pylist()
    assert looked.column("mail").to_pylist()[0] == "Ada@Example.ORG"


def test_a_refused_row_leaves_nothing_and_the_transaction_goes_on(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    with psycopg.connect(target.url, autocommit=True) as admin:
        admin.execute("INSERT INTO client (number, name) VALUES (20, 'stands there')")
    with source.passage(person, asked_of(person, client), landing) as passage:
        with target.transaction() as transaction:
            with (
                pytest.raises(Refused),
                contextlib.closing(passage.pour(client.names, after=None, rows=1000, every=False)) as blocks,
            ):
                transaction.take(client, client.names, blocks)
            with contextlib.closing(passage.pour(client.names, after=None, rows=10, every=True)) as blocks:
                assert transaction.take(client, client.names, blocks) == 10
        assert passage.look(after=None, rows=3).num_rows == 3
    assert sum(batch.num_rows for batch in target.read(client, ["number"])) == 11


def test_pouring_may_be_left_early(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    with psycopg.connect(source.url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO person (id, first, last) SELECT n, repeat('x', 20), 'y' FROM generate_series(1000, 20000) n"
        )
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    with source.passage(person, asked_of(person, client), landing) as passage:
        for _ in range(2):
            blocks = passage.pour(client.names, after=None, rows=50_000, every=False)
            next(blocks)
            blocks.close()
        with pytest.raises(Fenced), target.transaction() as transaction:
            transaction.fence("p", 99)


def test_one_snapshot_for_both(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    with source.passage(person, asked_of(person, client), landing) as passage:
        before = passage.look(after=None, rows=1000).num_rows
        with psycopg.connect(source.url, autocommit=True) as admin:
            admin.execute("DELETE FROM person WHERE id < 30")
        assert passage.look(after=None, rows=1000).num_rows == before
        with target.transaction() as transaction:
            blocks = passage.pour(client.names, after=None, rows=29, every=True)
            assert transaction.take(client, client.names, blocks) == 29


TRIGGER = """
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER t BEFORE INSERT ON client FOR EACH ROW EXECUTE FUNCTION f()
"""
CHANGES: list[tuple[str, Mapping[str, Any], str]] = [
    ("", {"shared": (Computed("number", parse("CAST(mail AS UUID)"), Type(Kind.UUID)),)}, "cast from text to uuid"),
    ("", {"shared": (Computed("number", parse("size + 1"), Type(Kind.FLOAT)),)}, "float"),
    ("", {"shared": (Computed("number", parse("regexp_matches(mail, '(?i)a')"), None),)}, "regular expression"),
    ("", {"shared": (Computed("number", parse("in_zone(at, 'UTC')"), None),)}, "in_zone"),
    (TRIGGER, {}, "triggers"),
    ("ALTER TABLE client ALTER seen TYPE timestamp(0)", {}, "rounds times"),
    ("ALTER TABLE client ALTER size TYPE real", {}, "real"),
    ("ALTER TABLE client ALTER raw TYPE jsonb", {}, "JSON"),
    ("ALTER TABLE client DROP land, ADD land text GENERATED ALWAYS AS ('x') STORED", {}, "cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "asked", "words"), CHANGES, ids=[words for _, _, words in CHANGES])
def test_what_is_not_proved_is_refused_in_words(
    ends: tuple[Connector, Connector], change: str, asked: Mapping[str, Any], words: str
) -> None:
    source, target = ends
    if change:
        with psycopg.connect(target.url, autocommit=True) as admin:
            admin.execute(change.encode())
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    if isinstance(landing, Landing):
        changed = {"outputs": ()} | asked if "shared" in asked else asked
        whole = asked_of(person, client, **(changed | ({"asks": ()} if changed else {})))
        refused = source.refusal(person, whole, landing)
        with pytest.raises(Refused), source.passage(person, whole, landing):
            pass
    else:
        refused = landing
    assert isinstance(refused, Refusal)
    assert words in str(refused)


def test_a_reference_that_leads_nowhere_keeps_its_row_back_though_nothing_is_made_of_it(
    ends: tuple[Connector, Connector],
) -> None:
    source, target = ends
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    outputs = tuple(Computed(name, parse(name)) for name in ("number", "name"))
    for pairs, doubted in ((PAIRS, True), ({}, True), (PAIRS | {"3": "Italia"}, False)):
        lookups = {"land": Lookup("land", Type(Kind.TEXT), pairs)}
        asked = asked_of(person, client, outputs=outputs, lookups=lookups)
        with source.passage(person, asked, landing) as passage:
            looked = passage.look(after=None, rows=1000)
        doubts = dict(zip(looked.column("id").to_pylist(), looked.column(DOUBT).to_pylist(), strict=True))
        assert doubts[110] is doubted
        assert doubts[100] is False, "no reference leads nowhere"


def test_keys_of_any_type_keep_their_order(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    with psycopg.connect(source.url, autocommit=True) as one, psycopg.connect(target.url, autocommit=True) as two:
        made = "CREATE TABLE pair (a text, b uuid, c text, PRIMARY KEY (a, b))"
        one.execute(made)
        two.execute(made)
        one.execute(
            "INSERT INTO pair SELECT chr(200 - n % 7), gen_random_uuid(), chr(230 + n) FROM generate_series(1, 100) n"
        )
    pair = found(source, "pair")
    landing = target.landing(pair, pair.names)
    assert isinstance(landing, Landing)
    scope = {field.name: field.type for field in pair.fields}
    shared = tuple(Computed(name, parse(name), given) for name, given in scope.items())
    outputs = (*(Computed(name, parse(name)) for name in "ab"), Computed("c", parse("upper(c)")))
    asked = Asked(scope=scope, reads=pair.names, shared=shared, outputs=outputs)
    after: pa.RecordBatch | None = None
    kept = 0
    with source.passage(pair, asked, landing) as passage, target.transaction() as transaction:
        while (batch := passage.look(after=after, rows=9)).num_rows:
            doubts = batch.column(DOUBT).to_pylist()
            with contextlib.closing(passage.pour(pair.names, after=after, rows=9, every=False)) as blocks:
                taken = transaction.take(pair, pair.names, blocks)
            assert taken == doubts.count(False)
            kept += taken
            after = batch.slice(batch.num_rows - 1, 1).select(["a", "b"])
    keys = pa.Table.from_batches(list(target.read(pair, ["a", "b"])))
    assert keys.num_rows == kept
    assert 80 < kept < 100, "letters beyond the known ones stay behind"


@pytest.mark.parametrize("how", [How.RESET, How.STALL])
@pytest.mark.parametrize("breaks", ["source", "target"])
def test_a_network_that_breaks_leaves_nothing_half_done(
    ends: tuple[Connector, Connector], postgres_server: Server, breaks: str, how: How
) -> None:
    with psycopg.connect(ends[0].url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO person (id, first, last) SELECT n, repeat('x', 20), 'y' FROM generate_series(1000, 60000) n"
        )
    with Proxy(postgres_server.port) as proxy:
        systems = list(ends)
        side = ["source", "target"].index(breaks)
        database = ends[side].url.rpartition("/")[2]
        systems[side] = Connector(url=postgres_server.url(database, port=proxy.port), timeout_s=5)
        source, target = systems
        person, client = found(source, "person"), found(target, "client")
        landing = target.landing(client, client.names)
        assert isinstance(landing, Landing)
        armed = b"FORMAT binary"
        proxy.plan(Break(how=how, armed_by=armed, after_bytes=50_000, from_server=breaks == "source"))
        started = time.monotonic()
        with pytest.raises((Unreachable, Overdue)):
            carry(source, target, asked_of(person, client), landing)
        assert time.monotonic() - started < 30
        proxy.heal()
        assert proxy.broken == 1
        assert not sum(batch.num_rows for batch in target.read(client, ["number"]))
        carry(source, target, asked_of(person, client), landing)
        assert sum(batch.num_rows for batch in target.read(client, ["number"])) > 59_000
        systems[side].close()


def carry(source: Connector, target: Connector, asked: Asked, landing: Landing) -> None:
    """All rows in one chunk."""
    person, client = found(source, "person"), found(target, "client")
    with (
        source.passage(person, asked, landing) as passage,
        target.transaction() as transaction,
        contextlib.closing(passage.pour(client.names, after=None, rows=100_000, every=False)) as blocks,
    ):
        transaction.take(client, client.names, blocks)


def test_the_capabilities_are_there(ends: tuple[Connector, Connector]) -> None:
    source, target = ends
    assert isinstance(source, SupportsPassage)
    assert isinstance(target, SupportsLanding)
    person, client = found(source, "person"), found(target, "client")
    landing = target.landing(client, client.names)
    assert isinstance(landing, Landing)
    with target.transaction() as transaction, source.passage(person, asked_of(person, client), landing) as passage:
        assert isinstance(transaction, Takes)
        assert isinstance(passage, Passage)
