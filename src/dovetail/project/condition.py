"""Reads `check:`: names of the shelf of checks, each with its arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from dovetail.model.mapping import Check
from dovetail.project.locate import shown
from dovetail.project.node import Listing, Node, Scalar, Table
from dovetail.project.shape import Reader
from dovetail.quality import shelf
from dovetail.quality.check import wrong


class HasFields(Protocol):
    """A mapping by its names."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its shared fields."""
        ...


def read_checks(
    reader: Reader, node: Node | None, *, field: str, fields: Collection[str], mappings: Mapping[str, HasFields]
) -> tuple[Check, ...]:
    """The checks of a shared field (of whole rows where `field` is empty); those that cannot be meant are told."""
    found = tuple(_checks(reader, node, field)) if node is not None else ()
    for check in found:
        _judge(reader, check, fields, mappings)
    return found


def _checks(reader: Reader, node: Node, field: str) -> Iterator[Check]:
    if isinstance(node, Scalar):
        name = reader.text(node, "`check`")
        if name is not None:
            yield Check(name, (), node.at, field)
    elif isinstance(node, Table):
        for entry in node:
            yield Check(entry.name, tuple(_arguments(reader, entry.value)), entry.key.at, field)
    else:
        for item in node:
            if isinstance(item, Listing):
                reader.wrong(item, "a check is a name or a table", "write check: [not_null, {within: [0, 10]}]")
            else:
                yield from _checks(reader, item, field)


def _arguments(reader: Reader, node: Node) -> Iterator[object]:
    if isinstance(node, Listing):
        for item in node:
            yield reader.constant(item, "an argument of a check")
    elif isinstance(node, Table):
        reader.wrong(node, "a check takes one value or a list", "write {within: [0, 10]}")
    elif node.value is not None:
        yield reader.constant(node, "an argument of a check")


def _judge(reader: Reader, check: Check, fields: Collection[str], mappings: Mapping[str, HasFields]) -> None:
    at = check.at
    if at is None:
        return
    if check.name not in shelf.names():
        reader.mistakes.unknown(f"no check is called {shown(check.name)}", at, name=check.name, known=shelf.names())
        return
    fault = wrong(check)
    if fault is not None:
        reader.mistakes.take(fault)
    elif check.name == "refers":
        mapping, field = (str(name) for name in check.arguments)
        if mapping not in mappings:
            message = f"`refers` names {shown(mapping)}, which is no mapping"
            reader.mistakes.unknown(message, at, name=mapping, known=mappings)
        elif field not in mappings[mapping].fields:
            message = f"mapping {mapping!r} has no shared field {shown(field)}"
            reader.mistakes.unknown(message, at, name=field, known=mappings[mapping].fields)
    elif check.name == "unique":
        for name in check.arguments:
            if name not in fields:
                message = f"`unique` names {shown(str(name))}, which is no shared field"
                reader.mistakes.unknown(message, at, name=str(name), known=fields)
