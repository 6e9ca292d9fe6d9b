"""Rows that appear, vanish, meet and refer to each other on both sides at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.incidents.live import LINE, PRODUCT, Live
from tests.incidents.test_edits import joined


def test_what_both_sides_hold_before_the_first_run_is_paired(live: Live) -> None:
    live.sell(("a", "Ale", 250, 20), ("b", "Beer", 300, 20))
    live.store(("b", "Beer", 3, 20), ("c", "Cider", 4, 20))
    live.settle()
    assert [row[0] for row in live.shop()] == [row[0] for row in live.depot()] == ["a", "b", "c"]


def test_the_same_thing_entered_on_both_sides_tomorrow_is_one_pair(live: Live) -> None:
    joined(live)
    live.sell(("c", "Cider", 400, 5))
    live.store(("c", "Cider", 4, 5))
    live.settle()
    assert [row[0] for row in live.shop()] == [row[0] for row in live.depot()] == ["a", "b", "c"]
    assert live.open_conflicts() == []


def test_equal_rows_inserted_on_both_sides_are_no_conflict_and_no_write(live: Live) -> None:
    joined(live)
    live.sell(*((f"n{at}", "same", 100, 1) for at in range(50)))
    live.store(*((f"n{at}", "same", 1, 1) for at in range(50)))
    assert live.turn().written == 0
    live.settle()
    assert live.open_conflicts() == []


def test_a_natural_key_that_is_double_on_one_side_creates_nothing(live: Live, tmp_path: Path) -> None:
    del tmp_path
    live.sql("shop", "CREATE TABLE twin (id INTEGER PRIMARY KEY, sku TEXT, title TEXT)")
    live.map(
        "product",
        PRODUCT.replace("dataset: product", "dataset: twin")
        .replace("price: {shop: cents / 100, depot: price, policy: {prefer: shop}}", "")
        .replace("stock: {shop: stock, depot: qty, policy: delta, first: depot}", ""),
    )
    live.settle()
    live.sql("shop", "INSERT INTO twin (sku, title) VALUES ('a', 'one'), ('a', 'two'), ('b', 'only')")
    live.settle()
    assert [row[0] for row in live.depot("code")] == ["b"]
    assert live.workspace.store.rejects.counts()["product"] == 2


def test_created_and_deleted_before_the_first_look_leaves_nothing(live: Live) -> None:
    joined(live)
    live.sell(("c", "Cider", 400, 5))
    live.sql("shop", "DELETE FROM product WHERE sku = 'c'")
    live.settle()
    assert [row[0] for row in live.depot()] == ["a", "b"]


def test_insert_update_and_delete_of_one_key_in_one_batch(live: Live) -> None:
    joined(live)
    live.sell(("c", "Cider", 400, 5))
    live.sql("shop", "UPDATE product SET title = 'Perry' WHERE sku = 'c'")
    live.sql("shop", "DELETE FROM product WHERE sku = 'c'")
    live.sell(("c", "Mead", 500, 6))
    live.settle()
    assert live.depot()[2] == ("c", "Mead", 5, 6)


def test_deleted_on_both_sides_is_settled_without_a_write(live: Live) -> None:
    joined(live)
    live.sql("shop", "DELETE FROM product WHERE sku = 'a'")
    live.sql("depot", "DELETE FROM item WHERE code = 'a'")
    assert live.turn().written == 0
    live.settle()
    assert live.workspace.store.crossref.count("product") == 1


def test_a_row_deleted_while_it_is_edited_elsewhere_stands_again_and_stays(live: Live) -> None:
    joined(live)
    live.sql("shop", "DELETE FROM product WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'Ale 2' WHERE code = 'a'")
    live.settle()
    assert live.shop()[0][:2] == ("a", "Ale 2")
    live.settle()
    assert len(live.shop()) == len(live.depot()) == 2


def test_a_delete_that_is_told_of_a_row_nobody_knew_does_nothing(live: Live) -> None:
    joined(live)
    live.sql("shop", "INSERT INTO product (id, sku, title) VALUES (99, NULL, 'never paired')")
    live.settle()
    live.sql("shop", "DELETE FROM product WHERE id = 99")
    live.settle()
    assert len(live.depot()) == 2


def test_a_row_deleted_and_made_again_with_its_natural_key_is_the_same_row(live: Live) -> None:
    joined(live)
    live.sql("shop", "DELETE FROM product WHERE sku = 'a'")
    live.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (77, 'a', 'Ale', 250, 20)")
    live.settle()
    assert live.shop("id, sku")[0] == (77, "a")
    assert [row[0] for row in live.depot()] == ["a", "b"]
    live.sql("depot", "UPDATE item SET label = 'Ale 2' WHERE code = 'a'")
    live.settle()
    assert live.shop("id, title")[0] == (77, "Ale 2")


def test_many_deletes_in_one_run(live: Live) -> None:
    live.map("product", PRODUCT)
    live.sell(*((f"p{at:04}", "x", 1, 1) for at in range(2000)))
    live.settle()
    live.sql("shop", "DELETE FROM product WHERE id % 50 = 0")
    live.settle()
    assert len(live.depot()) == 1960


def test_one_row_that_is_refused_holds_only_itself(live: Live) -> None:
    live.sql(
        "depot", "CREATE TRIGGER no BEFORE INSERT ON item WHEN NEW.code = 'bad' BEGIN SELECT raise(ABORT, 'no'); END"
    )
    live.sell(*((f"p{at:03}", "x", 1, 1) for at in range(200)), ("bad", "poison", 1, 1))
    live.settle()
    assert len(live.depot()) == 200
    assert live.workspace.store.rejects.counts()["product"] == 1
    live.sql("depot", "DROP TRIGGER no")
    live.sql("shop", "UPDATE product SET title = 'cured' WHERE sku = 'bad'")
    live.settle()
    assert ("bad", "cured", 0.01, 1) in live.depot()
    assert live.workspace.store.rejects.counts() == {}


@pytest.fixture
def orders(live: Live) -> Live:
    live.map("line", LINE)
    return live


def test_a_child_that_comes_before_its_parent_waits_and_then_goes(orders: Live) -> None:
    orders.settle()
    orders.sql("shop", "INSERT INTO line (nr, product, pieces) VALUES ('1', 5, 2)")
    orders.settle()
    assert orders.sql("depot", "SELECT * FROM move") == []
    orders.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (5, 'e', 'Eis', 1, 1)")
    orders.settle()
    assert orders.sql("depot", "SELECT * FROM move") == [("1", "e", 2)]
    assert orders.workspace.store.rejects.counts() == {}


def test_parent_and_child_of_one_moment(orders: Live) -> None:
    orders.settle()
    orders.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (5, 'e', 'Eis', 1, 1)")
    orders.sql("shop", "INSERT INTO line (nr, product, pieces) VALUES ('1', 5, 2)")
    assert orders.turn().written == 2
    assert orders.sql("depot", "SELECT * FROM move") == [("1", "e", 2)]


def test_children_go_before_their_parent(orders: Live) -> None:
    orders.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (5, 'e', 'Eis', 1, 1)")
    orders.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (6, 'f', 'Flip', 1, 1)")
    orders.sql("shop", "INSERT INTO line (nr, product, pieces) VALUES ('1', 5, 2), ('2', 5, 3), ('3', 6, 1)")
    orders.settle()
    orders.sql("shop", "DELETE FROM line WHERE product = 5")
    orders.sql("shop", "DELETE FROM product WHERE id = 5")
    orders.settle()
    assert orders.sql("depot", "SELECT nr FROM move") == [("3",)]
    assert orders.depot("code") == [("f",)]


def test_a_child_whose_parent_is_refused_waits_with_it(orders: Live) -> None:
    orders.sql(
        "depot", "CREATE TRIGGER no BEFORE INSERT ON item WHEN NEW.code = 'e' BEGIN SELECT raise(ABORT, 'no'); END"
    )
    orders.sql("shop", "INSERT INTO product (id, sku, title, cents, stock) VALUES (5, 'e', 'Eis', 1, 1)")
    orders.sql("shop", "INSERT INTO line (nr, product, pieces) VALUES ('1', 5, 2)")
    orders.settle()
    assert orders.sql("depot", "SELECT * FROM move") == []
    orders.sql("depot", "DROP TRIGGER no")
    orders.sql("shop", "UPDATE product SET title = 'Eis 2' WHERE sku = 'e'")
    orders.settle()
    assert orders.sql("depot", "SELECT * FROM move") == [("1", "e", 2)]
    assert orders.workspace.store.rejects.counts() == {}


def test_what_one_mapping_writes_is_heard_by_another_of_the_same_rows(live: Live) -> None:
    live.sql("depot", "ALTER TABLE item ADD COLUMN word TEXT")
    live.sql("shop", "CREATE TABLE list (code TEXT PRIMARY KEY, word TEXT)")
    live.map(
        "words",
        """
        members: {shop: {dataset: list}, depot: {dataset: item, set: {price: {value: "0", when: create}}}}
        match: code
        fields:
          code: {shop: code, depot: code, owner: depot}
          word: {shop: word, depot: word, policy: {prefer: shop}}
        deletes: {shop: restore, depot: propagate}
        guard: {rows: 1000, share: 100%}
        """,
    )
    live.settle()
    live.sell(("z", "Zest", 100, 1))
    live.settle()
    assert live.sql("shop", "SELECT code FROM list") == [("z",)]
