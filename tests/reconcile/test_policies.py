"""Every policy carried out for two and for three members, and again after a crash between the writes to two of them."""

import pytest
from lab import writes

from dovetail.engine.partition import Partition

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
