"""What the parts of a mapping file may refer to while it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dovetail.errors import Location
from dovetail.model.mapping import Guard, Policy
from dovetail.project.locate import shown
from dovetail.project.node import Listing, Node, Scalar, Table
from dovetail.project.shape import Reader


@dataclass(frozen=True, slots=True)
class Outline:
    """The names that a mapping file declares, read before the rest of it."""

    name: str
    at: Location
    members: Mapping[str, str]
    """The system of each member."""
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all mapping files may refer to; `None` where the names could not be read, so that none is called unknown."""

    systems: tuple[str, ...] | None
    queries: Mapping[str, frozenset[str]]
    vars: frozenset[str] | None
    mappings: Mapping[str, Outline]
    policy: Policy | None = None
    policy_is_unread: bool = False
    """Whether a default policy stands there that cannot be read."""
    guard: Guard = field(default_factory=Guard)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One mapping file while it is read. `read_only` are the members whose rows are never written."""

    reader: Reader
    project: Surroundings
    outline: Outline
    groups: Mapping[str, tuple[str, ...]]
    read_only: frozenset[str] = frozenset()
    stamped: frozenset[str] = frozenset()
    """Members that say when a row was changed."""
    broken: bool = False
    """Whether `members` could not be read."""

    def expand(self, name: str) -> tuple[str, ...]:
        """The members that a name stands for: itself, or those of a group; none where it is unknown."""
        if name in self.groups:
            return self.groups[name]
        return (name,) if name in self.outline.members else ()

    def member(self, name: str, what: str, at: Location) -> bool:
        """Whether the name is that of a member; tells it where it is not."""
        if name in self.outline.members:
            return True
        if name in self.groups:
            hint = f"name one of its members: {', '.join(self.groups[name])}"
            self.reader.mistakes.add(
                f"{what} is one member, and {shown(name)} is a group", at, code="DV-105", hint=hint
            )
        elif not self.broken:
            self.reader.mistakes.unknown(
                f"{what} names {shown(name)}, which is no member", at, name=name, known=self.outline.members
            )
        return False

    def over_fields(self, node: Node | None, what: str, *, without: Iterable[str] = ()) -> str | None:
        """An expression over shared fields, as it was written; names of nothing else are told."""
        expression = self.reader.expression(node, what)
        if expression is None or node is None:
            return None
        known = [name for name in self.outline.fields if name not in set(without)]
        for name in expression.names:
            if name not in known and self.project.vars is not None and name not in self.project.vars:
                message = f"{what} is over shared fields, and {shown(name)} is none"
                self.reader.mistakes.unknown(message, node.at, name=name, known=known)
        return self.reader.text(node, what)

    def over_member(self, node: Node | None, what: str) -> str | None:
        """An expression over a member's own fields, as it was written."""
        expression = self.reader.expression(node, what)
        if expression is None or node is None:
            return None
        if expression.old_names:
            hint = (
                f"write {expression.old_names[0]}; `old.` stands only where something is written, in `set` and `write`"
            )
            message = f"{what} is over the member's own fields already"
            self.reader.mistakes.add(message, node.at, code="DV-105", hint=hint)
        return self.reader.text(node, what)


def outline(root: Table | None) -> Outline | None:
    """The names that a mapping file declares, as far as they can be read without telling any mistake."""
    if root is None:
        return None
    name = root.get("mapping")
    if not isinstance(name, Scalar):
        return None
    members = root.get("members")
    fields = root.get("fields")
    groups = grouped(root)
    systems: dict[str, str] = {}
    for entry in members if isinstance(members, Table) else ():
        given = entry.value.get("system") if isinstance(entry.value, Table) else None
        for member in groups.get(entry.name, (entry.name,)):
            if member == entry.name or member not in systems:
                systems[member] = given.text if isinstance(given, Scalar) and entry.name not in groups else member
    names = tuple(entry.name for entry in fields) if isinstance(fields, Table) else ()
    return Outline(name.text, name.at, systems, names)


def grouped(root: Table) -> dict[str, tuple[str, ...]]:
    """The groups of a mapping file, as far as they can be read without telling any mistake."""
    groups = root.get("groups")
    return {
        entry.name: tuple(item.text for item in entry.value if isinstance(item, Scalar))
        for entry in (groups if isinstance(groups, Table) else ())
        if isinstance(entry.value, Listing)
    }
