"""MariaDB as a member of a running sync: with every other kind of database, and with what it alone does to values.

Each case comes to rest in three passes: the next one, over everything, writes nothing, and no value was changed in
silence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.incidents.maria import Joined, Member

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

_NUMBERS = count(1)
_ROWS = """
members: {{{members}}}
match: k
fields:
  k: {{{k}, owner: {first}}}
  name: {{{name}, policy: ask}}
  qty: {{{qty}, policy: {{prefer: {first}}}}}
deletes: {{{deletes}}}
guard: {{rows: 100000, share: 100%}}
"""
_TABLE = {
    "mariadb": "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, k varchar(20) COLLATE utf8mb4_bin UNIQUE, "
    "name text, qty int)",
    "postgres": "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k text UNIQUE, name text, qty int)",
    "sqlite": "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT UNIQUE, name TEXT, qty INTEGER)",
}

Make = Callable[..., Joined]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes systems that are kept joined."""
    made: list[tuple[str, str]] = []
    opened: list[Joined] = []

    def place(kind: str) -> str:
        name = f"incident_{next(_NUMBERS)}"
        made.append((f"{kind}_server", name))
        return str(request.getfixturevalue(f"{kind}_server").create(name))

    def join(members: dict[str, Member], mappings: dict[str, str], *, has_feeds: bool = True) -> Joined:
        opened.append(Joined(tmp_path, place, members, mappings, has_feeds=has_feeds))
        return opened[-1]

    yield join
    for one in opened:
        one.close()
    for server, name in made:
        request.getfixturevalue(server).drop(name)


def _mapping(members: list[str]) -> str:
    def each(name: str) -> str:
        return ", ".join(f"{member}: {name}" for member in members)

    datasets = ", ".join(f"{member}: {{dataset: t}}" for member in members)
    return _ROWS.format(
        members=datasets, k=each("k"), name=each("name"), qty=each("qty"), deletes=each("propagate"), first=members[0]
    )


def _joined(make: Make, kinds: list[str], way: str) -> Joined:
    names = [f"{kind[:5]}{at}" for at, kind in enumerate(kinds)]
    settings = {"capture_by": way} if way in ("triggers", "binlog") else {}
    members = {
        name: Member(kind, _TABLE[kind], settings if kind == "mariadb" else {})
        for name, kind in zip(names, kinds, strict=True)
    }
    return make(members, {"thing": _mapping(names)}, has_feeds=way != "digests")


def _rows(live: Joined, member: str) -> list[tuple[Any, ...]]:
    return live.sql(member, "SELECT k, name, qty FROM t ORDER BY k")


_SLOW = pytest.mark.slow
_PAIRS = [
    pytest.param(["postgres", "mariadb"], "digests"),
    pytest.param(["mariadb", "sqlite"], "triggers"),
    pytest.param(["postgres", "mariadb", "sqlite"], "binlog"),
    pytest.param(["mariadb", "mariadb"], "binlog", marks=_SLOW),
    pytest.param(["mariadb", "mariadb"], "triggers", marks=_SLOW),
    pytest.param(["mariadb", "postgres", "sqlite"], "triggers", marks=_SLOW),
]


@pytest.mark.parametrize(("kinds", "way"), _PAIRS, ids=lambda one: "-".join(one) if isinstance(one, list) else one)
def test_edits_go_all_ways(make: Make, kinds: list[str], way: str) -> None:
    """Rows are typed, changed and deleted everywhere; edits of one field on two sides ask, everything else arrives."""
    live = _joined(make, kinds, way)
    names = list(live.members)
    first, last = names[0], names[-1]
    for at, name in enumerate(names):
        for number in range(3):
            live.sql(name, f"INSERT INTO t (k, name, qty) VALUES ('{at}{number}', 'Grüße \U0001f37a {at}', {number})")
    live.settle()
    assert len(_rows(live, first)) == 3 * len(names)
    for name in names:
        assert _rows(live, name) == _rows(live, first)
    for at, name in enumerate(names):
        live.sql(name, f"UPDATE t SET name = '{name}' WHERE k = '{at}0'")
        live.sql(name, f"DELETE FROM t WHERE k = '{at}1'")
    live.sql(first, "UPDATE t SET qty = 70 WHERE k = '02'")
    live.sql(last, "UPDATE t SET name = 'both' WHERE k = '02'")
    live.settle()
    for name in names:
        assert _rows(live, name) == _rows(live, first)
    wanted = {(f"{at}0", name, 0) for at, name in enumerate(names)} | {("02", "both", 70)}
    assert wanted <= set(_rows(live, first))
    assert len(_rows(live, first)) == 2 * len(names)
    for name in (first, last):
        live.sql(name, f"UPDATE t SET name = 'by {name}' WHERE k = '00'")
    live.settle()
    assert live.open_conflicts() == ["name"]
    assert {row[0]: row[1] for row in _rows(live, last)}["00"] == f"by {last}"


