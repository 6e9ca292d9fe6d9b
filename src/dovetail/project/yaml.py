"""Reads YAML 1.2 core with positions, strictly and within bounds.

Read by events, never by recursion. Unlike YAML 1.1 there are no dates, no `yes`, no `NO`, no sexagesimal numbers and
no merge
keys; unlike YAML 1.2, a number with a leading zero (`010`) is text, and numbers with a point are exact (`Decimal`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from dovetail.errors import DeclarationError, Location
from dovetail.project.locate import shown
from dovetail.project.node import Entry, Listing, Node, Scalar, Table
from dovetail.project.scalar import NumberTooLong, resolve
from dovetail.project.torn import mended

BYTES_MAX = 1_000_000
"""Bytes of one file at most."""
DEPTH_MAX = 50
"""Levels of nesting at most, aliases followed."""
ALIASES_MAX = 100
"""Aliases (`*name`) in one file at most."""
NODES_MAX = 200_000
"""Values in one file at most, aliases followed."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = {"!", "tag:yaml.org,2002:str"}
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_KNOWN = (
    (
        "mapping values are not allowed",
        "a second colon stands here",
        'check the indentation, and put a text that holds ": " in quotes',
    ),
    ("cannot start any token", "no value begins with this sign", "put a text that begins with it in quotes"),
    (
        "',' or '}'",
        "{a `{` is not closed",
        "close it; put an expression that holds a comma or a quote, and ${...}, in quotes as a whole",
    ),
    ("',' or ']'", "{a `[` is not closed", "close it; put a text that holds a comma in quotes"),
    (
        "found unexpected end of stream",
        "{a quote is not closed",
        "close it; put an expression that holds quotes in double quotes as a whole",
    ),
    ("found unexpected ':'", "a colon without a value stands here", "write a value behind it, with a blank between"),
    (
        "could not find expected ':'",
        "a key without a colon stands here",
        "write `key: value`, with a blank behind the colon",
    ),
    ("alphabetic or numeric", "a `*` or `&` stands here without a name", "put a text that begins with it in quotes"),
    (
        "expected key",
        "this does not stand where a key of the table above begins",
        "keys of one table stand in one column",
    ),
    ("block end", "this does not stand where a key of the table above begins", "keys of one table stand in one column"),
    (
        "expected '-' indicator",
        "this does not stand where an item of the list above begins",
        "items of one list stand in one column",
    ),
    ("expected node content", "a value is expected here", "write one, and close every `{` and `[` that is open"),
    ("sequence entries", "a list cannot begin here", "begin it in a line of its own, or put a text in quotes"),
    (
        "unknown escape",
        "this escape is not known",
        "between double quotes write \\\\ for a backslash, or use single quotes",
    ),
)
"""What the parser says, in our words, with advice; words behind `{` are about where the thing begins that is not
ended."""


@dataclass(frozen=True, slots=True)
class Document:
    """What one file holds; `root` is `None` where it cannot be read at all."""

    file: str
    root: Node | None
    mistakes: tuple[DeclarationError, ...] = ()


