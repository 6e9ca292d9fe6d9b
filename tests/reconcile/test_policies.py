"""Every policy carried out for two and for three members, and again after a crash between the writes to two of them."""

import datetime as dt

import pytest
from lab import codes, writes

from dovetail.engine.partition import Partition
from dovetail.engine.workspace import utc_now
from dovetail.errors import Declarations
from dovetail.systems.connectors.sqlite.connector import Connector

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT UNIQUE, v {kind}, at TEXT, counted TEXT);"
NAMES = ("a", "b", "c")


class Crash(BaseException):
    """The process dies here."""


def world(lab, policy, *, members=2, kind="INTEGER", cells=None, member="", head=""):
    """Members `a`, `b`, `c` that share one field `v` of row `x`."""
    names = NAMES[:members]
    cells = cells or {}
    shared = ", ".join(f"{name}: {cells.get(name, 'v')}" for name in names)
    listed = "\n".join(f"              {name}: {{dataset: t{member}}}" for name in names)
    return lab(
        {name: TABLE.format(kind=kind) for name in names},
        {
            "thing": f"""
            members:
{listed}
            match: k
            fields:
              k: {{{", ".join(f"{name}: k" for name in names)}, owner: a}}
              v: {{{shared}, {policy}}}
            deletes: {{{", ".join(f"{name}: restore" for name in names)}}}
            guard: {{rows: 100000, share: 100%}}
            """
        },
        head,
    )


def begin(made, value, names=NAMES[:2]):
    """All members agree on one value."""
    for name in names:
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", value)
    made.migrate()
    assert values(made, names) == [value] * len(names)


def edit(made, name, value):
    made.sql(name, "UPDATE t SET v = ? WHERE k = 'x'", value)


def values(made, names=NAMES[:2]):
    return [made.sql(name, "SELECT v FROM t WHERE k = 'x'")[0][0] for name in names]


def settles(made, names=NAMES[:2]):
    """One pass, then a pass that writes nothing; the value that all of them hold."""
    made.migrate()
    assert writes(made.migrate()) == 0
    assert made.verify().ok
    held = values(made, names)
    assert len(set(held)) == 1, held
    return held[0]


def dies_at_write(monkeypatch, number, *, is_committed):
    """Let the process die at one write to a member: before it, or when the member has committed and the state has
    not."""
    original, count = Partition.write, iter(range(1, 100))

    def dying(self, *arguments):
        is_last = next(count) == number
        if is_last and not is_committed:
            raise Crash
        receipt = original(self, *arguments)
        if is_last:
            raise Crash
        return receipt

    monkeypatch.setattr(Partition, "write", dying)


def broken_off(made, monkeypatch, number, *, is_committed):
    with monkeypatch.context() as patch:
        dies_at_write(patch, number, is_committed=is_committed)
        with pytest.raises(Crash):
            made.migrate()


BREAKS = [(1, False), (1, True), (2, False), (2, True)]
DELTA = "policy: delta, first: a"


def test_movements_of_two_members_add_up(lab):
    """A store sells 3, a warehouse receives 10 and corrects by -1, from 20."""
    made = world(lab, DELTA)
    begin(made, 20)
    edit(made, "a", 17)
    edit(made, "b", 30)
    edit(made, "b", 29)
    assert settles(made) == 26


def test_equal_movements_count_twice(lab):
    made = world(lab, DELTA)
    begin(made, 20)
    edit(made, "a", 17)
    edit(made, "b", 17)
    assert settles(made) == 14


def test_movements_of_three_members_add_up(lab):
    made = world(lab, DELTA, members=3)
    begin(made, 20, NAMES)
    for name, value in zip(NAMES, (17, 19, 25), strict=True):
        edit(made, name, value)
    assert settles(made, NAMES) == 21


def test_decimals_add_up_exactly(lab):
    made = world(lab, DELTA, kind="DECIMAL(12,2)", cells={"b": "v * 100 / 100"})
    begin(made, 0.3)
    edit(made, "a", 0.1)
    edit(made, "b", 0.4)
    assert settles(made) == 0.2


