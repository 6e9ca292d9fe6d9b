"""Reads policies, guards, times and other rules that a person may declare."""

from __future__ import annotations

import re
from decimal import Decimal

from dovetail.model.mapping import Guard, Policy, Rule
from dovetail.project.keys import GUARD, ORDER, POLICY, RULES, UNION
from dovetail.project.locate import shown
from dovetail.project.node import Listing, Node, Scalar, Table
from dovetail.project.shape import Reader
from dovetail.project.sheet import Sheet

_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%")


def read_policy(reader: Reader, node: Node | None, sheet: Sheet | None = None) -> Policy | None:
    """A policy: one word, `{prefer: ...}`, or `{max: {order: [...]}}`. Without a sheet no members can be named."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        if node.text == "prefer":
            reader.mistakes.add(
                "`prefer` needs a member", node.at, code="DV-103", hint="write policy: {prefer: MEMBER}"
            )
            return None
        word = reader.one_of(node, "a policy", (*RULES, "{prefer: MEMBER}"))
        return Policy(Rule(word)) if word is not None else None
    table = reader.table(node, POLICY)
    known = [entry for entry in table or () if entry.name in POLICY.by_name]
    if table is None or (table.entries and not known):
        return None
    if len(known) != 1:
        reader.mistakes.add("a policy is one rule", node.at, code="DV-109", hint="keep one of prefer, min, max, union")
        return None
    entry = known[0]
    if entry.name == "prefer":
        return _prefer(reader, entry.value, sheet)
    if entry.name == "union":
        return _union(reader, entry.value)
    if isinstance(entry.value, Listing):
        hint = f"write policy: {{{entry.name}: {{order: [...]}}}}"
        reader.wrong(entry.value, f"`{entry.name}` takes `order`", hint)
        return None
    order = reader.table(entry.value, ORDER)
    words = reader.texts(order.get("order"), "`order`") if order else ()
    return Policy(Rule(entry.name), order=tuple(word for word, _ in words))


def _union(reader: Reader, node: Node) -> Policy | None:
    """A union whose words stand between declared separators."""
    table = reader.table(node, UNION)
    separator = reader.text(table.get("separator"), "`separator`") if table is not None else None
    return Policy(Rule.UNION, separator=separator) if separator else None


def _prefer(reader: Reader, node: Node, sheet: Sheet | None) -> Policy | None:
    if sheet is None:
        hint = "name the member in the mapping's field; a default can be ask, newest, min, max"
        reader.mistakes.add("a default policy cannot name members", node.at, code="DV-105", hint=hint)
        return None
    if isinstance(node, Listing):
        names = reader.texts(node, "`prefer`")
    else:
        name = reader.text(node, "`prefer`")
        names = ((name, node.at),) if name is not None else ()
    members: dict[str, None] = {}
    for name, at in names:
        group = sheet.expand(name)
        if group:
            members.update(dict.fromkeys(group))
        else:
            sheet.member(name, "`prefer`", at)
    return Policy(Rule.PREFER, members=tuple(members)) if members else None


def read_guard(reader: Reader, node: Node | None, default: Guard) -> Guard:
    """A guard; what it does not say is as in `default`."""
    table = reader.table(node, GUARD)
    if table is None:
        return default
    rows = reader.number(table.get("rows"), "`rows`", hint="write the number of rows, such as 500")
    share = _share(reader, table.get("share"))
    if rows is not None and (rows < 0 or rows != rows.to_integral_value()):
        at = table.get("rows") or table
        reader.mistakes.add(
            "`rows` is a whole number, 0 or more", at.at, code="DV-105", hint="write it without a point"
        )
        rows = None
    return Guard(default.rows if rows is None else int(rows), default.share if share is None else share)


def _share(reader: Reader, node: Node | None) -> float | None:
    if node is None:
        return None
    hint = "write it in per cent, such as 10%"
    percent = _PERCENT.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    share = Decimal(percent[1]) / 100 if percent else reader.number(node, "`share`", hint=hint)
    if share is None:
        return None
    if not 0 <= share <= 1:
        reader.mistakes.add("`share` lies between 0% and 100%", node.at, code="DV-105", hint=hint)
        return None
    return float(share)


def values(table: Table | None, reader: Reader, what: str) -> tuple[tuple[str, object], ...]:
    """The names and constants of a table such as `vars`."""
    found = []
    for entry in table or ():
        reader.check_name(entry.name, what, entry.key.at)
        found.append((entry.name, reader.constant(entry.value, f"{what} {shown(entry.name)}")))
    return tuple(found)
