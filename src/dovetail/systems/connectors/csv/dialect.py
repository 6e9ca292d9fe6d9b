"""How one file of delimited values is written: its encoding, its delimiter, and the names in its first line."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dovetail.errors import DeclarationError, SystemFault
from dovetail.systems.files.folder import faults

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are recognised; any other must be declared."""

_HEAD_BYTES = 2**20
_SAMPLE_RECORDS = 200
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person declares about the way files are written; what is `None` is looked up in each file."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    has_header: bool = True


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one file is written. `head` is its first record as text, with its line end; empty without a header."""

    encoding: str
    bom: bytes
    delimiter: str
    quote: str
    escape: str | None
    line_end: str
    names: tuple[str, ...]
    head: str

    @property
    def errors(self) -> str:
        """How Python shall carry bytes that are no characters."""
        return "surrogatepass" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"

    @property
    def words(self) -> str:
        """What a person wants to see of it."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        ends = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[self.line_end]
        mark = " with BOM" if self.bom else ""
        return f"{self.encoding}{mark}, delimiter {names.get(self.delimiter, self.delimiter)}, lines end in {ends}"


def look(path: Path, wish: Wish) -> Dialect:
    """The dialect of a file, from its beginning."""
    with faults(path.name), path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    encoding, bom = _encoding(start, wish, path.name)
    errors = "replace" if len(start) < _HEAD_BYTES else "ignore"
    text = codecs.getincrementaldecoder(encoding)(errors).decode(start[len(bom) :], final=False)
    is_whole = len(start) < _HEAD_BYTES
    delimiter = wish.delimiter or _delimiter(text, wish)
    shape = cells(delimiter, wish.quote, wish.escape)
    first = next(records(text, shape), None)
    if first is None and text.strip("\r\n"):
        raise SystemFault(
            "the first line ends in the middle of a quoted name" if is_whole else "the first line is too long",
            where=f"{path.name}:1",
            hint="declare `quote:` or `delimiter:` if they are others",
            code="DV-332",
        )
    names, head, end = first or ([], "", "\n")
    if not wish.has_header:
        names, head = [f"field_{place}" for place in range(1, len(names) + 1)], ""
    _check_names(names, path.name)
    named = tuple(name or f"field_{place}" for place, name in enumerate(names, 1))
    return Dialect(encoding, bom, delimiter, wish.quote, wish.escape, end or "\n", _once(named, path.name), head)


def cells(delimiter: str, quote: str, escape: str | None) -> re.Pattern[str]:
    """The pattern of a cell: group 1 is its quoted content, 2 what follows the quote, 3 its bare content, 4 its end."""
    d, q = re.escape(delimiter), re.escape(quote)
    inner = rf"[^{q}]++|{q}{q}" if escape is None else rf"[^{q}{re.escape(escape)}]++|{q}{q}|{re.escape(escape)}."
    return re.compile(rf"(?:{q}((?:{inner})*+){q}([^{d}\r\n]*+)|(?!{q})([^{d}\r\n]*+))({d}|\r\n|\r|\n|\Z)", re.DOTALL)


def records(text: str, shape: re.Pattern[str]) -> Iterator[tuple[list[str], str, str]]:
    """The records of a text: cells, the whole text of the record, and its line end. It ends where a quote is open."""
    at, start, found = 0, 0, list[str]()
    while at < len(text) or found:
        cell = shape.match(text, at)
        if cell is None:
            return
        found.append(content(cell))
        at = cell.end()
        if cell[4] in ("\n", "\r", "\r\n", ""):
            yield found, text[start:at], cell[4]
            start, found = at, []


def content(cell: re.Match[str]) -> str:
    """What a cell holds (quotes that are written twice are one)."""
    if cell[1] is None:
        return str(cell[3])
    quote = cell[0][0]
    return str(cell[1]).replace(quote * 2, quote) + str(cell[2])


def _encoding(start: bytes, wish: Wish, where: str) -> tuple[str, bytes]:
    bom, found = next(((mark, name) for mark, name in _BOMS if start.startswith(mark)), (b"", ""))
    if wish.encoding is None:
        if not found and b"\0" in start[:4] and start[:64].count(0) * 3 > len(start[:64]):
            hint = "declare `encoding: utf-16-le` (or -be) if it is"
            raise SystemFault("the file looks like UTF-16 without a mark", where=where, hint=hint, code="DV-333")
        return found or "utf-8", bom
    try:
        name = codecs.lookup(wish.encoding).name
    except LookupError:
        raise DeclarationError(
            f"no encoding is called {wish.encoding!r}", where="encoding", hint="such as utf-8 or cp1252", code="DV-315"
        ) from None
    if name in ("utf-16", "utf-32"):
        return found or f"{name}-le", bom
    name = "utf-8" if name == "utf-8-sig" else name
    return name, bom if name == found else b""


def _delimiter(text: str, wish: Wish) -> str:
    """The delimiter that gives most records the same number of cells, more than one; else the comma."""
    best, chosen = (0.0, 1), DELIMITERS[0]
    for one in DELIMITERS:
        counts: Counter[int] = Counter()
        for found, _, _ in records(text, cells(one, wish.quote, wish.escape)):
            if found != [""]:
                counts[len(found)] += 1
            if counts.total() == _SAMPLE_RECORDS:
                break
        if counts:
            width, often = counts.most_common(1)[0]
            if width > 1 and (often / counts.total(), width) > best:
                best, chosen = (often / counts.total(), width), one
    return chosen


def _check_names(names: list[str], where: str) -> None:
    if any("\ufffd" in name for name in names):
        words = "the names of the fields are not text in the file's encoding"
        hint = "declare the encoding, such as `encoding: cp1252`"
        raise SystemFault(words, where=f"{where}:1", hint=hint, code="DV-333")


def _once(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    doubled = [name for name, often in Counter(names).items() if often > 1]
    if doubled:
        raise SystemFault(
            f"several fields are called {doubled[0]!r}",
            where=f"{where}:1",
            hint="give each field a name of its own in the first line",
            code="DV-331",
        )
    return names
