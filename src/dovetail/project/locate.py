"""Collects mistakes with their places, and says what may have been meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from dovetail.errors import DeclarationError, Declarations, Location, NotYet, UnknownName
from dovetail.model.mapping import Note

SHOWN_MAX = 60
"""Characters of a person's text that a message repeats at most."""

_MAY_HOLD_SECRET = re.compile(r"://[^/\s]*@|(?i:password|passwd|pwd|secret|token)\s*[=:]")


class Mistakes:
    """All mistakes found so far, and notes that stop nothing."""

    def __init__(self) -> None:
        self.found: list[DeclarationError] = []
        self.notes: list[Note] = []
        self._told: set[str] = set()

    def add(self, message: str, at: Location | None, *, code: str, hint: str = "") -> None:
        """Something is wrong at a place."""
        self.take(DeclarationError(message, where=at, code=code, hint=hint))

    def unknown(self, message: str, at: Location, *, name: str, known: Iterable[str]) -> None:
        """A name that nobody declared; the nearest known ones become the hint."""
        self.take(UnknownName(message, where=at, hint=nearest(name, known)))

    def not_yet(self, message: str, at: Location, *, hint: str) -> None:
        """Part of the format that a later version will run."""
        self.take(NotYet(message, where=at, hint=hint))

    def take(self, mistake: DeclarationError) -> None:
        """Add a mistake, or every one of several; the same mistake at the same place counts once."""
        for one in mistake.mistakes if isinstance(mistake, Declarations) else (mistake,):
            if str(one) not in self._told:
                self._told.add(str(one))
                self.found.append(one)

    def note(self, message: str, at: Location) -> None:
        """Something worth knowing that stops nothing."""
        self.notes.append(Note(message, at))

    def raise_all(self) -> None:
        """Raise `Declarations` with every mistake in the order of files and lines, if there is any."""
        if self.found:
            raise Declarations(sorted(self.found, key=_place))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the known names nearest to `name`, or with the known names.

    >>> nearest("wharehouse", ["shop", "warehouse"])
    "did you mean 'warehouse'?"
    >>> nearest("x", ["shop", "warehouse"])
    'known names: shop, warehouse'
    """
    names = list(dict.fromkeys(known))
    by_lower = {candidate.lower(): candidate for candidate in reversed(names)}
    near = [by_lower[found] for found in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    if near:
        return "did you mean " + " or ".join(repr(candidate) for candidate in near) + "?"
    if not names:
        return "none is declared"
    return "known names: " + ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def is_slip(name: str, unknown: Iterable[str]) -> bool:
    """Whether one of the unknown names is probably `name`, written wrongly.

    >>> is_slip("dataset", ["datset"]), is_slip("dataset", ["where"])
    (True, False)
    """
    return bool(difflib.get_close_matches(name, list(unknown), n=1, cutoff=0.6))


def shown(text: str) -> str:
    """A person's text as a message may repeat it: on one line, short, and never where it may hold a secret.

    >>> shown("postgresql://ada:pw@db/shop")
    "'...'"
    """
    if _MAY_HOLD_SECRET.search(text):
        return "'...'"
    line = " ".join(text.split())
    return repr(line if len(line) <= SHOWN_MAX else line[: SHOWN_MAX - 3] + "...")


def _place(mistake: DeclarationError) -> tuple[bool, str, int, int, str]:
    where = mistake.where
    if isinstance(where, Location):
        return (where.file != "dovetail.yaml", where.file, where.line, where.column, mistake.code)
    return (True, str(where or ""), 0, 0, mistake.code)
