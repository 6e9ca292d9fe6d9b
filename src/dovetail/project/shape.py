"""Reads nodes of an expected shape, and says what to write where another shape stands."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from dovetail.errors import DeclarationError, Location
from dovetail.expression.parse import Expression, parse
from dovetail.project.keys import Key, Keys
from dovetail.project.locate import Mistakes, is_slip, shown
from dovetail.project.node import Entry, Listing, Node, Scalar, Table
from dovetail.project.torn import is_balanced

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads nodes; what is wrong goes to `mistakes`, and the answer is then `None` or what could be read."""

    mistakes: Mistakes

    def table(self, node: Node | None, keys: Keys) -> Table | None:
        """The node as a table with these keys: unknown, missing and later ones are told."""
        table = self.any_table(node, keys.title)
        if table is None:
            return None
        for entry in table:
            known = keys.by_name.get(entry.name)
            if known is None and keys.others is None:
                self._unknown_key(entry, keys)
            elif known is not None and known.later:
                hint = "take it out: this version cannot run it, and passes over nothing in silence"
                self.mistakes.not_yet(
                    f"`{entry.name}` is part of the format, but not yet of this version", entry.key.at, hint=hint
                )
        unknown = [entry.name for entry in table if entry.name not in keys.by_name] if keys.others is None else []
        for key in keys.keys:
            if key.required and table.entry(key.name) is None and not is_slip(key.name, unknown):
                self.mistakes.add(f"{keys.title} needs `{key.name}`", table.at, code="DV-103", hint=_how_to_add(key))
        return table

    def any_table(self, node: Node | None, what: str) -> Table | None:
        """The node as a table with keys of any name."""
        if isinstance(node, Table):
            return node
        if node is not None:
            self.wrong(node, f"{what} is a table of keys", "write `key: value`, one a line, or {key: value}")
        return None

    def text(self, node: Node | None, what: str) -> str | None:
        """The node as a text; what YAML reads as a number or as true is taken as it was written."""
        if node is None:
            return None
        if isinstance(node, Scalar):
            text = node.text.strip()
            if text and (node.style or node.value is not None):
                return text
            self.mistakes.add(f"{what} is empty", node.at, code="DV-104", hint="write a value, or remove the key")
            return None
        self.wrong(node, f"{what} is a text", "write one value")
        return None

    def name(self, node: Node | None, what: str) -> str | None:
        """The node as the name of something declared."""
        text = self.text(node, what)
        if text is not None and node is not None:
            self.check_name(text, what, node.at)
        return text

    def check_name(self, text: str, what: str, at: Location | None) -> None:
        """Tell a name that cannot be one."""
        if not _NAME.fullmatch(text):
            hint = "begin with a letter; go on with letters, digits, - and _, at most 63 signs"
            self.mistakes.add(f"{what} cannot be {shown(text)}", at, code="DV-106", hint=hint)

    def texts(self, node: Node | None, what: str) -> tuple[tuple[str, Location], ...]:
        """The node as a list of texts, each once, with their places."""
        if node is None:
            return ()
        if not isinstance(node, Listing):
            shape = f": [{node.text}]" if isinstance(node, Scalar) and len(node.text) < 40 else " [a, b]"
            self.wrong(node, f"{what} is a list", f"write a list in brackets{shape}")
            return ()
        if not node.items:
            self.mistakes.add(f"{what} is an empty list", node.at, code="DV-104", hint="name at least one")
        found: dict[str, Location] = {}
        for item in node:
            text = self.text(item, what)
            if text is not None and text in found:
                self.mistakes.add(
                    f"{shown(text)} stands twice in {what}", item.at, code="DV-108", hint="remove one of the two"
                )
            elif text is not None:
                found[text] = item.at
        return tuple(found.items())

    def one_of(self, node: Node | None, what: str, words: Iterable[str]) -> str | None:
        """The node as one of several words."""
        text = self.text(node, what)
        allowed = list(words)
        if text is None or text in allowed:
            return text
        if node is not None:
            self.mistakes.unknown(f"{what} cannot be {shown(text)}", node.at, name=text, known=allowed)
        return None

    def expression(self, node: Node | None, what: str) -> Expression | None:
        """The node as an expression; what the language refuses is told with the place of the node."""
        text = self.text(node, what)
        if text is None or node is None:
            return None
        try:
            return _parsed(text)
        except DeclarationError:
            pass
        try:
            return parse(text, at=node.at)
        except DeclarationError as mistake:
            if is_balanced(text):
                self.mistakes.take(mistake)
            else:
                hint = "close it; an expression with a comma inside {...} must be put in quotes"
                message = f"a parenthesis or a quote is not closed: {shown(text)}"
                self.mistakes.add(message, node.at, code="DV-107", hint=hint)
            return None

    def number(self, node: Node | None, what: str, *, hint: str) -> Decimal | None:
        """The node as a number."""
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) and not node.style else None
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        self.wrong(node, f"{what} is a number", hint)
        return None

    def constant(self, node: Node | None, what: str) -> str | int | Decimal | bool | None:
        """The node as one value of any kind; a number beyond the exact ones is told."""
        if isinstance(node, Scalar) and not isinstance(node.value, float):
            value = node.value
            return value if isinstance(value, str | int | Decimal) else None
        if isinstance(node, Scalar):
            self.mistakes.add(f"{what} is no finite number", node.at, code="DV-105", hint="write an ordinary number")
        elif node is not None:
            self.wrong(node, f"{what} is one value", "write a text, a number, true or false")
        return None

    def wrong(self, node: Node, message: str, hint: str) -> None:
        """Tell that a node of another shape stands here."""
        found = "a table" if isinstance(node, Table) else "a list" if isinstance(node, Listing) else _kind(node)
        self.mistakes.add(f"{message}, and {found} stands here", node.at, code="DV-104", hint=hint)

    def _unknown_key(self, entry: Entry, keys: Keys) -> None:
        message = f"{keys.title} has no key {shown(entry.name)}"
        self.mistakes.unknown(
            message, entry.key.at, name=entry.name, known=[key.name for key in keys.keys if not key.later]
        )


@functools.lru_cache(maxsize=20_000)
def _parsed(text: str) -> Expression:
    """The expression, once for all places where the same text stands."""
    return parse(text)


def _kind(node: Scalar) -> str:
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return node.text
    return "a number" if isinstance(node.value, int | Decimal | float) else "a text"


def _how_to_add(key: Key) -> str:
    if "const" in key.shape:
        return f"add {key.name}: {key.shape['const']}"
    sentence = key.words.partition(". ")[0].rstrip(".").partition(";")[0]
    return f"add `{key.name}:` - {sentence[0].lower()}{sentence[1:]}"
