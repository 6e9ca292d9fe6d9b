"""What one turn of a sync did, added up."""

from __future__ import annotations

from dataclasses import dataclass, field

from dovetail.engine.account import FINDINGS_MAX, add, count, findings
from dovetail.engine.deal import Deal
from dovetail.errors import DovetailError
from dovetail.model.run import MappingCount, Summary


@dataclass(slots=True)
class Turn:
    """What one turn did: keys looked at, rows written, keys that wait still, and the mappings that failed, with the
    reason."""

    summary: Summary
    looked: int = 0
    written: int = 0
    waiting: int = 0
    failed: dict[str, DovetailError] = field(default_factory=dict)


def include(summary: Summary, deal: Deal) -> None:
    """Add what became of the rows of a scope."""
    decision, written = deal.decision, deal.writer.written
    add(summary.mappings.setdefault(deal.name, MappingCount()), count(decision, written))
    for finding in findings(decision, written):
        if len(summary.findings) < FINDINGS_MAX:
            summary.findings.append(finding)


def absorb(summary: Summary, more: Summary) -> None:
    """Add what another pass did."""
    for name, counts in more.mappings.items():
        add(summary.mappings.setdefault(name, MappingCount()), counts)
    summary.findings += more.findings[: max(FINDINGS_MAX - len(summary.findings), 0)]