def test_an_echo_is_known_again(make: Make) -> None:
    """What we wrote is told by both feeds, and is not even looked at."""
    live = _joined(make, ["mariadb", "mariadb"], "binlog")
    first, last = live.members
    live.sql(first, "INSERT INTO t (k, name, qty) VALUES ('a', 'x', 1)")
    live.settle()
    live.sql(first, "UPDATE t SET name = 'y'")
    done = live.turn()
    assert (done.written, _rows(live, last)) == (1, [("a", "y", 1)])
    echo = live.turn()
    assert (echo.written, echo.looked) == (0, 0)


# --------------------------------------------------------------------------------------------- MariaDB's own incidents


def _beside(
    make: Make, there: str, here: str, *, policy: str = "{prefer: there}", way: str = "binlog", prologue: str = ""
) -> Joined:
    """PostgreSQL with a column `v` of one type, MariaDB with one of another; both may be edited."""
    mapping = f"""
    members: {{there: {{dataset: t}}, here: {{dataset: t}}}}
    match: k
    fields:
      k: {{there: k, here: k, owner: there}}
      v: {{there: v, here: v, policy: {policy}}}
      w: {{there: w, here: w, policy: {{prefer: there}}}}
    deletes: {{there: propagate, here: propagate}}
    guard: {{rows: 100000, share: 100%}}
    """
    members = {
        "there": Member("postgres", f"CREATE TABLE t (k int PRIMARY KEY, v {there}, w text)"),
        "here": Member(
            "mariadb", f"CREATE TABLE t (k int PRIMARY KEY, v {here}, w text){prologue}", {"capture_by": way}
        ),
    }
    return make(members, {"thing": mapping})


def _held(live: Joined, member: str) -> list[Any]:
    return [row[0] for row in live.sql(member, "SELECT v FROM t ORDER BY k")]


_STAMP = dt.datetime(2026, 5, 1, 10, 0, 0, 600000)
_COARSER: dict[str, tuple[str, str, str, str, object, object]] = {
    "stamp": (
        "timestamp",
        "datetime",
        "date_trunc('second', stamp)",
        f"'{_STAMP}'",
        _STAMP,
        _STAMP.replace(microsecond=0),
    ),
    "amount": ("numeric(12,4)", "decimal(8,2)", "round(amount, 2)", "1.0055", Decimal("1.0055"), Decimal("1.01")),
    "note": ("text", "char(10)", "trim(note)", "' ab  '", " ab  ", "ab"),
}
"""By name: a type of PostgreSQL, a coarser one of MariaDB, how the mapping says so, what is typed, and what both
hold."""

_REFUSED = [
    ("text", "char(10)", "'ab  '", "'ab'", "ab"),
    ("text", "varchar(20) CHARACTER SET latin1", "'Ž日'", "'Ž'", "Ž"),
    ("numeric(12,4)", "decimal(8,2)", "1.0055", "1.01", Decimal("1.01")),
    ("numeric(12,4)", "int", "2.5", "3", 3),
    ("double precision", "float", "0.1", "0.5", 0.5),
    ("timestamp", "datetime", f"'{_STAMP}'", "'2026-05-01 10:00:00'", _STAMP.replace(microsecond=0)),
    ("timestamp", "datetime(3)", "'2026-05-01 10:00:00.123456'", f"'{_STAMP}'", _STAMP),
]
"""Types of both, what is typed and what is typed then, and what MariaDB holds of it."""


