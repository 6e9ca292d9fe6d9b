"""The guard of a running sync: what changes of rows that stood before, added up over an hour that rolls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from living import Clock, living

from dovetail.errors import GateClosed
from dovetail.plan.hour import MINUTES, Hour

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, v TEXT, w TEXT);"


def mapping(guard="{rows: 50, share: 100%}", dataset="t"):
    return f"""
    members: {{shop: {{dataset: {dataset}}}, crm: {{dataset: {dataset}}}}}
    match: k
    fields:
      k: {{shop: k, crm: k, owner: shop}}
      v: {{shop: v, crm: v, policy: {{prefer: shop}}}}
      w: {{shop: w, crm: w, policy: {{prefer: shop}}}}
    deletes: {{shop: propagate, crm: propagate}}
    guard: {guard}
    """


def filled(lab, rows=1000, **options):
    made = lab({"shop": TABLE, "crm": TABLE}, {"thing": mapping(**options)})
    fill(made, "shop", rows)
    made.migrate(for_sync=True)
    return made


def fill(made, system, rows, table="t"):
    made.sql(
        system,
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
        f"INSERT INTO {table} (id, k, v, w) SELECT i, 'k' || i, 'v', 'w' FROM n",
    )


def held(made, column="v", value="new", system="crm"):
    return made.sql(system, f"SELECT count(*) FROM t WHERE {column} = ?", value)[0][0]


def change(made, first, last, value="new", system="shop"):
    made.sql(system, "UPDATE t SET v = ? WHERE id BETWEEN ? AND ?", value, first, last)


def test_a_mass_update_writes_nothing(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        change(made, 1, 500)
        turned = sync.turn()
    assert isinstance(turned.failed["thing"], GateClosed)
    assert turned.failed["thing"].code == "DV-611"
    assert held(made) == 0


def test_small_changes_add_up_to_what_one_large_one_would_be(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        for at in range(0, 100, 10):
            change(made, at + 1, at + 10)
            turned = sync.turn()
            if turned.failed:
                break
            sync.clock.move(minutes=1)
        assert held(made) == 50
        assert "60 of 1000 rows" in str(turned.failed["thing"])


def test_after_an_hour_the_count_begins_anew(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        change(made, 1, 50)
        sync.turn()
        change(made, 51, 60)
        assert sync.turn().failed
        sync.clock.move(minutes=59)
        assert sync.turn().failed
        sync.clock.move(minutes=1)
        assert not sync.turn().failed
    assert held(made) == 60


def test_a_row_that_changes_all_the_time_counts_once(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        for at in range(60):
            change(made, 7, 7, f"value {at}")
            assert not sync.turn().failed
            sync.clock.move(seconds=10)
    assert held(made, value="value 59") == 1


def test_new_rows_do_not_count(lab):
    made = filled(lab, rows=60)
    with living(made.folder) as sync:
        made.sql("shop", "INSERT INTO t (id, k, v) SELECT id + 1000, 'n' || id, 'new' FROM t")
        assert not sync.turn().failed
        change(made, 1, 40, "newer")
        assert not sync.turn().failed
    assert held(made) == 60
    assert held(made, value="newer") == 40


def test_updates_and_deletes_are_added(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        change(made, 1, 30)
        assert not sync.turn().failed
        made.sql("shop", "DELETE FROM t WHERE id BETWEEN 31 AND 60")
        assert sync.turn().failed
    assert made.sql("crm", "SELECT count(*) FROM t") == [(1000,)]


def test_each_member_is_counted_for_itself(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        change(made, 1, 40)
        assert not sync.turn().failed
        change(made, 41, 80, system="crm")
        assert not sync.turn().failed
        change(made, 81, 95)
        assert sync.turn().failed
    assert held(made, system="shop") == 95


def test_a_held_mapping_holds_no_other(lab):
    made = filled(lab)
    made.map("other", mapping(dataset="o"))
    for system in ("shop", "crm"):
        made.sql(system, TABLE.replace("TABLE t", "TABLE o"))
    fill(made, "shop", 10, "o")
    with living(made.folder) as sync:
        change(made, 1, 500)
        made.sql("shop", "UPDATE o SET v = 'new'")
        assert set(sync.turn().failed) == {"thing"}
        assert sync.turn().failed
    assert made.sql("crm", "SELECT count(*) FROM o WHERE v = 'new'") == [(10,)]
    assert held(made) == 0


def test_the_count_is_kept_over_a_restart(lab):
    made, clock = filled(lab), Clock()
    with living(made.folder, clock) as sync:
        change(made, 1, 45)
        sync.turn()
    clock.move(minutes=30)
    with living(made.folder, clock) as sync:
        change(made, 46, 55)
        assert sync.turn().failed
    clock.move(minutes=30)
    with living(made.folder, clock) as sync:
        assert not sync.turn().failed
    assert held(made) == 55


def test_a_person_lets_it_go_on(lab):
    made, clock = filled(lab), Clock()
    with living(made.folder, clock) as sync:
        change(made, 1, 500)
        assert sync.turn().failed
    with pytest.raises(GateClosed), living(made.folder, clock, allowed=499):
        pass
    assert held(made) == 0
    with living(made.folder, clock, allowed=500):
        pass
    assert held(made) == 500
    with living(made.folder, clock) as sync:
        change(made, 501, 540)
        assert not sync.turn().failed, "what was allowed does not count"
        change(made, 541, 551)
        assert sync.turn().failed


def test_a_reviewed_plan_lets_it_go_on(lab):
    made, clock = filled(lab), Clock()
    with living(made.folder, clock) as sync:
        change(made, 1, 40)
        sync.turn()
        change(made, 41, 500)
        assert sync.turn().failed
        made.plan()
        made.apply()
        assert held(made) == 500
        change(made, 501, 540)
        assert not sync.turn().failed, "the count begins anew"
    assert held(made) == 540


def test_it_says_how_many_which_column_and_some_rows(lab):
    made = filled(lab, guard="{rows: 5000, share: 10%}")
    with living(made.folder) as sync:
        for at in range(9):
            change(made, at * 10 + 1, at * 10 + 10, "Ms. Secret")
            sync.turn()
        made.sql("shop", "UPDATE t SET w = 'other ' || id WHERE id BETWEEN 1 AND 3")
        change(made, 91, 110, "Ms. Secret")
        fault = sync.turn().failed["thing"]
    words = str(fault)
    assert "thing.crm: 110 of 1000 rows (11 %) would change" in words
    assert "most often 'v' (110 times, 110 of them to one and the same value)" in words
    assert "for instance the rows " in words
    assert "dovetail sync --once --mapping thing --allow ROWS" in words
    assert "Secret" not in words


def test_different_values_are_told_apart(lab):
    made = filled(lab)
    with living(made.folder) as sync:
        made.sql("shop", "UPDATE t SET v = 'new ' || id WHERE id <= 100")
        assert "most often 'v' (100 times)" in str(sync.turn().failed["thing"])


def test_a_first_pass_over_the_whole_is_counted_too(lab):
    made, clock = filled(lab), Clock()
    change(made, 1, 45)
    with living(made.folder, clock) as sync:
        assert held(made) == 45
        change(made, 46, 51)
        assert sync.turn().failed


@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(0, 30), min_size=1), st.booleans()), max_size=25))
def test_an_hour_counts_each_row_once(steps):
    hour, minute = Hour(), 0
    counted: dict[int, tuple[int, bool]] = {}
    for wait, rows, deleted in steps:
        minute += wait
        fresh = {row for row in rows if row not in counted or counted[row][0] <= minute - MINUTES}
        assert hour.add(np.array(rows, dtype=np.int64), minute, deleted=deleted) == len(fresh)
        counted |= dict.fromkeys(fresh, (minute, deleted))
        lasting = [was for at, was in counted.values() if at > minute - MINUTES]
        assert hour.total(minute) == (lasting.count(False), lasting.count(True))


def test_an_hour_knows_many_rows_again():
    hour = Hour()
    rows = np.random.default_rng(7).permutation(50_000)
    for at in range(0, len(rows), 3_000):
        hour.add(rows[at : at + 3_000], at // 3_000, deleted=False)
    assert not hour.fresh(rows, 20).any()
    assert hour.fresh(rows, 70).sum() == 11 * 3_000
