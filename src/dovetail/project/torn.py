"""Mends expressions that a comma inside `{...}` has torn into several keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from dovetail.errors import DeclarationError
from dovetail.project.node import Entry, Scalar


def mended(entries: Sequence[Entry]) -> tuple[list[Entry], list[DeclarationError]]:
    """The entries of a flow mapping with torn expressions put together again, and a mistake with advice for each."""
    whole: list[Entry] = []
    mistakes: list[DeclarationError] = []
    at = 0
    while at < len(entries):
        entry = entries[at]
        pieces = _pieces(entries, at)
        if pieces:
            text = ", ".join([_written(entry.value), *(_written(piece.key) for piece in pieces)])
            mistakes.append(_torn(entry, text))
            if isinstance(entry.value, Scalar):
                entry = replace(entry, value=replace(entry.value, value=text, text=text))
        whole.append(entry)
        at += 1 + len(pieces)
    return whole, mistakes


def is_balanced(text: str) -> bool:
    """Whether every parenthesis of an expression is closed; those inside quotes do not count.

    >>> [is_balanced(text) for text in ("f(a)", "f(a", "b)", "'(' || a")]
    [True, False, False, True]
    """
    depth = 0
    quote = ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0 and not quote


def in_quotes(text: str) -> str:
    r"""The text as one YAML scalar in quotes.

    >>> in_quotes("coalesce(a, 'x')")
    '"coalesce(a, \'x\')"'
    """
    if not text.isprintable():
        return json.dumps(text)
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _pieces(entries: Sequence[Entry], at: int) -> Sequence[Entry]:
    """The entries behind `at` that are pieces of its value: keys without a value, up to where the parentheses close."""
    value = entries[at].value
    if not isinstance(value, Scalar) or value.style or is_balanced(value.text):
        return ()
    text = value.text
    for end in range(at + 1, len(entries)):
        if not _is_bare(entries[end]):
            return entries[at + 1 : end]
        text += ", " + _written(entries[end].key)
        if is_balanced(text):
            return entries[at + 1 : end + 1]
    return entries[at + 1 :]


def _is_bare(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and not entry.value.style and entry.value.text == ""


def _written(node: object) -> str:
    if not isinstance(node, Scalar):
        return ""
    return "'" + node.text.replace("'", "''") + "'" if node.style == "'" else node.text


def _torn(entry: Entry, text: str) -> DeclarationError:
    return DeclarationError(
        "a comma inside {...} ends a value, so this expression was torn apart",
        where=entry.value.at,
        code="DV-107",
        hint=f"put the expression in quotes: {entry.key.text}: {in_quotes(text)}",
    )
