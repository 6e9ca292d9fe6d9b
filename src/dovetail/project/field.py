"""Reads the shared fields of a mapping: their cells and their rules."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from dovetail.model.mapping import Cell, Policy, Rule, SharedField
from dovetail.project.cell import cells
from dovetail.project.condition import read_checks
from dovetail.project.keys import FIELD
from dovetail.project.locate import shown
from dovetail.project.node import Entry, Scalar, Table
from dovetail.project.rule import read_policy
from dovetail.project.sheet import Sheet

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")

Cells = tuple[tuple[str, Cell], ...]


def read_field(sheet: Sheet, entry: Entry) -> SharedField | None:
    """One shared field; `None` where it cannot be read."""
    mistakes = sheet.reader.mistakes
    if not _NAME.fullmatch(entry.name) or entry.name == "old" or entry.name.startswith("dv_"):
        hint = "begin with a letter, go on with letters, digits and _; `old` and `dv_...` are taken"
        mistakes.add(f"a shared field cannot be called {shown(entry.name)}", entry.key.at, code="DV-106", hint=hint)
    table = sheet.reader.table(entry.value, FIELD)
    if table is None:
        return None
    known = cells(sheet, table, FIELD.by_name)
    number = partial(sheet.reader.number, hint="write a number, such as 0")
    floor = table.get("floor")
    field = SharedField(
        name=entry.name,
        cells=known,
        at=entry.key.at,
        owner=_owner(sheet, table, known),
        elsewhere=sheet.reader.one_of(table.get("elsewhere"), "`elsewhere`", ("restore", "keep")) or "restore",
        policy=read_policy(sheet.reader, table.get("policy"), sheet),
        first=_first(sheet, table, known),
        floor=sheet.reader.text(floor, "`floor`") if number(floor, "`floor`") is not None else None,
        recount=sheet.over_member(table.get("recount"), "`recount`"),
        ref=_reference(sheet, table, known),
        by=sheet.reader.text(table.get("by"), "`by`"),
        checks=read_checks(
            sheet.reader,
            table.get("check"),
            field=entry.name,
            fields=sheet.outline.fields,
            mappings=sheet.project.mappings,
        ),
        value=sheet.over_fields(table.get("value"), "`value`", without=[entry.name]),
    )
    _belongs(sheet, table)
    _computed(sheet, field, table)
    return _settled(sheet, field, table)


def _owner(sheet: Sheet, table: Table, known: Cells) -> str | tuple[tuple[object, str], ...] | None:
    node = table.get("owner")
    if isinstance(node, Table):
        pairs = []
        for entry in node:
            name = sheet.reader.text(entry.value, "`owner`")
            if name is not None and (name == "any" or sheet.member(name, "`owner`", entry.value.at)):
                pairs.append((sheet.reader.constant(entry.key, "a value"), name))
        return tuple(pairs) or None
    return _named(sheet, table, "owner", known)


def _first(sheet: Sheet, table: Table, known: Cells) -> str | None:
    return _named(sheet, table, "first", known)


def _named(sheet: Sheet, table: Table, key: str, known: Cells) -> str | None:
    """The member that `owner` or `first` names; it must know the field."""
    node = table.get(key)
    name = sheet.reader.text(node, f"`{key}`")
    if name is None or node is None or not sheet.member(name, f"`{key}`", node.at):
        return None
    if name not in {member for member, _ in known} and table.entry(name) is None:
        hint = f"add a cell: {name}: FIELD, or name another member"
        sheet.reader.mistakes.add(f"`{key}` is {name!r}, which has no cell here", node.at, code="DV-109", hint=hint)
    return name


def _reference(sheet: Sheet, table: Table, known: Cells) -> str | None:
    node = table.get("ref")
    name = sheet.reader.text(node, "`ref`")
    if name is None or node is None:
        return None
    mistakes = sheet.reader.mistakes
    parent = sheet.project.mappings.get(name)
    if parent is None:
        mistakes.unknown(
            f"`ref` names {shown(name)}, which is no mapping", node.at, name=name, known=sheet.project.mappings
        )
        return None
    by = table.get("by")
    if isinstance(by, Scalar) and by.text not in parent.fields:
        mistakes.unknown(
            f"mapping {name!r} has no shared field {shown(by.text)}", by.at, name=by.text, known=parent.fields
        )
    if by is None and parent.members:
        for member, _ in known:
            system = sheet.outline.members[member]
            if member not in parent.members and system not in parent.members.values():
                hint = f"add a member of {system!r} to {name!r}, or leave the cell of {member!r} out"
                mistakes.add(f"mapping {name!r} has no member in system {system!r}", node.at, code="DV-166", hint=hint)
    return name


def _belongs(sheet: Sheet, table: Table) -> None:
    """Keys that mean something only beside others."""
    policy = table.get("policy")
    delta = isinstance(policy, Scalar) and policy.text == "delta"
    needs = {
        "by": (table.entry("ref") is not None, "`ref`"),
        "elsewhere": (table.entry("owner") is not None, "`owner`"),
        "floor": (delta, "`policy: delta`"),
        "recount": (delta, "`policy: delta`"),
    }
    for key, (is_there, what) in needs.items():
        entry = table.entry(key)
        if entry is not None and not is_there:
            message = f"`{key}` means something only beside {what}"
            sheet.reader.mistakes.add(message, entry.key.at, code="DV-109", hint=f"add {what}, or remove `{key}`")


def _computed(sheet: Sheet, field: SharedField, table: Table) -> None:
    """A computed field is only written, so its cells are plain fields and nobody owns it."""
    entry = table.entry("value")
    if entry is None:
        return
    for key in ("owner", "policy", "first", "ref"):
        other = table.entry(key)
        if other is not None:
            message = f"a computed field has no `{key}`: its value always counts"
            sheet.reader.mistakes.add(message, other.key.at, code="DV-109", hint=f"remove `{key}`, or `value`")
    for member, cell in field.cells:
        if cell.codes or cell.write or not re.fullmatch(r'\w+|"[^"]+"', cell.read):
            hint = "write the field that takes the value, and put the arithmetic into `value`"
            sheet.reader.mistakes.add(
                f"{member!r} takes a computed value, so its cell is a plain field", cell.at, code="DV-167", hint=hint
            )


def _settled(sheet: Sheet, field: SharedField, table: Table) -> SharedField:
    """The field with the default policy where it has no rule of its own; a field that nothing settles is told."""
    mistakes = sheet.reader.mistakes
    if not field.cells and not sheet.broken and all(entry.name in FIELD.by_name for entry in table):
        mistakes.add(
            f"no member knows {field.name!r}",
            field.at,
            code="DV-103",
            hint="add a cell for each member that does: MEMBER: FIELD",
        )
    if (
        field.value is None
        and table.entry("value") is None
        and table.entry("policy") is None
        and table.entry("owner") is None
    ):
        editors = [member for member, _ in field.cells if member not in sheet.read_only]
        if sheet.project.policy is not None and len(field.cells) > 1:
            field = replace(field, policy=sheet.project.policy)
        elif len(editors) > 1 and not sheet.project.policy_is_unread:
            choices = f"add owner: {editors[0]}, or policy: {{prefer: {editors[0]}}}, or policy: ask"
            hint = f"{choices}; for all fields, `defaults: {{policy: ask}}`"
            message = f"{field.name!r} can be edited at {' and '.join(editors)}, and nothing says who wins"
            mistakes.add(message, field.at, code="DV-160", hint=hint)
    _rule_is_whole(sheet, field, table.get("policy"))
    return field


def _rule_is_whole(sheet: Sheet, field: SharedField, node: object) -> None:
    """A policy that asks something of the members gets it."""
    policy: Policy | None = field.policy
    if policy is None:
        return
    at = node.at if isinstance(node, Scalar | Table) else field.at
    members = [member for member, _ in field.cells]
    if policy.rule is Rule.DELTA and field.first is None:
        hint = f"add first: {members[0] if members else 'MEMBER'}"
        sheet.reader.mistakes.add(
            "`policy: delta` must say whose count holds at the first meeting", at, code="DV-163", hint=hint
        )
    if policy.rule is Rule.NEWEST and not sheet.broken:
        for member in members:
            if member not in sheet.stamped:
                hint = f"add `changed:` to the member {member!r}, with the field that holds the time of the last change"
                message = f"`policy: newest` needs to know when rows of {member!r} were changed"
                sheet.reader.mistakes.add(message, at, code="DV-165", hint=hint)
    if policy.rule is Rule.PREFER:
        for member in policy.members:
            if member not in members and not sheet.broken:
                message = f"`prefer` names {member!r}, which has no cell here"
                sheet.reader.mistakes.add(
                    message, at, code="DV-109", hint=f"add a cell: {member}: FIELD, or name another member"
                )
