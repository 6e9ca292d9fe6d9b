"""A load that is streamed: what a crash leaves, who may end it, what is remembered, and which mappings may be streamed."""

from __future__ import annotations

import pytest
from lab import checked, codes, writes

from dovetail.engine import deliver, giver, quiet, write
from dovetail.engine.load import Load
from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.errors import DovetailError, Fenced, GateClosed, Unreachable
from dovetail.state.loads import Loads
from dovetail.systems.connectors.sqlite import Connector

LEFT = "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT, n INTEGER, code TEXT UNIQUE);"
RIGHT = """CREATE TABLE b (no INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT CHECK (v <> 'refused'), n INTEGER,
    code TEXT UNIQUE);"""
THING = """
    members: {left: {dataset: a}, right: {dataset: b}}
    fields:
      v: {left: v, right: v, owner: left}
      n: {left: n, right: n, owner: left}
    guard: {rows: 100000, share: 100%}
"""
ROWS, SCOPE = 20, 4
STREAMED = "streamed from left to right"
PARTITION = "lab/right/thing"


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def fine(monkeypatch):
    """Scopes and batches of four rows, each of which is kept as a segment."""
    monkeypatch.setattr(giver, "SCOPE_ROWS", SCOPE)
    monkeypatch.setattr(giver, "POURED_ROWS", SCOPE)
    monkeypatch.setattr(write, "CREATE_ROWS", SCOPE)
    monkeypatch.setattr(deliver, "BULK_ROWS_MIN", 2)
    monkeypatch.setattr(quiet, "BULK_ROWS_MIN", 2)


def laid(lab, *, thing=THING, right=RIGHT, rows=ROWS):
    made = lab({"left": LEFT, "right": right}, {"thing": thing})
    head = (made.folder / "dovetail.yaml").read_text().replace("left.db}", f"left.db, batch_rows: {SCOPE}}}")
    made.write("dovetail.yaml", head)
    for n in range(1, rows + 1):
        made.sql("left", "INSERT INTO a VALUES (?, ?, ?, ?)", n, f"v{n}", n, f"c{n}")
    return made


@pytest.fixture
def made(lab, fine):
    return laid(lab)


def path(summary, name="thing"):
    return summary.mappings[name].path


def arrived(made):
    assert made.sql("right", "SELECT v, n FROM b ORDER BY n") == made.sql("left", "SELECT v, n FROM a ORDER BY n")
    assert writes(made.migrate()) == 0
    assert made.verify().ok
    return True


def asked(made, question):
    with open_workspace(made.folder, variables={}) as workspace:
        return question(workspace.store)


def place(made):
    return asked(made, lambda store: store.loads.get("thing", "right").document["place"])


def dies(monkeypatch, owner, name, *, at=1, after=False):
    original, calls = getattr(owner, name), []

    def dying(*arguments, **options):
        calls.append(None)
        if len(calls) < at:
            return original(*arguments, **options)
        if after:
            original(*arguments, **options)
        raise Crash

    monkeypatch.setattr(owner, name, dying)


def broken(made, monkeypatch, owner, name, **how):
    with monkeypatch.context() as patch:
        dies(patch, owner, name, **how)
        with pytest.raises(Crash):
            made.migrate()


# ------------------------------------------------------------------------------------------------------- broken off


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), [(Partition, "confirm"), (Partition, "write"), (Loads, "note")])
def test_a_load_that_was_broken_off_goes_on(made, monkeypatch, owner, name, after):
    broken(made, monkeypatch, owner, name, at=3, after=after)
    summary = made.migrate()
    count = summary.mappings["thing"]
    assert "DV-454" in codes(summary)
    assert (count.rows, count.created + count.unchanged) == (ROWS, ROWS)
    assert arrived(made)


def test_it_goes_on_behind_the_last_row_that_the_state_has(made, monkeypatch):
    broken(made, monkeypatch, Partition, "confirm", at=3)
    asked_after = []
    original = Connector.read_after

    def reading(self, dataset, fields, *, after=None, digest=False):
        asked_after.append(after.column(0).to_pylist() if after is not None else None)
        return original(self, dataset, fields, after=after, digest=digest)

    monkeypatch.setattr(Connector, "read_after", reading)
    stood = int(place(made))
    assert stood == 2 * SCOPE
    made.migrate()
    assert asked_after[0] == [stood]


