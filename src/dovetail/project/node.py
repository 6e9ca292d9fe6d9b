"""What a YAML file holds, with the place of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dovetail.errors import Location


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is what was written, `value` what YAML 1.2 reads in it, `style` the quote or block sign
    (`""`: none)."""

    value: object = field(repr=False)
    text: str = field(repr=False)
    style: str
    at: Location


@dataclass(frozen=True, slots=True)
class Listing:
    """A YAML sequence."""

    items: tuple[Node, ...]
    at: Location

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a table, with what stands behind it."""

    key: Scalar
    value: Node

    @property
    def name(self) -> str:
        """The key as it was written."""
        return self.key.text


@dataclass(frozen=True, slots=True)
class Table:
    """A YAML mapping; each key once."""

    entries: tuple[Entry, ...]
    at: Location

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def entry(self, name: str) -> Entry | None:
        """The entry of that name, or `None`."""
        return next((entry for entry in self.entries if entry.key.text == name), None)

    def get(self, name: str) -> Node | None:
        """What stands behind that name, or `None`."""
        entry = self.entry(name)
        return entry.value if entry else None


Node = Scalar | Listing | Table


def plain(node: Node | None) -> object:
    """The node as plain Python values: tables as lists of pairs, so that order and the kinds of keys are kept."""
    if isinstance(node, Table):
        return [(entry.key.value, plain(entry.value)) for entry in node]
    if isinstance(node, Listing):
        return [plain(item) for item in node]
    return node.value if node else None
