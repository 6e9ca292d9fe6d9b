"""What is never taken for a delete, what becomes of rows that are, and that nothing else goes."""

import pytest
from lab import codes, writes
from matrix import SIDES, open_conflicts, passes

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.errors import GateClosed, Unreachable
from dovetail.systems.connectors.sqlite import Connector

WAYS = pytest.mark.parametrize("way", ["whole", "scope"])
NAMES = ("left", "right", "third")


def project(lab, *, rules, extra=None, members=("left", "right"), more="", v="policy: {prefer: left}"):
    extra = extra or {}
    listed = ", ".join(f"{name}: {{dataset: thing{extra.get(name, '')}}}" for name in members)
    cells = {field: ", ".join(f"{name}: {field}" for name in members) for field in ("n", "v")}
    return lab(
        dict.fromkeys(members, SIDES["left"]),
        {
            "thing": f"""
            members: {{{listed}}}
            match: n
            fields:
              n: {{{cells["n"]}, owner: left}}
              v: {{{cells["v"]}, {v}}}
            deletes: {{{rules}}}
            guard: {{rows: 100000, share: 100%}}
            {more}
            """
        },
    )


def fill(made, *names):
    for name in names:
        made.sql("left", "INSERT INTO thing (n, v) VALUES (?, 'same')", name)


def standing(made, side):
    return dict(made.sql(side, "SELECT n, v FROM thing WHERE hidden = 0 ORDER BY n"))


BOTH = "left: propagate, right: propagate"


# ------------------------------------------------------------------------------------------------ never a delete


