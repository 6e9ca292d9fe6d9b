"""Members that cannot hold what others hold: rounded, trimmed, folded, cut. No phantom edit, and no write once all
agree."""

import itertools
import random
from contextlib import suppress

import pytest
from lab import codes, writes
from test_policies import NAMES, Crash, dies_at_write

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT UNIQUE, v {kind}, w TEXT, z TEXT, u TEXT);"

LOSSY = {
    "rounding": ("DECIMAL(12,4)", "round(v, 1)", ["1.25", "1.2500", "1.2401", "2", "-0.04", "0.05"]),
    "whole numbers": ("DECIMAL(12,4)", "CAST(round(v, 0) AS INTEGER)", ["1.25", "1.75", "2", "-0.4"]),
    "trimming": ("TEXT", "trim(v)", ["x", " x", "x  ", "  y ", "", " "]),
    "case": ("TEXT", "lower(v)", ["Ada", "ADA", "ada", "Bob", "ÉA", "éa"]),
    "both": ("TEXT", "lower(trim(v))", [" Ada", "ADA ", "ada", "Bob"]),
    "nothing": ("TEXT", "{field: v, null: ''}", ["x", "", None, " "]),
    "seconds": ("TIMESTAMP", "date_trunc('second', v)", ["2026-03-01 10:00:00.250000", "2026-03-01 10:00:00", None]),
    "days": (
        "TIMESTAMP",
        "date_trunc('day', v)",
        ["2026-03-01 10:00:00.250000", "2026-03-01 23:59:59", "2026-03-02 00:00:00"],
    ),
}
"""By name: the field's type, how the coarser member reads it, and values that people type."""


def world(lab, cells, kind):
    """Members `a`, `b`, `c` that share `v` of some rows, each through its cell; contests are settled for the first."""
    names = NAMES[: len(cells)]
    shared = ", ".join(
        f"{name}: {cell if cell.startswith('{') else chr(34) + cell + chr(34)}"
        for name, cell in zip(names, cells, strict=True)
    )
    return lab(
        {name: TABLE.format(kind=kind) for name in names},
        {
            "thing": f"""
            members: {{{", ".join(f"{name}: {{dataset: t}}" for name in names)}}}
            match: k
            fields:
              k: {{{", ".join(f"{name}: k" for name in names)}, owner: a}}
              v: {{{shared}, policy: {{prefer: [{", ".join(names)}]}}}}
            deletes: {{{", ".join(f"{name}: restore" for name in names)}}}
            guard: {{rows: 100000, share: 100%}}
            """
        },
    )


def quiet(made):
    """One pass, then one that writes nothing and finds nothing."""
    first = made.migrate()
    assert set(codes(first)) <= {"DV-452"}, first.findings
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def held(made, name):
    return dict(made.sql(name, "SELECT k, v FROM t"))


