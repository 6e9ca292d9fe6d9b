"""Promises of a reconcile that only a small mistake in it would break, one test each."""

import pytest
from lab import codes, writes

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.errors import Fenced, Unreachable

GENEROUS = "guard: {rows: 100000, share: 100%}"
LEFT = "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT, w TEXT, hidden INTEGER DEFAULT 0);"
RIGHT = """CREATE TABLE b (no INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT UNIQUE, v TEXT, w TEXT, area TEXT,
    whole TEXT, gone INTEGER NOT NULL DEFAULT 0);"""


def project(lab, *, rules="deletes: {left: propagate, right: ask}", **parts):
    """Two tables paired by `n`, with two fields that prefer the left; `parts` say it otherwise."""
    left, right, more = (parts.get(name, "") for name in ("left", "right", "more"))
    v = parts.get("v", "{left: v, right: v, policy: {prefer: left}}")
    w = parts.get("w", "{left: w, right: w, policy: {prefer: left}}")
    return lab(
        {"left": LEFT, "right": RIGHT},
        {
            "thing": f"""
            members:
              left: {{dataset: a{left}}}
              right: {{dataset: b{right}}}
            match: n
            fields:
              n: {{left: n, right: n, owner: left}}
              v: {v}
              w: {w}
              {more}
            {rules}
            {GENEROUS}
            """
        },
    )


def filled(made, count=3):
    for number in range(1, count + 1):
        made.sql("left", "INSERT INTO a (id, n, v, w) VALUES (?, ?, ?, ?)", number, f"n{number}", f"v{number}", "w")
    made.migrate()
    return made


def right(made, columns="n, v"):
    return made.sql("right", f"SELECT {columns} FROM b ORDER BY n")


def late(monkeypatch, edit):
    """Let somebody edit a system after everything was read, once, just before the first write."""
    original, done = Partition.write, []

    def write(self, *arguments):
        if not done:
            done.append(edit())
        return original(self, *arguments)

    monkeypatch.setattr(Partition, "write", write)


# ------------------------------------------------------------------------------------------------ in the last moment


def test_a_value_that_a_write_is_computed_from_is_guarded_too(lab, monkeypatch):
    """`whole` is made from `area`, which somebody changes: what would be written is no longer right."""
    made = filled(project(lab, right=""", set: {whole: "v || '/' || coalesce(old.area, '')"}"""), 1)
    made.sql("left", "UPDATE a SET v = 'new'")
    with monkeypatch.context() as patch:
        late(patch, lambda: made.sql("right", "UPDATE b SET area = 'north'"))
        assert codes(made.migrate()) == ["DV-451"]
    made.migrate()
    assert right(made, "v, whole") == [("new", "new/north")]
    assert writes(made.migrate()) == 0


def test_a_row_that_is_edited_in_the_last_moment_is_not_deleted(lab, monkeypatch):
    made = filled(project(lab))
    made.sql("left", "DELETE FROM a WHERE id = 2")
    with monkeypatch.context() as patch:
        late(patch, lambda: made.sql("right", "UPDATE b SET v = 'edited' WHERE n = 'n2'"))
        assert codes(made.migrate()) == ["DV-451"]
    assert ("n2", "edited") in right(made)
    made.migrate()
    assert made.sql("left", "SELECT v FROM a WHERE n = 'n2'") == [("edited",)]
    assert writes(made.migrate()) == 0


def test_updates_touch_only_the_columns_that_differ(lab, monkeypatch):
    made = filled(project(lab), 2)
    made.sql("left", "UPDATE a SET v = 'V' WHERE id = 1")
    made.sql("left", "UPDATE a SET w = 'W' WHERE id = 2")

    def edit():
        made.sql("right", "UPDATE b SET w = 'theirs' WHERE n = 'n1'")
        made.sql("right", "UPDATE b SET v = 'theirs' WHERE n = 'n2'")

    with monkeypatch.context() as patch:
        late(patch, edit)
        assert codes(made.migrate()) == []
    assert right(made, "v, w") == [("V", "theirs"), ("theirs", "W")]
    made.migrate()
    assert made.sql("left", "SELECT v, w FROM a ORDER BY id") == [("V", "theirs"), ("theirs", "W")]


