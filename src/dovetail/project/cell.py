"""Reads the cells of a shared field: how each member expresses it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dovetail.errors import Location
from dovetail.expression.parse import column
from dovetail.model.mapping import Cell
from dovetail.project.keys import CELL
from dovetail.project.locate import shown
from dovetail.project.node import Entry, Node, Scalar, Table
from dovetail.project.sheet import Sheet

Value = str | int | Decimal | bool | None


def read_cell(sheet: Sheet, entry: Entry, member: str) -> Cell | None:
    """The cell of one member; `None` where it cannot be read."""
    what = f"the cell of {member!r}"
    node = entry.value
    if isinstance(node, Scalar):
        text = sheet.over_member(node, what)
        return Cell(text, node.at) if text is not None else None
    table = sheet.reader.table(node, CELL)
    if table is None:
        return None
    read = _reading(sheet, table, what)
    codes = _codes(sheet, table, member)
    write = _writing(sheet, table, what)
    nothing, omit = _nothing(sheet, table)
    return Cell(read, node.at, write, codes, nothing, omit) if read is not None else None


def _reading(sheet: Sheet, table: Table, what: str) -> str | None:
    field, read = table.entry("field"), table.entry("read")
    if field is not None and read is not None:
        hint = "keep `field` for a plain field, `read` for an expression"
        sheet.reader.mistakes.add(f"{what} says both `field` and `read`", read.key.at, code="DV-109", hint=hint)
    if field is not None:
        name = sheet.reader.text(field.value, "`field`")
        return column(name).text if name is not None else None
    if read is not None:
        return sheet.over_member(read.value, what)
    if not any(entry.name not in CELL.by_name for entry in table):
        hint = "add `field:` with the member's field, or `read:` with an expression"
        sheet.reader.mistakes.add(f"{what} says neither `field` nor `read`", table.at, code="DV-103", hint=hint)
    return None


def _writing(sheet: Sheet, table: Table, what: str) -> tuple[tuple[str, str], ...]:
    node = table.get("write")
    if isinstance(node, Table):
        pairs = [(entry.name, sheet.over_fields(entry.value, f"`write` of {what}")) for entry in node]
        return tuple((name, text) for name, text in pairs if text is not None)
    text = sheet.over_fields(node, f"`write` of {what}")
    return (("", text),) if text is not None else ()


def _nothing(sheet: Sheet, table: Table) -> tuple[str | int | Decimal | None, bool]:
    """The value of `null:`, and whether it is `omit`."""
    node = table.get("null")
    if node is None:
        return None, False
    if isinstance(node, Scalar) and node.value is None:
        hint = "remove the key, or write the value that stands for nothing: null: ''"
        sheet.reader.mistakes.add("`null: null` says nothing", node.at, code="DV-105", hint=hint)
        return None, False
    value = sheet.reader.constant(node, "`null`")
    return (None, True) if value == "omit" else (value, False)


def _codes(sheet: Sheet, table: Table, member: str) -> tuple[tuple[Value, Value], ...]:
    node = table.get("codes")
    if node is None:
        return ()
    codes = sheet.reader.any_table(node, "`codes`")
    if codes is None:
        return ()
    if not codes.entries:
        sheet.reader.mistakes.add(
            "`codes` is empty", codes.at, code="DV-104", hint="write {member's code: shared value}"
        )
    pairs: list[tuple[Value, Value]] = []
    for entry in codes:
        if entry.key.value is None:
            hint = "say how this member spells nothing with `null:` beside `codes`"
            sheet.reader.mistakes.add("null cannot be a code", entry.key.at, code="DV-164", hint=hint)
            continue
        shared = sheet.reader.constant(entry.value, f"the shared value of code {shown(entry.name)}")
        pairs.append((sheet.reader.constant(entry.key, "a code"), shared))
    _alike(sheet, codes)
    if table.entry("write") is None and member not in sheet.read_only:
        _distinct(sheet, codes)
    return tuple(pairs)


def _alike(sheet: Sheet, codes: Table) -> None:
    """Codes are of one kind, and shared values are of one kind: `{1: a, 02: b}` holds a number and a text."""
    for what, nodes in (("codes", [entry.key for entry in codes]), ("shared values", [entry.value for entry in codes])):
        kinds = {kind: node for node in reversed(nodes) if (kind := _kind(node))}
        if len(kinds) > 1:
            odd = max(kinds.values(), key=lambda node: (node.at.line, node.at.column))
            names = " and ".join(sorted(kinds))
            message = f"the {what} are of several kinds: {names}"
            sheet.reader.mistakes.add(message, odd.at, code="DV-164", hint="put those that are texts in quotes")


def _kind(node: Node) -> str:
    value = node.value if isinstance(node, Scalar) else None
    match value:
        case None:
            return ""
        case bool():
            return "true or false"
        case int() | Decimal():
            return "number"
    return "text"


def _distinct(sheet: Sheet, codes: Table) -> None:
    """Two codes of one meaning cannot be told apart when the shared value is written back."""
    seen: dict[tuple[str, Value], tuple[str, Location]] = {}
    for entry in codes:
        if not isinstance(entry.value, Scalar):
            continue
        mark = (_kind(entry.value), entry.value.text)
        if mark in seen:
            message = f"the codes {shown(seen[mark][0])} and {shown(entry.name)} both mean {shown(entry.value.text)}"
            arm = f"WHEN {_literal(entry.value)} THEN {_literal(entry.key)}"
            hint = f'say what is written for it: write: "CASE ... {arm} ... END"'
            sheet.reader.mistakes.add(message, entry.key.at, code="DV-164", hint=hint)
        else:
            seen[mark] = (entry.name, entry.key.at)


def _literal(node: Scalar) -> str:
    return "'" + node.text.replace("'", "''") + "'" if isinstance(node.value, str) else node.text


def cells(sheet: Sheet, table: Table, options: Mapping[str, object]) -> tuple[tuple[str, Cell], ...]:
    """All cells of a shared field, in the order of the members; what is neither a key nor a member is told."""
    found: dict[str, Cell] = {}
    own = {entry.name for entry in table if entry.name in sheet.outline.members}
    for entry in table:
        if entry.name in options:
            continue
        members = sheet.expand(entry.name)
        if not members and not sheet.broken:
            known = [*sheet.outline.members, *sheet.groups, *options]
            message = f"{shown(entry.name)} is neither a member nor a key of a shared field"
            sheet.reader.mistakes.unknown(message, entry.key.at, name=entry.name, known=known)
        for member in members:
            if member != entry.name and member in own:
                continue
            cell = read_cell(sheet, entry, member)
            if cell is not None:
                found[member] = cell
    return tuple((member, found[member]) for member in sheet.outline.members if member in found)