@pytest.mark.parametrize(("number", "is_committed"), BREAKS)
@pytest.mark.parametrize("later", [None, ("a", -1), ("b", -1), ("a", 5), ("b", 5)])
def test_a_delta_is_never_applied_twice(lab, monkeypatch, number, is_committed, later):
    """It dies between the writes to two members, and people go on moving what is in stock."""
    made = world(lab, DELTA)
    begin(made, 20)
    edit(made, "a", 17)
    edit(made, "b", 29)
    broken_off(made, monkeypatch, number, is_committed=is_committed)
    moved = 0
    if later is not None:
        name, moved = later
        made.sql(name, "UPDATE t SET v = v + ?", moved)
    assert settles(made) == 26 + moved


@pytest.mark.parametrize(("number", "is_committed"), [*BREAKS, (3, False), (3, True)])
@pytest.mark.parametrize("later", [None, "a", "b", "c"])
def test_a_delta_of_three_members_is_never_applied_twice(lab, monkeypatch, number, is_committed, later):
    made = world(lab, DELTA, members=3)
    begin(made, 20, NAMES)
    edit(made, "a", 17)
    edit(made, "c", 30)
    if number == 3:
        edit(made, "b", 21)
    broken_off(made, monkeypatch, number, is_committed=is_committed)
    if later is not None:
        made.sql(later, "UPDATE t SET v = v - 1")
    assert settles(made, NAMES) == 27 + (number == 3) - (later is not None)


def test_a_number_never_falls_below_its_floor_without_an_alarm(lab):
    """More was sold than there is: nothing is written, the alarm stands until there is enough, and then all edits
    count."""
    made = world(lab, f"{DELTA}, floor: 0")
    begin(made, 5)
    edit(made, "a", 1)
    edit(made, "b", 2)
    summary = made.migrate()
    assert codes(summary) == ["DV-463"]
    assert summary.mappings["thing"].conflicts == 1
    assert values(made) == [1, 2]
    assert made.conflicts() == [("thing", "v")]
    assert writes(made.migrate()) == 0
    made.sql("b", "UPDATE t SET v = v + 10")
    assert settles(made) == 8
    assert made.conflicts() == []


def test_a_single_edit_below_the_floor_is_an_alarm_too(lab):
    made = world(lab, f"{DELTA}, floor: 0.5", kind="DECIMAL(10,2)")
    begin(made, 5)
    edit(made, "a", 0.25)
    assert codes(made.migrate()) == ["DV-463"]
    assert values(made) == [0.25, 5]
    edit(made, "a", 0.5)
    assert settles(made) == 0.5


RECOUNT = f"{DELTA}, recount: \"counted = 'yes'\""


def test_a_recount_is_told_from_a_movement(lab):
    made = world(lab, RECOUNT)
    begin(made, 20)
    made.sql("a", "UPDATE t SET v = 17, counted = 'yes'")
    made.sql("b", "UPDATE t SET v = 19")
    assert settles(made) == 17


def test_two_counts_that_differ_are_left_to_a_person(lab):
    made = world(lab, RECOUNT, members=3)
    begin(made, 20, NAMES)
    made.sql("a", "UPDATE t SET v = 17, counted = 'yes'")
    made.sql("b", "UPDATE t SET v = 18, counted = 'yes'")
    made.sql("c", "UPDATE t SET v = 19")
    assert codes(made.migrate()) == ["DV-440"]
    assert values(made, NAMES) == [17, 18, 19]
    made.sql("b", "UPDATE t SET v = 17")
    assert settles(made, NAMES) == 17


def test_what_is_no_number_cannot_be_added_up(lab):
    made = world(lab, DELTA)
    begin(made, 20)
    edit(made, "a", None)
    edit(made, "b", 18)
    assert codes(made.migrate()) == ["DV-440"]
    assert values(made) == [None, 18]


UNION = "policy: union"


def test_a_union_takes_what_each_added_and_leaves_what_each_took_away(lab):
    made = world(lab, UNION, kind="TEXT")
    begin(made, "red, blue, green")
    edit(made, "a", "red, green, black")
    edit(made, "b", "blue, red, green, white")
    assert settles(made) == "red, green, black, white"


