"""Reads `check:`: names of the shelf of checks, each with its arguments."""

from __future__ import annotations

import functools
import pkgutil

from dovetail.model.mapping import Check
from dovetail.project.locate import shown
from dovetail.project.node import Listing, Node, Scalar, Table
from dovetail.project.shape import Reader
from dovetail.quality import checks as shelf


def read_checks(reader: Reader, node: Node | None, *, field: str) -> tuple[Check, ...]:
    """The checks of a field (of a whole row where `field` is empty)."""
    found: list[Check] = []
    if isinstance(node, Listing):
        for item in node:
            found += _checks(reader, item, field)
    elif node is not None:
        found += _checks(reader, node, field)
    return tuple(found)


@functools.cache
def names() -> tuple[str, ...]:
    """The names of all checks on the shelf; none is imported."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(shelf.__path__) if module.name[0] != "_"))


def _checks(reader: Reader, node: Node, field: str) -> list[Check]:
    if isinstance(node, Scalar):
        name = reader.text(node, "`check`")
        return [Check(name, (), node.at, field)] if name is not None and _known(reader, name, node) else []
    if isinstance(node, Listing):
        reader.wrong(node, "a check is a name or a table", "write check: [not_null, {within: [0, 10]}]")
        return []
    return [
        Check(entry.name, _arguments(reader, entry.value), entry.key.at, field)
        for entry in node
        if _known(reader, entry.name, entry.key)
    ]


def _known(reader: Reader, name: str, node: Scalar) -> bool:
    if names() and name not in names():
        reader.mistakes.unknown(f"no check is named {shown(name)}", node.at, name=name, known=names())
        return False
    return True


def _arguments(reader: Reader, node: Node) -> tuple[object, ...]:
    if isinstance(node, Listing):
        return tuple(reader.constant(item, "an argument of a check") for item in node)
    if isinstance(node, Table):
        return tuple((entry.name, reader.constant(entry.value, "an argument of a check")) for entry in node)
    return () if node.value is None else (reader.constant(node, "an argument of a check"),)