def test_what_was_missed_is_not_taken_for_written(lab, monkeypatch):
    made = filled(project(lab), 2)
    made.sql("left", "UPDATE a SET v = 'ours'")
    with monkeypatch.context() as patch:
        late(patch, lambda: made.sql("right", "UPDATE b SET w = 'x', v = 'theirs' WHERE n = 'n2'"))
        summary = made.migrate()
    assert (codes(summary), writes(summary)) == (["DV-451"], 1)
    made.sql("left", "UPDATE a SET v = 'v2' WHERE id = 2")
    made.migrate()
    assert made.sql("left", "SELECT v FROM a WHERE id = 2") == [("theirs",)]


# ---------------------------------------------------------------------------------------------------- other workers


def test_a_worker_that_was_overtaken_after_its_write_changes_no_state(lab, monkeypatch):
    made = project(lab)
    made.sql("left", "INSERT INTO a (id, n) VALUES (1, 'x')")
    original = Partition.write

    def overtaken(self, *arguments):
        receipt = original(self, *arguments)
        self._store.sequence.advance(self._turns)
        return receipt

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", overtaken)
        with pytest.raises(Fenced):
            made.migrate()
    assert codes(made.migrate()) == ["DV-452"]
    assert right(made, "n") == [("x",)]


@pytest.mark.parametrize("is_overtaken", [True, False])
def test_after_a_try_without_an_answer_somebody_else_in_between_is_noticed(lab, monkeypatch, is_overtaken):
    made = project(lab)
    made.sql("left", "INSERT INTO a (id, n) VALUES (1, 'x')")
    original, tries = Partition.write, []

    def write(self, *arguments):
        tries.append(1)
        if len(tries) == 1:
            if is_overtaken:
                self.target.raise_epoch(self.name)
            raise Unreachable("the connection was lost")
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", write)
        if is_overtaken:
            with pytest.raises(Fenced):
                made.migrate()
        else:
            made.migrate()
    assert right(made, "n") == ([] if is_overtaken else [("x",)])


class Crash(BaseException):
    """The process dies here."""


def crash_before(monkeypatch, made, name):
    """Let a run die just before a step."""

    def dying(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Partition, name, dying)
        with pytest.raises(Crash):
            made.migrate()


def test_the_ledger_of_another_installation_is_not_believed(lab, monkeypatch):
    """A state that was lost leaves entries behind; their row numbers mean nothing to the next one."""
    made = project(lab)
    made.sql("left", "INSERT INTO a (id, n, v) VALUES (1, 'x', '1'), (2, 'y', '2')")
    crash_before(monkeypatch, made, "confirm")
    for file in (made.folder / ".dovetail").glob("state.db*"):
        file.unlink()
    assert codes(made.migrate()) == []
    assert right(made) == [("x", "1"), ("y", "2")]
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate()
    assert right(made) == [("x", "new"), ("y", "2")]
    assert made.verify().ok


def test_a_run_that_was_cut_off_leaves_each_row_its_own_base(lab, monkeypatch):
    made = filled(project(lab))
    made.sql("left", "UPDATE a SET v = v || '!'")
    crash_before(monkeypatch, made, "confirm")
    made.sql("right", "UPDATE b SET v = 'theirs' WHERE n IN ('n2', 'n3')")
    made.migrate()
    assert right(made) == [("n1", "v1!"), ("n2", "theirs"), ("n3", "theirs")]
    assert made.sql("left", "SELECT v FROM a ORDER BY id") == [("v1!",), ("theirs",), ("theirs",)]


