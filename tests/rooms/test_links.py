"""Links by whole columns behave as two dictionaries do, whatever is linked, linked anew and forgotten."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.engine import book as books
from dovetail.engine.book import NO_ROW, Book
from dovetail.engine.links import Links


class Plain:
    """The definition: the key of each row, and the row of each key, as long as that row has no other key since."""

    def __init__(self):
        self.rows, self.keys = {}, {}

    def link(self, row, key):
        former = self.keys.get(row)
        if former is not None and self.rows.get(former) == row:
            del self.rows[former]
        self.rows[key], self.keys[row] = row, key

    def unlink(self, row):
        key = self.keys.pop(row, None)
        if key is not None:
            self.rows.pop(key, None)


class Shelf:
    """A cross-reference that holds what a state would hold, and counts what it is asked for."""

    def __init__(self, plain):
        self.plain, self.asked = plain, 0

    def load(self, _mapping, _member):
        links = sorted(self.plain.keys.items())
        rows, keys = pa.array([row for row, _ in links], pa.int64()), pa.array([key for _, key in links], pa.string())
        return pa.table({"row": rows, "key": keys})

    def rows(self, _mapping, _member, keys):
        self.asked += len(keys)
        return pa.array([self.plain.rows.get(key) for key in keys.to_pylist()], pa.int64())

    def keys(self, _mapping, _member, rows):
        self.asked += len(rows)
        return pa.array([self.plain.keys.get(row) for row in rows.to_pylist()], pa.string())


class Store:
    def __init__(self, plain):
        self.crossref = Shelf(plain)


KEYS = [f"k{at}" for at in range(8)]
acts = st.lists(
    st.one_of(
        st.tuples(st.just("link"), st.integers(1, 6), st.sampled_from(KEYS)),
        st.tuples(st.just("unlink"), st.integers(1, 6), st.none()),
        st.tuples(st.just("many"), st.permutations(range(1, 7)), st.permutations(KEYS)),
        st.tuples(st.just("look"), st.none(), st.none()),
    ),
    max_size=12,
)


def compared(links, plain):
    asked = pa.array([*KEYS, None, "never"])
    found = [None if row == NO_ROW else row for row in links.numbers("m", "a", asked).tolist()]
    assert found == [plain.rows.get(key) for key in asked.to_pylist()]
    numbers = np.array([*range(8), NO_ROW], dtype=np.int64)
    assert links.keys_of("m", "a", numbers).to_pylist() == [plain.keys.get(row) for row in numbers.tolist()]
    assert links.numbers("m", "a", pa.array([], pa.string())).tolist() == []


@pytest.mark.parametrize("whole", [True, False])
@settings(max_examples=150, deadline=None)
@given(standing=st.permutations(KEYS), count=st.integers(0, 4), steps=acts)
def test_links_are_two_dictionaries(whole, standing, count, steps):
    plain, state = Plain(), Plain()
    for row, key in zip(range(1, count + 1), standing, strict=False):
        plain.link(row, key)
        state.link(row, key)
    links = Links(Store(state), {"m": ["a"]}, durable=False, asked=() if whole else ("m",))
    for verb, row, key in steps:
        if verb == "link":
            plain.link(row, key)
            links.link("m", "a", row, key)
        elif verb == "unlink":
            plain.unlink(row)
            links.unlink("m", "a", row)
        elif verb == "many":
            for one, text in zip(row, key, strict=False):
                plain.link(one, text)
            links.link_many("m", "a", np.array(row, dtype=np.int64), pa.array(key[: len(row)]))
        else:
            compared(links, plain)
    compared(links, plain)
    if whole:
        assert links.known("m").tolist() == sorted(plain.keys)


def test_a_page_asked_for_as_it_stands_gives_what_it_gives_row_by_row():
    numbers, keys = np.array([3, 5, 9]), pa.array(["c", "a", "b"])
    plain, short = Book(), Book()
    plain.write(numbers, keys)
    short.write(numbers, keys, is_one_to_one=True)
    for book in (plain, short):
        assert book.numbers(keys)[0].tolist() == [3, 5, 9]
        assert book.numbers(pa.array(["a", "b", None]))[0].tolist() == [5, 9, NO_ROW]
        assert book.keys(numbers)[0].to_pylist() == ["c", "a", "b"]
        assert book.keys(np.array([9, 5, 4]))[0].to_pylist() == ["b", "a", None]
        book.write(np.array([5]), pa.array(["z"]))
        assert book.numbers(keys)[0].tolist() == [3, NO_ROW, 9]
        assert book.keys(numbers)[0].to_pylist() == ["c", "z", "b"]


def test_only_what_is_asked_for_is_read():
    state = Plain()
    for row in range(1, 1_000):
        state.link(row, f"k{row}")
    store = Store(state)
    links = Links(store, {"m": ["a"]}, durable=False, asked=("m",))
    links.link("m", "a", 5_000, "fresh")
    assert links.numbers("m", "a", pa.array(["k7", "fresh", "none"])).tolist() == [7, 5_000, NO_ROW]
    assert links.keys_of("m", "a", np.array([8, 5_000])).to_pylist() == ["k8", "fresh"]
    assert store.crossref.asked == 3
    links.settled("m")
    assert links.numbers("m", "a", pa.array(["fresh"])).tolist() == [NO_ROW]


def test_two_keys_with_one_mark_are_two_keys(monkeypatch):
    monkeypatch.setattr(books, "_marks", lambda keys: np.zeros(len(keys), dtype=np.uint64))
    book = Book()
    book.write(np.array([1, 2, 3]), pa.array(["a", "b", "a"]))
    found, written = book.numbers(pa.array(["b", "a", "c"]))
    assert (found.tolist(), written.tolist()) == ([2, 3, NO_ROW], [True, True, False])
