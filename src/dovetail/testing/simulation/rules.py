"""Who wins over whom by the declared rules, and who agrees with whom, written from their meaning alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dovetail.testing.simulation.cells import same
from dovetail.testing.simulation.strand import Thing
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


def agrees(shared: Shared, thing: Thing, *, plainly: bool = False) -> bool:
    """Whether every member that holds the thing shows one value, as far as its cell can tell; `plainly`: so that
    somebody can see it who does not know the systems' triggers."""
    holders = [member for member in thing.keys if member in shared.spellings]
    latest = {member: thing.strand(shared.name, member).latest for member in holders}

    def takes(member: str, giver: str) -> bool:
        held, given = latest[member], latest[giver].value
        if shared.ref:
            return same(held.value, given)
        form = shared.spellings[member].form
        is_plain = plainly and held.edit > 0
        return same(held.value, form.declared(given) if is_plain else form.norm(given))

    if not plainly and any(shared.spellings[member].form.rewrite for member in holders):
        return _are_joined(holders, takes)
    return any(all(takes(other, giver) for other in holders if other != giver) for giver in holders)


def _are_joined(holders: Sequence[str], takes: Callable[[str, str], bool]) -> bool:
    """Whether each agrees with another that agrees with the rest: what a trigger made of a value may have gone on
    from there, for nobody outside can tell that it lost something."""
    joined = set(holders[:1])
    for _ in holders:
        joined |= {one for one in holders for other in joined if takes(one, other) or takes(other, one)}
    return joined == set(holders)
