"""Unique values that move between rows: released before they are taken, in circles too, and no row is removed for it."""

import pytest
from lab import codes, writes
from matrix import passes

WAYS = pytest.mark.parametrize("way", ["whole", "scope"])
NULLABLE = "CREATE TABLE thing (id INTEGER PRIMARY KEY, n TEXT, slot TEXT UNIQUE, v TEXT);"
FILLED = "CREATE TABLE thing (id INTEGER PRIMARY KEY, n TEXT, slot TEXT NOT NULL UNIQUE, v TEXT);"
NUMBERS = "CREATE TABLE thing (id INTEGER PRIMARY KEY, n TEXT, slot INTEGER NOT NULL UNIQUE CHECK (slot > 0), v TEXT);"


def project(lab, right, *slots):
    made = lab(
        {"left": right.replace(" UNIQUE", ""), "right": right},
        {
            "thing": """
            members: {left: {dataset: thing}, right: {dataset: thing}}
            match: n
            fields:
              n: {left: n, right: n, owner: left}
              slot: {left: slot, right: slot, policy: {prefer: left}}
              v: {left: v, right: v, policy: {prefer: left}}
            deletes: {left: propagate, right: propagate}
            """
        },
    )
    for number, slot in enumerate(slots):
        made.sql("left", "INSERT INTO thing (n, slot, v) VALUES (?, ?, 'v')", f"n{number}", slot)
    return made


def slots(made, side="right"):
    return dict(made.sql(side, "SELECT n, slot FROM thing ORDER BY n"))


def give(made, **wanted):
    for name, slot in wanted.items():
        made.sql("left", "UPDATE thing SET slot = ? WHERE n = ?", slot, name)


@WAYS
@pytest.mark.parametrize("table", [NULLABLE, FILLED], ids=["nullable", "filled"])
def test_two_rows_swap_a_unique_value(lab, way, table):
    made = project(lab, table, "A", "B", "C")
    with passes(made, way) as run:
        run.catch_up()
        give(made, n0="B", n1="A")
        assert run.catch_up().findings == []
        assert slots(made) == {"n0": "B", "n1": "A", "n2": "C"}
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_swap_of_numbers_that_must_be_positive(lab, way):
    made = project(lab, NUMBERS, 1, 2, 3)
    with passes(made, way) as run:
        run.catch_up()
        give(made, n0=2, n1=3, n2=1)
        assert run.catch_up().findings == []
        assert slots(made) == {"n0": 2, "n1": 3, "n2": 1}


@WAYS
def test_a_swap_where_one_row_changes_more_than_the_other(lab, way):
    """They set different columns, and are written together all the same."""
    made = project(lab, FILLED, "A", "B")
    with passes(made, way) as run:
        run.catch_up()
        give(made, n0="B", n1="A")
        made.sql("left", "UPDATE thing SET v = 'new' WHERE n = 'n0'")
        made.sql("right", "UPDATE thing SET v = 'right' WHERE n = 'n1'")
        assert run.catch_up().findings == []
        assert made.sql("right", "SELECT n, slot, v FROM thing ORDER BY n") == [
            ("n0", "B", "new"),
            ("n1", "A", "right"),
        ]
        assert made.sql("left", "SELECT v FROM thing WHERE n = 'n1'") == [("right",)]
        assert writes(run.catch_up()) == 0


@WAYS
def test_a_chain_is_released_before_it_is_taken(lab, way):
    made = project(lab, FILLED, *"ABCDEFGH")
    with passes(made, way) as run:
        run.catch_up()
        give(made, **{f"n{number}": "BCDEFGHX"[number] for number in range(8)})
        assert run.catch_up().findings == []
        assert "".join(slots(made).values()) == "BCDEFGHX"


@WAYS
def test_several_circles_and_a_value_that_is_not_given_up(lab, way):
    made = project(lab, FILLED, *"ABCDEF")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("right", "INSERT INTO thing (n, slot) VALUES ('other', 'X')")
        made.sql("left", "INSERT INTO thing (n, slot) VALUES ('other', 'X')")
        run.catch_up()
        made.sql(
            "right",
            "CREATE TRIGGER keep BEFORE UPDATE OF slot ON thing WHEN old.n = 'other' "
            "BEGIN SELECT raise(ABORT, 'kept'); END",
        )
        give(made, n0="B", n1="A", n2="D", n3="C", n4="X", n5="E", other="F")
        found = codes(run.catch_up())
        assert found == ["DV-441", "DV-441", "DV-444"]
        assert slots(made) == {"n0": "B", "n1": "A", "n2": "D", "n3": "C", "n4": "E", "n5": "F", "other": "X"}
        made.sql("right", "DROP TRIGGER keep")
        made.migrate(for_sync=True)
        assert slots(made) == slots(made, "left")


def test_no_row_is_removed_to_make_room(lab):
    """A row that only the target has holds the value."""
    made = project(lab, FILLED, "A", "B")
    made.migrate()
    made.sql("right", "INSERT INTO thing (id, n, slot) VALUES (90, 'mine', 'Z')")
    made.sql("left", "CREATE TRIGGER no BEFORE INSERT ON thing BEGIN SELECT raise(ABORT, 'closed'); END")
    give(made, n0="Z")
    assert "DV-441" in codes(made.migrate())
    assert slots(made) == {"mine": "Z", "n0": "A", "n1": "B"}


@WAYS
@pytest.mark.parametrize(
    "index", ["ON thing (lower(slot))", "ON thing (slot) WHERE slot IS NOT NULL"], ids=["function", "partial"]
)
def test_a_swap_under_an_index_that_the_catalog_does_not_tell_loses_nothing(lab, way, index):
    """What cannot be parked stays as it is, in quarantine, until the values are free."""
    table = NULLABLE.replace(" UNIQUE", "") + f"CREATE UNIQUE INDEX one {index};"
    made = project(lab, table, "A", "B", None, None)
    made.sql("left", "DROP INDEX one")
    with passes(made, way) as run:
        run.catch_up()
        give(made, n0="B", n1="A")
        assert codes(run.catch_up()) == ["DV-441", "DV-441"]
        assert slots(made) == {"n0": "A", "n1": "B", "n2": None, "n3": None}
        give(made, n0="B", n1="C")
        made.migrate(for_sync=True)
        made.migrate(for_sync=True)
        assert slots(made) == slots(made, "left")


@WAYS
def test_a_chain_of_values_that_cannot_be_parked(lab, way):
    """No date stands for nothing; each is taken once it is released, and a circle stays as it is."""
    made = project(lab, FILLED.replace("slot TEXT", "slot DATE"), *(f"2026-01-0{day}" for day in range(1, 7)))
    with passes(made, way) as run:
        run.catch_up()
        give(made, n0="2026-01-02", n1="2026-01-03", n2="2026-01-04", n3="2026-01-09")
        assert run.catch_up().findings == []
        assert slots(made) == slots(made, "left")
        give(made, n4="2026-01-06", n5="2026-01-05")
        assert codes(run.catch_up()) == ["DV-441", "DV-441"]
        assert slots(made)["n4"] == "2026-01-05"
