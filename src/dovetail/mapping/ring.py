"""Mappings that join the same fields in a ring: an edit could go round in it for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from dovetail.errors import DeclarationError
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.mapping import SharedField

Place: TypeAlias = "tuple[str, str, str]"
"""A column: its system, dataset and name."""


def rings(mappings: Iterable[CompiledMapping]) -> Iterator[DeclarationError]:
    """A mistake for each mapping that closes a ring of fields which may be edited at every end. Two edits of one moment
    would chase each other in it: each mapping alone sees one change, and carries it on.

    A field with an owner flows one way, and closes nothing; nor do several mappings of the same columns, which share
    their rows."""
    joined: dict[Place, Place] = {}
    known: dict[Place, str] = {}
    edges: list[frozenset[Place]] = []
    for mapping in mappings:
        for field in mapping.mapping.fields:
            places = _both_ways(mapping, field)
            if any(edge >= set(places) for edge in edges):
                continue
            edges.append(frozenset(places))
            roots = {_root(joined, place) for place in places}
            if len(roots) < len(places):
                others = sorted({known[place] for place in places if place in known} - {mapping.name})
                yield _mistake(mapping, field, others)
                break
            for place in places:
                known.setdefault(place, mapping.name)
                joined[_root(joined, place)] = _root(joined, places[0])


def _both_ways(mapping: CompiledMapping, field: SharedField) -> list[Place]:
    """The columns between which edits of a field go both ways."""
    if field.value is not None or isinstance(field.owner, str):
        return []
    places = [place for member in mapping.members for place in _columns(member, field.name)]
    return places if len(places) > 1 else []


def _columns(member: CompiledMember, field: str) -> list[Place]:
    cell = member.cell(field)
    if cell is None or not member.writable:
        return []
    return [(member.member.system, member.dataset.name, column) for column, _ in cell.writes[:1]]


def _root(joined: dict[Place, Place], place: Place) -> Place:
    while joined.get(place, place) != place:
        place = joined[place]
    return place


def _mistake(mapping: CompiledMapping, field: SharedField, others: list[str]) -> DeclarationError:
    names = " and ".join([*others, mapping.name]) if others else mapping.name
    return DeclarationError(
        f"{names} join {field.name!r} in a ring, in which two edits would chase each other for ever",
        where=field.at,
        code="DV-284",
        hint="join the systems in one mapping with a member for each; or give the field an owner",
    )