# ------------------------------------------------------------------------------------------------- what is remembered


def test_the_journal_knows_what_stood_there_and_what_was_written(lab):
    made = filled(project(lab), 2)
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate()
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.migrate()
    with open_workspace(made.folder, variables={}) as workspace:
        deleted, updated, created = (one.entry for one in workspace.store.journal.history("thing", 1))
    assert (deleted.verb, updated.verb, created.verb) == ("delete", "update", "create")
    assert (updated.before["v"], updated.after["v"]) == ("v1", "new")
    assert deleted.before["v"] == "new"
    assert {one.member for one in (deleted, updated, created)} == {"right"}


def test_neither_ledger_nor_state_keeps_what_is_no_longer_needed(lab):
    made = filled(project(lab))
    made.sql("left", "UPDATE a SET v = 'new'")
    made.migrate()
    made.sql("left", "DELETE FROM a WHERE id = 2")
    made.migrate()
    assert made.sql("right", "SELECT count(*) FROM dovetail_ledger") == [(1,)], "the last one tells how far we are"
    with open_workspace(made.folder, variables={}) as workspace:
        store = workspace.store
        assert store.base.count("thing") == store.crossref.count("thing") == 2
        assert [store.intents.list(part) for part in store.intents.partitions()] == []


def test_the_base_is_what_the_system_made_of_a_write(lab):
    """A trigger that rewrites values is no user: its work does not travel back, and an edit beside it does."""
    made = project(lab)
    made.sql(
        "right",
        "CREATE TRIGGER loud AFTER UPDATE OF v ON b WHEN new.v <> upper(new.v)"
        " BEGIN UPDATE b SET v = upper(v) WHERE no = new.no; END",
    )
    filled(made, 2)
    made.sql("left", "UPDATE a SET v = 'abc' WHERE id = 1")
    made.migrate()
    assert right(made) == [("n1", "ABC"), ("n2", "v2")]
    assert writes(made.migrate()) == 0
    assert made.sql("left", "SELECT v FROM a WHERE id = 1") == [("abc",)]
    made.sql("right", "UPDATE b SET v = 'EDITED' WHERE n = 'n1'")
    made.migrate()
    assert made.sql("left", "SELECT v FROM a WHERE id = 1") == [("EDITED",)]


def test_a_row_that_was_refused_is_tried_again(lab):
    made = filled(project(lab))
    made.sql(
        "right",
        "CREATE TRIGGER no BEFORE UPDATE ON b WHEN new.v = 'bad' BEGIN SELECT RAISE(ABORT, 'not that'); END",
    )
    made.sql("left", "UPDATE a SET v = 'bad' WHERE id = 2")
    assert made.migrate().mappings["thing"].quarantined == 1
    made.sql("right", "DROP TRIGGER no")
    made.migrate()
    assert right(made) == [("n1", "v1"), ("n2", "bad"), ("n3", "v3")]
    assert made.rejects() == []


def test_a_held_edit_is_not_agreed_on(lab):
    """What a check holds must still be an edit when the check is gone."""
    made = filled(project(lab))
    text = (made.folder / "mappings/thing.yaml").read_text().split("\n", 1)[1]
    made.map("thing", text.replace("v: {left: v,", "v: {check: {length: 3}, left: v,"))
    made.sql("left", "UPDATE a SET v = 'far too long' WHERE id = 2")
    assert made.migrate().mappings["thing"].quarantined == 1
    made.map("thing", text)
    made.migrate()
    assert right(made)[1] == ("n2", "far too long")


def test_a_field_that_is_added_later_meets_for_the_first_time(lab):
    made = filled(project(lab))
    text = (made.folder / "mappings/thing.yaml").read_text().split("\n", 1)[1]
    added = "  number: {left: id, owner: left}\n  area: {left: hidden, right: gone, policy: {prefer: left}}\n"
    made.sql("left", "UPDATE a SET hidden = 1, v = 'new' WHERE id = 2")
    made.map("thing", text.replace("fields:\n", f"fields:\n{added}"))
    made.migrate()
    assert right(made, "n, v, gone") == [("n1", "v1", 0), ("n2", "new", 1), ("n3", "v3", 0)]
    assert writes(made.migrate()) == 0


