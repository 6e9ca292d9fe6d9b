"""What users of other tools lost by edits that met; each case has cost somebody data or sleep."""

from __future__ import annotations

import pytest
from tests.incidents.live import PRODUCT, Live


def joined(live: Live) -> Live:
    """Both sides know the same two products."""
    live.sell(("a", "Ale", 250, 20), ("b", "Beer", 300, 20))
    live.settle()
    assert live.depot() == [("a", "Ale", 2.5, 20), ("b", "Beer", 3, 20)]
    return live


def test_a_field_edited_twice_quickly_is_not_overwritten_by_its_own_echo(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Ale 1' WHERE sku = 'a'")
    live.turn()
    live.sql("shop", "UPDATE product SET title = 'Ale 2' WHERE sku = 'a'")  # before the echo of the first comes back
    live.settle()
    assert [row[1] for row in live.shop()] == ["Ale 2", "Beer"]
    assert [row[1] for row in live.depot()] == ["Ale 2", "Beer"]


def test_edits_of_different_fields_both_survive(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Stout' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET price = 9.99 WHERE code = 'a'")
    live.settle()
    assert live.shop()[0] == ("a", "Stout", 999, 20)
    assert live.depot()[0] == ("a", "Stout", 9.99, 20)
    assert live.open_conflicts() == []


def test_the_same_field_on_both_sides_waits_and_holds_nothing_else(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Left', cents = 111 WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'Right' WHERE code = 'a'")
    live.sql("shop", "UPDATE product SET title = 'Lager' WHERE sku = 'b'")
    live.settle()
    assert live.depot() == [("a", "Right", 1.11, 20), ("b", "Lager", 3, 20)]
    assert live.shop()[0][1] == "Left"
    assert live.open_conflicts() == ["name"]


def test_edits_that_make_both_sides_equal_close_the_conflict(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Left' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'Right' WHERE code = 'a'")
    live.settle()
    live.sql("depot", "UPDATE item SET label = 'Left' WHERE code = 'a'")
    live.settle()
    assert live.open_conflicts() == []
    assert live.shop()[0][1] == live.depot()[0][1] == "Left"


def test_no_rule_on_both_sides_does_not_swap_the_values(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Left' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'Right' WHERE code = 'a'")
    for _ in range(4):
        live.turn()
    assert (live.shop()[0][1], live.depot()[0][1]) == ("Left", "Right")


def test_the_winner_is_chosen_row_by_row(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = 'Porter' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET label = 'Pils' WHERE code = 'b'")
    live.settle()
    assert [row[1] for row in live.shop()] == [row[1] for row in live.depot()] == ["Porter", "Pils"]


def test_an_import_that_touches_every_row_wins_nothing(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET title = title, note = 'imported'")
    live.sql("depot", "UPDATE item SET label = 'Bitter' WHERE code = 'a'")
    live.settle()
    assert [row[1] for row in live.shop()] == ["Bitter", "Beer"]


def test_a_value_typed_half_can_be_typed_to_its_end(live: Live) -> None:
    joined(live)
    live.sql("shop", "INSERT INTO product (sku, title, cents, stock) VALUES ('c', 'Ci', 1, 0)")
    live.settle()
    live.sql("shop", "UPDATE product SET title = 'Cider' WHERE sku = 'c'")
    live.settle()
    assert live.depot()[2][1] == "Cider"


def test_sales_and_receipts_of_one_moment_both_count(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET stock = stock - 3 WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET qty = qty + 10 - 1 WHERE code = 'a'")
    live.settle()
    assert (live.shop()[0][3], live.depot()[0][3]) == (26, 26)


def test_an_old_quantity_that_is_sent_again_is_not_subtracted_again(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET stock = stock - 3 WHERE sku = 'a'")
    live.settle()
    for _ in range(3):
        live.announce_all()
        live.turn()
    assert (live.shop()[0][3], live.depot()[0][3]) == (17, 17)


def test_columns_that_no_mapping_names_are_never_touched(live: Live) -> None:
    joined(live)
    live.sql("shop", "UPDATE product SET note = 'mine' WHERE sku = 'a'")
    live.sql("depot", "UPDATE item SET remark = 'yours', label = 'Gose' WHERE code = 'a'")
    live.settle()
    assert live.shop("note")[0] == ("mine",)
    assert live.depot("remark")[0] == ("yours",)


def test_a_row_that_an_application_changes_while_we_write_keeps_that_change(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(live)
    from dovetail.engine.deal import Deal

    fill = Deal.fill

    def late(self: Deal) -> None:
        live.sql("depot", "UPDATE item SET label = 'typed meanwhile' WHERE code = 'a'")
        monkeypatch.setattr(Deal, "fill", fill)
        fill(self)

    monkeypatch.setattr(Deal, "fill", late)
    live.sql("shop", "UPDATE product SET title = 'Ale X' WHERE sku = 'a'")
    live.turn()
    assert live.depot()[0][1] == "typed meanwhile"
    live.settle()
    assert live.depot()[0][1] == "typed meanwhile"
    assert live.open_conflicts() == ["name"]


def test_many_conflicts_are_counted_once_each(live: Live) -> None:
    live.map("product", PRODUCT)
    live.sell(*((f"p{at:04}", "same", 1, 1) for at in range(300)))
    live.settle()
    live.sql("shop", "UPDATE product SET title = 'left ' || sku")
    live.sql("depot", "UPDATE item SET label = 'right ' || code")
    live.settle()
    assert len(live.open_conflicts()) == 300
    live.settle()
    assert len(live.open_conflicts()) == 300


def test_another_integration_that_writes_the_same_field_is_heard_like_a_person(live: Live) -> None:
    joined(live)
    live.sql("depot", "UPDATE item SET label = upper(label)")
    live.settle()
    assert [row[1] for row in live.shop()] == ["ALE", "BEER"]