def _many(make: Make, columns: dict[str, tuple[str, str, str]]) -> Joined:
    """PostgreSQL and MariaDB with columns of several types each, read in a way of its own in PostgreSQL, and a text
    `w`."""
    fields = "".join(
        f'  {name}: {{there: "{cell}", here: {name}, policy: {{prefer: there}}}}\n'
        for name, (_, _, cell) in columns.items()
    )
    mapping = (
        "members: {there: {dataset: t}, here: {dataset: t}}\nmatch: k\n"
        "fields:\n  k: {there: k, here: k, owner: there}\n"
        f"{fields}  w: {{there: w, here: w, policy: {{prefer: there}}}}\nguard: {{rows: 100000, share: 100%}}\n"
    )
    tables = [
        f"CREATE TABLE t (k int PRIMARY KEY, {', '.join(f'{name} {of[at]}' for name, of in columns.items())}, w text)"
        for at in range(2)
    ]
    members = {"there": Member("postgres", tables[0]), "here": Member("mariadb", tables[1])}
    return make(members, {"thing": mapping})


def test_what_mariadb_holds_coarser_is_not_lost_elsewhere(make: Make) -> None:
    """Where the mapping says that it may be coarser: whoever typed it keeps it, and other fields go on both ways."""
    live = _many(make, {name: one[:3] for name, one in _COARSER.items()})
    names, typed = ", ".join(_COARSER), ", ".join(one[3] for one in _COARSER.values())
    kept, held = ([tuple(one[at] for one in _COARSER.values())] for at in (4, 5))
    live.sql("there", f"INSERT INTO t (k, {names}, w) VALUES (1, {typed}, 'a')")
    live.rest()
    assert (live.sql("there", f"SELECT {names} FROM t"), live.sql("here", f"SELECT {names} FROM t")) == (kept, held)
    for side, word in (("there", "b"), ("here", "c")):
        live.sql(side, f"UPDATE t SET w = '{word}'")
        live.rest()
        assert live.sql("there", f"SELECT {names} FROM t") == kept
        assert live.sql("there", "SELECT w FROM t") == live.sql("here", "SELECT w FROM t") == [(word,)]
    live.sql("here", "UPDATE t SET stamp = '2027-01-01', amount = 2, note = 'z'")
    live.rest()
    assert live.sql("there", f"SELECT {names} FROM t") == [(dt.datetime(2027, 1, 1), Decimal(2), "z")]


def test_what_mariadb_would_change_is_refused(make: Make) -> None:
    """Blanks at the end of CHAR, letters that a character set lacks, places of a number: the row waits, and says
    why."""
    live = _many(make, {f"v{at}": (*one[:2], f"v{at}") for at, one in enumerate(_REFUSED)})
    for at, (_, _, typed, _, _) in enumerate(_REFUSED):
        live.sql("there", f"INSERT INTO t (k, v{at}, w) VALUES ({at}, {typed}, 'a')")
    live.rest()
    assert live.sql("here", "SELECT k FROM t") == []
    assert sorted(one.refusal.field for one in live.rejects()) == [f"v{at}" for at in range(len(_REFUSED))]
    for at, (_, _, _, then, _) in enumerate(_REFUSED):
        live.sql("there", f"UPDATE t SET v{at} = {then} WHERE k = {at}")
    live.rest()
    for at, (*_, held) in enumerate(_REFUSED):
        assert live.sql("here", f"SELECT v{at} FROM t WHERE k = {at}") == [(held,)]
    assert live.rejects() == []


def test_keys_that_only_mariadb_calls_equal_overwrite_nothing(make: Make) -> None:
    """The first is written; the others are in quarantine, and arrive once there is room for them."""
    mapping = _mapping(["there", "here"])
    for collation in ("utf8mb4_general_ci",):
        table = _TABLE["mariadb"].replace("utf8mb4_bin", collation)
        live = make(
            {"there": Member("postgres", _TABLE["postgres"]), "here": Member("mariadb", table)}, {"thing": mapping}
        )
        live.sql(
            "there", "INSERT INTO t (k, name, qty) VALUES ('abc', 'one', 1), ('ABC', 'two', 2), ('abc ', 'three', 3)"
        )
        live.rest()
        (written,) = _rows(live, "here")
        assert written in _rows(live, "there")
        assert len(_rows(live, "there")) == 3
        assert len(live.rejects()) == 2
        live.sql("there", "UPDATE t SET name = name || '!'")
        live.rest()
        assert _rows(live, "here") == [(written[0], f"{written[1]}!", written[2])]
        live.sql("there", "DELETE FROM t WHERE k <> 'ABC'")
        live.rest(4)
        assert _rows(live, "here") == _rows(live, "there") == [("ABC", "two!", 2)]
        assert live.rejects() == []


