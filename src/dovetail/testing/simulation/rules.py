"""Who wins over whom by the declared rules, written from their meaning alone."""

from __future__ import annotations

from dovetail.testing.simulation.world import Shared

_WORDS = {"new": 0, "paid": 1, "shipped": 2}


def wins(shared: Shared, giver: str, given: object, member: str, held: object) -> bool:
    """Whether a value wins over another one that was typed at the same time, by the declared rule alone."""
    rule = shared.rule
    if rule.kind == "owner":
        return rule.members[0] == giver
    if rule.kind == "prefer":
        order = list(rule.members)
        return giver in order and (member not in order or order.index(giver) < order.index(member))
    if rule.kind in ("min", "max") and given is not None:
        if held is None:
            return True
        left, right = (_WORDS[str(one)] if rule.words else float(str(one)) for one in (given, held))
        return left <= right if rule.kind == "min" else left >= right
    return rule.kind == "delta" and rule.members[0] == giver
