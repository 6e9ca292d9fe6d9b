"""Reads the systems of a project, and what environments change about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dovetail.model.mapping import Query, System
from dovetail.project.keys import ENVIRONMENT, QUERY, SYSTEM
from dovetail.project.literal import check_text, no_placeholder
from dovetail.project.locate import shown
from dovetail.project.member import merged
from dovetail.project.node import Entry, Node, Scalar, Table
from dovetail.project.settings import SettingsOf, check_settings, native
from dovetail.project.shape import Reader
from dovetail.project.times import read_rate, read_zone


def read_systems(
    reader: Reader, table: Table | None, *, settings_of: SettingsOf | None, variables: Mapping[str, str] | None
) -> tuple[System, ...]:
    """The systems. Without `variables` (an environment that was not chosen) nothing is asked of the environment."""
    found: list[System] = []
    for entry in table or ():
        reader.check_name(entry.name, "a system", entry.key.at)
        inner = reader.table(entry.value, SYSTEM)
        if inner is None:
            continue
        connector = inner.get("connector")
        name = reader.name(connector, "`connector`")
        others = tuple(one for one in inner if one.name not in SYSTEM.by_name)
        for one in others:
            check_text(reader.mistakes, one.value, variables=variables, key=one.name, system=entry.name)
        if settings_of is not None and isinstance(connector, Scalar) and name is not None:
            check_settings(reader.mistakes, connector, others, settings_of=settings_of, variables=variables or {})
        found.append(
            System(
                name=entry.name,
                connector=name or "",
                settings=tuple((one.name, native(one.value)) for one in others),
                at=entry.key.at,
                timezone=read_zone(reader, inner.get("timezone")),
                queries=tuple(_queries(reader, inner.get("queries"))),
                rate_s=read_rate(reader, inner.get("rate")),
            )
        )
    return tuple(found)


def environments(reader: Reader, top: Table) -> dict[str, Table]:
    """The whole project as each environment sees it: its table laid over the rest of the file."""
    known = reader.any_table(top.get("environments"), "`environments`")
    found: dict[str, Table] = {}
    for entry in known or ():
        reader.check_name(entry.name, "an environment", entry.key.at)
        table = reader.table(entry.value, ENVIRONMENT)
        if table is not None:
            found[entry.name] = _laid(reader, top, table)
    return found


def _laid(reader: Reader, top: Table, above: Table) -> Table:
    entries = {entry.name: entry for entry in top}
    for entry in above:
        below = entries.get(entry.name)
        if entry.name == "systems" and below is not None and isinstance(below.value, Table):
            systems = reader.any_table(entry.value, "`systems`")
            if systems is not None:
                entries["systems"] = Entry(entry.key, _systems(reader, below.value, systems))
        elif below is not None and isinstance(below.value, Table) and isinstance(entry.value, Table):
            if entry.name == "vars":
                _known(reader, below.value, entry.value, "variable in `vars`")
            entries[entry.name] = Entry(entry.key, merged(below.value, entry.value))
        elif entry.name in ENVIRONMENT.by_name:
            entries[entry.name] = entry
    return Table(tuple(entries.values()), top.at)


def _systems(reader: Reader, below: Table, above: Table) -> Table:
    """The systems with an environment's settings; another connector replaces all settings."""
    _known(reader, below, above, "system")
    entries = {entry.name: entry for entry in below}
    for entry in above:
        base = entries.get(entry.name)
        if base is None or not isinstance(base.value, Table):
            continue
        table = reader.any_table(entry.value, f"system {shown(entry.name)}")
        if table is None:
            continue
        lower = base.value
        if _connector(table) not in (None, _connector(lower)):
            lower = Table(tuple(one for one in lower if one.name in ("timezone", "rate", "queries")), lower.at)
        entries[entry.name] = replace(base, value=merged(lower, table))
    return Table(tuple(entries.values()), below.at)


def _known(reader: Reader, below: Table, above: Table, what: str) -> None:
    names = [entry.name for entry in below]
    for entry in above:
        if entry.name not in names:
            message = f"an environment changes what is declared, and no {what} is called {shown(entry.name)}"
            reader.mistakes.unknown(message, entry.key.at, name=entry.name, known=names)


def _connector(table: Table) -> str | None:
    node = table.get("connector")
    return node.text if isinstance(node, Scalar) else None


def _queries(reader: Reader, node: Node | None) -> Iterator[Query]:
    for entry in reader.any_table(node, "`queries`") or ():
        table = reader.table(entry.value, QUERY)
        if table is None:
            continue
        no_placeholder(reader.mistakes, table.get("sql"), "a query")
        sql = reader.text(table.get("sql"), "`sql`")
        key = reader.texts(table.get("key"), "`key`")
        watches = reader.texts(table.get("watches"), "`watches`")
        if sql is not None:
            yield Query(
                entry.name, sql, tuple(name for name, _ in key), tuple(name for name, _ in watches), entry.key.at
            )
