"""One store, three depots, one stock total: rows stand where they belong, move by the stated rule, and are never lost."""

import pytest
from lab import codes, writes
from matrix import passes

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition

WAYS = pytest.mark.parametrize("way", ["whole", "scope"])
STORE = """CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, title TEXT, depot TEXT,
    num_in_stock INTEGER, shelf TEXT);"""
DEPOT = "CREATE TABLE item (no INTEGER PRIMARY KEY, code TEXT UNIQUE, label TEXT, qty INTEGER NOT NULL DEFAULT 0);"
DEPOTS = ("north", "south", "west")
LETTER = {"north": "N", "south": "S", "west": "W"}


def project(lab, leaves="", *, deletes="shop: propagate, warehouse: propagate"):
    return lab(
        {"shop": STORE} | dict.fromkeys(DEPOTS, DEPOT),
        {
            "product": f"""
            groups: {{warehouse: [north, south, west]}}
            members:
              shop: {{dataset: product}}
              warehouse: {{dataset: item{leaves}}}
              north: {{wants: depot = 'N'}}
              south: {{wants: depot = 'S'}}
              west: {{wants: depot = 'W'}}
            match: sku
            fields:
              sku: {{shop: sku, warehouse: code, owner: shop}}
              title: {{shop: title, warehouse: label, policy: {{prefer: shop}}}}
              depot: {{shop: depot, owner: shop}}
              n: {{north: qty, owner: north}}
              s: {{south: qty, owner: south}}
              w: {{west: qty, owner: west}}
              on_hand: {{value: "coalesce(n, 0) + coalesce(s, 0) + coalesce(w, 0)", shop: num_in_stock}}
            deletes: {{{deletes}}}
            guard: {{rows: 1000, share: 100%}}
            """
        },
    )


def stock(made, *rows):
    for sku, depot in rows:
        made.sql("shop", "INSERT INTO product (sku, title, depot) VALUES (?, ?, ?)", sku, f"the {sku}", depot)


def held(made):
    """Who holds which labels."""
    return {depot: dict(made.sql(depot, "SELECT code, label FROM item ORDER BY code")) for depot in DEPOTS}


def total(made):
    return dict(made.sql("shop", "SELECT sku, num_in_stock FROM product ORDER BY sku"))


def move(made, sku, depot):
    made.sql("shop", "UPDATE product SET depot = ? WHERE sku = ?", depot, sku)


@WAYS
@pytest.mark.parametrize("leaves", ["", ", leaves: remove"])
def test_a_row_stands_where_it_belongs(lab, way, leaves):
    made = project(lab, leaves)
    stock(made, ("a", "N"), ("b", "S"), ("c", "W"), ("d", None), ("e", "X"))
    with passes(made, way) as run:
        run.catch_up()
        assert held(made) == {"north": {"a": "the a"}, "south": {"b": "the b"}, "west": {"c": "the c"}}
        made.sql("north", "UPDATE item SET qty = 5, label = 'A' WHERE code = 'a'")
        made.sql("west", "UPDATE item SET qty = 7 WHERE code = 'c'")
        run.catch_up()
        assert total(made) == {"a": 5, "b": 0, "c": 7, "d": 0, "e": 0}
        assert made.sql("shop", "SELECT title FROM product WHERE sku = 'a'") == [("A",)]
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_row_that_moves_is_created_there_and_removed_here(lab, way):
    made = project(lab, ", leaves: remove")
    stock(made, ("a", "N"), ("b", "S"))
    with passes(made, way) as run:
        run.catch_up()
        made.sql("north", "UPDATE item SET qty = 5, label = 'edited in flight' WHERE code = 'a'")
        move(made, "a", "S")
        run.catch_up()
        assert held(made) == {"north": {}, "south": {"a": "edited in flight", "b": "the b"}, "west": {}}
        made.sql("south", "UPDATE item SET qty = 3 WHERE code = 'a'")
        run.catch_up()
        assert total(made) == {"a": 3, "b": 0}
        move(made, "a", "N")
        run.catch_up()
        assert held(made)["north"] == {"a": "edited in flight"}
        assert writes(run.catch_up()) == 0
    assert made.sql("shop", "SELECT count(*) FROM product") == [(2,)]


