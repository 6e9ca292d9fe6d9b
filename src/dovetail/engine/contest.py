"""Contested fields: settled by value or through the coarser cell, or left to a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow as pa

from dovetail.engine.counted import add_up, below_floor
from dovetail.engine.decision import Contest, Decision, Surroundings
from dovetail.engine.newest import by_time
from dovetail.engine.put import Places
from dovetail.engine.rivals import Alike, Contested, Left, Made, Outcome, Won
from dovetail.engine.through import holds_through_cell
from dovetail.engine.united import unite
from dovetail.identity.pair import ABSENT
from dovetail.merge.judge import KEEP, settle
from dovetail.merge.reason import Reason
from dovetail.model.mapping import Rule
from dovetail.model.type import Kind

OVERSOLD = "DV-463"
"""A number would fall below its floor."""

_TOO_LONG = Left("the value that all edits make together does not fit the field")


def settle_contests(decision: Decision, contested: dict[str, Places], around: Surroundings) -> None:
    """Decide contested fields by value, or through the coarser cell; the rest becomes conflicts."""
    held = decision.held
    for name, places in contested.items():
        shared = decision.survey.mapping.mapping.field(name)
        assert shared is not None
        still = places[~held[places]]
        doubted = decision.doubted.get(name)
        if doubted is not None and doubted[still].any():
            _carry_out(Contested(decision, shared, still[doubted[still]], around), _unbelieved)
            still = still[~doubted[still]]
        if len(still):
            _carry_out(Contested(decision, shared, still, around))
        if shared.adds_up and shared.floor is not None:
            for place in below_floor(decision, shared):
                _leave(decision, name, place)
                words = f"the edits together go below the floor {shared.floor}: more was taken than there is"
                decision.contests.append(Contest(place, name, words, OVERSOLD))


def _leave(decision: Decision, name: str, place: int) -> None:
    """Let every member keep what it holds."""
    decision.sources[name][place] = ABSENT
    decision.rules[name][place] = Reason.NOTHING
    if decision.origins[name][place] == len(decision.survey.sides):
        decision.origins[name][place] = int(decision.active[:, place].argmax())


def _carry_out(contested: Contested, rule: Callable[[Contested], Iterator[tuple[int, Outcome]]] | None = None) -> None:
    """Note what comes of each contested row, by the declared rule or by another one."""
    decision, name = contested.decision, contested.shared.name
    made: dict[Reason, dict[int, object]] = defaultdict(dict)
    for at, found in (rule or _outcomes)(contested):
        place, outcome = int(contested.places[at]), found
        if isinstance(outcome, Made):
            outcome = _held_already(contested, at, outcome)
        match outcome:
            case Won(side, reason):
                decision.sources[name][place] = decision.origins[name][place] = side
                decision.rules[name][place] = reason
            case Alike(side):
                decision.sources[name][place] = KEEP
                decision.origins[name][place] = side
                decision.rules[name][place] = Reason.SAME_CHANGE
            case Made(value, reason):
                made[reason][place] = value
            case Left(words, code):
                decision.contests.append(Contest(place, name, words, code))
    for reason, values in made.items():
        decision.settle(name, values, reason)


def _unbelieved(contested: Contested) -> Iterator[tuple[int, Outcome]]:
    """What comes of rows that are doubted: where all hold the same they agree, all others are left to a person."""
    agreeing = dict(_agreeing(contested))
    words = "the members hold different values, and one of them or the state was put back from a backup"
    for at in range(len(contested)):
        outcome = agreeing.get(at)
        yield at, outcome if isinstance(outcome, Alike) else Left(words, "DV-485")


def _outcomes(contested: Contested) -> Iterator[tuple[int, Outcome]]:
    rule = contested.shared.policy.rule if contested.shared.policy is not None else Rule.ASK
    if rule is Rule.DELTA:
        yield from add_up(contested)
        return
    agreeing = dict(_agreeing(contested))
    reasons = contested.decision.rules[contested.shared.name][contested.places]
    for at, outcome in agreeing.items():
        yield at, Won(outcome.side, Reason.OWED) if reasons[at] == Reason.OWED else outcome
    rows = [at for at in range(len(contested)) if at not in agreeing and reasons[at] == Reason.NOTHING]
    if contested.shared.name in contested.survey.referred and rule is not Rule.NEWEST:
        rule = Rule.ASK
    match rule:
        case Rule.UNION:
            yield from unite(contested, rows)
        case Rule.NEWEST:
            yield from by_time(contested, rows)
        case _:
            yield from _by_value(contested, rows, rule)


def _by_value(contested: Contested, rows: list[int], rule: Rule) -> Iterator[tuple[int, Outcome]]:
    """The least or the greatest of the values that stand against each other."""
    for at in rows:
        sides = contested.rivals_at(at)
        chosen = settle(contested.shared.policy, [contested.values[side][at] for side in sides])
        yield at, Left() if chosen is None else Won(sides[chosen], Reason[rule.name])


def _agreeing(contested: Contested) -> Iterator[tuple[int, Won | Alike]]:
    """The rows whose rivals agree, with the member whose value gives what all others hold, put through their cells."""
    sides = contested.knows
    holds = {
        (source, side): holds_through_cell(contested, source, side)
        for source in sides
        for side in sides
        if source != side
    }
    for at in range(len(contested)):
        rivals = contested.rivals_at(at)
        for source in rivals:
            if all(holds[source, side][at] for side in rivals if side != source):
                everybody = all(holds[source, side][at] for side in contested.active_at(at) if side != source)
                yield at, Alike(source) if everybody else Won(source, Reason.SAME_CHANGE)
                break


def _held_already(contested: Contested, at: int, made: Made) -> Outcome:
    """A value that was made as the shared type carries it; where a member holds just that, the member's."""
    kind = contested.survey.mapping.types[contested.shared.name]
    value = made.value
    if isinstance(value, Decimal) and kind.kind is Kind.INTEGER:
        value = int(value)
    elif isinstance(value, Decimal) and kind.kind is Kind.FLOAT:
        value = float(value)
    try:
        value = pa.array([value], kind.arrow()).to_pylist()[0]
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return _TOO_LONG
    for side in contested.active_at(at):
        if contested.values[side][at] == value:
            return Won(side, made.reason)
    return Made(value, made.reason)
