"""Placeholders in settings: `${NAME}` from the environment, `${secret:name}` from the secret store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PLACEHOLDER = re.compile(
    r"\$\{(?:(?P<store>secret:)(?P<secret>[A-Za-z0-9_][A-Za-z0-9_-]*)|(?P<variable>[A-Za-z_][A-Za-z0-9_]*))\}"
)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder: the name of a variable or, where `is_secret`, of a secret."""

    name: str
    is_secret: bool

    def __str__(self) -> str:
        return f"${{{'secret:' if self.is_secret else ''}{self.name}}}"


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """The placeholders of a text, in order.

    >>> [str(found) for found in placeholders("postgresql://${USER}:${secret:shop}@db/shop")]
    ['${USER}', '${secret:shop}']
    """
    return tuple(_read(found) for found in _PLACEHOLDER.finditer(text))


def malformed(text: str) -> Iterator[str]:
    """The beginnings of placeholders that cannot be read; at most 40 characters each.

    >>> list(malformed("${A}-${secret:}-${B"))
    ['${secret:}-${B', '${B']
    """
    good = {found.start() for found in _PLACEHOLDER.finditer(text)}
    for found in re.finditer(r"\$\{", text):
        if found.start() not in good:
            yield text[found.start() : found.start() + 40]


def filled(text: str, value: Callable[[Placeholder], str]) -> str:
    """The text with every placeholder replaced by its value, once: values are never read again for placeholders.

    >>> filled("${A}${B}", lambda found: "${" + found.name + "}")
    '${A}${B}'
    """
    return _PLACEHOLDER.sub(lambda found: value(_read(found)), text)


def blanked(text: str) -> str:
    r"""The text with every placeholder replaced by a NUL, so that what a person wrote out is left.

    >>> blanked("a${A}b")
    'a\x00b'
    """
    return _PLACEHOLDER.sub("\x00", text)


def _read(found: re.Match[str]) -> Placeholder:
    secret = found["secret"]
    return Placeholder(secret, is_secret=True) if secret else Placeholder(found["variable"], is_secret=False)