@pytest.mark.parametrize("how", LOSSY)
@pytest.mark.parametrize("coarse", ["a", "b"])
def test_a_coarser_member_makes_no_phantom_edit(lab, how, coarse):
    """Every value typed at either side, in every order of two, and each row touched without a change."""
    kind, cell, typed = LOSSY[how]
    made = world(lab, ["v" if name != coarse else cell for name in NAMES[:2]], kind)
    steps = list(itertools.product(("a", "b"), typed))
    for number, (name, value) in enumerate(steps):
        made.sql(name, "INSERT INTO t (k, v) VALUES (?, ?)", f"k{number}", value)
    quiet(made)
    for name, value in steps[:: len(steps) // 4]:
        made.sql(name, "UPDATE t SET v = ?", value)
        quiet(made)
        assert {str(one) for one in held(made, name).values()} == {str(made.sql(name, "SELECT v FROM t")[0][0])}
        made.sql("b", "UPDATE t SET v = v, w = 'touched'")
        assert writes(made.migrate()) == 0


@pytest.mark.parametrize("how", LOSSY)
@pytest.mark.parametrize("places", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_ring_of_three_falls_silent(lab, how, places):
    """One member holds all, one less, one less in another way; people type at all three, without pause."""
    kind, cell, typed = LOSSY[how]
    other = {"TEXT": "trim(v)", "TIMESTAMP": "date_trunc('minute', v)"}.get(kind, "round(v, 2)")
    cells = [("v", cell, other)[place] for place in places]
    made = world(lab, cells, kind)
    dice = random.Random(how + str(places))
    for number in range(6):
        made.sql(dice.choice(NAMES), "INSERT INTO t (k, v) VALUES (?, ?)", f"k{number}", dice.choice(typed))
    for _ in range(3):
        for _ in range(6):
            made.sql(dice.choice(NAMES), "UPDATE t SET v = ? WHERE k = ?", dice.choice(typed), f"k{dice.randrange(6)}")
        quiet(made)


@pytest.mark.parametrize("how", LOSSY)
def test_the_finest_value_is_the_one_that_is_owed(lab, how, monkeypatch):
    """`c` holds all digits, like `b` which types; `a` holds less and is written first, then the process dies. What `c`
    gets is what was typed."""
    kind, cell, typed = LOSSY[how]
    made = world(lab, [cell, "v", "v"], kind)
    made.sql("b", "INSERT INTO t (k, v) VALUES ('x', ?)", typed[-1])
    quiet(made)
    for value in typed:
        if made.sql("b", "SELECT v IS ? FROM t", value)[0][0]:
            continue
        made.sql("b", "UPDATE t SET v = ?", value)
        with monkeypatch.context() as patch:
            dies_at_write(patch, 1, is_committed=True)
            with suppress(Crash):  # what `a` shows already is written once, at `c`
                made.migrate()
        quiet(made)
        assert held(made, "b") == held(made, "c")


@pytest.mark.parametrize(
    ("cell", "kind", "left", "right"),
    [
        ("round(v, 1)", "DECIMAL(12,4)", "1.2501", "1.3"),
        ("lower(trim(v))", "TEXT", "Ada", " aDA "),
        ("date_trunc('second', v)", "TIMESTAMP", "2026-03-01 10:00:00.250000", "2026-03-01 10:00:00"),
    ],
)
@pytest.mark.parametrize("policy", ["policy: ask", "policy: {prefer: [b, a]}", "policy: max"])
def test_the_same_value_through_the_coarser_cell_is_settled(lab, policy, *, cell, kind, left, right):
    """Both sides were edited, each to what the other sees as its own value: no conflict, and nothing is written."""
    made = world(lab, ["v", cell], kind)
    mapping = (made.folder / "mappings/thing.yaml").read_text().replace("policy: {prefer: [a, b]}", policy)
    made.write("mappings/thing.yaml", mapping)
    made.sql("a", "INSERT INTO t (k, v) VALUES ('x', NULL)")
    quiet(made)
    made.sql("a", "UPDATE t SET v = ?", left)
    made.sql("b", "UPDATE t SET v = ?", right)
    before = [held(made, name) for name in NAMES[:2]]
    assert writes(made.migrate()) == 0
    assert made.conflicts() == []
    assert [held(made, name) for name in NAMES[:2]] == before
    assert made.verify().ok


def test_first_and_last_name_keep_what_the_whole_name_cannot_say(lab):
    """`Mary Jo Poe` is split at one side; neither the split nor its way back is an edit."""
    made = lab(
        {
            "a": "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, name TEXT);",
            "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, first TEXT, last TEXT);",
        },
        {
            "thing": """
            members: {a: {dataset: t}, b: {dataset: t}}
            match: k
            fields:
              k: {a: k, b: k, owner: a}
              name: {a: name, b: "first || ' ' || last", policy: ask}
            guard: {rows: 100000, share: 100%}
            """
        },
    )
    made.sql("a", "INSERT INTO t (k, name) VALUES ('1', 'Mary Jo Poe'), ('2', 'Ada Lovelace')")
    made.sql("b", "INSERT INTO t (k, first, last) VALUES ('1', 'Mary Jo', 'Poe'), ('3', 'Anna Maria', 'van der Berg')")
    quiet(made)
    assert made.sql("b", "SELECT first, last FROM t WHERE k = '1'") == [("Mary Jo", "Poe")]
    made.sql("a", "UPDATE t SET name = 'Anna Maria van den Berg' WHERE k = '3'")
    made.sql("b", "UPDATE t SET last = 'Byron' WHERE k = '2'")
    quiet(made)
    assert made.sql("a", "SELECT name FROM t ORDER BY k") == [
        ("Mary Jo Poe",),
        ("Ada Byron",),
        ("Anna Maria van den Berg",),
    ]
    quiet(made)


def test_of_several_coarse_holders_the_one_that_says_most_pays(lab, monkeypatch):
    """1.45 was typed where two places are held; one place was written as 1.5 (and 1.5 would round to 2), then the
    process died. The third, which holds whole numbers, gets what 1.45 gives."""
    made = world(lab, ["round(v, 1)", "round(v, 2)", "round(v, 0)"], "DECIMAL(12,4)")
    made.sql("b", "INSERT INTO t (k, v) VALUES ('x', 5)")
    quiet(made)
    made.sql("b", "UPDATE t SET v = 1.45")
    with monkeypatch.context() as patch:
        dies_at_write(patch, 1, is_committed=True)
        with pytest.raises(Crash):
            made.migrate()
    assert made.sql("a", "SELECT round(v, 1) FROM t") == [(1.5,)]
    quiet(made)
    assert made.sql("c", "SELECT round(v, 0) FROM t") == [(1.0,)]
