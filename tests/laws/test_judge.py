"""The judge against an oracle that thinks row by row, over every rule and every situation of two and three members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.merge.judge import CONTESTED, KEEP, Evidence, FieldRule, judge, settle
from dovetail.model.mapping import Policy, Rule

ASK = Policy(Rule.ASK)


def cell():
    """One member's view of one row: (takes part, value, value of its base or None, number of its agreement)."""
    return st.tuples(st.booleans(), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)), st.sampled_from([2, 4]))


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
        return max(taking, key=lambda one: (one[3], -one[0]))[0]
    if rule.owner is not None and rule.owner in [member for member, *_ in taking]:
        if rule.divergence_allowed and rule.owner not in [member for member, _ in changed]:
            return KEEP
        return rule.owner
    if len({value for _, value in changed}) == 1:
        return changed[0][0]
    for wish in rule.prefer:
        if wish in [member for member, _ in changed]:
            return wish
    return CONTESTED


def rules(members):
    someone = st.one_of(st.none(), st.integers(0, members - 1))
    return st.builds(
        FieldRule,
        owner=someone,
        first=someone,
        prefer=st.permutations(range(members)).flatmap(
            lambda order: st.integers(0, members).map(lambda count: tuple(order[:count]))
        ),
        divergence_allowed=st.booleans(),
    )


def evidence(rows):
    active, value, base, number = (
        np.array([[cells[member][part] for cells in rows] for member in range(len(rows[0]))], dtype=object)
        for part in range(4)
    )
    based = np.array([[one is not None for one in line] for line in base], dtype=bool)
    changed = based & np.array([[v != b for v, b in zip(*lines, strict=True)] for lines in zip(value, base, strict=True)])
    return Evidence(active.astype(bool), value.astype(np.uint64), based, changed, number.astype(np.uint32))


@pytest.mark.parametrize("members", [2, 3])
def test_the_judge_agrees_with_the_oracle(members):
    row = st.tuples(*[cell()] * members)

    @given(rules(members), st.lists(row, min_size=1, max_size=8))
    def check(rule, rows):
        verdict = judge(rule, evidence(rows))
        expected = [oracle(rule, cells) for cells in rows]
        assert verdict.winner.tolist() == expected
        for source, cells in zip(verdict.source, rows, strict=True):
            assert source == KEEP or cells[source][0]

    check()


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