def test_how_far_a_load_is_stands_in_the_transaction_that_confirms(made, monkeypatch):
    broken(made, monkeypatch, Partition, "confirm", at=2, after=True)
    assert place(made) == str(2 * SCOPE)
    assert asked(made, lambda store: store.crossref.count("thing")) == 2 * SCOPE


def test_a_scope_without_writes_moves_on_as_well(lab, fine, monkeypatch):
    made = laid(lab, thing=THING.replace("n: {left: n", "n: {left: 'n', check: not_null"))
    made.sql("left", "UPDATE a SET n = NULL WHERE id <= 8")
    broken(made, monkeypatch, Load, "_finish", at=2, after=True)
    assert place(made) == "8"
    made.migrate()
    assert len(made.rejects()) == 8


def overtakes(self):
    """Another worker of the same state takes the partition over."""
    self.desk.store.sequence.advance(f"{PARTITION} turn")


@pytest.mark.parametrize("name", ["_end", "_finish"])
def test_a_load_that_was_overtaken_says_nothing_to_the_state(lab, fine, monkeypatch, name):
    made = laid(lab, rows=4)
    if name == "_finish":
        made.map("thing", THING.replace("n: {left: n", "n: {left: 'n', check: not_null"))
        made.sql("left", "UPDATE a SET n = NULL")
    original = getattr(Load, name)

    def late(self, *given):
        overtakes(self)
        return original(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Load, name, late)
        with pytest.raises(Fenced):
            made.migrate()
    found = asked(made, lambda store: store.loads.get("thing", "right"))
    assert found.is_open
    assert (found.document["place"] is None) is (name == "_finish")


def failing(monkeypatch, *, at, before):
    """The network breaks at one chunk, before or after its commit."""
    original, calls = Partition.write, []

    def breaks(self, *given):
        calls.append(None)
        if len(calls) != at:
            return original(self, *given)
        if not before:
            original(self, *given)
        raise Unreachable("the connection was lost")

    monkeypatch.setattr(Partition, "write", breaks)


@pytest.mark.parametrize("bulk", [2, 500])
@pytest.mark.parametrize("before", [False, True])
def test_what_was_intended_before_a_take_over_is_intended_anew(lab, fine, monkeypatch, before, bulk):
    """The target's keys are known beforehand, so a chunk is intended while the one before it is being written."""
    made = laid(lab, thing=MEET.replace(" LEFT", "").replace(" V", "").replace("GUARD", "100000"), right=STOCK)
    monkeypatch.setattr(deliver, "BULK_ROWS_MIN", bulk)
    stood = []
    original = Partition.write

    def looking(self, dataset, change, chunk, *given):
        if change.rows.num_rows:
            store = self._store
            stood.append(
                chunk in store.segments.pending(self.name)
                or chunk in {intent.chunk for intent in store.intents.list(self.name)}
            )
        return original(self, dataset, change, chunk, *given)

    monkeypatch.setattr(Partition, "write", looking)
    monkeypatch.setattr("dovetail.engine.attempt.PAUSE_FIRST_S", 0.001)
    failing(monkeypatch, at=2, before=before)
    summary = made.migrate()
    assert stood
    assert all(stood)
    assert summary.mappings["thing"].created == ROWS
    assert asked(made, lambda store: store.crossref.count("thing", member="right")) == ROWS
    assert arrived(made)


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_reading_that_breaks_goes_on_behind_the_last_row_that_came(made, monkeypatch, batches):
    original, calls = Connector.read_after, []

    def breaks(self, dataset, fields, *, after=None, digest=False):
        calls.append(None if after is None else after.column(0).to_pylist())
        reading = original(self, dataset, fields, after=after, digest=digest)
        for at, batch in enumerate(reading):
            if len(calls) == 1 and at == batches:
                raise Unreachable("the connection was lost")
            yield batch

    monkeypatch.setattr(Connector, "read_after", breaks)
    monkeypatch.setattr("dovetail.engine.attempt.PAUSE_FIRST_S", 0.001)
    summary = made.migrate()
    assert calls == [None, [batches * SCOPE]]
    assert (summary.mappings["thing"].rows, summary.mappings["thing"].created) == (ROWS, ROWS)
    assert arrived(made)


# ------------------------------------------------------------------------------------------------- what is remembered


