"""People type on both sides, passes run, and everything is undone run by run: a recorder that knows nothing of the engine
says what must stand in both systems after each undo, and what must be told as moved."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lab import Lab, writes

from dovetail.engine.open import open_workspace
from dovetail.steps import undo

LEFT = "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT, label TEXT, units INTEGER, note TEXT);"
RIGHT = "CREATE TABLE art (no INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT UNIQUE, title TEXT, grams INTEGER, memo TEXT);"
MAPPING = """
members: {left: {dataset: item}, right: {dataset: art}}
match: n
fields:
  n: {left: n, right: n, owner: left}
  label: {left: label, right: title, policy: {prefer: left}}
  weight: {left: units * 1000, right: grams, policy: {prefer: right}}
  note: {left: note, right: memo, policy: {prefer: left}}
deletes: {left: propagate, right: propagate}
guard: {rows: 100000, share: 100%}
"""
FIELDS = ("label", "weight", "note")
LONG = pytest.mark.slow

Row = dict[str, Any]
State = dict[str, dict[str, Row]]


class Recorder:
    """Both systems as their users see them, by natural key, and what each pass changed."""

    def __init__(self, made: Lab) -> None:
        self.made = made
        self.passes: list[tuple[str, State, State]] = []

    def look(self) -> State:
        left = self.made.sql("left", "SELECT n, label, units, note FROM item")
        right = self.made.sql("right", "SELECT n, title, grams, memo FROM art")
        return {
            "left": {n: {"label": a, "weight": b * 1000, "note": c} for n, a, b, c in left},
            "right": {n: {"label": a, "weight": b, "note": c} for n, a, b, c in right},
        }

    def watch(self) -> None:
        before = self.look()
        run = self.made.migrate(for_sync=True, plain=True).run
        after = self.look()
        shared = after["left"].keys() & after["right"].keys()
        assert {n: after["left"][n] for n in shared} == {n: after["right"][n] for n in shared}
        self.passes.append((run, before, after))


def type_on(made: Lab, dice: random.Random, at: int) -> None:
    """One edit by somebody, somewhere."""
    side = dice.choice(("left", "right"))
    table, columns = {"left": ("item", ("label", "units", "note")), "right": ("art", ("title", "grams", "memo"))}[side]
    known = [n for (n,) in made.sql(side, f"SELECT n FROM {table}")]
    what = dice.random()
    if what < 0.12 or not known:
        values = (f"n{at}", f"label {at}", at if side == "left" else at * 1000, None if at % 5 else f"note {at}")
        made.sql(side, f"INSERT INTO {table} (n, {', '.join(columns)}) VALUES (?, ?, ?, ?)", *values)
    elif what < 0.18:
        made.sql(side, f"DELETE FROM {table} WHERE n = ?", dice.choice(known))
    else:
        which = dice.randrange(3)
        number = at if side == "left" else at * 1000
        value = (f"label {at}", number, dice.choice((None, f"note {at}")))[which]
        made.sql(side, f"UPDATE {table} SET {columns[which]} = ? WHERE n = ?", value, dice.choice(known))


def expected(now: State, before: State, after: State) -> tuple[State, set[tuple[str, str]]]:
    """What stands after the undo of a pass that turned `before` into `after`, and what is told as left alone (row,
    field)."""
    then = {side: {n: dict(row) for n, row in rows.items()} for side, rows in now.items()}
    left: set[tuple[str, str]] = set()
    for side, other in (("left", "right"), ("right", "left")):
        for n in after[side].keys() - before[side].keys():
            if now[side].get(n) == after[side][n]:
                then[side].pop(n)
            elif n in now[side]:
                left.add((n, ""))
        for n in before[side].keys() - after[side].keys():
            then[side][n] = dict(before[side][n])
            then[other].setdefault(n, dict(before[side][n]))
        for n in before[side].keys() & after[side].keys():
            for field in FIELDS:
                if before[side][n][field] == after[side][n][field]:
                    continue
                old = before[side][n][field]
                if n not in now[side]:
                    left.add((n, ""))
                elif all(now[there][n][field] == old for there in now if n in now[there]):
                    continue
                elif now[side][n][field] != after[side][n][field]:
                    left.add((n, field))
                else:
                    then[side][n][field] = before[side][n][field]
                    if n in then[other]:
                        then[other][n][field] = before[side][n][field]
    return then, left


@pytest.mark.parametrize(
    ("seed", "edits", "passes"), [(0, 240, 8), (1, 240, 8), pytest.param(2, 10_000, 30, marks=LONG)]
)
def test_every_run_is_undone_field_by_field(lab, seed, edits, passes):
    made = lab({"left": LEFT, "right": RIGHT}, {"item": MAPPING})
    dice = random.Random(seed)
    recorder = Recorder(made)
    for at in range(1, edits + 1):
        type_on(made, dice, at)
        if at % (edits // passes) == 0:
            recorder.watch()
    recorder.watch()
    counted = {"back": 0, "left": 0}
    for run, before, after in reversed(recorder.passes):
        then, left = expected(recorder.look(), before, after)
        with open_workspace(made.folder, variables={}) as workspace:
            undoing = undo.undo_run(workspace, run)
            undo.carry_out(workspace, undoing, allowed=10**9)
        assert recorder.look() == then, run
        assert sorted(one.field for one in undoing.left) == sorted(field for _, field in left), run
        assert writes(made.migrate(for_sync=True, plain=True)) == 0, run
        assert recorder.look() == then, run
        counted["back"] += len(undoing.back)
        counted["left"] += len(left)
    assert counted["back"] > edits / 3
    assert counted["left"] > 0