def compose(content: bytes, file: str) -> Document:
    """Read one file. Its mistakes are returned, not raised, so that those of other files can be told with them."""
    composer = _Composer(file)
    text = ""
    try:
        text = _decoded(content, file)
        for event in yaml.parse(text, Loader=_LOADER):  # events only; nothing is constructed
            composer.take(event)
    except DeclarationError as fatal:
        return Document(file, None, (*composer.mistakes, fatal))
    except yaml.YAMLError as error:
        return Document(file, None, (*composer.mistakes, _unreadable(error, text, file)))
    if composer.root is None:
        composer.mistakes.append(
            _mistake("the file is empty", Location(file, 1, 1), "DV-116", "`dovetail init` drafts a project")
        )
    return Document(file, composer.root, tuple(composer.mistakes))


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    at: Location
    anchor: str | None
    is_table: bool
    is_flow: bool
    nodes: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class _Composer:
    file: str
    root: Node | None = None
    mistakes: list[DeclarationError] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int, int] | None] = field(default_factory=dict)
    aliases: int = 0
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        match event:
            case yaml.ScalarEvent():
                self._put(self._scalar(event), 1, 0, event.anchor)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._begin(event)

    def _begin(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        at = self._at(event)
        if self.documents > 1:
            raise _mistake(
                "a second YAML document begins here", at, "DV-115", "make it a file of its own, without `---`"
            )
        if event.version and tuple(event.version) != (1, 2):
            raise _mistake("files are YAML 1.2", at, "DV-115", "remove the %YAML line")

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        at = self._at(event)
        self._plain_tag(event, at)
        if len(self.frames) >= DEPTH_MAX:
            raise _mistake(f"nested more than {DEPTH_MAX} levels deep", at, "DV-113", "declarations need about 8")
        if event.anchor:
            self.anchors[event.anchor] = None
        is_table = isinstance(event, yaml.MappingStartEvent)
        self.frames.append(_Frame(at, event.anchor, is_table, bool(event.flow_style)))

    def _close(self) -> None:
        frame = self.frames.pop()
        node = self._table(frame) if frame.is_table else Listing(tuple(frame.nodes), frame.at)
        self._put(node, frame.size, frame.height, frame.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        at = self._at(event)
        self.aliases += 1
        if self.aliases > ALIASES_MAX:
            raise _mistake(f"more than {ALIASES_MAX} aliases in one file", at, "DV-113", "write the values out")
        if event.anchor not in self.anchors:
            hint = f"define it before with &{event.anchor}, or put a text that begins with * in quotes"
            raise _mistake(f"the alias *{event.anchor} stands for nothing", at, "DV-115", hint)
        known = self.anchors[event.anchor]
        if known is None:
            raise _mistake(
                f"the alias *{event.anchor} stands inside what it stands for", at, "DV-115", "write the value out"
            )
        node, size, height = known
        if len(self.frames) + height > DEPTH_MAX:
            raise _mistake(
                f"nested more than {DEPTH_MAX} levels deep through aliases", at, "DV-113", "write the values out"
            )
        self._put(node, size, height, None)

    def _put(self, node: Node, size: int, height: int, anchor: str | None) -> None:
        """Put a finished node into the collection that is open."""
        if anchor:
            self.anchors[anchor] = (node, size, height)
        if not self.frames:
            self.root = None if isinstance(node, Scalar) and node.value is None and not node.style else node
            return
        frame = self.frames[-1]
        frame.nodes.append(node)
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if frame.size > NODES_MAX:
            raise _mistake(
                f"more than {NODES_MAX} values in one file, aliases followed",
                node.at,
                "DV-113",
                "use fewer aliases, or split the file",
            )

    def _table(self, frame: _Frame) -> Table:
        entries = list(self._entries(frame))
        if frame.is_flow:
            entries, torn = mended(entries)
            self.mistakes += torn
        first: dict[tuple[str, object], Entry] = {}
        for entry in entries:
            mark = (type(entry.key.value).__name__, entry.key.value)
            if mark in first:
                self.mistakes.append(_doubled(entry, first[mark]))
            else:
                first[mark] = entry
        return Table(tuple(first.values()), frame.at)

    def _entries(self, frame: _Frame) -> Iterator[Entry]:
        for key, value in zip(frame.nodes[::2], frame.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise _mistake(
                    "a key must be a plain name",
                    key.at,
                    "DV-115",
                    "put an expression in quotes: {...} and [...] are YAML",
                )
            if key.text == "<<" and not key.style:
                self.mistakes.append(
                    _mistake("YAML 1.2 has no merge keys (<<)", key.at, "DV-115", "write the keys out")
                )
            else:
                yield Entry(key, value)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        at = self._at(event)
        style = event.style or ""
        if event.tag in _TEXT_TAGS:
            return Scalar(event.value, event.value, style or "!", at)
        self._plain_tag(event, at)
        if style:
            return Scalar(event.value, event.value, style, at)
        try:
            return Scalar(resolve(event.value), event.value, "", at)
        except NumberTooLong:
            self.mistakes.append(_mistake("this number is too long", at, "DV-113", "put it in quotes where it is text"))
            return Scalar(event.value, event.value, "", at)

    def _plain_tag(self, event: yaml.NodeEvent, at: Location) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            raise _mistake(
                f"the tag {shown(tag)} is not known", at, "DV-115", "remove it; put a text that begins with ! in quotes"
            )

    def _at(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        return Location(self.file, mark.line + 1, mark.column + 1) if mark else Location(self.file, 1, 1)


def _decoded(content: bytes, file: str) -> str:
    if len(content) > BYTES_MAX:
        raise _mistake(
            f"the file has more than {BYTES_MAX} bytes",
            Location(file, 1, 1),
            "DV-113",
            "split it: one file a kind of thing",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise _mistake("the file is not UTF-8", _after(before, file), "DV-114", "save it as UTF-8") from None
    if wrong := _FORBIDDEN.search(text):
        sign = f"U+{ord(wrong[0]):04X}"
        hint = f'write it as an escape between double quotes: "\\u{ord(wrong[0]):04X}"'
        raise _mistake(f"the invisible sign {sign} stands here", _after(text[: wrong.start()], file), "DV-114", hint)
    return text


def _after(before: str, file: str) -> Location:
    return Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _unreadable(error: yaml.YAMLError, text: str, file: str) -> DeclarationError:
    begin, end = (getattr(error, name, None) for name in ("context_mark", "problem_mark"))
    at = _place(end or begin, file)
    lines = text.split("\n")
    if at.line <= len(lines) and re.match(r" *\t", lines[at.line - 1]):
        return _mistake("this line is indented with a tab", at, "DV-111", "indent with blanks; YAML allows no tabs")
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    for sign, words, advice in _KNOWN:
        if sign in problem:
            place = _place(begin or end, file) if words[0] == "{" else at
            return _mistake(f"this is not YAML: {words.removeprefix('{')}", place, "DV-111", advice)
    return _mistake(f"this is not YAML: {problem}", at, "DV-111", "put a text that holds signs of YAML in quotes")


def _place(mark: yaml.Mark | None, file: str) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)


def _doubled(entry: Entry, first: Entry) -> DeclarationError:
    message = f"the key {shown(entry.name)} stands here twice, first in line {first.key.at.line}"
    return _mistake(message, entry.key.at, "DV-112", "remove one of the two")


def _mistake(message: str, at: Location, code: str, hint: str) -> DeclarationError:
    return DeclarationError(message, where=at, code=code, hint=hint)
