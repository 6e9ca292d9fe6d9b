"""What a row that vanished means, for every declared rule."""

import pytest

from dovetail.merge.deletes import Fate, fate
from dovetail.model.mapping import DeleteRule


@pytest.mark.parametrize(
    ("rule", "untouched", "edited"),
    [
        (DeleteRule.PROPAGATE, Fate.DELETE, Fate.CREATE_AGAIN),
        (DeleteRule.RESTORE, Fate.CREATE_AGAIN, Fate.CREATE_AGAIN),
        (DeleteRule.DETACH, Fate.LEAVE, Fate.LEAVE),
        (DeleteRule.ASK, Fate.ASK, Fate.ASK),
        (DeleteRule.SOFT, Fate.ASK, Fate.ASK),
        (None, Fate.ASK, Fate.ASK),
    ],
)
def test_fates(rule, untouched, edited):
    assert fate(rule, anywhere=True, edited_elsewhere=False) is untouched
    assert fate(rule, anywhere=True, edited_elsewhere=True) is edited
    assert fate(rule, anywhere=False, edited_elsewhere=False) is Fate.FORGET


def test_every_rule_is_on_the_list_and_only_one_ever_deletes():
    fates = {rule: fate(rule, anywhere=True, edited_elsewhere=False) for rule in DeleteRule}
    assert [rule for rule, given in fates.items() if given is Fate.DELETE] == [DeleteRule.PROPAGATE]
