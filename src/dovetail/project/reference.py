"""Writes the reference page of the project's files from the table of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dovetail.project.keys import TABLES, Key, Keys, Shape

HEAD = """\
# The project's files

Generated from the code by `make docs`; do not edit.

A project is a folder with `dovetail.yaml` and one file for each kind of thing in `mappings/`. Files are UTF-8 and
YAML 1.2:
`NO`, `on`, `12:30` and `2026-11-21` are text, and so is a number that begins with a zero, such as `010`. Keys stand
once; tags, merge
keys and several documents in one file are refused. One file has at most 1 MB, 50 levels and 100 aliases.

An *expression* is a field's name or a SQL expression. Inside `{...}` YAML ends a value at a comma, so an expression
with a comma stands in quotes: `{shop: "coalesce(title, name)"}`.

`dovetail check` reads everything offline and tells all mistakes at once. `dovetail schema` prints JSON Schema for
editors.
"""


def page() -> str:
    """The page, in Markdown."""
    return HEAD + "".join(f"\n{section}" for section in _sections())


def _sections() -> Iterator[str]:
    for name, keys in TABLES.items():
        lines = [f"## {keys.title}", "", keys.words, ""]
        if keys.short is not None:
            lines += [f"Short form: {_shape(keys.short)}.", ""]
        lines += [f'<a id="{name}"></a>', "", "| key | what stands there | meaning |", "|---|---|---|"]
        lines += [_line(f"`{key.name}`", key) for key in keys.keys]
        lines += [_line(f"*{keys.others.name.lower()}*", keys.others)] if keys.others else []
        yield "\n".join(lines) + "\n"


def _line(name: str, key: Key) -> str:
    shape = "not yet" if key.later else _shape(key.shape)
    words = f"{key.words} **Required.**" if key.required else key.words
    return f"| {name} | {shape} | {words.replace('|', chr(92) + '|')} |"


def _shape(shape: Shape) -> str:
    """A shape in words."""
    if "$ref" in shape:
        name = str(shape["$ref"]).rpartition("/")[2]
        return f"[{_title(TABLES[name])}](#{name})"
    if "enum" in shape:
        return _joined([f"`{word}`" for word in _items(shape["enum"])])
    if "const" in shape:
        return f"`{shape['const']}`"
    if shape.get("title"):
        return str(shape["title"])
    if "anyOf" in shape:
        return _joined([_shape(one) for one in _items(shape["anyOf"])])
    inner = shape.get("items") or shape.get("additionalProperties")
    if isinstance(inner, Mapping):
        return f"{'list' if 'items' in shape else 'table'} of: {_shape(inner)}"
    return {"string": "text", "object": "table", "integer": "whole number"}.get(
        str(shape.get("type")), str(shape.get("type", "anything"))
    )


def _title(keys: Keys) -> str:
    return keys.title.removeprefix("a ").removeprefix("an ")


def _items(value: object) -> list[Shape]:
    return list(value) if isinstance(value, list) else []


def _joined(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1] if len(words) > 1 else words[0]
