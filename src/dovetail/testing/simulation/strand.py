"""What is known of one shared field of one thing at one member: its values, and which edits each of them has seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from dovetail.testing.simulation.cells import same

Edits = frozenset[int]
"""Numbers of edits that people made."""

NO_EDITS: Edits = frozenset()


@dataclass(slots=True)
class Version:
    """One value that stood there: every edit that it may have seen (`seen`), and those that it surely has (`sure`).

    `before` is the value that stood there before, `edit` the number where a person typed it (0: nobody did);
    `is_settled` is true where all members surely agreed on it."""

    value: object
    seen: Edits
    sure: Edits
    edit: int = 0
    before: object = None
    is_settled: bool = False


@dataclass(slots=True)
class Strand:
    """The versions at one member, the latest last; empty while the row was never there."""

    versions: list[Version] = field(default_factory=list)

    @property
    def latest(self) -> Version:
        """What stands there, or stood there last."""
        return self.versions[-1]

    def sure_of(self, value: object, sure: Edits) -> Edits:
        """What a value that a person types has surely seen: one that stood there before, since all surely agreed, may
        be what was agreed on, and then nobody edited anything."""
        for version in reversed(self.versions):
            if same(version.value, value):
                sure &= version.sure
            if version.is_settled:
                break
        return sure


@dataclass(frozen=True, slots=True)
class Death:
    """A row that vanished at a member: when, whether a person did it, what each of its fields had seen, and whether the
    engine surely knew the row there."""

    at: int
    by_people: bool
    seen: dict[str, Edits]
    was_known: bool


@dataclass(slots=True)
class Thing:
    """One thing of the world, known by its tag: where it stands (its key by member), where it vanished, what each
    member held; `known` are the members at which the engine surely knows it. `is_distrusted` as long as the engine may
    not remember what was agreed on."""

    tag: str
    keys: dict[str, tuple[object, ...]] = field(default_factory=dict)
    deaths: dict[str, Death] = field(default_factory=dict)
    births: dict[str, int] = field(default_factory=dict)
    strands: dict[tuple[str, str], Strand] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    is_distrusted: bool = False

    def strand(self, name: str, member: str) -> Strand:
        """The versions of a field at a member."""
        return self.strands.setdefault((name, member), Strand())
