"""Values that come back as they were, again and again, are held; what people and systems do in good faith is not."""

from __future__ import annotations

import numpy as np
import pytest
from living import Clock, living

from dovetail.engine.pingpong import CODE
from dovetail.merge.pingpong import ALTERNATIONS, FOLLOW_S, Echoes, Sending, places_of

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, w TEXT, n INTEGER, s TEXT);"
MAPPING = """
members:
  shop: {dataset: t}
  crm: {dataset: t, set: {s: "'ours'"}}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  v: {shop: v, crm: v, policy: {prefer: shop}}
  w: {shop: w, crm: w, owner: shop}
  n: {shop: n, crm: n, policy: delta, first: shop}
deletes: {shop: propagate, crm: propagate}
guard: {rows: 100000, share: 100%}
"""


@pytest.fixture
def made(lab):
    made = lab({"shop": TABLE, "crm": TABLE}, {"thing": MAPPING})
    for row in range(1, 11):
        made.sql("shop", "INSERT INTO t VALUES (?, 'v', 'w', 100, 's')", row)
    return made


def put(made, system, column, value, row=1):
    made.sql(system, f"UPDATE t SET {column} = ? WHERE k = ?", value, row)


def has(made, system, column, row=1):
    return made.sql(system, f"SELECT {column} FROM t WHERE k = ?", row)[0][0]


def rejects(made):
    return [(one.refusal.code, one.refusal.field, one.refusal.key) for one in made.rejects()]


def fight(sync, made, column, theirs, times, *, seconds=60):
    """Another integration that sets its value each time that ours was written; how many of ours it overwrote."""
    overwritten = 0
    for _ in range(times):
        put(made, "crm", column, theirs)
        sync.clock.move(seconds=seconds)
        overwritten += sync.turn().written > 0
    return overwritten


def test_a_second_integration_that_fights_us_is_held(made):
    with living(made.folder) as sync:
        assert fight(sync, made, "w", "theirs", 12) == ALTERNATIONS
        assert has(made, "crm", "w") == "theirs"
        assert has(made, "shop", "w") == "w"
    assert rejects(made) == [(CODE, "w", "1")]
    (one,) = made.rejects()
    assert "owner: shop" in one.refusal.reason
    assert one.refusal.value == {"crm": "theirs", "shop": "w"}
    assert "theirs" not in one.refusal.reason


def test_only_that_row_is_held(made):
    with living(made.folder) as sync:
        fight(sync, made, "w", "theirs", 6)
        put(made, "shop", "v", "new", row=2)
        sync.turn()
    assert has(made, "crm", "v", row=2) == "new"
    assert rejects(made) == [(CODE, "w", "1")]


def test_once_the_fight_ends_the_row_goes_on(made):
    with living(made.folder) as sync:
        fight(sync, made, "w", "theirs", 6)
        put(made, "crm", "w", "w")
        sync.turn()
        assert rejects(made) == []
        put(made, "shop", "w", "newer")
        sync.turn()
    assert has(made, "crm", "w") == "newer"


def test_the_owner_may_say_something_else(made):
    with living(made.folder) as sync:
        fight(sync, made, "w", "theirs", 6)
        put(made, "shop", "w", "newer")
        sync.turn()
        assert has(made, "crm", "w") == "newer"
    assert rejects(made) == []


def test_a_fight_through_both_members_is_held(made):
    """The crm makes capitals of what it is given, the shop small letters, each a little later."""
    with living(made.folder) as sync:
        put(made, "shop", "v", "abc")
        writes = 0
        for _ in range(30):
            writes += sync.turn().written
            sync.clock.move(seconds=30)
            put(made, "crm", "v", has(made, "crm", "v").upper())
            writes += sync.turn().written
            sync.clock.move(seconds=30)
            put(made, "shop", "v", has(made, "shop", "v").lower())
        assert writes <= 2 * ALTERNATIONS + 2
    assert rejects(made)[0][:2] == (CODE, "v")


def test_it_is_known_again_after_a_restart(made):
    """A process for each pass, as when a clock starts them."""
    clock, overwritten = Clock(), 0
    for _ in range(12):
        put(made, "crm", "w", "theirs")
        clock.move(seconds=60)
        with living(made.folder, clock) as sync:
            overwritten += bool(sync.first.mappings["thing"].updated) or sync.turn().written > 0
    assert overwritten <= ALTERNATIONS + 1
    assert rejects(made) == [(CODE, "w", "1")]


def test_it_is_known_again_after_a_crash(made):
    """What came back once is in the state at once; nothing is left to be kept at the end."""
    clock, overwritten = Clock(), 0
    for _ in range(6):
        with living(made.folder, clock) as sync:
            overwritten += fight(sync, made, "w", "theirs", 2)
            sync.sync.pingpong.keep = lambda _mapping: None
    assert overwritten <= ALTERNATIONS + 1
    assert rejects(made) == [(CODE, "w", "1")]


