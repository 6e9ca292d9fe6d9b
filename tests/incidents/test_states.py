"""Starting from any situation: after a break, with another declaration, without the state, with feeds that failed."""

from __future__ import annotations

import shutil

import pytest
from tests.incidents.live import PRODUCT, Live
from tests.incidents.test_edits import joined

from dovetail.engine.sync import Sync
from dovetail.errors import DovetailError, Unreachable


def test_after_a_week_of_being_down_everything_that_happened_counts(live: Live) -> None:
    joined(live)
    live.stop()
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET price = 7 WHERE code = 'a'")
    live.sql("depot", "DELETE FROM item WHERE code = 'b'")
    live.sell(("c", "Cider", 400, 5))
    live.settle()
    assert live.shop() == [("a", "Ale 2", 700, 20), ("c", "Cider", 400, 5)]
    assert live.depot() == [("a", "Ale 2", 7, 20), ("c", "Cider", 4, 5)]


def test_after_a_migration_sync_goes_on_without_a_write(live: Live) -> None:
    live.sell(*((f"p{at:03}", "x", 100, 1) for at in range(50)))
    live.migrate()
    assert live.turn().written == 0
    live.sql("depot", "UPDATE item SET label = 'y' WHERE code = 'p001'")
    live.settle()
    assert live.shop()[1][1] == "y"


def test_a_lost_state_asks_instead_of_overwriting(live: Live) -> None:
    joined(live)
    live.stop()
    live.sql("depot", "UPDATE item SET label = 'typed while it was lost' WHERE code = 'a'")
    shutil.rmtree(live.folder / ".dovetail")
    live.settle()
    assert (live.shop()[0][1], live.depot()[0][1]) == ("Ale", "typed while it was lost")
    assert live.open_conflicts() == ["name"]
    assert len(live.shop()) == len(live.depot()) == 2


def test_a_changed_cell_is_read_anew_and_changes_no_row_by_itself(live: Live) -> None:
    joined(live)
    live.stop()
    live.map("product", PRODUCT.replace("depot: label, policy: ask", "depot: trim(label), policy: ask"))
    live.settle()
    assert live.depot() == [("a", "Ale", 2.5, 20), ("b", "Beer", 3, 20)]
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")
    live.settle()
    assert live.depot()[0][1] == "Ale 2"


def test_an_edit_made_while_a_cell_was_changed_wins_as_it_would_have(live: Live) -> None:
    joined(live)
    live.stop()
    live.sql("depot", "UPDATE item SET price = 9.99 WHERE code = 'a'")
    live.map("product", PRODUCT.replace("shop: cents / 100, depot", "shop: cents * 0.01, depot"))
    live.settle()
    assert [row[2] for row in live.shop()] == [999, 300]
    assert [row[2] for row in live.depot()] == [9.99, 3]


def test_a_cell_that_means_something_else_meets_anew(live: Live) -> None:
    joined(live)
    live.stop()
    live.map("product", PRODUCT.replace("shop: cents / 100, depot", "shop: cents / 50, depot"))
    live.settle()
    assert [row[2] for row in live.depot()] == [5, 6]
    assert [row[2] for row in live.shop()] == [250, 300]


def test_an_edit_on_both_sides_of_a_changed_cell_asks(live: Live) -> None:
    joined(live)
    live.stop()
    live.sql("shop", "UPDATE product SET title = 'left' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'right' WHERE code = 'a'")
    live.map("product", PRODUCT.replace("shop: title, depot", "shop: trim(title), depot"))
    live.settle()
    assert live.open_conflicts() == ["name"]
    assert (live.shop()[0][1], live.depot()[0][1]) == ("left", "right")


def test_hints_that_are_lost_doubled_and_disordered_change_nothing(live: Live) -> None:
    joined(live)
    live.sell(*((f"p{at:02}", f"t{at}", 1, 1) for at in range(30)))
    live.settle()
    keys = [str(row[0]) for row in live.shop("id")]
    queue = live.workspace.store.queue
    queue.push("product", "shop", [*reversed(keys), *keys, "999", "no number"][:-1])
    queue.push("product", "depot", ["p03", "p01", "nobody"])
    live.sql("shop", "UPDATE product SET title = 'T' WHERE sku = 'p07'")
    live.settle()
    assert [row[1] for row in live.depot() if row[0] == "p07"] == ["T"]
    assert len(live.depot()) == 32


def test_nothing_is_forgotten_by_a_feed_before_the_state_knows(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    if not live.has_feeds:
        pytest.skip("there is no feed")
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")

    def fails(*_: object) -> None:
        raise Unreachable("cut", where="depot")

    with monkeypatch.context() as patched:
        patched.setattr("dovetail.engine.deal.Deal.fill", fails)
        live.sync.ear.hark()
        live.sync.notice()
        turn = live.sync.turn()
        assert list(turn.failed) == ["product"]
    live.stop()
    live.settle()
    assert live.depot()[0][1] == "Ale 2"


def test_a_process_that_dies_between_feed_and_state_loses_nothing(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")
    live.sync.ear.hark()
    live.sync.notice()
    live.sync.census("product")
    live._sync = None
    live._opened.close()
    live.settle()
    assert live.depot()[0][1] == "Ale 2"


def test_a_feed_that_was_dropped_is_made_again_and_what_was_missed_is_found(live: Live) -> None:
    if not live.has_feeds:
        pytest.skip("there is no feed")
    joined(live)
    live.workspace.connector("shop").release(live.sync.feeds.name)
    live.sql("shop", "UPDATE product SET title = 'missed' WHERE sku = 'a'")
    live.sql("shop", "DELETE FROM product WHERE sku = 'b'")
    live.stop()
    live.settle()
    assert live.depot() == [("a", "missed", 2.5, 20)]


def test_a_mapping_that_fails_holds_no_other(live: Live) -> None:
    live.map("other", PRODUCT.replace("dataset: product", "dataset: thing").replace("dataset: item", "dataset: good"))
    live.sql(
        "shop", "CREATE TABLE thing (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, title TEXT, cents INTEGER, stock INTEGER)"
    )
    live.sql("depot", "CREATE TABLE good (code TEXT PRIMARY KEY, label TEXT, price DECIMAL(10,2), qty INTEGER)")
    joined(live)
    live.sql("depot", "ALTER TABLE good RENAME TO bad")
    live.sql("shop", "INSERT INTO thing (sku, title) VALUES ('x', 'X')")
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")
    sync: Sync = live.sync
    sync.ear.hark()
    sync.notice()
    for name in sync.order:
        try:
            sync.census(name)
        except DovetailError:
            assert name == "other"
    sync.turn()
    assert live.depot()[0][1] == "Ale 2"