def test_a_union_of_those_who_never_agreed_takes_everything(lab):
    made = world(lab, UNION, kind="TEXT")
    made.sql("a", "INSERT INTO t (k, v) VALUES ('x', 'red, blue')")
    made.sql("b", "INSERT INTO t (k, v) VALUES ('x', 'blue,white')")
    assert settles(made) == "red, blue, white"


def test_a_union_of_three_with_a_separator_of_its_own(lab):
    made = world(lab, "policy: {union: {separator: ';'}}", kind="TEXT", members=3)
    begin(made, "red;blue", NAMES)
    edit(made, "a", "red")
    edit(made, "b", "red; blue;a, b")
    edit(made, "c", None)
    assert settles(made, NAMES) == "a, b"


@pytest.mark.parametrize(("number", "is_committed"), BREAKS)
@pytest.mark.parametrize("later", [None, "a", "b"])
def test_a_union_is_merged_once(lab, monkeypatch, number, is_committed, later):
    """What one took away does not come back because the other is still owed the union."""
    made = world(lab, UNION, kind="TEXT")
    begin(made, "red, blue")
    edit(made, "a", "red, black")
    edit(made, "b", "red, blue, white")
    broken_off(made, monkeypatch, number, is_committed=is_committed)
    expected = {"red", "black", "white"}
    if later is not None:
        made.sql(later, "UPDATE t SET v = v || ', late'")
        expected |= {"late"}
    assert set(settles(made).split(", ")) == expected
    edit(made, "b", "red")
    assert settles(made) == "red"


STAMPED = ", changed: CAST(at AS timestamp)"


def stamped(made, name, value, at):
    made.sql(name, "UPDATE t SET v = ?, at = ? WHERE k = 'x'", value, at)


def off_by(monkeypatch, **seconds):
    """Clocks of the systems, as they are ahead of ours."""

    def now(self):
        ahead = seconds.get(self.path.stem, 0)
        return utc_now() + dt.timedelta(seconds=ahead)

    monkeypatch.setattr(Connector, "now", now, raising=False)


@pytest.mark.parametrize(("early", "late"), [("a", "b"), ("b", "a")])
def test_the_newest_of_two_edits_wins(lab, early, late):
    made = world(lab, "policy: newest", kind="TEXT", member=STAMPED)
    begin(made, "old")
    stamped(made, late, "late", "2026-03-01 10:00:00.000002")
    stamped(made, early, "early", "2026-03-01 10:00:00.000001")
    assert settles(made) == "late"


def test_the_newest_decides_real_concurrency_only(lab):
    """A value that was not edited is not concurrent, however new its row's time stamp is."""
    made = world(lab, "policy: newest", kind="TEXT", members=3, member=STAMPED)
    begin(made, "old", NAMES)
    stamped(made, "a", "old", "2026-03-09 10:00:00")
    stamped(made, "b", "one", "2026-03-01 10:00:00")
    stamped(made, "c", "two", "2026-03-01 09:00:00")
    assert settles(made, NAMES) == "one"


def test_the_offset_of_a_clock_is_taken_off(lab, monkeypatch):
    off_by(monkeypatch, a=20)
    made = world(lab, "policy: newest", kind="TEXT", member=STAMPED)
    begin(made, "old")
    stamped(made, "a", "early", "2026-03-01 10:00:15")
    stamped(made, "b", "late", "2026-03-01 10:00:05")
    summary = made.migrate()
    assert [(one.code, one.severity) for one in summary.findings] == [("DV-464", "note")]
    assert settles(made) == "late"


def test_a_clock_that_is_far_off_decides_nothing(lab, monkeypatch):
    off_by(monkeypatch, b=-3600)
    made = world(lab, "policy: newest", kind="TEXT", member=STAMPED)
    begin(made, "old")
    stamped(made, "a", "one", "2026-03-01 10:00:15")
    stamped(made, "b", "two", "2026-03-01 10:00:05")
    summary = made.migrate()
    assert codes(summary) == ["DV-464"]
    assert "b is -3600 s from ours" in summary.findings[0].message
    assert values(made) == ["one", "two"]
    monkeypatch.undo()
    assert settles(made) == "one"


