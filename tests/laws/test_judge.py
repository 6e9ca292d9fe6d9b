"""The judge against an oracle that thinks row by row, over every rule and every situation of two and three members."""

import itertools
import random

import numpy as np
import pytest

from dovetail.merge.judge import CONTESTED, KEEP, Evidence, FieldRule, judge, settle
from dovetail.model.mapping import Policy, Rule

ASK = Policy(Rule.ASK)


CELLS = list(itertools.product((True, False), range(3), (None, 0, 1, 2), (2, 4)))
"""One member's view of one row: (takes part, value, value of its base or None, number of its agreement)."""


def oracle(rule, cells):
    """Who wins, told in plain words; no arrays."""
    taking = [(member, *rest) for member, (active, *rest) in enumerate(cells) if active]
    if not taking:
        return KEEP
    values = {value for _, value, _, _ in taking}
    if any(base is None for _, _, base, _ in taking):
        if len(values) == 1:
            return KEEP
        for wish in (rule.first, rule.owner, *rule.prefer):
            if wish is not None and wish in [member for member, *_ in taking]:
                return wish
        return CONTESTED
    changed = [(member, value) for member, value, base, _ in taking if value != base]
    if not changed:
        numbers = {number for *_, number in taking}
        if len(numbers) == 1:
            return KEEP
        holding = [member for member, *_, number in taking if number == max(numbers)]
        return next(wish for wish in (rule.owner, *rule.fine, *holding) if wish in holding)
    latest = max(number for *_, number in taking)
    is_uneven = any(number != latest for *_, number in taking)
    edited = [member for member, _ in changed]
    if rule.owner is not None and rule.owner in [member for member, *_ in taking]:
        if rule.divergence_allowed and rule.owner not in edited and not is_uneven:
            return KEEP
        return rule.owner
    if not any(number == latest for member, _, _, number in taking if member in edited):
        # All who edited are owed an agreement that they have not seen: it stands against their edits.
        changed += [(member, value) for member, value, _, number in taking if number == latest]
    if len(changed) > 1 and rule.adds_up:
        return CONTESTED
    if len({value for _, value in changed}) == 1:
        return edited[0]
    for wish in rule.prefer:
        if wish in [member for member, _ in changed]:
            return wish
    return CONTESTED


def rules(members):
    """Every rule that can be declared for so many members."""
    someone = [None, *range(members)]
    orders = [order for count in range(members + 1) for order in itertools.permutations(range(members), count)]
    for owner, first, prefer, divergence in itertools.product(someone, someone, orders, (False, True)):
        yield FieldRule(owner=owner, first=first, prefer=prefer, divergence_allowed=divergence)
    for fine in orders:
        yield FieldRule(fine=fine)
    for first in range(members):
        yield FieldRule(first=first, policy=Policy(Rule.DELTA))


def evidence(rows):
    active, value, base, number = (
        np.array([[cells[member][part] for cells in rows] for member in range(len(rows[0]))], dtype=object)
        for part in range(4)
    )
    based = np.array([[one is not None for one in line] for line in base], dtype=bool)
    changed = based & np.array(
        [[v != b for v, b in zip(*lines, strict=True)] for lines in zip(value, base, strict=True)]
    )
    return Evidence(active.astype(bool), value.astype(np.uint64), based, changed, number.astype(np.uint32))


def agrees(rule, rows, known):
    verdict = judge(rule, known)
    for cells, winner, source in zip(rows, verdict.winner.tolist(), verdict.source.tolist(), strict=True):
        assert winner == oracle(rule, cells), (rule, cells)
        assert source == winner or winner in (KEEP, CONTESTED)
        assert cells[source][0] if source != KEEP else not any(active for active, *_ in cells)


def test_the_judge_agrees_with_the_oracle_in_every_situation_of_two_members():
    rows = list(itertools.product(CELLS, CELLS))
    known = evidence(rows)
    for rule in rules(2):
        agrees(rule, rows, known)


def test_the_judge_agrees_with_the_oracle_among_three_members():
    """All rules, each over other situations of a seeded draw; most are of members that agreed before."""
    dice = random.Random(2026)
    based = [cell for cell in CELLS if cell[0] and cell[2] is not None]
    for rule in rules(3):
        rows = [tuple(dice.choice(based if dice.random() < 0.9 else CELLS) for _ in range(3)) for _ in range(150)]
        agrees(rule, rows, evidence(rows))


@pytest.mark.parametrize(
    ("policy", "values", "chosen"),
    [
        (Policy(Rule.MIN), [3, 2], 1),
        (Policy(Rule.MAX), [3, 2], 0),
        (Policy(Rule.MAX), [None, 2], 1),
        (Policy(Rule.MAX, order=("new", "paid")), ["paid", "new"], 0),
        (Policy(Rule.MAX, order=("new", "paid")), ["paid", "lost"], None),
        (Policy(Rule.MIN), [None, None], None),
        (ASK, [1, 2], None),
        (None, [1, 2], None),
    ],
)
def test_settling_by_value(policy, values, chosen):
    assert settle(policy, values) == chosen