# ----------------------------------------------------------------------------------------------------- what is decided


def test_a_changed_cell_is_no_edit(lab):
    """Read through another cell, every value of the left looks new; nobody edited it, so it wins nowhere."""
    made = filled(project(lab, v="{left: v, right: v, policy: {prefer: right}}"))
    text = (made.folder / "mappings/thing.yaml").read_text().split("\n", 1)[1]
    made.map("thing", text.replace("v: {left: v,", "v: {left: upper(v),"))
    made.migrate()
    assert right(made)[0] == ("n1", "v1")
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate()
    assert right(made)[0] == ("n1", "NEW")


def test_what_is_filled_at_creation_is_not_filled_again(lab):
    made = filled(project(lab, right=", set: {area: {value: v, when: create}}"))
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate()
    assert right(made, "v, area")[:2] == [("new", "v1"), ("v2", "v2")]


def test_a_column_into_which_nothing_comes_is_left_alone(lab):
    """Written by hand, `v` reads back as something else; while nobody edits it, no other field's edit touches it."""
    made = filled(
        project(
            lab,
            v="{left: v, right: {read: v, write: {v: \"v || coalesce(u, '')\"}}, policy: {prefer: left}}",
            more="u: {left: CAST(hidden AS TEXT), right: area, owner: left}",
        )
    )
    assert right(made, "v, area")[0] == ("v10", "0")
    made.sql("left", "UPDATE a SET w = 'W' WHERE id = 1")
    made.migrate()
    assert right(made, "v, w")[0] == ("v10", "W")


def test_a_row_whose_parent_is_nowhere_waits_for_it(lab):
    """The reference takes no part in pairing: the row is found, held as long as its parent is missing, then written."""
    made = lab(
        {
            "left": "CREATE TABLE p (id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE c (id INTEGER PRIMARY KEY, n TEXT, p INTEGER);",
            "right": "CREATE TABLE pp (no INTEGER PRIMARY KEY, n TEXT); CREATE TABLE cc (no INTEGER PRIMARY KEY, n TEXT, p INTEGER);",
        },
        {
            "parent": """
            members: {left: {dataset: p}, right: {dataset: pp}}
            match: n
            fields: {n: {left: n, right: n, owner: left}}
            """,
            "child": """
            members: {left: {dataset: c}, right: {dataset: cc}}
            match: n
            fields:
              n: {left: n, right: n, owner: left}
              p: {left: p, right: p, owner: left, ref: parent}
            """,
        },
    )
    made.sql("left", "INSERT INTO c VALUES (1, 'lost', 9), (2, 'free', NULL)")
    assert codes(made.migrate()) == ["DV-407"]
    assert made.sql("right", "SELECT n, p FROM cc") == [("free", None)]
    made.sql("left", "INSERT INTO p VALUES (9, 'late')")
    made.migrate()
    found = made.sql("right", "SELECT cc.n, pp.n FROM cc LEFT JOIN pp ON pp.no = cc.p ORDER BY 1")
    assert found == [("free", None), ("lost", "late")]


def test_a_row_that_is_softly_deleted_is_gone_elsewhere(lab):
    made = filled(project(lab, right=", gone: gone = 1", rules="deletes: {left: ask, right: propagate}"))
    made.sql("right", "UPDATE b SET gone = 1, v = 'deleted' WHERE n = 'n2'")
    assert made.migrate().mappings["thing"].deleted == 1
    assert made.sql("left", "SELECT n FROM a ORDER BY id") == [("n1",), ("n3",)]