def test_a_column_that_the_mapping_fills_is_held_too(made):
    with living(made.folder) as sync:
        assert fight(sync, made, "s", "theirs", 12) == ALTERNATIONS
    assert rejects(made) == [(CODE, "s", "1")]


@pytest.mark.parametrize("column", ["v", "w"])
def test_a_user_who_toggles_a_field_is_none(made, column):
    with living(made.folder) as sync:
        for at in range(30):
            put(made, "shop", column, ("on", "off")[at % 2])
            sync.clock.move(seconds=2)
            sync.turn()
            assert has(made, "crm", column) == ("on", "off")[at % 2]
    assert rejects(made) == []


def test_a_user_who_toggles_where_it_is_not_owned_is_told_three_times(made):
    """He changes it to something else each time; what he set is put back by the rule."""
    with living(made.folder) as sync:
        for at in range(30):
            put(made, "crm", "w", f"try {at}")
            sync.clock.move(seconds=2)
            sync.turn()
            assert has(made, "crm", "w") == "w"
    assert rejects(made) == []


def test_two_people_who_talk_to_each_other_are_none(made):
    with living(made.folder) as sync:
        for at in range(30):
            put(made, ("shop", "crm")[at % 2], "v", f"word {at}")
            sync.clock.move(seconds=5)
            sync.turn()
        assert has(made, "shop", "v") == has(made, "crm", "v") == "word 29"
    assert rejects(made) == []


def test_a_nightly_job_is_none(made):
    with living(made.folder) as sync:
        assert fight(sync, made, "w", "theirs", 12, seconds=86_400) == 12
    assert rejects(made) == []


def test_a_counter_that_goes_up_and_down_is_none(made):
    with living(made.folder) as sync:
        for _ in range(12):
            made.sql("shop", "UPDATE t SET n = n + 1 WHERE k = 1")
            sync.turn()
            made.sql("crm", "UPDATE t SET n = n - 1 WHERE k = 1")
            sync.turn()
            sync.clock.move(seconds=5)
        assert has(made, "shop", "n") == has(made, "crm", "n") == 100
    assert rejects(made) == []


def test_a_trigger_that_rewrites_our_value_is_none(made):
    made.sql(
        "crm",
        "CREATE TRIGGER up AFTER UPDATE OF v ON t WHEN NEW.v <> upper(NEW.v) "
        "BEGIN UPDATE t SET v = upper(NEW.v) WHERE k = NEW.k; END",
    )
    with living(made.folder) as sync:
        for at in range(12):
            put(made, "shop", "v", ("ann", "bob")[at % 2])
            sync.clock.move(seconds=5)
            sync.turn()
            assert has(made, "crm", "v") == ("ANN", "BOB")[at % 2]
            assert has(made, "shop", "v") == ("ann", "bob")[at % 2]
    assert rejects(made) == []


def test_after_a_retry_it_must_come_back_once_more(made):
    with living(made.folder) as sync:
        fight(sync, made, "w", "theirs", 6)
    made.retry()
    assert has(made, "crm", "w") == "w"
    assert rejects(made) == []


def sending(rows, sent, read):
    count = len(rows)
    return Sending(
        places_of(np.array(rows), 7), np.full(count, sent, dtype=np.uint64), np.full(count, read, dtype=np.uint64)
    )


def test_echoes_count_what_comes_back_and_nothing_else():
    echoes = Echoes()
    ours, theirs = np.uint64(5), np.uint64(6)

    def write(now, sent=ours, read=theirs):
        one = sending([1], sent, read)
        counts = echoes.came_back(one, now)
        echoes.wrote(one, one.sent, counts, now)
        return int(counts[0])

    assert [write(at) for at in range(4)] == [0, 1, 2, 3]
    assert write(5, read=np.uint64(8)) == 1, "something else came back"
    assert write(6, sent=np.uint64(9)) == 0, "something else is sent"
    assert write(7, sent=np.uint64(9), read=np.uint64(9)) == 0, "nobody changed it"
    assert write(8) == 0
    assert write(8 + FOLLOW_S + 1) == 0, "too late"


def test_echoes_are_kept_as_bytes_and_forget_what_is_old():
    echoes = Echoes()
    one = sending(range(1000), 5, 6)
    echoes.wrote(one, one.sent, np.zeros(1000, dtype=np.int64), 0)
    again = Echoes(echoes.content(1))
    assert (again.came_back(one, 2) == 1).mean() > 0.98
    assert len(echoes.content(FOLLOW_S + 1)) < 20


def test_what_came_back_is_not_forgotten_for_others():
    echoes = Echoes()
    one = sending([1], 5, 6)
    echoes.wrote(one, one.sent, np.array([2]), 0)
    many = sending(range(2, 400_000), 5, 6)
    echoes.wrote(many, many.sent, np.zeros(len(many.places), dtype=np.int64), 1)
    assert echoes.came_back(one, 2).tolist() == [3]
