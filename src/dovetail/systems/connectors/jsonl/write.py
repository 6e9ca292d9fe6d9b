"""Writes a file of JSON lines anew: lines that are not edited stay byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.jsonl.lines import parsed, raw_lines
from dovetail.systems.connectors.jsonl.read import column
from dovetail.systems.connectors.jsonl.shape import NESTED
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.folder import faults
from dovetail.systems.files.nested import dump
from dovetail.systems.files.plain import plain
from dovetail.systems.files.render import render

_AS_IT_IS = (Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.OPAQUE)
_COPY_BYTES = 2**20
_ODD_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def values(given: pa.Array, one: Field) -> list[object]:
    """The values of a column as they are dumped into lines; those that have none are null (`unfit` names them)."""
    if one.type.kind is Kind.JSON and one.type.native == NESTED:
        return [_nested(text) for text in given.to_pylist()]
    if one.type.kind in _AS_IT_IS:
        found: list[object] = given.to_pylist()
        return [_plainly(value, one) if isinstance(value, Decimal) else value for value in found]
    if one.type.kind is Kind.FLOAT:
        texts = [None if value is None else repr(value) for value in given.to_pylist()]
        return [None if text is None else _ODD_FLOATS.get(text) or Decimal(text) for text in texts]
    return list(render(given, Spelling(one.type)))


def unfit(rows: pa.RecordBatch, fields: Sequence[Field]) -> dict[int, str]:
    """The rows with a value that would not be read back as the same, and its field."""
    found: dict[int, str] = {}
    for one in fields:
        given = rows.column(one.name)
        line = f'{{"v": [{", ".join(map(dump, values(given, one)))}]}}'
        again = parsed(line.encode(), 1).row.get("v")
        held = column(again if isinstance(again, list) else [], one.type).column
        pairs = zip(plain(given), plain(held), strict=True)
        for at, (sent, read) in enumerate(pairs):
            if sent != read or type(sent) is not type(read):
                found.setdefault(at, one.name)
    return found


def rewrite(path: Path, beside: Path, fields: Sequence[Field], edit: Edit) -> None:
    """The file anew, with the edit."""
    fresh = {one.name: values(edit.rows.column(one.name), one) for one in fields}
    with faults(path.name), beside.open("wb") as file:
        last = b"\n"
        for last in _edited(path, edit, fresh) if edit.removed or edit.changed else _blocks(path):
            file.write(last)
        if not last.endswith(b"\n"):
            file.write(b"\n")
        for at in edit.added:
            row = {name: column_values[at] for name, column_values in fresh.items()}
            file.write(_line({name: value for name, value in row.items() if value is not None}))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as old:
        while block := old.read(_COPY_BYTES):
            yield block


def _edited(path: Path, edit: Edit, fresh: dict[str, list[object]]) -> Iterator[bytes]:
    position = 0
    for raw in raw_lines(path):
        if raw.isspace():
            yield raw
            continue
        if position in edit.changed:
            at = edit.changed[position]
            row = parsed(raw, position).row | {name: texts[at] for name, texts in fresh.items()}
            yield _line(row)
        elif position not in edit.removed:
            yield raw
        position += 1


def _line(row: dict[str, object]) -> bytes:
    return dump(row).encode() + b"\n"


def _nested(text: str | None) -> object:
    """The value that a JSON text stands for; `None` where a line cannot hold it, such as half a character."""
    if text is None:
        return None
    value = parsed(f'{{"v": {text}}}'.encode(), 1).row.get("v")
    try:
        dump(value)
    except ValueError:
        return None
    return value


def _plainly(value: Decimal, one: Field) -> Decimal:
    """Without zeros at the end where no scale is declared; never with an exponent."""
    if one.type.scale is None:
        value = value.normalize()
    return Decimal(f"{value:f}")
