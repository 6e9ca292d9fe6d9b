"""The journal: nothing is lost in it, nothing shows from outside."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.model.change import Verb
from dovetail.state import lossless
from dovetail.state.columnar import Changes
from dovetail.state.journal import CREATED_MAX, ENTRIES_MAX, Chunked, Created, JournalEntry
from dovetail.state.store import open_state

KEY = bytes(range(32))


def unfolded(time):
    """No carrier knows the second of two equal times on a clock that is set back."""
    return time.replace(fold=0)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times().map(unfolded)
    | st.datetimes().map(unfolded)
    | st.datetimes(timezones=st.timezones()).map(lambda time: time.astimezone(dt.UTC))
    | st.timedeltas()
    | st.uuids()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("$") | st.integers(), inner)
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_values_come_back_exactly(value):
    again = lossless.read(lossless.written(value))
    assert repr(again) == repr(value)


def test_values_without_a_json_word_keep_their_type():
    values = [Decimal("1.50"), Decimal("1E+3"), Decimal("-0"), True, 1, 1.0, -0.0, math.inf, b"\xff", UUID(int=7)]
    again = lossless.read(lossless.written(values))
    assert [(type(value), str(value)) for value in again] == [(type(value), str(value)) for value in values]
    assert math.isnan(lossless.read(lossless.written(math.nan)))
    with pytest.raises(TypeError):
        lossless.written(object())


def entry(row, **parts):
    return JournalEntry(row, "warehouse", Verb.UPDATE, f"key {row}", **parts)


def test_history_is_newest_first_and_whole(store, clock):
    one = entry(
        7,
        before={"price": Decimal("1.50"), "born": dt.date(1815, 12, 10)},
        after={"price": Decimal("2.00")},
        rules={"price": "owner: shop"},
    )
    two = entry(7, before={"photo": b"\x00\xff"}, after={"photo": None}, losing={"photo": {"shop": "Ada"}})
    three = JournalEntry(7, "shop", Verb.DELETE, "a|b", before={"x": 1})
    store.journal.append("r1", "product", [one, entry(8), two])
    clock.move(60)
    store.journal.append("r2", "product", [three])
    store.journal.append("r2", "customer", [entry(7)])
    found = store.journal.history("product", 7)
    assert [one.entry for one in found] == [three, two, one]
    assert [(one.run, one.mapping) for one in found] == [("r2", "product"), ("r1", "product"), ("r1", "product")]
    assert found[0].at - found[1].at == dt.timedelta(seconds=60)
    assert store.journal.history("product", 9) == ()
    assert [(one.mapping, one.entry.row) for one in store.journal.of_run("r2")] == [("customer", 7), ("product", 7)]


def test_long_runs_of_entries_are_split_and_all_found(store):
    count = 2 * ENTRIES_MAX + 1
    store.journal.append("r", "product", [entry(row % 300, after={"n": row}) for row in range(count)])
    found = [one.entry.after["n"] for row in range(300) for one in store.journal.history("product", row)]
    assert sorted(found) == list(range(count))
    assert [one.entry.after["n"] for one in store.journal.history("product", 5)] == [305, 5]
    assert len(store.journal.of_run("r")) == count


def test_a_bulk_create_keeps_keys_and_chunk_only(store):
    rows = range(1, CREATED_MAX + 10)
    store.journal.append_created("r", "product", Created("shop", 3, rows, [f"key {row}" for row in rows]))
    store.journal.append("r", "product", [entry(5, after={"name": "x"})])
    found = store.journal.history("product", 5)
    assert [one.entry.verb for one in found] == [Verb.UPDATE, Verb.CREATE]
    assert found[1].entry == JournalEntry(5, "shop", Verb.CREATE, "key 5", chunk=3)
    assert [one.entry.key for one in store.journal.history("product", CREATED_MAX + 9)] == [f"key {CREATED_MAX + 9}"]
    assert store.journal.history("customer", 5) == ()
    store.journal.append_created("r", "product", Created("shop", 4, [], []))


def test_old_blocks_are_pruned_with_everything_that_points_to_them(store, clock):
    store.journal.append("r1", "product", [entry(1)])
    store.journal.append_created("r1", "product", Created("shop", 1, [1, 2], ["a", "b"]))
    clock.move(60)
    store.journal.append("r2", "product", [entry(1)])
    assert store.journal.prune(clock.time) == 2
    assert [one.run for one in store.journal.history("product", 1)] == ["r2"]
    assert store._database.row("SELECT count(*) FROM journal_spans") == (0,)
    assert store._database.row("SELECT count(*) FROM journal_rows") == (1,)


def test_the_files_show_no_value(tmp_path: Path, clock):
    with open_state(tmp_path / "state.db", key=KEY, clock=clock) as store:
        store.journal.append("r", "customer", [entry(7, before={"name": "Ada Lovelace"}, after={"name": "Countess"})])
        store.journal.append_created("r", "customer", Created("shop", 1, [7], ["ada@example.org"]))
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (b"Lovelace", b"Countess", b"ada@example.org", b"key 7"):
        assert secret not in content


def test_many_changes_of_one_shape_are_one_block_and_found_row_by_row(store):
    before = pa.record_batch({"name": ["Ada", "Bob", None], "born": pa.array([1, 2, 3], pa.date32())})
    after = pa.record_batch({"name": ["Eve", "Bob B", "Cy"]})
    rows = np.array([7, 9, 1_000_000], dtype=np.int64)
    keys = pa.array(["k7", "k9", "k1000000"])
    changes = Changes("right", Verb.UPDATE, 3, rows, keys, before, after)
    store.journal.append_changes("run", "person", changes)
    (found,) = store.journal.history("person", 9)
    assert (found.entry.key, found.entry.verb, found.entry.chunk) == ("k9", Verb.UPDATE, 3)
    assert found.entry.before == {"name": "Bob", "born": dt.date(1970, 1, 3)}
    assert found.entry.after == {"name": "Bob B"}
    assert store.journal.history("person", 8) == ()
    assert [one.entry.row for one in store.journal.of_run("run")] == [1_000_000, 9, 7]


def test_a_block_of_deletes_within_a_narrow_span_keeps_what_stood_there(store):
    rows = np.arange(100, 160, dtype=np.int64)
    before = pa.record_batch({"price": pa.array([Decimal("1.50")] * 60, pa.decimal128(9, 2))})
    changes = Changes("right", Verb.DELETE, 1, rows, pa.array([str(row) for row in rows]), before)
    store.journal.append_changes("run", "item", changes)
    (found,) = store.journal.history("item", 130)
    assert (found.entry.before, found.entry.after) == ({"price": Decimal("1.50")}, None)
    assert store.journal.history("item", 160) == ()


CARRIED = Chunked("shop/warehouse/product", 4)


def test_what_no_target_has_taken_yet_is_told_as_unsure(store):
    store.journal.append("r", "product", [entry(1), entry(2)], carried=CARRIED)
    assert [one.is_sure for one in store.journal.history("product", 1)] == [False]
    store.journal.confirm(CARRIED, [1, 2])
    assert [one.is_sure for one in store.journal.of_run("r")] == [True, True]
    store.journal.drop(CARRIED.partition)
    assert len(store.journal.of_run("r")) == 2


def test_what_a_target_never_took_is_forgotten(store):
    store.journal.append("r", "product", [entry(1)])
    store.journal.append("r", "product", [entry(1), entry(2)], carried=CARRIED)
    store.journal.append_created("r", "product", Created("shop", 4, [3], ["c"]), carried=CARRIED)
    store.journal.append("r", "product", [entry(4)], carried=Chunked("another", 4))
    store.journal.drop(CARRIED.partition)
    assert [one.entry.row for one in store.journal.of_run("r")] == [4, 1]
    assert store.journal.history("product", 3) == ()
    for table in ("journal", "journal_rows"):
        assert store._database.row(f"SELECT count(*) FROM {table}") == (2,)


@pytest.mark.parametrize("rows", [[1], []])
def test_rows_that_a_target_refused_are_not_told_as_written(store, rows):
    keys = pa.array(["7", "8"])
    values = pa.record_batch({"name": ["a", "b"]})
    changes = Changes("right", Verb.UPDATE, 4, np.array([7, 8], dtype=np.int64), keys, values, values)
    store.journal.append("r", "product", [entry(1), entry(2)], carried=CARRIED)
    store.journal.append_changes("r", "person", changes, carried=Chunked("p", 1))
    store.journal.confirm(CARRIED, rows)
    store.journal.confirm(Chunked("p", 1), [8])
    assert [one.entry.row for one in store.journal.of_run("r")] == [8, *rows]
    assert len(store.journal.history("product", 1)) == len(rows)
    assert store.journal.history("product", 2) == store.journal.history("person", 7) == ()
    assert len(store.journal.history("person", 8)) == 1


def test_a_try_that_is_made_again_is_the_same_write(store):
    store.journal.append("r", "product", [entry(1)], carried=CARRIED)
    store.journal.carry_again(CARRIED, 5)
    store.journal.confirm(CARRIED, [1])
    assert not store.journal.history("product", 1)[0].is_sure
    store.journal.confirm(Chunked(CARRIED.partition, 5), [1])
    assert store.journal.history("product", 1)[0].is_sure


def test_a_deleted_row_is_found_by_the_keys_that_it_had(store, clock):
    store.journal.append("r", "product", [JournalEntry(7, "shop", Verb.DELETE, "17")], carried=CARRIED)
    store.journal.remember_keys("product", "shop", [(7, "17")], carried=CARRIED)
    store.journal.remember_keys("product", "warehouse", [(7, "A|3")], carried=CARRIED)
    store.journal.confirm(CARRIED, [7])
    assert store.journal.row_of_key("product", "shop", "17") == 7
    assert store.journal.row_of_key("product", "warehouse", "A|3") == 7
    assert store.journal.row_of_key("product", "warehouse", "17") is None
    clock.move(60)
    store.journal.prune(clock.time)
    assert store.journal.row_of_key("product", "shop", "17") is None


def test_rules_and_losing_values_of_many_changes_come_back(store):
    rows = np.array([1, 2], dtype=np.int64)
    values = pa.record_batch({"price": [1, 2]})
    changes = Changes(
        "right",
        Verb.UPDATE,
        1,
        rows,
        pa.array(["a", "b"]),
        values,
        values,
        rules={"price": pa.array(["owner: shop", None]).dictionary_encode()},
        losing={"price": pa.array([lossless.written({"crm": Decimal("1.50")}), None])},
    )
    store.journal.append_changes("r", "product", changes)
    two, one = (told.entry for told in store.journal.of_run("r"))
    assert (one.rules, one.losing) == ({"price": "owner: shop"}, {"price": {"crm": Decimal("1.50")}})
    assert (two.rules, two.losing) == (None, None)