def test_a_row_that_was_refused_is_linked_with_nothing(made):
    made.sql("left", "UPDATE a SET v = 'refused' WHERE id = 6")
    summary = made.migrate()
    assert path(summary) == STREAMED
    assert (summary.mappings["thing"].created, summary.mappings["thing"].quarantined) == (ROWS - 1, 1)
    assert asked(made, lambda store: store.crossref.find("thing", "left", "6")) is None
    made.sql("left", "UPDATE a SET v = 'good' WHERE id = 6")
    assert made.migrate().mappings["thing"].created == 1
    assert arrived(made)


def test_a_row_that_was_refused_is_linked_with_nothing_after_a_crash_either(made, monkeypatch):
    made.sql("left", "UPDATE a SET v = 'refused' WHERE id = 2")
    broken(made, monkeypatch, Partition, "confirm")
    made.migrate()
    assert asked(made, lambda store: store.crossref.find("thing", "left", "2")) is None
    assert [one.refusal.key for one in made.rejects()] == ["2"]


@pytest.mark.parametrize("name", ["write", "confirm"])
def test_nothing_stays_pending(made, monkeypatch, name):
    broken(made, monkeypatch, Partition, name, at=2)
    assert asked(made, lambda store: len(store.segments.pending(PARTITION)))
    made.sql("left", f"DELETE FROM a WHERE id > {SCOPE if name == 'write' else 2 * SCOPE}")
    made.migrate()
    assert asked(made, lambda store: store.segments.pending(PARTITION)) == ()
    assert arrived(made)


SHOUTS = RIGHT + "CREATE TRIGGER shout AFTER INSERT ON b BEGIN UPDATE b SET v = upper(v) WHERE no = NEW.no; END;"


def test_rows_that_the_target_rewrote_are_remembered_as_they_stand(lab, fine):
    """They get a base, which no rule of the mapping needs: without it, what the target made of them would look like an
    edit of theirs."""
    made = laid(lab, right=SHOUTS)
    assert path(made.migrate()) == STREAMED
    assert asked(made, lambda store: store.segments.pending(PARTITION)) == ()
    assert asked(made, lambda store: store.base.count("thing")) == ROWS
    assert writes(made.migrate()) == 0
    before = asked(made, lambda store: store.base.load("thing").column("packed").to_pylist())
    made.sql("right", "DROP TRIGGER shout")
    made.sql("left", "UPDATE a SET n = 100 WHERE id = 1")
    assert made.migrate().mappings["thing"].updated == 1
    after = asked(made, lambda store: store.base.load("thing").column("packed").to_pylist())
    assert len(set(after) - set(before)) == 1
    assert writes(made.migrate()) == 0
    assert asked(made, lambda store: store.base.load("thing").column("packed").to_pylist()) == after


def test_no_base_is_kept_where_none_is_needed(made):
    made.migrate()
    assert asked(made, lambda store: store.base.count("thing")) == 0
    made.sql("left", "UPDATE a SET n = 100 WHERE id = 1")
    assert made.migrate().mappings["thing"].updated == 1
    assert asked(made, lambda store: store.base.count("thing")) == 0


# ---------------------------------------------------------------------------------------------- which may be streamed


def mapped(thing="", *, members="left: {dataset: a}, right: {dataset: b}", more=""):
    return f"""
    members: {{{members}}}
    {more}
    fields:
      v: {{left: v, right: v, owner: left}}
      n: {{left: n, right: n, owner: left{thing}}}
    guard: {{rows: 100000, share: 100%}}
"""


WHOLE = {
    "a check compares rows": (mapped(", check: unique"), "", "compares rows with each other"),
    "rows refer to rows of their own kind": (mapped(", ref: thing"), "UPDATE a SET n = NULL", "refer to each other"),
    "two rows have one natural key": (mapped(more="match: n"), "UPDATE a SET n = 1 WHERE id = 2", "the same n"),
    "nothing is created there": (
        mapped(members="left: {dataset: a}, right: {dataset: b, creates: never}"),
        "",
        "both members hold rows",
    ),
}


@pytest.mark.parametrize(("thing", "sql", "words"), WHOLE.values(), ids=WHOLE)
def test_what_hangs_together_is_decided_whole(lab, fine, thing, sql, words):
    made = laid(lab, thing=thing)
    if sql:
        made.sql("left", sql)
    assert words in path(made.migrate())


def test_two_rows_with_one_natural_key_are_held_both(lab, fine):
    made = laid(lab, thing=mapped(more="match: n"))
    made.sql("left", "UPDATE a SET n = 1 WHERE id = 12")
    made.migrate()
    assert {one.refusal.key for one in made.rejects()} == {"1", "12"}


