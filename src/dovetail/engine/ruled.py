"""The rule that decided about a value, in words for the journal."""

from __future__ import annotations

from dovetail.engine.decision import Decision
from dovetail.merge.reason import WORDS, Reason


def rule_text(decision: Decision, field: str, place: int) -> str:
    """Why the value of a field counts that is written of a shared row, such as `owner: shop` or `only shop changed it`;
    empty for what is no shared field."""
    told = decision.words.get((field, place))
    if told is not None:
        return told
    if field not in decision.rules:
        return ""
    sides = decision.survey.sides
    source = int(decision.origins[field][place])
    member = sides[source].member.name if 0 <= source < len(sides) else "nobody"
    return WORDS[Reason(int(decision.rules[field][place]))].format(member=member)