def test_stamps_without_a_zone_are_of_their_systems_zone(lab):
    made = world(lab, "policy: newest", kind="TEXT", member=STAMPED)
    project = (made.folder / "dovetail.yaml").read_text()
    made.write("dovetail.yaml", project.replace("path: a.db", "path: a.db, timezone: Asia/Tokyo"))
    begin(made, "old")
    stamped(made, "a", "early", "2026-03-01 18:00:00")
    stamped(made, "b", "late", "2026-03-01 10:00:00")
    assert settles(made) == "late"


@pytest.mark.parametrize(("more", "expected"), [("", None), (", first: b", "two")])
def test_equal_stamps_are_left_to_first_or_to_a_person(lab, more, expected):
    made = world(lab, f"policy: newest{more}", kind="TEXT", member=STAMPED)
    begin(made, "old")
    stamped(made, "a", "one", "2026-03-01 10:00:00")
    stamped(made, "b", "two", "2026-03-01 10:00:00")
    if expected is not None:
        assert settles(made) == expected
        return
    assert codes(made.migrate()) == ["DV-440"]
    assert values(made) == ["one", "two"]


def test_a_missing_stamp_decides_nothing(lab):
    made = world(lab, "policy: newest", kind="TEXT", member=STAMPED)
    begin(made, "old")
    stamped(made, "a", "one", None)
    stamped(made, "b", "two", "2026-03-01 10:00:00")
    assert codes(made.migrate()) == ["DV-440"]


@pytest.mark.parametrize(
    ("policy", "edits", "expected"),
    [
        ("policy: min", {"a": 7, "b": 9}, 7),
        ("policy: max", {"a": 2, "c": 4}, 4),
        ("policy: {prefer: [c, a]}", {"a": 7, "b": 9}, 7),
        ("policy: {prefer: [c, a]}", {"a": 7, "b": 9, "c": 8}, 8),
        ("owner: b", {"a": 7, "c": 9}, 5),
        ("owner: b", {"a": 7, "b": 6}, 6),
        ("policy: ask", {"a": 7, "b": 7}, 7),
        ("policy: ask", {"c": 9}, 9),
    ],
)
def test_a_rule_among_three_judges_edits_alone(lab, policy, edits, expected):
    """The third member still holds the old value, which is neither the least nor the greatest *edit*."""
    made = world(lab, policy, members=3)
    begin(made, 5, NAMES)
    for name, value in edits.items():
        edit(made, name, value)
    assert settles(made, NAMES) == expected


def test_a_contest_of_two_freezes_the_field_at_the_third_too(lab):
    made = world(lab, "policy: ask", members=3)
    begin(made, 5, NAMES)
    edit(made, "a", 7)
    edit(made, "b", 9)
    assert codes(made.migrate()) == ["DV-440"]
    assert values(made, NAMES) == [7, 9, 5]
    edit(made, "a", 9)
    assert settles(made, NAMES) == 9


def test_a_third_member_that_gets_the_row_takes_no_side_in_a_contest(lab):
    """The row is created there meanwhile; both edits go on standing against each other, and neither counts as agreed."""
    made = world(lab, "policy: ask", members=3)
    begin(made, 5, NAMES)
    made.sql("c", "DELETE FROM t")
    edit(made, "a", 7)
    edit(made, "b", 9)
    for _ in range(3):
        made.migrate()
        assert made.conflicts() == [("thing", "v")]
        assert values(made) == [7, 9]
        assert made.sql("c", "SELECT count(*) FROM t") == [(1,)]
    edit(made, "b", 7)
    assert settles(made, NAMES) == 7


def test_those_who_never_agreed_are_not_taken_for_agreed_when_a_third_gets_the_row(lab):
    made = world(lab, "policy: ask", members=3)
    for name, value in (("a", 7), ("b", 9)):
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", value)
    for _ in range(3):
        made.migrate()
        assert made.conflicts() == [("thing", "v")]
        assert values(made) == [7, 9]
    edit(made, "a", 9)
    made.sql("c", "UPDATE t SET v = 9")
    assert settles(made, NAMES) == 9


def test_a_row_that_comes_back_does_not_make_the_others_owed(lab, monkeypatch):
    """The row is created again at one member and the process dies; an edit at another is no rival of what was agreed."""
    made = world(lab, "policy: ask", members=3)
    begin(made, 5, NAMES)
    made.sql("c", "DELETE FROM t")
    broken_off(made, monkeypatch, 1, is_committed=True)
    edit(made, "b", 9)
    assert settles(made, NAMES) == 9