def test_an_instant_beyond_the_range_of_timestamp_waits(make: Make) -> None:
    live = _beside(make, "timestamptz", "timestamp NULL")
    live.sql("there", "INSERT INTO t VALUES (1, '2050-01-01Z', 'a'), (2, '2026-01-01Z', 'b')")
    live.rest()
    assert live.sql("here", "SELECT k FROM t") == [(2,)]
    assert len(live.rejects()) == 1
    live.sql("there", "UPDATE t SET v = '2027-01-01Z' WHERE k = 1")
    live.rest()
    assert live.sql("here", "SELECT k FROM t ORDER BY k") == [(1,), (2,)]
    assert live.rejects() == []


def test_a_label_that_is_added_during_the_run_is_taken(make: Make) -> None:
    live = _beside(make, "text", "enum('a','b')")
    live.sql("there", "INSERT INTO t VALUES (1, 'a', ''), (2, 'c', ''), (3, 'B', '')")
    live.rest()
    assert live.sql("here", "SELECT k, v FROM t") == [(1, "a")] or live.sql("here", "SELECT k, v FROM t") == [
        (1, "a"),
        (3, "b"),
    ]
    assert _held(live, "there") == ["a", "c", "B"]
    live.sql("here", "ALTER TABLE t MODIFY v enum('a','b','c') COLLATE utf8mb4_bin")
    live.sql("there", "UPDATE t SET w = 'again'")
    live.rest()
    assert (2, "c") in live.sql("here", "SELECT k, v FROM t")
    live.sql("here", "UPDATE t SET v = 'c' WHERE k = 1")
    live.rest()
    assert _held(live, "there") == ["c", "c", "B"]


