"""What a row that vanished means, for every declared rule and every set of them."""

from itertools import combinations

import pytest

from dovetail.merge.deletes import CARRIED, Fate, fate
from dovetail.model.mapping import DeleteRule

RULES = (*DeleteRule, None)


@pytest.mark.parametrize(
    ("rule", "untouched", "kept"),
    [
        (DeleteRule.PROPAGATE, Fate.DELETE, Fate.CREATE_AGAIN),
        (DeleteRule.SOFT, Fate.DELETE, Fate.CREATE_AGAIN),
        (DeleteRule.RESTORE, Fate.CREATE_AGAIN, Fate.CREATE_AGAIN),
        (DeleteRule.DETACH, Fate.LEAVE, Fate.LEAVE),
        (DeleteRule.ASK, Fate.ASK, Fate.ASK),
        (None, Fate.ASK, Fate.ASK),
    ],
)
def test_one_member(rule, untouched, kept):
    assert fate([rule], anywhere=True, kept=False) is untouched
    assert fate([rule], anywhere=True, kept=True) is kept
    assert fate([rule], anywhere=False, kept=False) is Fate.FORGET


@pytest.mark.parametrize("rules", [*combinations(RULES, 2)], ids=str)
def test_several_members_in_any_order(rules):
    answers = {fate(order, anywhere=True, kept=kept) for order in (rules, rules[::-1]) for kept in (False,)}
    assert len(answers) == 1
    alone = {fate([rule], anywhere=True, kept=False) for rule in rules}
    ranks = [Fate.DELETE, Fate.ASK, Fate.CREATE_AGAIN, Fate.LEAVE]
    assert answers == {min(alone, key=ranks.index)}


@pytest.mark.parametrize("rules", [(), *combinations(RULES, 1), *combinations(RULES, 2)], ids=str)
def test_a_row_that_somebody_edited_is_never_deleted(rules):
    assert fate(rules, anywhere=True, kept=True) is not Fate.DELETE


def test_only_rules_that_carry_a_delete_ever_delete():
    fates = {rule: fate([rule], anywhere=True, kept=False) for rule in RULES}
    assert {rule for rule, given in fates.items() if given is Fate.DELETE} == CARRIED
