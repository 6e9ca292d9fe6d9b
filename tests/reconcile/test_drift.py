"""A system's owner changes its tables while a sync runs: what is safe goes on, everything else holds its mapping alone, says
what to write, and nothing is nulled or lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg
import pytest
from lab import Lab
from living import Clock, living

from dovetail.analysis.drift import Change, Use, Weight, covers, drifted
from dovetail.engine.drift import CHOICE, SAFE, STOP
from dovetail.engine.open import open_workspace
from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.steps.status import accept

SHOP = "(k INTEGER PRIMARY KEY, title VARCHAR(20), price DECIMAL(10,2), note VARCHAR(50), unused VARCHAR(9))"
CRM = "(k INTEGER PRIMARY KEY, name VARCHAR(20), cost DECIMAL(10,2), remark VARCHAR(50))"
THING = """
members:
  shop: {dataset: t}
  crm: {dataset: t}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  name: {shop: title, crm: name, policy: {prefer: shop}}
  price: {shop: price, crm: cost, policy: {prefer: shop}}
  note: {shop: note, crm: remark, policy: {prefer: crm}}
deletes: {shop: propagate, crm: propagate}
guard: {rows: 100000, share: 100%}
"""
OTHER = """
members: {shop: {dataset: o}, crm: {dataset: o}}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  v: {shop: v, crm: v, policy: {prefer: shop}}
deletes: {shop: propagate, crm: propagate}
guard: {rows: 100000, share: 100%}
"""


class World:
    """Two systems that a sync joins, and whatever their owners do to them."""

    def __init__(self, folder, urls=None):
        self.folder, self.urls, self.clock = folder, urls or {}, Clock()
        self.lab = Lab(folder, {"shop": "", "crm": ""}, {"thing": THING, "other": OTHER})
        for name, url in self.urls.items():
            self._join(name, url)
        for name, columns in (("shop", SHOP), ("crm", CRM)):
            self.sql(name, f"CREATE TABLE t {columns}")
            self.sql(name, "CREATE TABLE o (k INTEGER PRIMARY KEY, v VARCHAR(20))")
        for row in range(1, 41):
            self.sql("shop", f"INSERT INTO t VALUES ({row}, 'title {row}', {row}.50, 'note {row}', 'u')")
            self.sql("shop", f"INSERT INTO o VALUES ({row}, 'v')")

    def _join(self, name, url):
        path = self.folder / "dovetail.yaml"
        old = f"{name}: {{connector: sqlite, path: {name}.db}}"
        path.write_text(
            path.read_text().replace(old, f"{name}: {{connector: postgres, url: '${{secret:{name}_url}}'}}")
        )
        secrets = self.folder / ".dovetail" / "secrets"
        secrets.mkdir(parents=True, exist_ok=True)
        (secrets / f"{name}_url").write_text(url)
        (secrets / f"{name}_url").chmod(0o600)

    @property
    def is_server(self):
        return bool(self.urls)

    def sql(self, name, *statements):
        if self.is_server:
            with psycopg.connect(self.urls[name]) as connection:
                for statement in statements:
                    cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(self.folder / f"{name}.db")) as connection, connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall()

    def retype(self, name, table, old, new, definition):
        """A column's type is changed: in place, or as SQLite's owners do it, by another table."""
        if self.is_server:
            self.sql(name, f"ALTER TABLE {table} ALTER COLUMN {old} TYPE {new} USING {old}::{new}")
            return
        self.sql(
            name,
            f"CREATE TABLE anew {definition}",
            f"INSERT INTO anew SELECT * FROM {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE anew RENAME TO {table}",
        )

    def living(self):
        return living(self.folder, self.clock)

    def held(self, sync):
        """What holds the mappings after everybody looked."""
        sync.sync.lookout.look(["shop", "crm"])
        turned = sync.turn()
        self.notes = [finding.message for finding in turned.summary.findings if finding.code == SAFE]
        return turned.failed

    def only_thing_is_held(self, sync, code):
        """The error that holds one mapping, while the other goes on."""
        failed = self.held(sync)
        assert set(failed) == {"thing"}, failed
        error = failed["thing"]
        assert isinstance(error, SchemaDrift)
        assert error.code == code, error
        self.sql("shop", "UPDATE o SET v = 'still' WHERE k = 7")
        assert set(sync.turn().failed) == {"thing"}
        assert self.sql("crm", "SELECT v FROM o WHERE k = 7") == [("still",)]
        return str(error)

    def goes_on(self, sync, column="title"):
        """Edits of both sides flow again, and nothing was nulled."""
        self.sql("shop", f"UPDATE t SET {column} = 'newer' WHERE k = 3")
        self.sql("crm", "UPDATE t SET remark = 'newer too' WHERE k = 4")
        assert not sync.turn().failed
        assert self.sql("crm", "SELECT name FROM t WHERE k = 3") == [("newer",)]
        assert self.sql("shop", "SELECT note FROM t WHERE k = 4") == [("newer too",)]
        self.nothing_is_lost(name="name", gone=1)

    def nothing_is_lost(self, name="name", gone=0):
        left = self.sql("crm", f"SELECT count(*) FROM t WHERE {name} LIKE 'title %' AND cost IS NOT NULL")
        assert left == [(40 - gone,)]

    def change_mapping(self, old, new):
        path = self.folder / "mappings" / "thing.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(params=["sqlite", "postgres"])
def world(request, tmp_path):
    if request.param == "sqlite":
        yield World(tmp_path / "project")
        return
    pool = request.getfixturevalue("postgres_pool")
    names = [pool.take(), pool.take()]
    yield World(tmp_path / "project", dict(zip(("shop", "crm"), map(pool.server.url, names), strict=True)))
    for name in names:
        pool.give_back(name)


def test_a_field_is_added(world):
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t ADD COLUMN colour VARCHAR(10)")
        world.sql("crm", "ALTER TABLE t ADD COLUMN size INTEGER DEFAULT 5")
        assert world.held(sync) == {}
        assert "shop.t.colour: the field 'colour' is new (added: safe)" in world.notes
        world.goes_on(sync)


def test_a_field_is_added_that_must_be_filled(world):
    with world.living() as sync:
        if world.is_server:
            world.sql(
                "crm", "CREATE TABLE anew (LIKE t INCLUDING ALL)", "ALTER TABLE anew ADD COLUMN tax INTEGER NOT NULL"
            )
        else:
            world.sql("crm", f"CREATE TABLE anew {CRM[:-1]}, tax INTEGER NOT NULL)")
        world.sql(
            "crm",
            "INSERT INTO anew SELECT k, name, cost, remark, 1 FROM t",
            "DROP TABLE t",
            "ALTER TABLE anew RENAME TO t",
        )
        words = world.only_thing_is_held(sync, CHOICE)
    assert "the field 'tax' is new and must be filled" in words
    assert "mappings/thing.yaml:5: set: {tax: {value: ?, when: create}}" in words
    world.change_mapping("crm: {dataset: t}", "crm: {dataset: t, set: {tax: {value: '7', when: create}}}")
    with world.living() as sync:
        world.sql("shop", "INSERT INTO t VALUES (99, 'title 99', 1, 'n', 'u')")
        assert not sync.turn().failed
        assert world.sql("crm", "SELECT tax FROM t WHERE k = 99") == [(7,)]


def test_a_field_that_nobody_uses_is_dropped(world):
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t DROP COLUMN unused")
        assert world.held(sync) == {}
        assert any("nothing used it" in note for note in world.notes)
        world.goes_on(sync)


def test_a_field_is_dropped_and_nothing_becomes_null(world):
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t DROP COLUMN title")
        words = world.only_thing_is_held(sync, STOP)
        assert "shop.t.title: the field 'title' is gone (dropped: stop)" in words
        assert "mappings/thing.yaml:9: name: {crm: name, policy: {prefer: shop}}" in words
        world.nothing_is_lost()
        world.sql("shop", "ALTER TABLE t ADD COLUMN title VARCHAR(20)", "UPDATE t SET title = 'title ' || k")
        assert not world.held(sync), "the field is back"
        world.goes_on(sync)


def test_a_dropped_field_is_noticed_without_a_look(world):
    """By the error that comes of it, in its own words."""
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t DROP COLUMN price")
        error = sync.turn().failed["thing"]
        assert "the field 'price' is gone (dropped: stop)" in str(error)
        world.nothing_is_lost()


def test_a_field_is_renamed(world):
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t RENAME COLUMN title TO caption")
        words = world.only_thing_is_held(sync, CHOICE)
        assert "'title' is gone; 'caption' is new, and may be the same under another name" in words
        assert "(32 of 32 known rows hold the same value there)" in words
        assert "mappings/thing.yaml:9: name: {shop: caption, crm: name, policy: {prefer: shop}}" in words
        world.nothing_is_lost()
    world.change_mapping("shop: title", "shop: caption")
    with world.living() as sync:
        world.goes_on(sync, "caption")


def test_a_field_is_widened(world):
    with world.living() as sync:
        world.sql("shop", "UPDATE t SET note = '12345678901234567890123456789012345678901234567890' WHERE k = 1")
        sync.turn()
        columns = CRM.replace("name VARCHAR(20)", "name VARCHAR(200)")
        world.retype("crm", "t", "name", "VARCHAR(200)", columns)
        world.sql("shop", "UPDATE t SET price = 7 WHERE k = 2")
        assert world.held(sync) == {}
        assert any("'name' takes more: text(200), after text(20)" in note for note in world.notes)
        world.goes_on(sync)


def test_what_did_not_fit_goes_on_once_the_field_is_widened(world):
    world.retype("shop", "t", "title", "VARCHAR(99)", SHOP.replace("title VARCHAR(20)", "title VARCHAR(99)"))
    with world.living() as sync:
        world.sql("shop", "UPDATE t SET title = 'a title that is too long for the crm' WHERE k = 1")
        sync.turn()
        assert world.sql("crm", "SELECT name FROM t WHERE k = 1") == [("title 1",)]
        world.retype("crm", "t", "name", "VARCHAR(200)", CRM.replace("name VARCHAR(20)", "name VARCHAR(200)"))
        assert world.held(sync) == {}
        sync.turn()
        assert world.sql("crm", "SELECT name FROM t WHERE k = 1") == [("a title that is too long for the crm",)]


def test_a_field_is_narrowed(world):
    with world.living() as sync:
        world.retype("crm", "t", "name", "VARCHAR(10)", CRM.replace("name VARCHAR(20)", "name VARCHAR(10)"))
        words = world.only_thing_is_held(sync, CHOICE)
        assert "'name' takes less: text(10), after text(20)" in words
        assert "dovetail status --accept thing" in words
        with open_workspace(world.folder, variables={}) as workspace:
            accept(workspace, ["thing"])
        assert not world.held(sync)
        world.goes_on(sync)


def test_places_are_cut_off_and_nothing_is_carried_over(world):
    """A narrowed number is another one: nobody edited it."""
    with world.living() as sync:
        world.sql("shop", "UPDATE t SET price = 1.25 WHERE k = 1")
        sync.turn()
        if world.is_server:
            world.sql("crm", "ALTER TABLE t ALTER COLUMN cost TYPE DECIMAL(10,0)")
        else:
            world.retype("crm", "t", "cost", "", CRM.replace("DECIMAL(10,2)", "DECIMAL(10,0)"))
            world.sql("crm", "UPDATE t SET cost = round(cost)")
        words = world.only_thing_is_held(sync, CHOICE)
        assert "'cost' takes less: decimal(10, 0), after decimal(10, 2)" in words
    assert float(world.sql("shop", "SELECT price FROM t WHERE k = 1")[0][0]) == 1.25


def test_a_field_is_retyped(world):
    with world.living() as sync:
        world.retype("shop", "t", "price", "VARCHAR(30)", SHOP.replace("price DECIMAL(10,2)", "price VARCHAR(30)"))
        words = world.only_thing_is_held(sync, STOP)
        assert "the field 'price' holds text(30) now, and held decimal(10, 2) (retyped: stop)" in words
        assert 'mappings/thing.yaml:10: price: {shop: "CAST(price AS DECIMAL(10, 2))", crm: cost, ' in words
        world.nothing_is_lost()
    world.change_mapping("shop: price,", 'shop: "CAST(price AS DECIMAL(10, 2))",')
    with world.living() as sync:
        world.goes_on(sync)


def test_the_key_is_another(world):
    with world.living() as sync:
        if world.is_server:
            world.sql("shop", "ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t ADD PRIMARY KEY (title, k)")
        else:
            columns = SHOP.replace("k INTEGER PRIMARY KEY", "k INTEGER").replace(
                "unused VARCHAR(9))", "unused VARCHAR(9), PRIMARY KEY (title, k))"
            )
            world.retype("shop", "t", "", "", columns)
        words = world.only_thing_is_held(sync, STOP)
        assert "the key is title, k now; k need not tell rows apart any more (other key: stop)" in words
        world.nothing_is_lost()


def test_a_table_is_gone(world):
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t RENAME TO was_t")
        assert "t is not there any more" in world.only_thing_is_held(sync, STOP)
        world.nothing_is_lost()
        world.sql("shop", "ALTER TABLE was_t RENAME TO t")
        assert not world.held(sync)
        world.goes_on(sync)


def test_another_table_is_put_in_its_place(world):
    """Of the same shape: an old copy of another company, say."""
    with world.living() as sync:
        world.sql("shop", "ALTER TABLE t RENAME TO was_t", f"CREATE TABLE t {SHOP}")
        for row in range(1, 41):
            world.sql("shop", f"INSERT INTO t VALUES ({row + 5000}, 'other {row}', 0, 'other', 'o')")
        words = world.only_thing_is_held(sync, CHOICE)
        assert "t holds other rows than before: was another put in its place?" in words
        world.nothing_is_lost()
        world.sql("shop", "DROP TABLE t", "ALTER TABLE was_t RENAME TO t")
        assert not world.held(sync)
        world.goes_on(sync)


def test_an_enumeration_grows(world):
    if not world.is_server:
        pytest.skip("SQLite has no enumerations")
    for name in ("shop", "crm"):
        world.sql(name, "CREATE TYPE mood AS ENUM ('good', 'bad')", "ALTER TABLE t ADD COLUMN mood mood DEFAULT 'good'")
    codes = "{field: mood, codes: {good: 1, bad: 2}}"
    world.change_mapping("fields:", f"fields:\n  mood: {{shop: {codes}, crm: {codes}, policy: {{prefer: shop}}}}")
    with world.living() as sync:
        world.sql("shop", "ALTER TYPE mood ADD VALUE 'fair'")
        world.sql("shop", "UPDATE t SET mood = 'fair', title = 'is held' WHERE k = 5")
        assert world.held(sync) == {}
        (note,) = world.notes
        assert "'fair' is a new value of 'mood'; rows that hold it are quarantined until `codes` names it" in note
        world.goes_on(sync)
        assert world.sql("crm", "SELECT name FROM t WHERE k = 5") == [("title 5",)]


def test_what_changed_while_nobody_was_here_holds_one_mapping(world):
    with world.living():
        pass
    world.sql("shop", "ALTER TABLE t RENAME COLUMN title TO caption")
    with open_workspace(world.folder, variables={}, clock=world.clock) as workspace:
        from dovetail.engine.sync import Sync

        sync = Sync(workspace)
        sync.join("other")
        with pytest.raises(SchemaDrift, match="'caption' is new"):
            sync.join("thing")
        sync.close()
    world.nothing_is_lost()


def test_a_mapping_that_never_worked_is_a_mistake(world):
    from dovetail.errors import Declarations

    world.change_mapping("shop: title", "shop: titel")
    with pytest.raises(Declarations), world.living():
        pass


# What is told apart, without any system.

BEFORE = Dataset(
    "t",
    DatasetKind.TABLE,
    (
        Field("k", Type(Kind.INTEGER), nullable=False),
        Field("a", Type(Kind.TEXT, length=10)),
        Field("b", Type(Kind.DECIMAL, 10, 2)),
        Field("c", Type(Kind.TEXT), labels=("x", "y")),
    ),
    key=("k",),
)
USE = Use(fields=("k", "a", "b", "c"), written=("a", "b", "c"), key=("k",), coded=("c",), creates=True)


def with_fields(*fields, key=("k",), kind=DatasetKind.TABLE):
    known = {field.name: field for field in BEFORE.fields}
    return Dataset("t", kind, tuple(known[one] if isinstance(one, str) else one for one in fields), key=key)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (with_fields("k", "a", "b", "c"), []),
        (None, [(Change.GONE, Weight.STOP)]),
        (with_fields("k", "a", "b", "c", Field("d", Type(Kind.TEXT))), [(Change.ADDED, Weight.SAFE)]),
        (
            with_fields("k", "a", "b", "c", Field("d", Type(Kind.TEXT), nullable=False)),
            [(Change.REQUIRED, Weight.CHOICE)],
        ),
        (
            with_fields("k", "a", "b", "c", Field("d", Type(Kind.TEXT), nullable=False, default="''")),
            [(Change.ADDED, Weight.SAFE)],
        ),
        (with_fields("k", "b", "c"), [(Change.DROPPED, Weight.STOP)]),
        (with_fields("k", Field("aa", Type(Kind.TEXT, length=10)), "b", "c"), [(Change.RENAMED, Weight.CHOICE)]),
        (
            with_fields("k", "b", "c", Field("zzz", Type(Kind.INTEGER))),
            [(Change.DROPPED, Weight.STOP), (Change.ADDED, Weight.SAFE)],
        ),
        (with_fields("k", Field("a", Type(Kind.TEXT)), "b", "c"), [(Change.WIDENED, Weight.SAFE)]),
        (with_fields("k", Field("a", Type(Kind.TEXT, length=9)), "b", "c"), [(Change.NARROWED, Weight.CHOICE)]),
        (with_fields("k", "a", Field("b", Type(Kind.DECIMAL, 12, 2)), "c"), [(Change.WIDENED, Weight.SAFE)]),
        (with_fields("k", "a", Field("b", Type(Kind.DECIMAL, 12, 4)), "c"), [(Change.WIDENED, Weight.SAFE)]),
        (with_fields("k", "a", Field("b", Type(Kind.DECIMAL, 10, 4)), "c"), [(Change.NARROWED, Weight.CHOICE)]),
        (with_fields("k", "a", Field("b", Type(Kind.TEXT)), "c"), [(Change.RETYPED, Weight.STOP)]),
        (
            with_fields("k", "a", "b", Field("c", Type(Kind.TEXT), labels=("x", "y", "z"))),
            [(Change.LABEL, Weight.SAFE)],
        ),
        (with_fields("k", "a", "b", "c", key=("a",)), [(Change.KEY, Weight.STOP)]),
        (with_fields("k", "a", "b", "c", key=()), [(Change.KEY, Weight.STOP)]),
        (with_fields("k", "a", "b", "c", kind=DatasetKind.VIEW), [(Change.SWAPPED, Weight.STOP)]),
        (
            with_fields("k", Field("a", Type(Kind.TEXT, length=10), nullable=False), "b", "c"),
            [(Change.REQUIRED, Weight.SAFE)],
        ),
    ],
)
def test_changes_are_told_apart(now, expected):
    assert [(one.change, one.weight) for one in drifted(BEFORE, now, USE)] == expected


def test_what_nobody_uses_does_not_matter():
    use = Use(fields=("k", "a"), written=("a",), key=("k",))
    now = with_fields("k", "a", Field("b", Type(Kind.TEXT)))
    assert [one.weight for one in drifted(BEFORE, now, use)] == [Weight.SAFE]


def test_whole_numbers_fit_into_exact_ones():
    small = Type(Kind.INTEGER, minimum=-32768, maximum=32767)
    assert covers(Type(Kind.DECIMAL, 7, 2), small)
    assert not covers(Type(Kind.DECIMAL, 6, 2), small)
    assert not covers(small, Type(Kind.INTEGER))
    assert covers(Type(Kind.INTEGER), small)
