"""What may happen to one row at each of two members between two passes, and what becomes of it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

from dovetail.engine.open import open_workspace
from dovetail.engine.sync import Sync

STATES = ("untouched", "edited", "deleted", "re-created")
RULES = ("propagate", "soft", "detach", "restore", "ask")
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "deletes.md"
SIDES = {
    "left": "CREATE TABLE thing (id INTEGER PRIMARY KEY, n TEXT, v TEXT, hidden INTEGER NOT NULL DEFAULT 0);",
    "right": "CREATE TABLE thing (id INTEGER PRIMARY KEY, n TEXT, v TEXT, hidden INTEGER NOT NULL DEFAULT 0);",
}
SOFT = ", gone: hidden = 1, remove: {hidden: 1}, revive: {hidden: 0}"


def mapping(rule: str) -> str:
    soft = SOFT if rule == "soft" else ""
    return f"""
    members: {{left: {{dataset: thing{soft}}}, right: {{dataset: thing{soft}}}}}
    match: n
    fields:
      n: {{left: n, right: n, owner: left}}
      v: {{left: v, right: v, policy: {{prefer: left}}}}
    deletes: {{left: {rule}, right: {rule}}}
    guard: {{rows: 1000, share: 100%}}
    """


def name_of(left: str, right: str) -> str:
    return f"{left}|{right}"


CASES = [(left, right) for left in STATES for right in STATES]


def happen(lab, rule: str) -> None:
    """Let every case happen to a row of its own."""
    for number, (left, right) in enumerate(CASES):
        for side, state in (("left", left), ("right", right)):
            happens(lab, side, name_of(left, right), state, rule=rule, key=1000 + number)


def happens(lab, side: str, name: str, state: str, *, rule: str, key: int) -> None:
    if state == "edited":
        lab.sql(side, "UPDATE thing SET v = ? WHERE n = ?", f"{side}'s value", name)
    elif state == "deleted" and rule == "soft":
        lab.sql(side, "UPDATE thing SET hidden = 1 WHERE n = ?", name)
    elif state != "untouched":
        lab.sql(side, "DELETE FROM thing WHERE n = ?", name)
    if state == "re-created":
        lab.sql(side, "INSERT INTO thing (id, n, v) VALUES (?, ?, ?)", key, name, f"{side}'s value")


def outcomes(lab) -> dict[tuple[str, str], str]:
    """What became of each case, in words."""
    held = {side: dict(lab.sql(side, "SELECT n, v FROM thing WHERE hidden = 0")) for side in SIDES}
    counts = {
        side: lab.sql(side, "SELECT count(*), count(DISTINCT n) FROM thing WHERE hidden = 0")[0] for side in SIDES
    }
    assert all(rows == names for rows, names in counts.values()), "a row stands there twice"
    asked = open_conflicts(lab)
    return {case: _outcome(name_of(*case), held, asked) for case in CASES}


def _outcome(name: str, held: dict[str, dict[str, str]], asked: set[str]) -> str:
    left, right = (held[side].get(name) for side in SIDES)
    if name in asked:
        return "asks"
    if left is None and right is None:
        return "gone"
    if left is None or right is None:
        return f"{left or right}, only at {'left' if right is None else 'right'}"
    assert left == right, (name, left, right)
    return left


def open_conflicts(lab) -> set[str]:
    """The names of rows in conflict."""
    names = set()
    with open_workspace(lab.folder, variables={}) as workspace:
        for conflict in workspace.store.conflicts.list():
            for side, key in conflict.dispute.keys.items():
                names |= {name for (name,) in lab.sql(side, "SELECT n FROM thing WHERE id = ?", int(key))}
    return names


def documented(rule: str) -> dict[tuple[str, str], str]:
    """The table of the page, by case."""
    part = re.search(rf"^### `{rule}`$(.*?)(?=^#|\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert part is not None, rule
    lines = [
        [cell.strip() for cell in line.strip("| \n").split("|")] for line in part[1].splitlines() if line[:1] == "|"
    ]
    right = [cell.removeprefix("right ") for cell in lines[0]]
    return {
        (line[0].removeprefix("left "), state): cell
        for line in lines[2:]
        for state, cell in zip(right, line[1:], strict=True)
    }


class Whole:
    """Passes over whole mappings."""

    def __init__(self, lab) -> None:
        self.lab = lab

    def catch_up(self):
        return self.lab.migrate(for_sync=True)


class Scopes:
    """A sync that looks only at the rows which changed."""

    def __init__(self, sync: Sync) -> None:
        self.sync = sync

    def catch_up(self):
        for name in self.sync.order:
            self.sync.census(name)
        turn = self.sync.turn()
        summary = turn.summary
        for _ in range(10):
            assert not turn.failed, turn.failed
            for name in self.sync.order:
                self.sync.census(name)
            turn = self.sync.turn()
            for name, count in turn.summary.mappings.items():
                for member, more in count.members.items():
                    known = summary.mappings[name].members[member]
                    known.created += more.created
                    known.updated += more.updated
                    known.deleted += more.deleted
            if not turn.looked:
                return summary
        raise AssertionError("sync does not come to rest")


@contextmanager
def passes(lab, way: str):
    """Something that brings both sides into agreement, in one of two ways."""
    if way == "whole":
        yield Whole(lab)
        return
    with open_workspace(lab.folder, variables={}) as workspace:
        sync = Sync(workspace)
        sync.start()
        try:
            yield Scopes(sync)
        finally:
            sync.close()
