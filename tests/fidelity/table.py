"""The table of the matrix: connectors by groups, with a count for each outcome; as lines, as JSON and as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.fidelity.hostile import GROUPS
from tests.fidelity.pair import OUTCOMES, Judged

MARKS: Mapping[str, str] = dict(zip(OUTCOMES, "ELQRS", strict=True))


@dataclass(slots=True)
class Result:
    """What one pair ended in: counts by group and outcome, and whether its two-way passes came to rest (`None`: not
    asked)."""

    source: str
    target: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    rests: bool | None = None

    def document(self) -> dict[str, object]:
        """The result as JSON."""
        return {
            "source": self.source,
            "target": self.target,
            "groups": self.counts,
            "silent": self.silent,
            "faults": self.faults,
            "rests": self.rests,
        }

    @classmethod
    def of(cls, found: Mapping[str, object]) -> Result:
        """The result that `document` gave."""
        named = dict(found)
        counts = named.pop("groups")
        return cls(counts=counts, **named)  # type: ignore[arg-type]


def result(judged: Judged) -> Result:
    """The result of a pair that was judged."""
    counts: dict[str, dict[str, int]] = {}
    for (group, outcome), number in sorted(judged.counts().items()):
        counts.setdefault(group, {})[outcome] = number
    silent = [f"{one.group} {one.value}: {one.source} -> {one.target}: {one.words}" for one in judged.silent()]
    return Result(*judged.pair, counts, silent, judged.faults)


def by_group(results: Iterable[Result]) -> dict[str, Counter[str]]:
    """The outcomes of each group, all pairs together."""
    found: dict[str, Counter[str]] = {}
    for one in results:
        for group, counts in one.counts.items():
            found.setdefault(group, Counter()).update(counts)
    return {group: found[group] for group in GROUPS if group in found}


def merged(results: Iterable[Result]) -> list[Result]:
    """One result for each pair."""
    found: dict[tuple[str, str], Result] = {}
    for one in results:
        known = found.setdefault((one.source, one.target), Result(one.source, one.target))
        for group, counts in one.counts.items():
            own = known.counts.setdefault(group, {})
            for outcome, number in counts.items():
                own[outcome] = own.get(outcome, 0) + number
        known.silent += one.silent
        known.faults += one.faults
        known.rests = one.rests if known.rests is None else known.rests and one.rests is not False
    return [found[pair] for pair in sorted(found)]


def lines(results: Sequence[Result]) -> list[str]:
    """The table as text: a line a pair, then a line a group."""
    pairs = merged(results)
    told = [f"{len(pairs)} pairs; E exact, L declared lossy, Q quarantined, R refused before the run, S silent"]
    for one in pairs:
        at_rest = "" if one.rests is None else "  two-way at rest" if one.rests else "  two-way NOT at rest"
        told.append(f"{one.source + ' to ' + one.target:<24} {words(total(one))}{at_rest}")
    told += [f"{group:<24} {words(counts)}  {GROUPS[group]}" for group, counts in by_group(pairs).items()]
    return [*told, f"{'in all':<24} {words(total(*pairs))}"]


def total(*results: Result) -> Counter[str]:
    """How many values had each outcome, all groups together."""
    found: Counter[str] = Counter()
    for one in results:
        for counts in one.counts.values():
            found.update(counts)
    return found


def words(counts: Mapping[str, int]) -> str:
    """The counts of outcomes, in a fixed order."""
    return "  ".join(f"{MARKS[outcome]} {counts.get(outcome, 0):>4}" for outcome in OUTCOMES)


def document(results: Sequence[Result]) -> str:
    """Everything as JSON, a line a pair."""
    pairs = ",\n".join(json.dumps(one.document(), ensure_ascii=False) for one in merged(results))
    return f'{{"groups": {json.dumps(dict(GROUPS), indent=1)},\n"pairs": [\n{pairs}\n]}}\n'


def page(results: Sequence[Result], *, values: int) -> str:
    """The reference page."""
    pairs = merged(results)
    names = sorted({one.source for one in pairs} | {one.target for one in pairs})
    found = {(one.source, one.target): one for one in pairs}
    rows = [_row(source, names, found) for source in names]
    groups = [f"| {group} | {GROUPS[group]} | {_cells(counts)} |" for group, counts in by_group(pairs).items()]
    asked = [one for one in pairs if one.rests is not None]
    rests = sum(bool(one.rests) for one in asked)
    return f"""<!-- Made by `python -m tests.fidelity.page`; changes here are lost. -->


# Fidelity

No value is changed unseen on its way from one system to another. {values} hostile values in {len(GROUPS)} groups are planted with each system's own means, sent through a real
project, and read back without Dovetail. Each must arrive exactly (E), or be named as lossy in the plan and counted in the run (L), or be put into quarantine with a reason while other rows flow
(Q), or its field is refused before anything is read (R). Anything else is a silent change, and fails the tests. The same values go the streamed and the plain way, with one outcome.

All pairs together: {_sentence(total(*pairs))}. Two-way, {rests} of {len(asked)} pairs came to rest: after the first meeting, and after an edit on either side, the second and the third pass write nothing.

## From each system to each other

Exact / lossy / quarantined / refused / **silent**; a line is where values come from, a column where they go. A value counts once for each type that it is tried with.

| from | {" | ".join(names)} |
|---|{"---|" * len(names)}
{chr(10).join(rows)}

## By group

| group | what | exact | lossy | quarantined | refused | silent |
|---|---|---|---|---|---|---|
{chr(10).join(groups)}

## The same as JSON

`python -m tests.fidelity.page` writes `fidelity.json` beside this page: `groups` (what each is about) and `pairs`, each with `source`, `target`, `groups` (by group and outcome a count), `silent`
(in words, empty), `faults` (what else was wrong, empty) and `rests` (whether the two-way passes came to rest; null: not asked).
"""


def _row(source: str, names: Sequence[str], found: Mapping[tuple[str, str], Result]) -> str:
    cells = []
    for target in names:
        one = found.get((source, target))
        cells.append(" / ".join(str(total(one)[outcome]) for outcome in OUTCOMES) if one else "-")
    return f"| {source} | {' | '.join(cells)} |"


def _cells(counts: Mapping[str, int]) -> str:
    return " | ".join(str(counts.get(outcome, 0)) for outcome in OUTCOMES)


def _sentence(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts.get(outcome, 0):,} {outcome}" for outcome in OUTCOMES)