def test_a_delete_beside_a_row_that_is_left_out_waits(lab):
    made = filled(project(lab, left=", where: hidden = 0", rules="deletes: {left: ask, right: propagate}"))
    made.sql("left", "UPDATE a SET hidden = 1 WHERE id = 2")
    made.sql("right", "DELETE FROM b WHERE n = 'n2'")
    assert writes(made.migrate()) == 0
    made.sql("left", "UPDATE a SET hidden = 0 WHERE id = 2")
    made.migrate()
    assert made.sql("left", "SELECT n FROM a ORDER BY id") == [("n1",), ("n3",)]
    assert right(made, "n") == [("n1",), ("n3",)]


def test_a_key_that_occurs_twice_identifies_nothing(lab):
    made = lab(
        {
            "left": "CREATE TABLE a (code TEXT, n TEXT, v TEXT);",
            "right": "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT, v TEXT);",
        },
        {
            "thing": f"""
            members: {{left: {{dataset: a, key: [code], creates: never}}, right: {{dataset: b}}}}
            match: n
            fields:
              n: {{left: n, right: n, owner: left}}
              v: {{left: v, right: v, owner: left}}
            {GENEROUS}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES ('x', 'n1', '1'), ('y', 'n2', '2'), ('x', 'n3', '3')")
    assert codes(made.migrate()) == ["DV-403"]
    assert made.sql("right", "SELECT n, v FROM b") == [("n2", "2")]


def test_a_key_is_never_changed(lab):
    made = lab(
        {
            "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT, v TEXT);",
            "right": "CREATE TABLE b (code TEXT PRIMARY KEY, v TEXT);",
        },
        {
            "thing": f"""
            members: {{left: {{dataset: a}}, right: {{dataset: b}}}}
            match: code
            fields:
              code: {{left: code, right: code, owner: left}}
              v: {{left: v, right: v, owner: left}}
            {GENEROUS}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '1'), (2, 'y', '2')")
    made.migrate()
    made.sql("left", "UPDATE a SET code = 'z', v = 'new' WHERE id = 1")
    assert codes(made.migrate()) == ["DV-409"]
    assert made.sql("right", "SELECT * FROM b ORDER BY code") == [("x", "1"), ("y", "2")]


def test_a_value_that_cannot_be_read_is_not_taken_for_null(lab):
    made = filled(project(lab, more="hidden: {left: hidden, right: gone, owner: left}"))
    made.sql("left", "UPDATE a SET hidden = 'no number' WHERE id = 2")
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 2")
    assert codes(made.migrate()) == ["DV-401"]
    assert right(made, "n, v, gone")[1] == ("n2", "v2", 0)


def test_members_that_agree_through_a_coarser_cell_have_no_conflict(lab):
    v = "{left: v, right: {field: v, write: lower(v)}, policy: ask}"
    made = project(lab, v=v)
    made.sql("left", "INSERT INTO a (id, n, v) VALUES (1, 'x', 'Ada'), (2, 'y', 'Ada')")
    made.sql("right", "INSERT INTO b (n, v) VALUES ('x', 'ada'), ('y', 'eda')")
    assert codes(made.migrate()) == ["DV-440"]
    assert right(made) == [("x", "ada"), ("y", "eda")]


def test_a_new_row_is_made_by_the_expressions_for_new_rows(lab):
    """For a row that stands there the dash may stay null; a new one must be filled."""
    made = lab(
        {
            "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT);",
            "right": "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT, v TEXT NOT NULL);",
        },
        {
            "thing": f"""
            members: {{left: {{dataset: a}}, right: {{dataset: b}}}}
            match: n
            fields:
              n: {{left: n, right: n, owner: left}}
              v: {{left: v, right: "coalesce(v, '-')", owner: left}}
            {GENEROUS}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '-'), (2, 'y', 'z')")
    assert codes(made.migrate()) == []
    assert made.sql("right", "SELECT n, v FROM b ORDER BY n") == [("x", "-"), ("y", "z")]


def test_a_field_that_the_first_member_does_not_know(lab):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v TEXT);"
    made = lab(
        {"a": table, "b": table, "c": table},
        {
            "thing": f"""
            members: {{a: {{dataset: t}}, b: {{dataset: t}}, c: {{dataset: t}}}}
            match: n
            fields:
              n: {{a: n, b: n, c: n, owner: a}}
              v: {{b: v, c: v, policy: {{prefer: b}}}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 'its own'), (2, 'y', 'its own')")
    assert made.plan().summary.mappings["thing"].created == 2
    made.sql("c", "INSERT INTO t VALUES (7, 'y', 'shared')")
    assert made.plan().summary.mappings["thing"].created == 2
    made.apply()
    assert made.sql("b", "SELECT n, v FROM t ORDER BY n") == [("x", None), ("y", "shared")]
    assert made.sql("a", "SELECT DISTINCT v FROM t") == [("its own",)]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


# ---------------------------------------------------------------------------------------------------------- plans


def test_an_update_that_a_plan_leaves_out_stays_an_edit(lab):
    made = filled(project(lab))
    made.sql("left", "UPDATE a SET v = 'planned' WHERE id = 1")
    made.plan()
    made.sql("left", "UPDATE a SET v = 'late' WHERE id = 2")
    summary = made.apply()
    assert right(made) == [("n1", "planned"), ("n2", "v2"), ("n3", "v3")]
    made.apply(summary.follow_up)
    assert right(made) == [("n1", "planned"), ("n2", "late"), ("n3", "v3")]


def test_a_value_that_would_be_overwritten_and_moved_since_is_left_alone(lab):
    """What would be written is still the same; what stands there is not what the person saw who allowed it."""
    made = filled(project(lab, v="{left: v, right: v, owner: left}"))
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 2")
    made.plan()
    made.sql("right", "UPDATE b SET v = 'V9' WHERE n = 'n2'")
    assert codes(made.apply()) == ["DV-453"]
    assert right(made)[1] == ("n2", "V9")


def test_a_plan_is_not_carried_out_otherwise_than_it_was_shown(lab):
    """The same rows were read, but without its memory the reconcile would write other values than were shown."""
    made = filled(project(lab, w="{left: w, right: w, policy: {prefer: right}}"))
    made.sql("left", "UPDATE a SET w = 'W' WHERE id = 2")
    made.sql("right", "UPDATE b SET v = 'theirs' WHERE n = 'n2'")
    made.plan()
    for file in (made.folder / ".dovetail").glob("state.db*"):
        file.unlink()
    assert codes(made.apply()) == ["DV-453"]
    assert right(made, "v, w")[1] == ("theirs", "w")
    assert made.sql("left", "SELECT v, w FROM a WHERE id = 2") == [("v2", "W")]


# --------------------------------------------------------------------------------------------------------- verify


def test_verify_finds_what_differs_what_is_missing_and_what_is_too_many(lab):
    made = filled(project(lab, v="{left: v, right: v, owner: left}"))
    assert made.verify().ok
    made.sql("right", "UPDATE b SET v = 'other', w = 'other' WHERE n = 'n1'")
    summary = made.verify()
    assert not summary.ok
    assert codes(summary) == ["DV-461", "DV-461"]
    assert summary.mappings["thing"].different == 2
    made.migrate()
    made.sql("left", "INSERT INTO a (id, n) VALUES (9, 'n9')")
    summary = made.verify()
    assert (summary.ok, codes(summary), summary.mappings["thing"].different) == (False, ["DV-462"], 1)
    made.migrate()
    made.sql("left", "DELETE FROM a WHERE id = 9")
    summary = made.verify()
    assert (summary.ok, codes(summary), summary.mappings["thing"].different) == (False, ["DV-462"], 1)
    assert right(made, "count(*)") == [(4,)]
    made.migrate()
    assert made.verify().ok
