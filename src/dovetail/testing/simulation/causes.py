"""Why a row may stand in quarantine, and when a conflict may not be left to people: judged by what the rows hold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dovetail.testing.simulation.oracle import Oracle
from dovetail.testing.simulation.strand import Thing
from dovetail.testing.simulation.world import CODE, PARENT, Joined, Shared


def unexplained(
    joined: Joined, thing: Thing, held: Mapping[tuple[str, str], str], oracle: Oracle, *, code: str
) -> list[str]:
    """That a thing is held although nothing about it is wrong."""
    if _collides(joined, thing, oracle) or _lacks_kin(joined, thing, held, oracle):
        return []
    return [f"held: {joined.name} {thing.tag} stands in quarantine ({code}), and nothing is wrong with it"]


def _codes(joined: Joined, thing: Thing) -> set[str]:
    """All natural keys that a thing has somewhere, or had there last."""
    if not joined.has_match:
        return set()
    strands = [thing.strand(CODE, member) for member in joined.tables]
    return {str(one.latest.value).casefold() for one in strands if one.versions}


def _collides(joined: Joined, thing: Thing, oracle: Oracle) -> bool:
    """Whether another thing stands in its way with the same natural key, or nobody knows which one it has."""
    own = _codes(joined, thing)
    if len(own) > 1:
        return True
    others = (other for (name, _), other in oracle.things.items() if name == joined.name and other is not thing)
    return any(own & _codes(joined, other) for other in others if other.keys)


def _lacks_kin(joined: Joined, thing: Thing, held: Mapping[tuple[str, str], str], oracle: Oracle) -> bool:
    """Whether a parent does not stand wherever its child does, or a part keeps its parent from going."""
    for shared in joined.fields:
        if shared.name != PARENT:
            continue
        for member in thing.keys:
            tag = thing.strand(PARENT, member).latest.value
            parent = oracle.things.get((shared.ref, str(tag)))
            if tag is not None and (
                parent is None or (shared.ref, str(tag)) in held or parent.keys.keys() != joined.tables.keys()
            ):
                return True
    return len(thing.keys) < len(joined.tables) and any(
        str(other.strand(PARENT, member).latest.value) == thing.tag
        for (name, _), other in oracle.things.items()
        if name != joined.name
        for member in other.keys
        if other.strand(PARENT, member).versions
    )


def is_decided(shared: Shared, thing: Thing) -> bool:
    """Whether the declared rule settles any difference between the members that hold the thing."""
    holders = [member for member in thing.keys if member in shared.spellings]
    rule = shared.rule
    if rule.kind == "owner":
        return rule.members[0] in holders
    if rule.kind == "prefer":
        return set(holders) <= set(rule.members)
    if rule.kind in ("min", "max"):
        return all(thing.strand(shared.name, member).latest.value is not None for member in holders)
    return False


def miscounted(joined: Joined, thing: Thing) -> list[str]:
    """That movements were lost or counted twice: a field of the kind `delta` holds what was typed first and the sum of
    all edits since, wherever they were made. Only of things that were typed once, and never deleted."""
    if thing.is_distrusted or len(thing.births) != 1 or thing.deaths or not thing.keys:
        return []
    found = []
    for shared in joined.fields:
        typed = [one for member in shared.spellings for one in thing.strand(shared.name, member).versions if one.edit]
        if shared.rule.kind != "delta" or not typed or any(one.value is None for one in typed):
            continue
        first = min(typed, key=lambda one: one.edit)
        if any(one.before is None for one in typed if one is not first):
            continue
        total = sum(
            (Decimal(str(one.value)) - Decimal(str(one.before)) for one in typed if one is not first),
            Decimal(str(first.value)),
        )
        for member in thing.keys.keys() & shared.spellings.keys():
            held = thing.strand(shared.name, member).latest.value
            if held != total:
                words = f"{joined.name} {thing.tag}.{shared.name} at {member} is {held}, all edits make {total}"
                found.append(f"miscounted: {words}")
    return found
