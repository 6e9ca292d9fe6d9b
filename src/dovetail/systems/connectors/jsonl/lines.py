"""The lines of a file as objects: numbers exact, names that occur twice noticed, wrong lines told apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from dovetail.errors import SystemFault
from dovetail.systems.files.folder import faults

LINE_BYTES_MAX = 1 << 30
"""A line that is longer is no line of JSON."""

BATCH_BYTES = 32 * 2**20
"""A batch ends when its lines have this many bytes, however few they are."""

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Doubled(dict[str, object]):
    """An object in which `name` occurs twice; it holds the other names alone."""

    name = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty: its number, its object, and why it has none, or lacks the field of that name."""

    number: int
    row: dict[str, object]
    fault: str = ""
    field: str = ""


def raw_lines(path: Path) -> Iterator[bytes]:
    """Each line with its end, as it stands, without a mark of the encoding."""
    with faults(path.name), path.open("rb") as file:
        start = file.read(len(_BOM))
        if start.startswith(_WIDE_BOMS):
            hint = "JSON lines are UTF-8; convert the file"
            raise SystemFault("the file is UTF-16", where=path.name, hint=hint, code="DV-333")
        if start != _BOM:
            file.seek(0)
        number = 0
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                words = f"a line is longer than {LINE_BYTES_MAX >> 20} MB"
                raise SystemFault(words, where=f"{path.name}:{number}", code="DV-336")
            yield line


def lines(path: Path) -> Iterator[list[Line]]:
    """All lines that are not empty, some megabytes at a time."""
    found: list[Line] = []
    size = 0
    for number, raw in enumerate(raw_lines(path), 1):
        if raw.isspace():
            continue
        found.append(parsed(raw, number))
        size += len(raw)
        if size >= BATCH_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


def parsed(raw: bytes, number: int) -> Line:
    """One line."""
    try:
        row = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        return Line(number, {}, "the line is not UTF-8")
    except (ValueError, RecursionError):
        return Line(number, {}, "the line is not JSON")
    if not isinstance(row, dict):
        return Line(number, {}, "the line is no object")
    if isinstance(row, Doubled):
        return Line(number, row, "the name occurs twice in the line", row.name)
    return Line(number, row)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    often = Counter(name for name, _ in pairs)
    found = Doubled({name: value for name, value in row.items() if often[name] == 1})
    found.name = often.most_common(1)[0][0]
    return found


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