@WAYS
def test_a_row_that_leaves_the_filter_is_no_delete(lab, way):
    made = project(lab, rules=BOTH, extra={"left": ", where: hidden = 0"})
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1, v = 'edited' WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
        assert standing(made, "right") == {"x": "same", "y": "same"}
        made.sql("right", "UPDATE thing SET v = 'there' WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
        made.sql("left", "UPDATE thing SET hidden = 0 WHERE n = 'x'")
        run.catch_up()
    assert standing(made, "right") == {"x": "edited", "y": "same"}


@WAYS
def test_a_row_that_cannot_be_read_is_no_delete(lab, way):
    made = project(lab, rules=BOTH)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 'no number', v = CAST(x'ff' AS TEXT) WHERE n = 'x'")
        assert run.catch_up().mappings["thing"].deleted == 0
    assert standing(made, "right") == {"x": "same", "y": "same"}


def test_a_reading_that_breaks_off_is_no_delete(lab, monkeypatch):
    made = project(lab, rules=BOTH)
    fill(made, *"abcdef")
    made.migrate()
    honest = Connector.read

    def broken(self, dataset, fields, **options):
        first, *_ = honest(self, dataset, fields, **options)
        yield first.slice(0, 2)
        raise Unreachable("the connection broke", where="left")

    with monkeypatch.context() as patch:
        patch.setattr(Connector, "read", broken)
        with pytest.raises(Unreachable):
            made.migrate()
    assert len(standing(made, "left")) == len(standing(made, "right")) == 6


def test_rows_that_a_short_answer_left_out_are_no_deletes(lab, monkeypatch):
    """The page ends early, and nobody says so: a look-up finds the rows."""
    made = project(lab, rules=BOTH)
    fill(made, *"abcdef")
    made.migrate()
    honest = Connector.read

    def short(self, dataset, fields, **options):
        if self.path.name == "left.db":
            yield from (batch.slice(0, 4) for batch in honest(self, dataset, fields, **options))
        else:
            yield from honest(self, dataset, fields, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Connector, "read", short)
        assert codes(made.migrate()) == ["DV-465", "DV-465"]
    assert len(standing(made, "right")) == 6
    assert (writes(made.migrate()), made.rejects()) == (0, [])


@WAYS
def test_a_dataset_that_is_suddenly_empty_is_no_delete(lab, way):
    """An outage, a lost permission, an emptied export: all look the same."""
    made = project(lab, rules=BOTH)
    fill(made, "x", "y", "z")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing")
        if way == "whole":
            with pytest.raises(GateClosed, match="left holds no row of thing at all") as caught:
                run.catch_up()
            assert (caught.value.code, caught.value.exit_code) == ("DV-467", 3)
        else:
            run.sync.census("thing")
            assert isinstance(run.sync.turn().failed["thing"], GateClosed)
    assert len(standing(made, "right")) == 3
    made.migrate(allowed=3)
    assert standing(made, "right") == {}


def test_the_last_row_of_a_dataset_may_be_deleted(lab):
    made = project(lab, rules=BOTH)
    fill(made, "x")
    made.migrate()
    made.sql("left", "DELETE FROM thing")
    made.migrate()
    assert standing(made, "right") == {}


@WAYS
def test_a_row_under_a_new_key_is_no_delete(lab, way):
    made = project(lab, rules=BOTH)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET id = 77 WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
        made.sql("right", "UPDATE thing SET v = 'later' WHERE n = 'x'")
        run.catch_up()
    assert made.sql("left", "SELECT id, v FROM thing WHERE n = 'x'") == [(77, "later")]


def test_more_deletes_than_the_guard_lets_through_wait(lab):
    """The declared guard lets all of them through."""
    made = project(lab, rules=BOTH)
    fill(made, *(f"n{number}" for number in range(80)))
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE id <= 51")
    with pytest.raises(GateClosed, match="51 of 80 rows would be deleted"):
        made.migrate()
    made.migrate(allowed=51)
    assert len(standing(made, "right")) == 29


def test_fewer_pass(lab):
    made = project(lab, rules=BOTH)
    fill(made, *(f"n{number}" for number in range(80)))
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE id <= 50")
    made.migrate()
    assert len(standing(made, "right")) == 30


# ------------------------------------------------------------------------------------------- several members


@WAYS
@pytest.mark.parametrize("gone", ["left", "right", "third"])
def test_a_delete_reaches_every_other_member(lab, way, gone):
    made = project(lab, rules=f"{BOTH}, third: propagate", members=NAMES)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql(gone, "DELETE FROM thing WHERE n = 'x'")
        assert writes(run.catch_up()) == 2
        assert writes(run.catch_up()) == 0
    assert [standing(made, name) for name in NAMES] == [{"y": "same"}] * 3


def test_a_run_that_dies_between_two_deletes_brings_nothing_back(lab, monkeypatch):
    made = project(lab, rules=f"{BOTH}, third: propagate", members=NAMES)
    fill(made, "x", "y")
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE n = 'x'")
    honest = Partition.write

    def dying(self, dataset, change, *rest):
        if "third" in self.name:
            raise KeyboardInterrupt
        return honest(self, dataset, change, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            made.migrate()
    assert [standing(made, name) for name in NAMES] == [{"y": "same"}, {"y": "same"}, {"x": "same", "y": "same"}]
    made.migrate()
    assert [standing(made, name) for name in NAMES] == [{"y": "same"}] * 3
    assert made.migrate().mappings["thing"].rows == 1


@WAYS
def test_an_edit_at_a_third_member_brings_the_row_back(lab, way):
    made = project(lab, rules=f"{BOTH}, third: propagate", members=NAMES)
    fill(made, "x")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing")
        made.sql("third", "UPDATE thing SET v = 'edited'")
        run.catch_up()
        assert [standing(made, name) for name in NAMES] == [{"x": "edited"}] * 3
        made.sql("left", "DELETE FROM thing")
        run.catch_up()
    assert [standing(made, name) for name in NAMES] == [{}] * 3


@WAYS
def test_a_row_created_again_at_a_third_member_beats_the_delete(lab, way):
    made = project(lab, rules=f"{BOTH}, third: propagate", members=NAMES)
    fill(made, "x")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing")
        made.sql("third", "DELETE FROM thing")
        made.sql("third", "INSERT INTO thing (id, n, v) VALUES (50, 'x', 'same')")
        run.catch_up()
    assert [standing(made, name) for name in NAMES] == [{"x": "same"}] * 3


@WAYS
def test_an_edit_saves_a_row_where_it_cannot_be_created_again(lab, way):
    made = project(lab, rules=BOTH, extra={"left": ", creates: never"})
    fill(made, "x")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing")
        made.sql("right", "UPDATE thing SET v = 'edited'")
        for _ in range(3):
            assert writes(run.catch_up()) == 0
    assert standing(made, "right") == {"x": "edited"}


# ---------------------------------------------------------------------------------------------------- races


@pytest.mark.parametrize("left", ["insert", "update", "delete"])
@pytest.mark.parametrize("right", ["insert", "update", "delete"])
@WAYS
def test_every_pair_of_changes_comes_to_rest(lab, way, left, right):
    """Each side changes the row that it holds, or creates it, before anything was carried over."""
    made = project(lab, rules=BOTH)
    fill(made, "other")
    with passes(made, way) as run:
        run.catch_up()
        held = {"left": left != "insert", "right": right != "insert"}
        if all(held.values()):
            fill(made, "x")
            run.catch_up()
        for side, verb in (("left", left), ("right", right)):
            if verb == "insert" or not all(held.values()):
                made.sql(side, "INSERT INTO thing (id, n, v) VALUES (90, 'x', ?)", f"{side} first")
            if verb == "update":
                made.sql(side, "UPDATE thing SET v = ? WHERE n = 'x'", f"{side} edited")
            elif verb == "delete":
                made.sql(side, "DELETE FROM thing WHERE n = 'x'")
        run.catch_up()
        assert writes(run.catch_up()) == 0
    there = {"insert": "first", "update": "edited"}
    if left == "delete":
        expected = {} if right == "delete" else {"x": f"right {there[right]}"}
    else:
        expected = {"x": f"left {there[left]}"}
    assert standing(made, "left") == standing(made, "right") == {"other": "same"} | expected


@WAYS
def test_a_row_that_was_deleted_before_it_was_ever_carried_over_leaves_no_trace(lab, way):
    made = project(lab, rules=BOTH)
    fill(made, "y")
    with passes(made, way) as run:
        run.catch_up()
        fill(made, "x")
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
    assert standing(made, "right") == {"y": "same"}


@WAYS
def test_a_row_that_was_deleted_in_the_last_moment_is_no_error(lab, way, monkeypatch):
    made = project(lab, rules=BOTH)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        honest, told = Partition.write, []

        def late(self, dataset, change, *rest):
            if not told:
                told.append(made.sql("right", "DELETE FROM thing WHERE n = 'x'"))
            return honest(self, dataset, change, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Partition, "write", late)
            run.catch_up()
        assert told
        assert writes(run.catch_up()) == 0
    assert standing(made, "left") == standing(made, "right") == {"y": "same"}


@WAYS
def test_a_row_that_was_changed_in_the_last_moment_before_it_went_is_gone(lab, way, monkeypatch):
    """Our update meets a row that was deleted a moment ago."""
    made = project(lab, rules=BOTH)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET v = 'edited' WHERE n = 'x'")
        honest, told = Partition.write, []

        def late(self, dataset, change, *rest):
            if not told:
                told.append(made.sql("right", "DELETE FROM thing WHERE n = 'x'"))
            return honest(self, dataset, change, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Partition, "write", late)
            run.catch_up()
        assert told
        run.catch_up()
        assert standing(made, "left") == standing(made, "right") == {"x": "edited", "y": "same"}
        assert writes(run.catch_up()) == 0


@WAYS
def test_everything_may_happen_to_one_row_between_two_passes(lab, way):
    made = project(lab, rules=BOTH)
    fill(made, "y")
    with passes(made, way) as run:
        run.catch_up()
        for v in ("first", "second"):
            made.sql("left", "INSERT INTO thing (id, n, v) VALUES (40, 'x', ?)", v)
            made.sql("left", "UPDATE thing SET v = v || '!' WHERE id = 40")
            made.sql("left", "DELETE FROM thing WHERE id = 40")
        assert writes(run.catch_up()) == 0
        made.sql("left", "INSERT INTO thing (id, n, v) VALUES (40, 'x', 'third')")
        made.sql("left", "UPDATE thing SET v = v || '!' WHERE id = 40")
        run.catch_up()
        assert standing(made, "right") == {"x": "third!", "y": "same"}


@WAYS
def test_a_delete_of_a_row_that_was_never_here_is_nothing(lab, way):
    made = project(lab, rules=BOTH, extra={"right": ", wants: v <> 'mine'"})
    made.sql("left", "INSERT INTO thing (n, v) VALUES ('x', 'mine'), ('y', 'same')")
    with passes(made, way) as run:
        run.catch_up()
        assert standing(made, "right") == {"y": "same"}
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        assert run.catch_up().findings == []
        assert standing(made, "right") == {"y": "same"}
        assert writes(run.catch_up()) == 0


@WAYS
def test_rows_outside_a_filter_are_no_conflicts(lab, way):
    made = project(lab, rules=BOTH, extra={"left": ", where: hidden = 0"}, v="policy: ask")
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1, v = 'left' WHERE n = 'x'")
        made.sql("right", "UPDATE thing SET v = 'right' WHERE n = 'x'")
        assert run.catch_up().findings == []
        assert open_conflicts(made) == set()
        made.sql("right", "DELETE FROM thing WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
        assert made.sql("left", "SELECT n FROM thing ORDER BY n") == [("x",), ("y",)]


def test_very_many_deletes_in_one_run(lab):
    made = project(lab, rules=BOTH)
    made.sql(
        "left",
        "INSERT INTO thing (n, v) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60001) "
        "SELECT 'n' || i, 'v' FROM c",
    )
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE id > 1")
    assert made.migrate(allowed=60_000).mappings["thing"].deleted == 60_000
    assert len(standing(made, "right")) == 1
    assert made.migrate().mappings["thing"].rows == 1


# ------------------------------------------------------------------------------------------------ soft deletes

SOFT = ", gone: hidden = 1, remove: {hidden: 1}"
WITH_REVIVE = SOFT + ", revive: {hidden: 0}"


@WAYS
def test_a_soft_delete_sets_its_columns_and_keeps_the_others(lab, way):
    made = project(lab, rules="left: propagate, right: soft", extra={"left": SOFT, "right": SOFT})
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        summary = run.catch_up()
        assert summary.mappings["thing"].members["right"].deleted == 1
        assert made.sql("right", "SELECT n, v, hidden FROM thing ORDER BY n") == [("x", "same", 1), ("y", "same", 0)]
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_member_without_remove_deletes_really(lab, way):
    made = project(lab, rules=BOTH, extra={"left": ", gone: hidden = 1"})
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1 WHERE n = 'x'")
        run.catch_up()
        assert made.sql("right", "SELECT n FROM thing") == [("y",)]
        assert writes(run.catch_up()) == 0
        made.sql("left", "UPDATE thing SET hidden = 0, v = 'back' WHERE n = 'x'")
        run.catch_up()
        assert standing(made, "left") == standing(made, "right") == {"x": "back", "y": "same"}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_soft_delete_that_is_undone_brings_the_row_back_everywhere(lab, way):
    made = project(lab, rules="left: soft, right: soft", extra={"left": WITH_REVIVE, "right": WITH_REVIVE})
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1 WHERE n = 'x'")
        run.catch_up()
        assert standing(made, "right") == {"y": "same"}
        made.sql("right", "UPDATE thing SET hidden = 0, v = 'back' WHERE n = 'x'")
        run.catch_up()
        assert standing(made, "left") == standing(made, "right") == {"x": "back", "y": "same"}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_row_that_cannot_be_revived_is_a_conflict(lab, way):
    made = project(lab, rules="left: soft, right: soft", extra={"left": SOFT, "right": SOFT})
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1 WHERE n = 'x'")
        made.sql("right", "UPDATE thing SET v = 'edited' WHERE n = 'x'")
        summary = run.catch_up()
        assert "`revive` does not say how it comes back" in summary.findings[0].message
        assert open_conflicts(made) == {"x"}
        made.sql("left", "UPDATE thing SET hidden = 0 WHERE n = 'x'")
        run.catch_up()
        assert (open_conflicts(made), standing(made, "left")["x"]) == (set(), "edited")


@WAYS
def test_a_row_that_meets_its_counterpart_while_it_is_deleted_softly_is_a_conflict(lab, way):
    made = project(lab, rules="left: soft, right: soft", extra={"left": WITH_REVIVE, "right": WITH_REVIVE})
    fill(made, "y")
    made.sql("right", "INSERT INTO thing (n, v, hidden) VALUES ('x', 'old', 1)")
    with passes(made, way) as run:
        run.catch_up()
        fill(made, "x")
        assert writes(run.catch_up()) == 0
        assert open_conflicts(made) == {"x"}


def test_remove_that_gone_does_not_see_is_held(lab):
    soft = ", gone: hidden = 2, remove: {hidden: 1}"
    made = project(lab, rules="left: soft, right: soft", extra={"left": soft, "right": soft})
    fill(made, "x")
    made.migrate()
    made.sql("left", "UPDATE thing SET hidden = 2")
    assert codes(made.migrate()) == ["DV-466"]
    assert made.sql("right", "SELECT hidden FROM thing") == [(0,)]


@WAYS
def test_a_row_that_was_edited_in_the_last_moment_is_not_deleted_softly(lab, way, monkeypatch):
    made = project(lab, rules="left: soft, right: soft", extra={"left": WITH_REVIVE, "right": WITH_REVIVE})
    fill(made, "x")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "UPDATE thing SET hidden = 1")
        honest, told = Partition.write, []

        def late(self, dataset, change, *rest):
            if not told:
                told.append(made.sql("right", "UPDATE thing SET v = 'late'"))
            return honest(self, dataset, change, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Partition, "write", late)
            run.catch_up()
        run.catch_up()
    assert standing(made, "left") == standing(made, "right") == {"x": "late"}


def test_a_plan_shows_what_becomes_of_softly_deleted_rows_and_is_carried_out_so(lab):
    made = project(lab, rules="left: soft, right: soft", extra={"left": WITH_REVIVE, "right": WITH_REVIVE})
    fill(made, "x", "y", "z")
    made.migrate(for_sync=True)
    made.sql("left", "UPDATE thing SET hidden = 1 WHERE n <> 'z'")
    made.migrate()
    made.sql("left", "UPDATE thing SET hidden = 0 WHERE n = 'x'")
    made.sql("right", "UPDATE thing SET hidden = 1 WHERE n = 'z'")
    planned = made.plan().summary.mappings["thing"]
    assert (planned.updated, planned.deleted) == (1, 1)
    assert [finding.message for finding in made.verify().findings] == [
        "gone elsewhere, still here",
        "deleted softly here, and there elsewhere",
    ]
    applied = made.apply().mappings["thing"]
    assert (applied.updated, applied.deleted) == (1, 1)
    assert standing(made, "left") == standing(made, "right") == {"x": "same"}
    assert made.verify().ok


def test_a_plan_leaves_out_a_row_that_was_deleted_again_since(lab):
    made = project(lab, rules="left: soft, right: soft", extra={"left": WITH_REVIVE, "right": WITH_REVIVE})
    fill(made, "x", "z")
    made.migrate(for_sync=True)
    made.sql("left", "UPDATE thing SET hidden = 1 WHERE n = 'x'")
    made.migrate()
    made.sql("left", "UPDATE thing SET hidden = 0, v = 'back' WHERE n = 'x'")
    made.plan()
    made.sql("left", "UPDATE thing SET hidden = 1, v = 'gone again' WHERE n = 'x'")
    made.apply()
    assert standing(made, "right") == {"z": "same"}


def test_what_a_check_says_of_a_row_does_not_keep_it(lab):
    """The check came later than the row."""
    made = project(lab, rules=BOTH)
    fill(made, "x", "y")
    made.migrate()
    text = (made.folder / "mappings/thing.yaml").read_text()
    made.write("mappings/thing.yaml", text.replace("{prefer: left}", "{prefer: left}, check: {length: [1, 3]}"))
    made.sql("right", "DELETE FROM thing WHERE n = 'x'")
    assert len(made.migrate().findings) == 1
    assert standing(made, "left") == {"y": "same"}


def test_a_plan_tells_of_an_emptied_dataset(lab):
    made = project(lab, rules=BOTH)
    fill(made, "x", "y", "z")
    made.migrate()
    made.sql("left", "DELETE FROM thing")
    (reason,) = made.plan().held
    assert "left holds no row of thing at all any more; 3 rows" in reason


# ---------------------------------------------------------------------------------------------------- detach

APART = "left: detach, right: detach"


@WAYS
def test_a_detached_row_is_nothing_to_the_other_member_any_more(lab, way):
    made = project(lab, rules=APART)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        run.catch_up()
        made.sql("right", "UPDATE thing SET v = 'on its own' WHERE n = 'x'")
        assert writes(run.catch_up()) == 0
    assert (standing(made, "left"), standing(made, "right")["x"]) == ({"y": "same"}, "on its own")


def test_the_key_of_a_detached_row_may_be_used_again(lab):
    made = project(lab, rules=APART)
    fill(made, "y", "x")
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE n = 'x'")
    made.migrate()
    made.sql("left", "INSERT INTO thing (id, n, v) VALUES (2, 'new', 'other')")
    made.migrate()
    assert standing(made, "right") == {"new": "other", "x": "same", "y": "same"}


def test_a_detached_row_stays_though_the_rule_becomes_another(lab):
    made = project(lab, rules=APART)
    fill(made, "x", "y")
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE n = 'x'")
    made.migrate()
    text = (made.folder / "mappings/thing.yaml").read_text()
    made.write("mappings/thing.yaml", text.replace("left: detach", "left: propagate"))
    assert writes(made.migrate()) == 0
    assert "x" in standing(made, "right")
    made.write("mappings/thing.yaml", text.replace("left: detach", "left: restore"))
    assert writes(made.migrate()) == 0


@WAYS
def test_a_detached_row_that_is_created_again_is_linked_anew(lab, way):
    made = project(lab, rules=APART)
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        run.catch_up()
        made.sql("left", "INSERT INTO thing (id, n, v) VALUES (70, 'x', 'again')")
        run.catch_up()
        assert standing(made, "left") == standing(made, "right") == {"x": "again", "y": "same"}
        assert writes(run.catch_up()) == 0
        made.sql("right", "UPDATE thing SET v = 'both' WHERE n = 'x'")
        run.catch_up()
    assert standing(made, "left")["x"] == "both"


def test_a_detached_row_that_goes_everywhere_is_forgotten(lab):
    made = project(lab, rules=APART)
    fill(made, "x", "y")
    made.migrate()
    made.sql("left", "DELETE FROM thing WHERE n = 'x'")
    made.migrate()
    made.sql("right", "DELETE FROM thing WHERE n = 'x'")
    for _ in range(2):
        made.migrate()
    with open_workspace(made.folder, variables={}) as workspace:
        assert workspace.store.crossref.count("thing") == 1
        assert workspace.store.detached.count("thing") == 0


# ------------------------------------------------------------------------------------------------------- ask


@WAYS
def test_a_question_about_a_delete_is_withdrawn_when_the_row_comes_back(lab, way):
    made = project(lab, rules="left: ask, right: ask")
    fill(made, "x", "y")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("left", "DELETE FROM thing WHERE n = 'x'")
        run.catch_up()
        assert open_conflicts(made) == {"x"}
        made.sql("left", "INSERT INTO thing (id, n, v) VALUES (1, 'x', 'same')")
        assert writes(run.catch_up()) == 0
        assert open_conflicts(made) == set()


def test_the_rule_of_a_member_that_is_only_read_asks(lab):
    made = lab(
        {"left": SIDES["left"], "right": SIDES["right"] + "CREATE VIEW shown AS SELECT * FROM thing;"},
        {
            "thing": """
            members: {left: {dataset: thing}, right: {dataset: shown, key: [id]}}
            match: n
            fields:
              n: {left: n, right: n, owner: right}
              v: {left: v, right: v, owner: right}
            deletes: {left: propagate, right: propagate}
            """
        },
    )
    made.sql("right", "INSERT INTO thing (n, v) VALUES ('x', 'same')")
    made.migrate()
    made.sql("left", "DELETE FROM thing")
    assert "right can only be read" in made.migrate().findings[0].message
