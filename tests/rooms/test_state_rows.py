"""What is remembered about shared rows: cross-reference, base, debts and queue."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dovetail.errors import StateFault
from dovetail.state.base import Words
from dovetail.state.owed import Debt
from dovetail.state.queue import Cursor, Queue


def fault(code):
    return pytest.raises(StateFault, check=lambda error: error.code == code)


def test_row_numbers_are_never_given_twice(store, reopen):
    first = store.crossref.allocate("product", 10)
    assert first == 1
    assert reopen().crossref.allocate("product", 5) == 11
    assert store.crossref.allocate("product", 1) == 16
    assert store.crossref.allocate("customer", 1) == 1
    store.crossref.link("product", "shop", [16], ["x"])
    store.crossref.unlink("product", [16])
    assert store.crossref.allocate("product", 1) == 17
    with fault("DV-509"):
        store.crossref.allocate("product", 0)


def test_links_are_found_from_both_ends(store):
    store.crossref.link("product", "shop", pa.array([1, 2, 3]), pa.chunked_array([["a", "b"], ["c"]]))
    store.crossref.link("product", "warehouse", [3, 1], ["C|7", "\\N"])
    assert store.crossref.load("product", "shop").to_pydict() == {"row": [1, 2, 3], "key": ["a", "b", "c"]}
    assert store.crossref.load("product", "shop").schema.types == [pa.int64(), pa.string()]
    assert store.crossref.load("product", "nobody").to_pydict() == {"row": [], "key": []}
    assert store.crossref.load("product", "nobody").schema.types == [pa.int64(), pa.string()]
    assert store.crossref.rows("product", "warehouse", ["\\N", "nothing", "C|7"]).to_pylist() == [1, None, 3]
    assert store.crossref.keys("product", "shop", [3, 9, 1]).to_pylist() == ["c", None, "a"]
    assert store.crossref.find("product", "shop", "b") == 2
    assert store.crossref.find("product", "shop", "B") is None
    assert store.crossref.find("customer", "shop", "b") is None
    assert store.crossref.members("product") == ("shop", "warehouse")
    assert store.crossref.members_of("product", 1) == {"shop": "a", "warehouse": "\\N"}
    assert store.crossref.members_of("product", 2) == {"shop": "b"}
    assert (store.crossref.count("product"), store.crossref.count("product", member="warehouse")) == (3, 2)
    assert store.crossref.rows("product", "shop", []).to_pylist() == []


def test_a_link_that_stands_is_left(store):
    store.crossref.link("product", "shop", [1, 2], ["a", "b"])
    store.crossref.link("product", "shop", [2, 3], ["b", "c"])
    store.crossref.link("product", "shop", [], [])
    assert store.crossref.count("product", member="shop") == 3


@pytest.mark.parametrize(
    ("rows", "keys"),
    [([3, 1], ["c", "z"]), ([3, 4], ["c", "a"]), ([3, 4], ["c", "c"]), ([3, 3], ["c", "d"]), ([2, 1], ["a", "b"])],
    ids=["row has a key", "key has a row", "key twice", "row twice", "swapped"],
)
def test_one_to_one_holds_and_nothing_is_linked_by_halves(store, rows, keys):
    store.crossref.link("product", "shop", [1, 2], ["a", "b"])
    with fault("DV-506") as caught:
        store.crossref.link("product", "shop", rows, keys)
    assert "product.shop" in str(caught.value)
    assert store.crossref.load("product", "shop").to_pydict() == {"row": [1, 2], "key": ["a", "b"]}


def test_rows_and_keys_of_unequal_number_are_not_linked(store):
    with pytest.raises(ValueError):
        store.crossref.link("product", "shop", [1, 2], ["a"])
    assert store.crossref.count("product") == 0


def test_unlinked_keys_are_free_again(store):
    for member in ("shop", "warehouse"):
        store.crossref.link("product", member, [1, 2], ["a", "b"])
    assert store.crossref.unlink("product", [1], member="shop") == 1
    assert store.crossref.unlink("product", [2, 9]) == 2
    assert store.crossref.members_of("product", 1) == {"warehouse": "a"}
    store.crossref.link("product", "shop", [2], ["a"])
    assert store.crossref.find("product", "shop", "a") == 2


def test_keys_are_compared_by_their_exact_text(store):
    keys = ["a", "A", "a ", "ä", "a\u0308", "", "'", "%", "?", "\U0001f600", "10", "9"]
    store.crossref.link("product", "shop", range(1, len(keys) + 1), keys)
    assert store.crossref.rows("product", "shop", keys).to_pylist() == list(range(1, len(keys) + 1))


def test_the_base_keeps_the_latest_bytes_of_each_row(store):
    one = store.base.layout("product", '{"fields": ["name"]}')
    two = store.base.layout("product", '{"fields": ["name", "price"]}')
    assert one != two
    assert store.base.layout("product", '{"fields": ["name"]}') == one
    assert store.base.layout("customer", '{"fields": ["name"]}') not in (one, two)
    assert store.base.layouts("product") == {one: '{"fields": ["name"]}', two: '{"fields": ["name", "price"]}'}
    store.base.save("product", one, pa.array([2, 1]), pa.array([b"\x00two", b"one"], pa.binary()))
    store.base.save("product", two, [2, 3, 3], [b"TWO", b"lost", b""])
    loaded = store.base.load("product")
    assert loaded.to_pydict() == {"row": [1, 2, 3], "layout": [one, two, two], "packed": [b"one", b"TWO", b""]}
    assert loaded.schema.types == [pa.int64(), pa.int32(), pa.binary()]
    assert store.base.load("customer").schema == loaded.schema
    assert store.base.load_rows("product", [3, 9, 1]).column("row").to_pylist() == [1, 3]
    words = [Words(1, "shop", "tags", frozenset({5, 2**64 - 1})), Words(3, "shop", "tags", frozenset())]
    store.base.save_words("product", words)
    store.base.remove("product", [1, 9])
    assert store.base.count("product") == 2
    assert store.base.words("product", [1, 3]) == (words[1],)


def test_the_words_of_a_row_are_kept_whole_and_the_last_ones_count(store):
    store.base.save_words("product", [Words(1, "shop", "tags", frozenset({1})), Words(1, "crm", "tags", frozenset())])
    store.base.save_words("product", [Words(1, "shop", "tags", frozenset({2**64 - 1, 0, 7}))])
    assert store.base.words("product", [1, 2]) == (
        Words(1, "crm", "tags", frozenset()),
        Words(1, "shop", "tags", frozenset({2**64 - 1, 0, 7})),
    )


def test_debts_are_paid_up_to_their_agreement(store):
    store.owed.add("product", [Debt(1, "price", "shop", 4), Debt(1, "price", "shop", 3), Debt(2, "name", "shop", 1)])
    store.owed.add("product", [Debt(1, "price", "shop", 2)])
    assert store.owed.list("product") == (Debt(1, "price", "shop", 4), Debt(2, "name", "shop", 1))
    assert store.owed.settle("product", [Debt(1, "price", "shop", 3)]) == 0
    assert store.owed.count("product") == 2
    assert store.owed.settle("product", [Debt(1, "price", "shop", 4)]) == 1
    assert store.owed.list("product", rows=[1]) == ()
    assert store.owed.list("product", rows=[2]) == (Debt(2, "name", "shop", 1),)
    assert store.owed.settle("product", []) == 0
    assert store.owed.forget("product", [2]) == 1


def test_a_key_that_changes_while_it_is_worked_on_stays(store):
    store.queue.push("product", "shop", ["a", "b", "a"], cursors=[Cursor("shop", "0/10")])
    seen = store.queue.peek("product", "shop", 10)
    assert [one.key for one in seen] == ["a", "b"]
    assert store.queue.cursor("shop") == "0/10"
    store.queue.push("product", "shop", ["b"])
    assert store.queue.done("product", "shop", seen) == 1
    assert [one.key for one in store.queue.peek("product", "shop", 10)] == ["b"]
    assert store.queue.count("product", "warehouse") == 0
    assert store.queue.done("product", "shop", []) == 0


def test_a_key_keeps_its_place_however_often_it_is_pushed(store):
    for key in ["hot", "a", "hot", "b", "hot"]:
        store.queue.push("product", "shop", [key])
    assert [one.key for one in store.queue.peek("product", "shop", 2)] == ["hot", "a"]


def test_the_feed_moves_only_with_its_keys(store):
    with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012
        store.queue.push("product", "shop", ["a"], cursors=[Cursor("shop", "1")])
        raise RuntimeError
    assert store.queue.cursor("shop") is None
    assert store.queue.peek("product", "shop", 1) == ()


def test_a_queue_over_its_bound_marks_the_whole_dataset(store, clock):
    queue = Queue(store._database, keys_max=5)
    queue.push("product", "shop", "abcde")
    assert queue.marked("product", "shop") is None
    clock.move(60)
    queue.push("product", "shop", "fghij")
    mark = queue.marked("product", "shop")
    assert mark is not None
    assert "more than 5 keys" in mark.reason
    assert queue.count("product", "shop") == 0
    queue.push("product", "shop", "k")
    queue.mark_all("product", "shop", "truncated")
    queue.done_all("product", "shop", mark)
    later = queue.marked("product", "shop")
    assert later is not None
    assert (later.reason, later.since) == ("truncated", mark.since)
    queue.done_all("product", "shop", later)
    assert queue.marked("product", "shop") is None


def test_the_age_of_the_queue_is_that_of_its_oldest_key(store, clock):
    assert store.queue.oldest("product", "shop") is None
    store.queue.push("product", "shop", ["a"])
    clock.move(60)
    store.queue.push("product", "shop", ["a", "b"])
    assert store.queue.oldest("product", "shop") == "2026-11-21T10:00:00.000000Z"
