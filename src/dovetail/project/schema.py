"""JSON Schema (draft 2020-12) of the project's files, for editors."""

from __future__ import annotations

from dovetail.project.keys import TABLES, Key, Keys

DRAFT = "https://json-schema.org/draft/2020-12/schema"
"""The version of JSON Schema."""

FILES = {"dovetail": "project", "mapping": "mapping"}
"""The schemas by name, each with the table that its file holds."""


def schema() -> dict[str, dict[str, object]]:
    """The schemas of `dovetail.yaml` and of mapping files, by the names `dovetail` and `mapping`."""
    return {name: _document(table) for name, table in FILES.items()}


def _document(table: str) -> dict[str, object]:
    tables = {name: _table(keys) for name, keys in TABLES.items()}
    needed = _reached(tables, table)
    return {"$schema": DRAFT, **tables[table], "$defs": {name: tables[name] for name in TABLES if name in needed}}


def _table(keys: Keys) -> dict[str, object]:
    words = {"title": keys.title, "description": keys.words}
    table: dict[str, object] = {
        "type": "object",
        "properties": {key.name: _key(key) for key in keys.keys},
        "additionalProperties": _key(keys.others) if keys.others else False,
        **keys.rules,
    }
    if required := [key.name for key in keys.keys if key.required]:
        table["required"] = required
    return {**words, **table} if keys.short is None else {**words, "anyOf": [dict(keys.short), table]}


def _key(key: Key) -> dict[str, object]:
    if key.later:
        return {"description": f"Not yet. {key.words}", "not": {}}
    return {**key.shape, "description": key.words}


def _reached(tables: dict[str, dict[str, object]], start: str) -> set[str]:
    """The tables that a table refers to, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in _references(tables[waiting.pop()]):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [str(node["$ref"]).rpartition("/")[2]] if "$ref" in node else []
        return own + [name for value in node.values() for name in _references(value)]
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    return []
