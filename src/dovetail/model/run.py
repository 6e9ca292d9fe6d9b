"""The one run summary that every command which plans or writes answers with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dovetail.model.finding import Finding

OUTCOMES = ("created", "updated", "deleted", "unchanged", "filtered", "quarantined", "conflicts")
"""The outcomes of a shared row; each row has exactly one, so they add up to `rows`."""


@dataclass(slots=True)
class MemberCount:
    """Rows written (or that would be written) at one member; `rewritten` counts by column the values of which the
    system made something else (or may)."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    rewritten: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loss:
    """Values of a shared field that a member's column may hold otherwise than they are given: from which types into
    which, in which way, and of how many rows (in a plan: at most; in a run: that were)."""

    mapping: str
    member: str
    field: str
    column: str
    given: str
    taken: str
    words: str
    rows: int

    def document(self) -> dict[str, object]:
        """The loss as `--json` prints it."""
        return {
            "mapping": self.mapping,
            "member": self.member,
            "field": self.field,
            "column": self.column,
            "from": self.given,
            "to": self.taken,
            "loss": self.words,
            "rows": self.rows,
        }


@dataclass(slots=True)
class MappingCount:
    """The outcomes of one mapping's shared rows; `read` counts rows per member, `different` fields that `verify` found
    unequal; `path` says how a run deals with the mapping."""

    rows: int = 0
    read: dict[str, int] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    filtered: int = 0
    quarantined: int = 0
    conflicts: int = 0
    different: int = 0
    members: dict[str, MemberCount] = field(default_factory=dict)
    path: str = ""

    @property
    def adds_up(self) -> bool:
        """Whether every shared row has exactly one outcome."""
        outcomes: list[int] = [getattr(self, outcome) for outcome in OUTCOMES]
        return self.rows == sum(outcomes)

    def document(self) -> dict[str, object]:
        """The counts as they stand in `--json` output."""
        counts: dict[str, object] = {"rows": self.rows, "read": dict(self.read)}
        counts.update({outcome: getattr(self, outcome) for outcome in OUTCOMES})
        counts["different"] = self.different
        counts["members"] = {
            name: {"created": count.created, "updated": count.updated, "deleted": count.deleted}
            for name, count in self.members.items()
        }
        if self.path:
            counts["path"] = self.path
        return counts


@dataclass(slots=True)
class Summary:
    """What a run did, or would do. `run` is the run's id; `plan` the path of the plan file that was written, if any."""

    command: str
    run: str
    ok: bool = True
    seconds: float = 0.0
    mappings: dict[str, MappingCount] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    lossy: list[Loss] = field(default_factory=list)
    plan: str | None = None
    follow_up: str | None = None

    def __iter__(self) -> Iterator[tuple[str, MappingCount]]:
        return iter(self.mappings.items())

    def document(self) -> dict[str, object]:
        """The summary as `--json` prints it."""
        document: dict[str, object] = {
            "command": self.command,
            "run": self.run,
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "mappings": {name: count.document() for name, count in self.mappings.items()},
            "findings": [finding.document() for finding in self.findings],
            "lossy": [loss.document() for loss in self.lossy],
        }
        if self.plan:
            document["plan"] = self.plan
        if self.follow_up:
            document["follow_up"] = self.follow_up
        return document