def test_a_zero_date_that_appears_is_carried_nowhere(make: Make) -> None:
    """It cannot be read; what stands elsewhere stays, and the row's other fields wait or go on."""
    live = _beside(make, "date", "date")
    live.sql("there", "INSERT INTO t VALUES (1, '2026-01-01', 'a'), (2, '2026-01-02', 'b')")
    live.rest()
    live.sql("here", "SET sql_mode = ''; UPDATE t SET v = '0000-00-00', w = 'z' WHERE k = 1")
    live.rest()
    assert _held(live, "there") == [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
    assert live.sql("here", "SELECT k FROM t WHERE v = 0") == [(1,)]
    live.sql("there", "UPDATE t SET w = 'c' WHERE k = 2")
    live.rest()
    assert live.sql("here", "SELECT w FROM t WHERE k = 2") == [("c",)]
    live.sql("here", "UPDATE t SET v = '2026-03-03' WHERE k = 1")
    live.rest()
    assert live.sql("there", "SELECT v, w FROM t WHERE k = 1") == [(dt.date(2026, 3, 3), "z")]


@pytest.mark.parametrize("way", ["binlog", "triggers"])
def test_a_stamp_that_every_write_moves_comes_to_rest(make: Make, way: str) -> None:
    """`ON UPDATE CURRENT_TIMESTAMP`: our own write moves it as well, once."""
    live = _beside(
        make, "timestamptz", "timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)",
        policy="{prefer: here}", way=way,
    )  # fmt: skip
    live.sql("there", "INSERT INTO t (k, v, w) VALUES (1, '2026-01-01Z', 'a')")
    live.sql("here", "INSERT INTO t (k, w) VALUES (2, 'b')")
    live.rest()
    for side in ("there", "here"):
        live.sql(side, f"UPDATE t SET w = 'by {side}'")
        live.rest()
        assert [row[0] for row in live.sql("here", "SELECT w FROM t")] == [f"by {side}"] * 2
        moved = [
            stamp.replace(tzinfo=dt.UTC)
            for (stamp,) in live.sql("here", "SET time_zone = '+00:00'; SELECT v FROM t ORDER BY k")
        ] or [stamp.replace(tzinfo=dt.UTC) for stamp in _held(live, "here")]
        assert _held(live, "there") == moved


def test_what_a_trigger_of_postgresql_moves_beside_our_write_is_heard(make: Make) -> None:
    """The row comes back as our own echo; the field that we did not write has changed all the same."""
    moves = (
        ";\nCREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.name = NEW.name || ''+''; RETURN NEW; END'"
        ";\nCREATE TRIGGER moves BEFORE UPDATE OF qty ON t FOR EACH ROW EXECUTE FUNCTION moves()"
    )
    members = {"there": Member("mariadb", _TABLE["mariadb"]), "here": Member("postgres", _TABLE["postgres"] + moves)}
    live = make(members, {"thing": _mapping(["there", "here"])})
    live.sql("there", "INSERT INTO t (k, name, qty) VALUES ('a', 'x', 1)")
    live.rest()
    live.sql("there", "UPDATE t SET qty = 2")
    live.rest()
    assert _rows(live, "there") == _rows(live, "here") == [("a", "x+", 2)]


_REWRITES = {
    "upper": "upper(NEW.v)",
    "prefixed": "if(NEW.v LIKE 'x-%', NEW.v, concat('x-', NEW.v))",
}


@pytest.mark.parametrize("rewriting", list(_REWRITES))
def test_a_trigger_that_rewrites_values_comes_to_rest(make: Make, rewriting: str) -> None:
    """The value that MariaDB holds is known; what was typed elsewhere is not taken back."""
    made = "".join(
        f";\nCREATE TRIGGER rewrites_{verb} BEFORE {verb} ON t FOR EACH ROW SET NEW.v = {_REWRITES[rewriting]}"
        for verb in ("INSERT", "UPDATE")
    )
    live = _beside(make, "text", "varchar(50)", prologue=made)
    live.sql("there", "INSERT INTO t VALUES (1, ' Ada ', 'a')")
    live.rest()
    (held,) = _held(live, "here")
    assert held != " Ada "
    typed = _held(live, "there")
    live.sql("there", "UPDATE t SET w = 'b'")
    live.rest()
    assert (_held(live, "here"), _held(live, "there")) == ([held], typed)
    live.sql("here", "UPDATE t SET v = 'x-BOB', w = 'c'")
    live.rest()
    assert live.sql("there", "SELECT v, w FROM t") == [(live.sql("here", "SELECT v FROM t")[0][0], "c")]


def test_two_collations_and_two_paddings_come_to_rest(make: Make) -> None:
    """Between two MariaDBs: one folds case and ignores trailing blanks, the other does not."""
    folding = (
        _TABLE["mariadb"]
        .replace("COLLATE utf8mb4_bin", "COLLATE utf8mb4_general_ci")
        .replace("name text", "name char(20)")
    )
    live = make(
        {"one": Member("mariadb", _TABLE["mariadb"]), "two": Member("mariadb", folding)},
        {"thing": _mapping(["one", "two"])},
    )
    live.sql("one", "INSERT INTO t (k, name, qty) VALUES ('a', 'Ada  ', 1), ('b', 'Bob', 2), ('B', 'Eve', 3)")
    live.rest()
    assert _rows(live, "two") == [("b", "Bob", 2)]
    assert sorted(one.refusal.code for one in live.rejects()) == ["DV-441", "DV-445"]
    assert [row[1] for row in sorted(_rows(live, "one"))] == ["Eve", "Ada  ", "Bob"]
    live.sql("one", "UPDATE t SET name = 'Ada' WHERE k = 'a'")
    live.rest()
    assert [row[1] for row in _rows(live, "two")] == ["Ada", "Bob"]
    live.sql("two", "UPDATE t SET qty = 9 WHERE k = 'a'")
    live.sql("one", "UPDATE t SET name = 'ada' WHERE k = 'a'")
    live.rest()
    assert {row for row in _rows(live, "two") if row[0] == "a"} == {row for row in _rows(live, "one") if row[0] == "a"}