@WAYS
def test_a_row_that_moves_is_left_where_it_was(lab, way):
    made = project(lab)
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        made.sql("north", "UPDATE item SET qty = 5 WHERE code = 'a'")
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        assert held(made) == {"north": {"a": "the a"}, "south": {"a": "the a"}, "west": {}}
        assert total(made) == {"a": 0}, "what stands apart does not count"
        made.sql("north", "UPDATE item SET label = 'nobody asked', qty = 9")
        made.sql("shop", "UPDATE product SET title = 'renamed'")
        run.catch_up()
        assert held(made) == {"north": {"a": "nobody asked"}, "south": {"a": "renamed"}, "west": {}}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_row_that_moves_back_meets_what_was_left_there(lab, way):
    made = project(lab)
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        made.sql("north", "UPDATE item SET label = 'old', qty = 4")
        move(made, "a", "N")
        run.catch_up()
        assert held(made) == {"north": {"a": "the a"}, "south": {"a": "the a"}, "west": {}}
        assert total(made) == {"a": 4}
        assert writes(run.catch_up()) == 0
        made.sql("north", "UPDATE item SET label = 'at home'")
        made.sql("south", "UPDATE item SET label = 'apart'")
        run.catch_up()
    assert made.sql("shop", "SELECT title FROM product") == [("at home",)]


@WAYS
def test_what_was_left_may_be_deleted(lab, way):
    made = project(lab)
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        made.sql("north", "DELETE FROM item")
        assert writes(run.catch_up()) == 0
        assert held(made)["south"] == {"a": "the a"}
        move(made, "a", "N")
        run.catch_up()
        assert held(made)["north"] == {"a": "the a"}
        assert writes(run.catch_up()) == 0


