"""Reads one mapping file."""

from __future__ import annotations

from collections.abc import Mapping as Bindings

from dovetail.errors import DeclarationError, Location
from dovetail.expression.parse import parse
from dovetail.model.mapping import Mapping, Match
from dovetail.project.condition import read_checks
from dovetail.project.field import read_field
from dovetail.project.keys import MAPPING, MATCH, RESERVED
from dovetail.project.locate import shown
from dovetail.project.member import read_members
from dovetail.project.node import Listing, Node, Scalar, Table
from dovetail.project.rule import read_guard
from dovetail.project.shape import Reader
from dovetail.project.sheet import Outline, Sheet, Surroundings, grouped, outline
from dovetail.project.times import read_every, read_window


def read_mapping(reader: Reader, root: Node | None, project: Surroundings) -> Mapping | None:
    """The mapping of one file; `None` where it cannot be read."""
    table = reader.table(root, MAPPING)
    if table is None:
        return None
    name = reader.name(table.get("mapping"), "a mapping")
    known = outline(table) or Outline(name or "", table.at, {}, ())
    sheet = _sheet(reader, table, project, known)
    members = read_members(sheet, table.get("members"), table.get("deletes"))
    fields = reader.any_table(table.get("fields"), "`fields`")
    shared = [read_field(sheet, entry) for entry in fields or ()]
    if fields is not None and not fields.entries:
        reader.mistakes.add(
            "`fields` is empty", fields.at, code="DV-104", hint="write one line a shared field: NAME: {MEMBER: FIELD}"
        )
    every_s, calendar = read_every(reader, table.get("every"))
    mapping = Mapping(
        name=name or "",
        members=members,
        fields=tuple(field for field in shared if field is not None),
        at=known.at,
        match=_match(sheet, table.get("match"), fields),
        checks=read_checks(reader, table.get("check"), field="", fields=known.fields, mappings=project.mappings),
        guard=read_guard(reader, table.get("guard"), project.guard),
        every_s=every_s,
        calendar=calendar,
        window=read_window(reader, table.get("window")),
    )
    _cycle(sheet, fields)
    return mapping if name is not None else None


def _sheet(reader: Reader, table: Table, project: Surroundings, known: Outline) -> Sheet:
    groups = _groups(reader, table)
    members = table.get("members")
    is_table = isinstance(members, Table)
    by_name = {entry.name: entry.value for entry in members} if isinstance(members, Table) else {}
    below: dict[str, Bindings[str, Node]] = {}
    for name in known.members:
        keys: dict[str, Node] = {}
        for source in (*(group for group, inside in groups.items() if name in inside), name):
            value = by_name.get(source)
            keys.update({entry.name: entry.value for entry in value} if isinstance(value, Table) else {})
        below[name] = keys
    return Sheet(
        reader,
        project,
        known,
        groups,
        read_only=frozenset(name for name, keys in below.items() if _is_query(project, known.members[name], keys)),
        stamped=frozenset(name for name, keys in below.items() if "changed" in keys),
        broken=not is_table or any(name in RESERVED for name in known.members),
    )


def _is_query(project: Surroundings, system: str, keys: Bindings[str, Node]) -> bool:
    dataset = keys.get("dataset")
    return isinstance(dataset, Scalar) and dataset.text in project.queries.get(system, ())


def _groups(reader: Reader, table: Table) -> dict[str, tuple[str, ...]]:
    groups = reader.any_table(table.get("groups"), "`groups`")
    for entry in groups or ():
        reader.check_name(entry.name, "a group", entry.key.at)
        for name, at in reader.texts(entry.value, f"group {shown(entry.name)}"):
            reader.check_name(name, "a member", at)
    return grouped(table)


def _match(sheet: Sheet, node: Node | None, fields: Table | None) -> Match | None:
    reader = sheet.reader
    if node is None:
        return None
    if isinstance(node, Listing):
        listed = ", ".join(item.text for item in node if isinstance(item, Scalar))
        hint = f"write {{together: [{listed}]}} if all must agree, {{any: [{listed}]}} if one is enough"
        reader.mistakes.add(
            "a list does not say whether all fields must agree or any one", node.at, code="DV-162", hint=hint
        )
        return None
    if isinstance(node, Scalar):
        name = reader.text(node, "`match`")
        if name is None:
            return None
        _match_field(sheet, name, node.at, fields)
        return Match((name,))
    table = reader.table(node, MATCH)
    kinds = [entry for entry in table or () if entry.name in ("together", "any")]
    if len(kinds) != 1:
        if table is not None:
            hint = "write match: FIELD, match: {together: [FIELD, ...]} or match: {any: [FIELD, ...]}"
            reader.mistakes.add("`match` is one of `together` and `any`", node.at, code="DV-109", hint=hint)
        return None
    names = reader.texts(kinds[0].value, f"`{kinds[0].name}`")
    for one, at in names:
        _match_field(sheet, one, at, fields)
    return Match(tuple(one for one, _ in names), together=kinds[0].name == "together") if names else None


def _match_field(sheet: Sheet, name: str, at: Location, fields: Table | None) -> None:
    """A field that pairs rows is shared, and known to two members at least."""
    if fields is None:
        return
    mistakes = sheet.reader.mistakes
    found = fields.get(name)
    if found is None:
        known = [entry.name for entry in fields]
        mistakes.unknown(f"`match` names {shown(name)}, which is no shared field", at, name=name, known=known)
    elif isinstance(found, Table):
        members = {member for entry in found for member in sheet.expand(entry.name)}
        if len(members) < 2 and not sheet.broken:
            hint = f"add a cell for each member to the field {name!r}"
            mistakes.add(f"`match` names {name!r}, which two members at least must know", at, code="DV-109", hint=hint)


def _cycle(sheet: Sheet, fields: Table | None) -> None:
    """Computed fields do not need each other in a circle."""
    needs: dict[str, tuple[str, ...]] = {}
    for entry in fields or ():
        value = entry.value.get("value") if isinstance(entry.value, Table) else None
        if isinstance(value, Scalar):
            needs[entry.name] = _names(value)
    for entry in fields or ():
        start = entry.name
        if start in needs and start not in needs[start] and start in _reached(start, needs):
            hint = "write one of them over fields that are not computed"
            message = f"the computed field {start!r} needs itself through others"
            sheet.reader.mistakes.add(message, entry.key.at, code="DV-167", hint=hint)


def _names(value: Scalar) -> tuple[str, ...]:
    try:
        return parse(value.text, at=value.at).names
    except DeclarationError:
        return ()


def _reached(start: str, needs: Bindings[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs.get(name, ())
    return found
