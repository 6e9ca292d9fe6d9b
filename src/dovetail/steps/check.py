"""Validates all declarations of a project, offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dovetail.model.mapping import Project
from dovetail.project.load import load
from dovetail.systems.registry import settings_class


@dataclass(frozen=True, slots=True)
class Checked:
    """A project whose declarations hold, and how much there is of it."""

    project: Project

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """What there is, by the word for one of it."""
        mappings = self.project.mappings
        return (
            ("file", len(self.project.files)),
            ("system", len(self.project.systems)),
            ("mapping", len(mappings)),
            ("field", sum(len(mapping.fields) for mapping in mappings)),
        )

    def words(self) -> str:
        """The result as a person reads it: notes first, the counts last."""
        counts = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in self.counts]
        return "\n".join([*(f"note: {note}" for note in self.project.notes), ", ".join(counts) + ", no mistakes"])

    def document(self) -> dict[str, object]:
        """The result as `--json` prints it."""
        return {
            "project": self.project.name,
            "environment": self.project.environment,
            "digest": self.project.digest,
            **{f"{word}s": count for word, count in self.counts},
            "notes": [{"where": str(note.at), "message": note.message} for note in self.project.notes],
        }


def check(folder: Path, environment: str | None = None, variables: Mapping[str, str] | None = None) -> Checked:
    """Load the project without connecting to anything; raises `Declarations` with every mistake."""
    return Checked(load(folder, environment=environment, variables=variables or {}, settings_of=settings_class))
