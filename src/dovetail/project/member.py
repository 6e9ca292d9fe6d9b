"""Reads the members of a mapping: each system's part in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dovetail.model.mapping import DeleteRule, Fill, Member
from dovetail.project.keys import DELETES, FILL, MEMBER, RESERVED
from dovetail.project.locate import shown
from dovetail.project.node import Entry, Node, Scalar, Table
from dovetail.project.sheet import Sheet


def read_members(sheet: Sheet, node: Node | None, deletes: Node | None) -> tuple[Member, ...]:
    """All members, groups expanded, in the order in which they were written."""
    table = sheet.reader.any_table(node, "`members`")
    rules = _deletes(sheet, deletes)
    found: list[Member] = []
    for entry in _expanded(sheet, table) if table is not None else ():
        member = _member(sheet, entry)
        if member is not None:
            found.append(replace(member, deletes=rules.get(member.name)))
    if table is not None and len(sheet.outline.members) < 2 and table.entries:
        hint = "add the member of the other system"
        sheet.reader.mistakes.add("a mapping needs two members at least", table.at, code="DV-169", hint=hint)
    _soft(sheet, found, deletes)
    return tuple(found)


def merged(below: Table, above: Table) -> Table:
    """One table laid over another: what stands above counts, and tables in both are merged in turn."""
    entries = {entry.name: entry for entry in below}
    for entry in above:
        known = entries.get(entry.name)
        if known is not None and isinstance(known.value, Table) and isinstance(entry.value, Table):
            entries[entry.name] = Entry(entry.key, merged(known.value, entry.value))
        else:
            entries[entry.name] = entry
    return Table(tuple(entries.values()), above.at)


def _expanded(sheet: Sheet, table: Table) -> Iterator[Entry]:
    """The entries of `members`, with the entry of a group laid under that of each of its members."""
    grouped = {member for group, members in sheet.groups.items() if table.entry(group) for member in members}
    for entry in table:
        if entry.name in sheet.groups:
            for name in sheet.groups[entry.name]:
                own = table.entry(name)
                value = entry.value
                if own is not None and isinstance(value, Table) and isinstance(own.value, Table):
                    value = merged(value, own.value)
                yield Entry(replace(own.key if own else entry.key, text=name, value=name), value)
        elif entry.name not in grouped:
            yield entry


def _member(sheet: Sheet, entry: Entry) -> Member | None:
    reader = sheet.reader
    name, at = entry.name, entry.key.at
    reader.check_name(name, "a member", at)
    if name in RESERVED:
        hint = f"call it otherwise and name the system: my_{name}: {{system: {name}, dataset: ...}}"
        message = f"a member cannot be called {name!r}, because `{name}` is a key of shared fields"
        reader.mistakes.add(message, at, code="DV-106", hint=hint)
    if isinstance(entry.value, Scalar):
        hint = f"write {name}: {{dataset: {entry.value.text or 'DATASET'}}}"
        reader.wrong(entry.value, f"the member {name!r} is a table of keys", hint)
        return None
    table = reader.table(entry.value, MEMBER)
    if table is None:
        return None
    system = _system(sheet, table, entry)
    dataset = reader.text(table.get("dataset"), "`dataset`")
    member = Member(
        name=name,
        system=system,
        dataset=dataset or "",
        at=at,
        where=sheet.over_member(table.get("where"), "`where`"),
        key=tuple(part for part, _ in reader.texts(table.get("key"), "`key`")),
        lets=_lets(sheet, table.get("let")),
        fills=_fills(sheet, table.get("set")),
        changed=sheet.over_member(table.get("changed"), "`changed`"),
        gone=sheet.over_member(table.get("gone"), "`gone`"),
        remove=_turn(sheet, table, "remove"),
        revive=_turn(sheet, table, "revive"),
        wants=sheet.over_fields(table.get("wants"), "`wants`"),
        leaves=reader.one_of(table.get("leaves"), "`leaves`", ("detach", "remove")) or "detach",
        creates=reader.one_of(table.get("creates"), "`creates`", ("propagate", "never")) or "propagate",
    )
    return member if dataset is not None else None


def _system(sheet: Sheet, table: Table, entry: Entry) -> str:
    node = table.get("system")
    name = sheet.reader.text(node, "`system`") or entry.name
    systems = sheet.project.systems
    if systems is not None and name not in systems:
        at = node.at if node is not None else entry.key.at
        message = f"no system is called {shown(name)}"
        if node is None:
            message += "; a member is a system, or names one with `system:`"
        sheet.reader.mistakes.unknown(message, at, name=name, known=systems)
    return name


def _lets(sheet: Sheet, node: Node | None) -> tuple[tuple[str, str], ...]:
    table = sheet.reader.any_table(node, "`let`")
    found = []
    for entry in table or ():
        sheet.reader.check_name(entry.name, "a name in `let`", entry.key.at)
        text = sheet.over_member(entry.value, f"`let` {shown(entry.name)}")
        if text is not None:
            found.append((entry.name, text))
    return tuple(found)


def _fills(sheet: Sheet, node: Node | None) -> tuple[Fill, ...]:
    table = sheet.reader.any_table(node, "`set`")
    found = []
    for entry in table or ():
        value, when = _fill(sheet, entry)
        text = sheet.over_fields(value, f"`set` of {shown(entry.name)}")
        if text is not None:
            found.append(Fill(entry.name, text, when, entry.key.at))
    return tuple(found)


def _fill(sheet: Sheet, entry: Entry) -> tuple[Node | None, str]:
    """The value of a filled column, and when it is filled."""
    if not isinstance(entry.value, Table):
        return entry.value, "always"
    fill = sheet.reader.table(entry.value, FILL)
    if fill is None:
        return None, "always"
    return fill.get("value"), sheet.reader.one_of(fill.get("when"), "`when`", ("always", "create")) or "always"


def _turn(sheet: Sheet, member: Table, key: str) -> tuple[tuple[str, str], ...]:
    """The columns that delete a row softly, or bring it back; what they say must be seen in `gone`."""
    node = member.get(key)
    table = sheet.reader.any_table(node, f"`{key}`")
    pairs = [(entry.name, sheet.over_member(entry.value, f"`{key}`")) for entry in table or ()]
    if node is not None and member.get("gone") is None:
        hint = "add to the member: gone: EXPRESSION, which is true for rows that are deleted"
        sheet.reader.mistakes.add(
            f"`{key}` deletes or brings back rows, and nothing says how a deleted row is known",
            node.at,
            code="DV-282",
            hint=hint,
        )
    return tuple((name, text) for name, text in pairs if text is not None)


def _deletes(sheet: Sheet, node: Node | None) -> dict[str, DeleteRule]:
    if isinstance(node, Scalar):
        hint = (
            "say it by where the row vanished: deletes: {"
            + ", ".join(f"{name}: ask" for name in sheet.outline.members)
            + "}"
        )
        sheet.reader.wrong(node, "`deletes` is a table of members", hint)
        return {}
    rules: dict[str, DeleteRule] = {}
    for entry in sheet.reader.any_table(node, "`deletes`") or ():
        word = sheet.reader.one_of(entry.value, "a rule for deletes", DELETES)
        members = sheet.expand(entry.name)
        if not members:
            sheet.member(entry.name, "`deletes`", entry.key.at)
        if word is not None:
            rules.update(
                {member: DeleteRule(word) for member in members if member == entry.name or member not in rules}
            )
    return rules


def _soft(sheet: Sheet, members: list[Member], deletes: Node | None) -> None:
    """A soft delete can be spelt by every member that it reaches."""
    soft = [member.name for member in members if member.deletes is DeleteRule.SOFT]
    for member in members:
        reached = [name for name in soft if name != member.name]
        if reached and not member.remove and deletes is not None:
            message = f"rows that vanish at {reached[0]!r} are deleted softly, and {member.name!r} does not say how"
            hint = f"add to the member {member.name!r}: remove: {{COLUMN: expression}}"
            sheet.reader.mistakes.add(message, deletes.at, code="DV-109", hint=hint)
