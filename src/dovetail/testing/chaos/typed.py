"""What people typed, in which order it was committed at each member, and what each of them saw when they typed it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

Values = Mapping[str, str | None]
"""Shared fields of a row and their values, as texts in the shape that all members share."""


class Deed(StrEnum):
    """What somebody did to a row."""

    INSERT = "insert"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Typed:
    """One edit that was committed at a member.

    `row` is what tells rows apart at all members. `before` are all values that stood there when the edit locked the
    row (of an insert: none), `after` the ones that the edit set, `added` what it added to sums."""

    number: int
    member: str
    kind: str
    row: str
    deed: Deed
    before: Values
    after: Values
    at_s: float
    added: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Chain:
    """The edits of one row at one member, folded: how it came to its last edit, and what it saw on the way.

    `seen` keeps for each field and value the number of the first edit that found it there. `last` is the newest edit
    of each field since the row was last deleted here, `before_gone` the newest one before that; `gone` is the delete
    that nothing was typed after."""

    edits: int = 0
    inserts: int = 0
    deletes: int = 0
    seen: dict[tuple[str, str | None], int] = field(default_factory=dict)
    typed: set[tuple[str, str | None]] = field(default_factory=set)
    sums: Counter[str] = field(default_factory=Counter)
    last: dict[str, Typed] = field(default_factory=dict)
    before_gone: dict[str, Typed] = field(default_factory=dict)
    gone: Typed | None = None

    def add(self, typed: Typed) -> None:
        """Take in the next edit."""
        self.edits += 1
        for name, value in typed.before.items():
            self.seen.setdefault((name, value), typed.number)
        if typed.deed is Deed.DELETE:
            self.deletes += 1
            self.before_gone, self.last, self.gone = self.before_gone | self.last, {}, typed
            return
        self.gone = None
        self.inserts += typed.deed is Deed.INSERT
        self.sums.update(typed.added)
        for name, value in typed.after.items():
            self.typed.add((name, value))
            self.last[name] = typed

    def knew(self, name: str, value: str | None, at: int) -> bool:
        """Whether this value stood in the field here at the edit of that number, or before it."""
        return self.seen.get((name, value), at + 1) <= at


@dataclass(slots=True)
class Row:
    """One row, as typed at all members: its chains by member."""

    kind: str
    name: str
    chains: dict[str, Chain] = field(default_factory=dict)


class Record:
    """Takes down what people typed; several threads may write. With a `path` each edit is also a line of JSON there."""

    def __init__(self, path: Path | None = None) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.counts: Counter[Deed] = Counter()
        self._number = 0
        self._lock = threading.Lock()
        self._file: IO[str] | None = path.open("w", encoding="utf-8") if path is not None else None

    def next_number(self) -> int:
        """A number that nobody else gets; it makes values unique."""
        with self._lock:
            self._number += 1
            return self._number

    def add(self, typed: Typed) -> None:
        """Note an edit that was committed; edits of one row at one member come in the order of their commits."""
        with self._lock:
            row = self.rows.setdefault((typed.kind, typed.row), Row(typed.kind, typed.row))
            row.chains.setdefault(typed.member, Chain()).add(typed)
            self.counts[typed.deed] += 1
            if self._file is not None and not self._file.closed:
                self._file.write(_line(typed))

    def close(self) -> None:
        """Let the file be whole."""
        if self._file is not None:
            self._file.close()

    @property
    def total(self) -> int:
        """How many edits were committed."""
        return self.counts.total()


def _line(typed: Typed) -> str:
    words = {
        "at": round(typed.at_s, 4), "number": typed.number, "member": typed.member, "kind": typed.kind,
        "row": typed.row, "deed": typed.deed, "before": typed.before, "after": typed.after,
    }  # fmt: skip
    return json.dumps(words, ensure_ascii=False) + "\n"
