"""One line about each command's answer, with its figures."""

from __future__ import annotations

from collections import Counter

from dovetail.demo.judge import Judgement
from dovetail.demo.shell import Answer

OUTCOMES = ("created", "updated", "deleted", "unchanged", "filtered", "quarantined", "conflicts")
"""The outcomes of shared rows, as run summaries name them."""


def check(answer: Answer) -> str:
    """How much was declared."""
    document = answer.document
    return f"{document['mappings']} mappings with {document['fields']} shared fields are sound; no database was needed"


def doctor(answer: Answer) -> str:
    """How many things were looked at, and how many need a person."""
    verdicts = Counter(remark["verdict"] for remark in answer.document["remarks"])
    return f"{verdicts['ok']} of {verdicts.total()} looks at the systems are fine; rights were tried and rolled back"


def analyze(answer: Answer) -> str:
    """What the systems hold, and how much both know."""
    systems = answer.document["systems"].values()
    datasets = [dataset for system in systems for dataset in system["datasets"].values()]
    fields = sum(len(dataset["fields"]) for dataset in datasets)
    both = sum(overlap["both"] for overlap in answer.document["overlaps"])
    return f"{len(datasets)} datasets with {fields} fields measured; {both:,} things are known on both sides"


def shown(answer: Answer) -> str:
    """How the cells are classed."""
    cells = [
        cell
        for mapping in answer.document["mappings"].values()
        for field in mapping["fields"].values()
        for cell in field["members"].values()
    ]
    classes = Counter(cell["class"] for cell in cells)
    told = ", ".join(f"{count} {name}" for name, count in classes.most_common())
    return f"the writing direction of {len(cells)} cells, derived: {told}"


def tested(answer: Answer) -> str:
    """How many round trips were made on real rows, and what they found."""
    fields = [
        field
        for mapping in answer.document["mappings"].values()
        for member in mapping.values()
        for field in member["fields"].values()
    ]
    trials = sum(field["trials"] for field in fields)
    explained = sum(field.get(name, 0) for field in fields for name in ("holds", "coarser", "refused"))
    words = f"{trials:,} round trips on real and edited rows, {trials - explained or 'none'} broken"
    return f"{words}; {len(answer.document['findings'])} remarks about rows that cannot be carried"


def outcomes(answer: Answer) -> str:
    """How the shared rows ended, or would end."""
    told = [(outcome, answer.total(outcome)) for outcome in OUTCOMES]
    return ", ".join(f"{count:,} {outcome}" for outcome, count in told if count)


def plan(answer: Answer) -> str:
    """What would happen."""
    return f"{outcomes(answer)}; nothing was written"


def guard(plan: Answer) -> str:
    """Why a run without permission would be stopped."""
    changes = plan.total("updated") + plan.total("deleted")
    return f"would stop this: {changes:,} rows that exist would change; the plan was read, so they are allowed"


def migrate(answer: Answer) -> str:
    """What was written where."""
    members = Counter[str]()
    for mapping in answer.document["mappings"].values():
        for name, count in mapping["members"].items():
            members[name] += sum(count.values())
    written = " and ".join(f"{count:,} to the {name}" for name, count in members.items() if count)
    held = ", ".join(f"{answer.total(outcome):,} {outcome}" for outcome in ("quarantined", "conflicts"))
    return f"{answer.writes:,} rows written ({written}); {held}"


def verify(answer: Answer) -> str:
    """How much was compared, and what differs."""
    different = answer.total("different")
    return f"{answer.total('rows'):,} shared rows compared field by field: {different or 'nothing'} different"


def again(answer: Answer) -> str:
    """What a second migration did."""
    return f"a second time: {answer.writes:,} rows written"


def rejects(answer: Answer) -> str:
    """What stands in quarantine, by reason."""
    codes = Counter(row["code"] for row in answer.document["rejects"])
    most = ", ".join(f"{count} {code}" for code, count in codes.most_common(4))
    return f"{codes.total():,} rows held, each with its reason and the next thing to do ({most}, ...)"


def verdict(judgement: Judgement) -> str:
    """What the independent judge says."""
    if not judgement.differences:
        return f"{judgement.rows:,} rows with {judgement.values:,} values compared in plain Python: all as they must be"
    first = "; ".join(str(difference) for difference in judgement.differences[:3])
    return f"{len(judgement.differences):,} of {judgement.values:,} values are not as they must be: {first}"