@WAYS
@pytest.mark.parametrize("leaves", ["", ", leaves: remove"])
def test_a_row_that_vanishes_while_it_moves_is_no_delete(lab, way, leaves):
    made = project(lab, leaves)
    stock(made, ("a", "N"), ("b", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        made.sql("north", "DELETE FROM item WHERE code = 'a'")
        run.catch_up()
        assert held(made) == {"north": {"b": "the b"}, "south": {"a": "the a"}, "west": {}}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_row_that_is_deleted_where_it_belongs_goes(lab, way):
    made = project(lab, ", leaves: remove")
    stock(made, ("a", "N"), ("b", "N"), ("c", "S"))
    with passes(made, way) as run:
        run.catch_up()
        made.sql("north", "DELETE FROM item WHERE code = 'a'")
        made.sql("shop", "DELETE FROM product WHERE sku = 'c'")
        run.catch_up()
        assert held(made) == {"north": {"b": "the b"}, "south": {}, "west": {}}
        assert total(made) == {"b": 0}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_row_that_is_deleted_after_it_moved_leaves_what_stands_apart(lab, way):
    made = project(lab)
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        made.sql("shop", "DELETE FROM product")
        run.catch_up()
        assert held(made) == {"north": {"a": "the a"}, "south": {}, "west": {}}
        assert total(made) == {}
        assert writes(run.catch_up()) == 0
    assert writes(made.migrate(for_sync=True)) == 0


def test_a_move_that_dies_in_the_middle_loses_nothing(lab, monkeypatch):
    made = project(lab, ", leaves: remove")
    stock(made, ("a", "N"), ("b", "N"))
    made.migrate()
    move(made, "a", "S")
    honest, seen = Partition.write, []

    def dying(self, dataset, change, *rest):
        seen.append((self.name.split("/")[1], str(change.verb)))
        if change.verb == "delete":
            assert held(made)["south"] == {"a": "the a"}
            raise KeyboardInterrupt
        return honest(self, dataset, change, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            made.migrate()
    assert seen[-2:] == [("south", "create"), ("north", "delete")]
    made.migrate()
    assert held(made) == {"north": {"b": "the b"}, "south": {"a": "the a"}, "west": {}}
    assert writes(made.migrate()) == 0


def test_a_row_whose_new_home_refuses_it_stays_where_it_is(lab):
    made = project(lab, ", leaves: remove")
    made.sql("south", "CREATE TRIGGER no BEFORE INSERT ON item BEGIN SELECT raise(ABORT, 'closed'); END")
    stock(made, ("a", "N"))
    made.migrate()
    move(made, "a", "S")
    assert codes(made.migrate()) == ["DV-444"]
    assert held(made) == {"north": {"a": "the a"}, "south": {}, "west": {}}
    made.sql("south", "DROP TRIGGER no")
    made.migrate()
    assert held(made) == {"north": {}, "south": {"a": "the a"}, "west": {}}


@WAYS
def test_an_edit_in_the_last_moment_keeps_the_row_until_it_is_carried_over(lab, way, monkeypatch):
    made = project(lab, ", leaves: remove")
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        honest, told = Partition.write, []

        def late(self, dataset, change, *rest):
            if change.verb == "delete" and not told:
                told.append(made.sql("north", "UPDATE item SET label = 'late'"))
            return honest(self, dataset, change, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Partition, "write", late)
            run.catch_up()
        run.catch_up()
        assert told
        assert held(made) == {"north": {}, "south": {"a": "late"}, "west": {}}
    assert made.sql("shop", "SELECT title FROM product") == [("late",)]


def test_a_row_that_nobody_else_holds_is_not_removed(lab):
    """Only the depot knows the row, and does not want it: it is the only one there is."""
    made = project(lab, ", leaves: remove", deletes="shop: detach, warehouse: propagate")
    stock(made, ("a", "N"))
    made.migrate()
    made.sql("shop", "DELETE FROM product")
    made.migrate()
    assert held(made)["north"] == {"a": "the a"}


@WAYS
def test_a_row_that_meets_its_counterpart_where_it_does_not_belong_is_left_there(lab, way):
    made = project(lab, ", leaves: remove")
    made.sql("south", "INSERT INTO item (code, label, qty) VALUES ('a', 'long there', 8)")
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        assert held(made) == {"north": {"a": "the a"}, "south": {"a": "long there"}, "west": {}}
        assert writes(run.catch_up()) == 0
        made.sql("south", "UPDATE item SET qty = 1")
        assert writes(run.catch_up()) == 0


def test_a_wish_that_cannot_be_judged_changes_nothing(lab):
    """Where a row belongs is in conflict: nothing moves until that is decided."""
    made = project(lab, ", leaves: remove")
    for depot in DEPOTS:
        made.sql(depot, "ALTER TABLE item ADD COLUMN place TEXT")
    text = (made.folder / "mappings/product.yaml").read_text()
    made.write(
        "mappings/product.yaml",
        text.replace("depot: {shop: depot, owner: shop}", "depot: {shop: depot, warehouse: place, policy: ask}"),
    )
    stock(made, ("a", "N"))
    made.migrate()
    move(made, "a", "S")
    made.sql("north", "UPDATE item SET place = 'W'")
    assert writes(made.migrate()) == 0
    assert made.conflicts() == [("product", "depot")]
    made.sql("north", "UPDATE item SET place = 'S'")
    made.migrate()
    assert held(made) == {"north": {}, "south": {"a": "the a"}, "west": {}}


def test_a_total_that_somebody_edits_is_put_right(lab):
    made = project(lab)
    stock(made, ("a", "N"))
    made.migrate()
    made.sql("north", "UPDATE item SET qty = 5")
    made.migrate()
    made.sql("shop", "UPDATE product SET num_in_stock = 99")
    made.migrate()
    assert total(made) == {"a": 5}
    assert made.verify().ok


def test_many_moves_at_random_come_to_rest_where_the_rows_belong(lab):
    import random

    drawn = random.Random(7)
    made = project(lab, ", leaves: remove")
    names = [f"p{number}" for number in range(12)]
    stock(made, *((name, drawn.choice("NSW")) for name in names))
    with passes(made, "scope") as run:
        run.catch_up()
        for _ in range(12):
            for name in drawn.sample(names, 4):
                move(made, name, drawn.choice("NSWX"))
            depot = drawn.choice(DEPOTS)
            made.sql(depot, "UPDATE item SET qty = qty + 1, label = label || '.'")
            run.catch_up()
            where = dict(made.sql("shop", "SELECT sku, depot FROM product"))
            titles = dict(made.sql("shop", "SELECT sku, title FROM product"))
            for depot in DEPOTS:
                rows = held(made)[depot]
                wanted = {name for name, letter in where.items() if letter == LETTER[depot]}
                assert wanted <= rows.keys()
                assert all(titles[name] == rows[name] for name in wanted)
            counted = {}
            for depot in DEPOTS:
                for name, qty in made.sql(depot, "SELECT code, qty FROM item"):
                    counted[name] = counted.get(name, 0) + qty
            assert total(made) == {name: counted.get(name, 0) for name in names}
        assert writes(run.catch_up()) == 0
    assert writes(made.migrate(for_sync=True)) == 0


def test_apart_rows_are_told_by_the_state(lab):
    made = project(lab)
    stock(made, ("a", "N"))
    made.migrate()
    move(made, "a", "S")
    made.migrate()
    with open_workspace(made.folder, variables={}) as workspace:
        assert workspace.store.detached.among("product", DEPOTS, [1]).tolist() == [[True], [False], [False]]


@WAYS
def test_what_cannot_be_read_where_a_row_was_left_holds_nothing(lab, way):
    made = project(lab)
    stock(made, ("a", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        made.sql("north", "UPDATE item SET label = CAST(x'ff' AS TEXT)")
        made.sql("shop", "UPDATE product SET title = 'later'")
        assert run.catch_up().findings == []
        assert made.sql("south", "SELECT label FROM item") == [("later",)]


@WAYS
def test_what_was_left_may_be_deleted_while_the_row_moves_back(lab, way):
    made = project(lab)
    stock(made, ("a", "N"), ("b", "N"))
    with passes(made, way) as run:
        run.catch_up()
        move(made, "a", "S")
        run.catch_up()
        made.sql("north", "DELETE FROM item WHERE code = 'a'")
        move(made, "a", "N")
        run.catch_up()
        assert total(made).keys() == {"a", "b"}
        assert held(made)["north"] == {"a": "the a", "b": "the b"}
        assert writes(run.catch_up()) == 0


@WAYS
@pytest.mark.parametrize("leaves", ["detach", "remove"])
def test_depots_without_a_store_pass_rows_on_and_lose_none(lab, way, leaves):
    """Nobody but the depots holds the rows; one that no depot wants stays where it is."""
    depot = "CREATE TABLE item (no INTEGER PRIMARY KEY, code TEXT UNIQUE, label TEXT, place TEXT);"
    made = lab(
        {"north": depot, "south": depot},
        {
            "item": f"""
            groups: {{depot: [north, south]}}
            members:
              depot: {{dataset: item, leaves: {leaves}}}
              north: {{wants: place = 'N'}}
              south: {{wants: place = 'S'}}
            match: code
            fields:
              code: {{depot: code, policy: {{prefer: north}}}}
              label: {{depot: label, policy: {{prefer: north}}}}
              place: {{depot: place, policy: {{prefer: north}}}}
            deletes: {{depot: propagate}}
            guard: {{rows: 1000, share: 100%}}
            """
        },
    )

    def codes_at(name):
        return [code for (code,) in made.sql(name, "SELECT code FROM item ORDER BY code")]

    left = {"detach": ["a"], "remove": []}[leaves]
    made.sql("north", "INSERT INTO item (code, label, place) VALUES ('a', 'l', 'N'), ('b', 'l', 'N')")
    with passes(made, way) as run:
        run.catch_up()
        assert (codes_at("north"), codes_at("south")) == (["a", "b"], [])
        made.sql("north", "UPDATE item SET place = 'X' WHERE code = 'b'")
        made.sql("north", "UPDATE item SET place = 'S', label = 'moved' WHERE code = 'a'")
        for _ in range(2):
            run.catch_up()
        assert (codes_at("north"), codes_at("south")) == ([*left, "b"], ["a"])
        assert made.sql("south", "SELECT label FROM item") == [("moved",)]
        assert writes(run.catch_up()) == 0
        made.sql("south", "UPDATE item SET place = 'N', label = 'back' WHERE code = 'a'")
        for _ in range(2):
            run.catch_up()
        assert codes_at("north") == ["a", "b"]
        assert writes(run.catch_up()) == 0