def test_rows_without_a_natural_key_are_no_doubles(lab, fine):
    made = laid(lab, thing=mapped(more="match: n"))
    made.sql("left", "UPDATE a SET n = NULL WHERE id IN (1, 2)")
    assert path(made.migrate()) == STREAMED


def test_a_natural_key_that_the_source_keeps_unique_is_not_read_twice(lab, fine, monkeypatch):
    made = laid(
        lab,
        thing=mapped(more="match: code").replace("n: {", "code: {left: code, right: code, owner: left}\n      n: {", 1),
    )
    read = []
    original = Connector.read
    monkeypatch.setattr(Connector, "read", lambda self, d, f: read.append(tuple(f)) or original(self, d, f))
    assert path(made.migrate()) == STREAMED
    assert all("code" not in fields for fields in read)


def test_a_mapping_with_links_is_decided_whole(made):
    made.migrate()
    made.sql("right", "DELETE FROM b")
    summary = made.migrate()
    assert "linked already" in path(summary) or "moved" in path(summary)
    assert not path(summary).startswith("streamed")


PARENTS = {
    "left": "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, q INTEGER);",
    "right": """CREATE TABLE pp (no INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
        CREATE TABLE cc (no INTEGER PRIMARY KEY AUTOINCREMENT, p INTEGER NOT NULL REFERENCES pp, q INTEGER);""",
}
PARENT = """
    members: {left: {dataset: p}, right: {dataset: pp}}
    fields: {name: {left: name, right: name, owner: left}}
"""
CHILD = """
    members: {left: {dataset: c}, right: {dataset: cc}}
    fields:
      p: {left: p, right: p, owner: left, ref: parent}
      q: {left: q, right: q, owner: left CHECK}
"""


@pytest.mark.parametrize(("check", "is_whole"), [("", False), (", check: unique", True)])
def test_the_parents_of_a_whole_mapping_are_decided_whole(lab, fine, check, is_whole):
    made = lab(PARENTS, {"parent": PARENT, "child": CHILD.replace(" CHECK", check)})
    made.sql("left", "INSERT INTO p VALUES (1, 'one'), (2, 'two')")
    made.sql("left", "INSERT INTO c VALUES (1, 1, 10), (2, 2, 20), (3, 1, 30)")
    summary = made.migrate()
    assert path(summary, "parent").startswith("whole") is is_whole
    if is_whole:
        assert "asks for its rows" in path(summary, "parent")
    found = "SELECT cc.q, pp.name FROM cc JOIN pp ON pp.no = cc.p ORDER BY 1"
    assert made.sql("right", found) == [(10, "one"), (20, "two"), (30, "one")]
    assert made.verify().ok


ABLE = """
    members: {left: {dataset: p}, right: {dataset: pp}}
    fields:
      name: {left: name, right: name, owner: left}
      size: {left: id}
"""
BOUND = """
    members: {left: {dataset: c}, right: {dataset: cc}}
    fields:
      p: {left: p, right: p, owner: left}
      q: {left: q, right: q, owner: left, check: {refers: [able, size]}}
"""


def test_what_a_check_looks_up_is_decided_whole(lab, fine):
    made = lab({**PARENTS, "right": PARENTS["right"].replace("REFERENCES pp", "")}, {"able": ABLE, "bound": BOUND})
    made.sql("left", "INSERT INTO p VALUES (10, 'one'), (20, 'two')")
    made.sql("left", "INSERT INTO c VALUES (1, 1, 10), (2, 2, 30)")
    summary = made.migrate()
    assert "asks for its rows" in path(summary, "able")
    assert [(one.mapping, one.refusal.key) for one in made.rejects()] == [("bound", "2")]


# -------------------------------------------------------------------------------------------- rows that stand already

STOCK = "CREATE TABLE b (code TEXT PRIMARY KEY, v TEXT, n INTEGER);"
MEET = """
    members: {left: {dataset: a LEFT}, right: {dataset: b}}
    match: code
    fields:
      code: {left: code, right: code, owner: left}
      v: {left: v, right: v, owner: left V}
      n: {left: n, right: n, owner: left}
    guard: {rows: GUARD, share: 100%}
"""


def meeting(lab, *, left="", v="", guard=100000, right=STOCK, thing=MEET):
    text = thing.replace(" LEFT", left or ", creates: never").replace(" V", v).replace("GUARD", str(guard))
    made = laid(lab, thing=text, right=right)
    made.sql("right", "INSERT INTO b (code, v, n) VALUES ('c3', 'old', 3), ('c9', 'v9', 9), ('c10', 'old', 1)")
    made.sql("right", "INSERT INTO b (code, v, n) VALUES ('lonely', 'x', 0), ('c1', 'v1', 1), ('c2', 'v2', 2)")
    return made


