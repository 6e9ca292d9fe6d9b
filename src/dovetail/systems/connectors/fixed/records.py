"""The records of a file as texts, each with its number and its line end; what they hold is not looked at."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dovetail.errors import SystemFault
from dovetail.systems.connectors.fixed.layout import ENDS, Layout
from dovetail.systems.files.place import faults

_BLOCK_CHARACTERS = 2**20
_RECORD_CHARACTERS_MAX = 2**24
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a file is written: its encoding, how Python carries bytes that are none of it, and what ends a record."""

    encoding: str
    end: str

    @property
    def errors(self) -> str:
        """Bytes that are no characters are kept."""
        return "surrogateescape"


def look(path: Path, layout: Layout) -> Writing:
    """How a file is written: as declared, else as its first record ends."""
    encoding = codecs.lookup(layout.encoding or "utf-8").name
    if layout.line_end is not None:
        return Writing(encoding, ENDS[layout.line_end])
    with faults(path.name), path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        start = file.read(max(layout.size * 4, 1000))
    for end in ("\r\n", "\n", "\x85"):
        if end in start:
            return Writing(encoding, end)
    is_one = len(start) > layout.size and encoding != "utf-8"
    return Writing(encoding, "" if is_one else "\n")


def records(path: Path, layout: Layout, writing: Writing) -> Iterator[tuple[str, str]]:
    """Each record, and its line end (the last one may have none)."""
    with faults(path.name), path.open(encoding=writing.encoding, errors=writing.errors, newline="") as file:
        rest = file.read(1).removeprefix(_BOM)
        if not writing.end:
            yield from _by_length(file, rest, layout.size)
            return
        while block := file.read(_BLOCK_CHARACTERS):
            parts = (rest + block).split(writing.end)
            rest = parts.pop()
            for one in parts:
                yield one, writing.end
            if len(rest) > _RECORD_CHARACTERS_MAX:
                hint = "declare `line_end:` if records end otherwise"
                raise SystemFault("a record has no end", where=path.name, hint=hint, code="DV-336")
        if rest:
            yield rest, ""


def _by_length(file: TextIO, rest: str, size: int) -> Iterator[tuple[str, str]]:
    while block := file.read(size * 1000):
        text = rest + block
        whole = len(text) - len(text) % size
        for at in range(0, whole, size):
            yield text[at : at + size], ""
        rest = text[whole:]
    if rest:
        yield rest, ""
