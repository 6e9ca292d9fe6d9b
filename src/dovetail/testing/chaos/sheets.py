"""One member's folder of CSV files as a program uses it that knows nothing of Dovetail: it takes a file away by a
renaming, changes it, and drops a whole new one where none stands."""

from __future__ import annotations

import csv
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dovetail.testing.chaos.scene import Table

AWAY_S = 5.0
"""Seconds that people wait for a file that is not there; then they give up and do something else."""

_PAUSE_S = 0.001


class Taken(sqlite3.OperationalError):
    """A file is not there, or another one stands where one was to be dropped. As with a locked database, nothing was
    done."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in which each table is a file, `name.csv`, with a first line of names."""

    member: str
    where: str

    @property
    def is_server(self) -> bool:
        """Whether it is reached over a network."""
        return False

    def open(self) -> Sheets:
        """A program of one's own."""
        return Sheets(Path(self.where))

    @contextmanager
    def session(self) -> Iterator[Sheets]:
        """A program that goes home at the end."""
        yield self.open()


class Sheets:
    """Rows found, typed and deleted in files. In a transaction a file is taken away at the first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: dict[str, list[dict[str, str]]] = {}

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The files that were taken are dropped again: changed at the end, as they were after an exception. Raises
        `Taken` where another one stands there by then: that one stays, and nothing was typed."""
        try:
            yield
            for name, rows in self._taken.items():
                _write(self._fresh(name), rows)
                self._drop(self._fresh(name), name)
        except BaseException:
            for name in self._taken:
                with suppress(Taken):
                    self._drop(self._away(name), name)
            raise
        finally:
            for name in self._taken:
                self._away(name).unlink(missing_ok=True)
                self._fresh(name).unlink(missing_ok=True)
            self._taken = {}

    def rows(self, here: Table) -> list[tuple[Any, dict[str, str | None]]]:
        """Every row: its key here, and its shared values."""
        return [(row[here.key], _shared(here, row)) for row in self._read(here.name)]

    def lock(self, here: Table, key: object) -> dict[str, str | None] | None:
        """The shared values of one row, which nobody else changes until the transaction ends."""
        return next((_shared(here, row) for row in self._take(here.name) if row[here.key] == key), None)

    def insert(self, here: Table, values: Mapping[str, object]) -> Any:
        """Type a row; its key is among the values."""
        row = {here.columns[name].name: str(value) for name, value in values.items()}
        rows = self._take(here.name)
        if any(one[here.key] == row[here.key] for one in rows):
            raise Taken(here.name)
        rows.append(row)
        return row[here.key]

    def edit(self, here: Table, key: object, values: Mapping[str, object]) -> None:
        """Type other values into a row."""
        for row in self._take(here.name):
            if row[here.key] == key:
                row |= {here.columns[name].name: str(value) for name, value in values.items()}

    def delete(self, here: Table, key: object) -> None:
        """Delete a row."""
        rows = self._take(here.name)
        rows[:] = [row for row in rows if row[here.key] != key]

    def make_marks(self) -> None:
        """Nothing: whoever drops a file knows whether it was dropped."""

    def mark(self, _: int) -> None:
        """Nothing, as above."""

    def is_marked(self, _: int) -> bool:
        """Never asked."""
        raise NotImplementedError

    def _take(self, name: str) -> list[dict[str, str]]:
        if name not in self._taken:
            until = time.monotonic() + AWAY_S
            while True:
                with suppress(FileNotFoundError):
                    self._place(name).rename(self._away(name))
                    break
                if time.monotonic() > until:
                    raise Taken(name)
                time.sleep(_PAUSE_S)
            self._taken[name] = _rows(self._away(name))
        return self._taken[name]

    def _read(self, name: str) -> list[dict[str, str]]:
        if name in self._taken:
            return self._taken[name]
        until = time.monotonic() + AWAY_S
        while True:
            try:
                return _rows(self._place(name))
            except FileNotFoundError:
                if time.monotonic() > until:
                    raise Taken(name) from None
                time.sleep(_PAUSE_S)

    def _drop(self, path: Path, name: str) -> None:
        try:
            os.link(path, self._place(name))
        except FileExistsError:
            raise Taken(name) from None

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.csv"

    def _away(self, name: str) -> Path:
        return self._folder / f".{name}.away"

    def _fresh(self, name: str) -> Path:
        return self._folder / f".{name}.fresh"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _shared(here: Table, row: Mapping[str, str]) -> dict[str, str | None]:
    return {name: row.get(column.name) or None for name, column in here.columns.items()}