STANDS = "SELECT code, v, n FROM b WHERE code <> 'lonely' ORDER BY n"


def test_rows_that_stand_there_are_met(lab, fine):
    made = meeting(lab)
    summary = made.migrate()
    count = summary.mappings["thing"]
    assert path(summary) == STREAMED
    assert (count.created, count.updated, count.unchanged) == (ROWS - 5, 2, 3)
    assert made.sql("right", STANDS) == made.sql("left", "SELECT code, v, n FROM a ORDER BY n")
    assert made.sql("right", "SELECT v FROM b WHERE code = 'lonely'") == [("x",)]
    assert asked(made, lambda store: store.crossref.paired("thing")) == ROWS
    assert writes(made.migrate()) == 0
    assert made.verify().ok


@pytest.mark.parametrize(("limit", "is_held"), [(1, True), (2, False)])
def test_the_guard_counts_what_would_change_of_what_stood_there(lab, fine, limit, is_held):
    made = meeting(lab, guard=limit)
    before = made.sql("right", STANDS)
    if is_held:
        with pytest.raises(GateClosed):
            made.migrate()
        assert made.sql("right", STANDS) == before
    else:
        assert made.migrate().mappings["thing"].updated == 2


def test_a_row_that_is_held_is_linked_with_nothing(lab, fine):
    made = meeting(lab, v=", check: {one_of: [old, v1, v2, v4, v9, x]}")
    made.migrate()
    linked = asked(made, lambda store: [store.crossref.find("thing", "left", f"{n}") for n in (1, 2, 3, 9, 10)])
    assert [number is not None for number in linked] == [True, True, False, True, False]
    made.sql("left", "UPDATE a SET v = 'v4' WHERE v NOT IN ('v1', 'v2', 'v9')")
    made.migrate()
    assert asked(made, lambda store: store.crossref.paired("thing")) == ROWS
    assert made.sql("right", STANDS) == made.sql("left", "SELECT code, v, n FROM a ORDER BY n")


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_meeting_goes_on_after_a_crash(lab, fine, monkeypatch, at, after):
    made = meeting(lab)
    broken(made, monkeypatch, Partition, "confirm", at=at, after=after)
    made.migrate()
    assert made.sql("right", STANDS) == made.sql("left", "SELECT code, v, n FROM a ORDER BY n")
    assert asked(made, lambda store: store.crossref.paired("thing")) == ROWS
    assert writes(made.migrate()) == 0


def test_a_load_that_was_overtaken_links_nothing(lab, fine, monkeypatch):
    made = meeting(lab)
    original = quiet.link_pairs

    def late(store, partition, decision):
        store.sequence.advance(f"{PARTITION} turn")
        original(store, partition, decision)

    with monkeypatch.context() as patch:
        patch.setattr("dovetail.engine.load.link_pairs", late)
        with pytest.raises(Fenced):
            made.migrate()
    assert asked(made, lambda store: store.crossref.count("thing")) == 0


NOT_MET = {
    "rows might go back": ({"left": ", where: id > 0"}, "may have to be created at left"),
    "the first meeting is the other's": ({"v": ", first: right"}, "not always taken from left"),
    "an edit elsewhere stays": ({"v": ", elsewhere: keep"}, "not always taken from left"),
    "two natural keys": ({"thing": MEET.replace("match: code", "match: {any: [code, n]}")}, "one natural key"),
    "a row may not belong": ({"thing": MEET.replace("dataset: b", "dataset: b, wants: n > 2")}, "may not belong there"),
    "a row may be deleted softly": ({"thing": MEET.replace("dataset: b", "dataset: b, gone: n < 0")}, "deleted softly"),
    "the natural key is not the key": ({"thing": MEET.replace("match: code", "match: n")}, "is not the key of right"),
}


@pytest.mark.parametrize(("how", "words"), NOT_MET.values(), ids=NOT_MET)
def test_rows_that_stand_there_are_not_met_scope_by_scope_where(lab, fine, how, words):
    made = meeting(lab, **how)
    try:
        summary = made.migrate()
    except DovetailError as error:  # a declaration that is not allowed has no path
        pytest.fail(str(error))
    checked(summary)
    assert words in path(summary)