def test_a_new_row_does_not_decide_what_nobody_decided(lab):
    """The member that has the say holds no row yet: it does not get one of the two values, to win by it afterwards."""
    made = world(lab, "owner: c", members=3)
    for name, value in (("a", 7), ("b", 9)):
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", value)
    for _ in range(2):
        made.migrate()
        assert made.conflicts() == [("thing", "v")]
        assert values(made) == [7, 9]
        assert made.sql("c", "SELECT count(*) FROM t") == [(0,)]
    edit(made, "b", 7)
    assert settles(made, NAMES) == 7


def test_movements_add_up_after_a_bulk_load(lab):
    """The base of many rows is kept together in the state; the numbers are in it."""
    made = world(lab, DELTA, kind="DECIMAL(12,3)")
    made.sql(
        "a",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
        "INSERT INTO t (k, v) SELECT 'k' || i, i * 1.125 FROM n",
    )
    made.migrate()
    assert made.sql("b", "SELECT count(*) FROM t") == [(900,)]
    made.sql("a", "UPDATE t SET v = v - 3 WHERE id % 2 = 0")
    made.sql("b", "UPDATE t SET v = v + 10 WHERE CAST(substr(k, 2) AS INTEGER) % 3 = 0")
    made.migrate()
    assert writes(made.migrate()) == 0
    expected = {f"k{i}": i * 1.125 - 3 * (i % 2 == 0) + 10 * (i % 3 == 0) for i in range(1, 901)}
    for name in NAMES[:2]:
        assert dict(made.sql(name, "SELECT k, v FROM t")) == expected


def test_a_changed_policy_does_not_take_fingerprints_for_numbers(lab):
    """What was kept under another rule says who edited, and nothing about numbers."""
    made = world(lab, "policy: ask", kind="DECIMAL(12,2)")
    begin(made, 20)
    mapping = (made.folder / "mappings/thing.yaml").read_text()
    made.write("mappings/thing.yaml", mapping.replace("policy: ask", DELTA))
    edit(made, "a", 17.25)
    edit(made, "b", 29.5)
    assert codes(made.migrate()) == ["DV-440"]
    assert values(made) == [17.25, 29.5]
    edit(made, "a", 20)
    assert settles(made) == 29.5
    edit(made, "a", 17.25)
    edit(made, "b", 29)
    assert settles(made) == 16.75


def why(lab, policy, kind="INTEGER", cells=None, member=""):
    made = world(lab, policy, kind=kind, cells=cells, member=member)
    with pytest.raises(Declarations) as told:
        made.migrate()
    return str(told.value)


def test_what_a_policy_asks_of_its_members_is_asked_before_anything_is_read(lab, tmp_path):
    assert "DV-460" in why(lab, DELTA, kind="TEXT")


@pytest.mark.parametrize(
    ("policy", "kind", "cells", "member", "code"),
    [
        (DELTA, "DECIMAL(12,4)", {"b": '"round(v, 1)"'}, "", "DV-460"),
        (f"{DELTA}, recount: lost", "INTEGER", None, "", "DV-223"),
        (UNION, "INTEGER", None, "", "DV-221"),
        ("policy: newest", "TEXT", None, ", changed: at", "DV-222"),
        ("policy: newest", "TEXT", None, "", "DV-165"),
    ],
)
def test_a_policy_without_what_it_needs_does_not_load(lab, policy, kind, *, cells, member, code):
    assert code in why(lab, policy, kind, cells, member)


def test_a_word_that_came_by_a_union_can_be_taken_away_before_the_other_has_it(lab, monkeypatch):
    """`a` was written and the process died; `b`, which wrote the word, went into the union and is still owed it."""
    made = world(lab, UNION, kind="TEXT")
    begin(made, "red, blue")
    edit(made, "a", "red, black")
    edit(made, "b", "red, blue, white")
    broken_off(made, monkeypatch, 1, is_committed=True)
    assert values(made)[0] == "red, black, white"
    edit(made, "a", "red, black")
    assert settles(made) == "red, black"
