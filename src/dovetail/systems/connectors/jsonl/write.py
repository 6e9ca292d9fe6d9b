"""Writes a file of JSON lines anew: lines that are not edited stay byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

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
from dovetail.systems.files.render import joined, render, texts

_AS_IT_IS = (Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.OPAQUE)
_SURE = (Kind.BOOLEAN, Kind.INTEGER, Kind.TEXT, Kind.OPAQUE)
"""Kinds of which a line holds every value exactly."""
_COPY_BYTES = 2**20
_BYTES_MAX = 2**26
"""Rows are written so many bytes at a time at most."""
_PLAIN_SCALE = 6
"""Numbers of so many places at most are written without an exponent."""
_QUOTE, _NOTHING = (pa.scalar(text, pa.string()) for text in ('"', ""))
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
        if one.type.kind in _SURE and one.type.length is None and given.type == one.type.arrow():
            continue
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
        if edit.added:
            file.write(lines(edit.rows.take(pa.array(edit.added, pa.int64())), fields))


def lines(rows: pa.RecordBatch, fields: Sequence[Field]) -> bytes:
    """Whole lines; a field that is null is left out."""
    if rows.nbytes > _BYTES_MAX and len(rows) > 1:
        half = len(rows) // 2
        return lines(rows.slice(0, half), fields) + lines(rows.slice(half), fields)
    parts = []
    for one in fields:
        name = pa.scalar(f"{dump(one.name)}: ", pa.string())
        parts.append(pc.binary_join_element_wise(name, _words(rows.column(one.name), one), _NOTHING))
    inner = pc.binary_join_element_wise(*parts, pa.scalar(", "), null_handling="skip")
    whole = pc.binary_join_element_wise(pa.scalar("{"), inner, pa.scalar("}\n"), _NOTHING)
    return joined(whole)


def _words(given: pa.Array, one: Field) -> pa.Array:
    """Each value as JSON; null stays null. Whole columns at once where Arrow writes them as we do."""
    kind = one.type.kind
    if kind in (Kind.TEXT, Kind.OPAQUE, Kind.BOOLEAN, Kind.INTEGER, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT):
        found = texts(given, Spelling(one.type))
        if kind in (Kind.BOOLEAN, Kind.INTEGER):
            return found
        if kind in (Kind.TEXT, Kind.OPAQUE):
            odd = pc.match_substring_regex(found, r'["\\\x00-\x1f]')
            if pc.any(odd).as_py():
                escaped = [dump(text)[1:-1] for text in found.filter(pc.fill_null(odd, fill_value=False)).to_pylist()]
                found = pc.replace_with_mask(found, pc.fill_null(odd, fill_value=False), pa.array(escaped, pa.string()))
        return pc.binary_join_element_wise(_QUOTE, found, _QUOTE, _NOTHING)
    if kind is Kind.DECIMAL and one.type.scale is not None and one.type.scale <= _PLAIN_SCALE:
        return given.cast(pa.string())
    return pa.array([None if value is None else dump(value) for value in values(given, one)], pa.string())


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
