"""The result of a check, a comparison or an inspection, in words that hold no personal data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a person's attention.

    `key` holds the row's key fields and their values as text; `next` is the command to try."""

    code: str
    message: str
    mapping: str = ""
    member: str = ""
    key: tuple[tuple[str, str], ...] = ()
    field: str = ""
    next: str = ""
    severity: str = "problem"

    def document(self) -> dict[str, object]:
        """The finding as it stands in `--json` output; empty parts are left out."""
        parts: dict[str, object] = {
            "code": self.code,
            "severity": self.severity,
            "mapping": self.mapping,
            "member": self.member,
            "key": dict(self.key),
            "field": self.field,
            "message": self.message,
            "next": self.next,
        }
        return {name: part for name, part in parts.items() if part or name in ("code", "message")}


@dataclass(frozen=True, slots=True)
class Findings:
    """Many findings, with how many more of each code were left out of the list."""

    listed: tuple[Finding, ...] = ()
    left_out: tuple[tuple[str, int], ...] = field(default=())
