"""Random users on both sides, judged by two plain sheets of what they typed; the sheets know nothing of Dovetail.

Each seed is one history of inserts, edits and deletes with a migrate between them. The judge below is written from the
declared rules alone: `o` is owned by the left, `p` prefers the right, `q` asks, deletes on the left are propagated.
"""

import random

import pytest
from lab import writes

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT, o TEXT, p TEXT, q TEXT);"
THING = """
    members: {left: {dataset: t}, right: {dataset: t}}
    match: n
    fields:
      n: {left: n, right: n, owner: left}
      o: {left: o, right: o, owner: left}
      p: {left: p, right: p, policy: {prefer: right}}
      q: {left: q, right: q, policy: ask}
    deletes: {left: propagate, right: restore}
    guard: {rows: 100000, share: 100%}
"""
FIELDS = ("o", "p", "q")
SEEDS, ROUNDS, EDITS = 16, 6, 14


class Sheets:
    """What people typed: a row by natural key on each side, and what both last agreed on."""

    def __init__(self):
        self.sides = {"left": {}, "right": {}}
        self.base = {}
        self.typed_anew = set()
        self.seen = dict.fromkeys(("conflict", "both", "deleted", "revived", "created", "put back", "unsure"), 0)

    def sync(self):
        for key in {*self.sides["left"], *self.sides["right"], *self.base}:
            left, right = self.sides["left"].get(key), self.sides["right"].get(key)
            base = None if key in self.typed_anew else self.base.get(key)
            if left and right:
                self.meet(key, left, right)
            elif left or right:
                self.one_side(key, left, right, base)
            else:
                self.base.pop(key, None)
        self.typed_anew.clear()

    def one_side(self, key, left, right, base):
        if right and base is not None:
            edited = any(base.get(field) is not None and right[field] != base[field] for field in ("p", "q"))
            if not edited and any(field not in base for field in ("p", "q")):
                self.seen["unsure"] += 1  # nobody can say whether that was an edit: a person is asked
                return
            if not edited:
                self.seen["deleted"] += 1
                del self.sides["right"][key], self.base[key]
                return
            self.seen["revived"] += 1
        self.seen["created"] += 1
        whole = dict(left or right)
        self.sides["left"][key], self.sides["right"][key] = dict(whole), dict(whole)
        self.base[key] = dict(whole)

    def meet(self, key, left, right):
        base = self.base.setdefault(key, {})
        for field in FIELDS:
            winner = self.winner(field, left[field], right[field], base.get(field))
            if winner is not None:
                left[field] = right[field] = base[field] = winner

    def winner(self, field, left, right, base):
        """The value that counts, or nothing where a person must decide."""
        if left == right:
            return left
        if field == "o":
            self.seen["put back"] += base is not None and right != base
            return left
        if base is not None and base in (left, right):
            return right if left == base else left
        self.seen["both"] += 1
        if field == "p":
            return right
        self.seen["conflict"] += 1
        return None


def edit(made, sheets, dice):
    side = dice.choice(["left", "right"])
    key = f"k{dice.randrange(8)}"
    rows = sheets.sides[side]
    if key not in rows:
        values = {field: f"{dice.randrange(3)}" for field in FIELDS}
        made.sql(side, "INSERT INTO t (n, o, p, q) VALUES (?, ?, ?, ?)", key, *values.values())
        rows[key] = values
        if side == "right":
            sheets.typed_anew.add(key)
    elif dice.random() < 0.2:
        made.sql(side, "DELETE FROM t WHERE n = ?", key)
        del rows[key]
    else:
        field, value = dice.choice(FIELDS), f"{dice.randrange(3)}"
        made.sql(side, f"UPDATE t SET {field} = ? WHERE n = ?", value, key)
        rows[key][field] = value


def held(made, side):
    return {n: dict(zip(FIELDS, rest, strict=True)) for n, *rest in made.sql(side, "SELECT n, o, p, q FROM t")}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_history(lab, seed):
    dice = random.Random(seed)
    made = lab({"left": TABLE, "right": TABLE}, {"thing": THING})
    sheets = Sheets()
    for _ in range(ROUNDS):
        for _ in range(EDITS):
            edit(made, sheets, dice)
        made.migrate()
        sheets.sync()
        assert held(made, "left") == sheets.sides["left"]
        assert held(made, "right") == sheets.sides["right"]
    assert writes(made.migrate()) == 0


def test_the_histories_hit_what_they_are_for():
    """Without this the histories could prove nothing: count what the generated edits really exercise, on paper alone."""
    total = dict.fromkeys(Sheets().seen, 0)

    class Paper:
        def sql(self, *_):
            return []

    for seed in range(SEEDS):
        dice, sheets = random.Random(seed), Sheets()
        for _ in range(ROUNDS):
            for _ in range(EDITS):
                edit(Paper(), sheets, dice)
            sheets.sync()
        total = {name: total[name] + count for name, count in sheets.seen.items()}
    print(total)
    assert all(count >= 5 for count in total.values()), total
