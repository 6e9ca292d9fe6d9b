"""Adds the rows of a load at the end of a file that is not in its place yet, so that each row is written once.

The manifest says how many bytes of it count; it is put in its place as a whole before anybody reads the dataset, or
writes it in another way. Where another program has replaced the file in that place meanwhile, the rows are added to
that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.systems.files.amend import Edit, cast, ruled
from dovetail.systems.files.format import Format
from dovetail.systems.files.keys import Keys
from dovetail.systems.files.known import known
from dovetail.systems.files.manifest import Growing, Pinned
from dovetail.systems.files.place import Disk, faults
from dovetail.systems.files.plain import plain
from dovetail.systems.files.store import Work
from dovetail.systems.sql import refusal

ROWS_MIN = 2_000
"""New rows of one change from which a file begins to grow; fewer are written into the whole file at once."""


@runtime_checkable
class Grows(Format, Protocol):
    """A format of which a file can be made step by step."""

    def seed(self, path: Path, beside: Path, found: Pinned) -> None:
        """Write beside a file to which rows can be added: one with its rows, or what only `ripen` puts after them."""
        ...

    def more(self, beside: Path, found: Pinned, rows: pa.RecordBatch) -> bytes:
        """What is to follow there so that these rows are added."""
        ...

    def added(self, beside: Path, found: Pinned, before: int) -> Iterator[pa.RecordBatch]:
        """The rows that were added, all fields of them; `before` rows stood in the file before."""
        ...

    def ripen(self, path: Path, beside: Path, ripe: Path, found: Pinned) -> Pinned:
        """Make a file of this format of what stood and what was added, and say what it holds now: at `ripe`, unless
        the one beside is such a file already. `path` may be gone."""
        ...


@dataclass(slots=True)
class Known:
    """What is known of a growing file in memory: the state of the file that it is true of, what the file holds, and the
    keys in it."""

    growing: Growing
    found: Pinned
    keys: list[Keys]


class Bed:
    """Where the files of one system grow."""

    def __init__(self, form: Grows) -> None:
        self._format = form
        self._known: dict[str, Known] = {}

    def add(self, work: Work, dataset: Dataset, change: Change) -> Receipt | None:
        """New rows, added; `None` where they must take another way: they are few, or some may be there already."""
        if not _is_fit(work, dataset, change):
            return None
        bed = self._ready(work, dataset, change)
        rows = cast(dataset, change.rows)
        if bed is None or any(keys.meets(rows) for keys in bed.keys):
            return None
        beside = work.store.folder.place.beside(bed.growing.beside)
        wrong = _wrong(ruled(dataset, bed.found), rows, self._format.unfit(beside, bed.found, rows))
        keep = np.ones(len(rows), dtype=np.bool_)
        keep[[one.position for one in wrong]] = False
        taken = rows.filter(pa.array(keep)) if wrong else rows
        if len(taken):
            bed.growing = _appended(beside, bed.growing, self._format.more(beside, bed.found, taken))
            for keys in bed.keys:
                keys.add(taken)
        work.grown[dataset.name] = bed.growing
        work.manifest.pinned[dataset.name] = bed.found
        written = [pc.if_else(pa.array(keep), rows.column(part), None) for part in dataset.key]
        return Receipt(len(taken), (), tuple(wrong), pa.RecordBatch.from_arrays(written, list(dataset.key)))

    def ripen(self, work: Work, name: str) -> None:
        """Let the rows that were added count for everybody: the file that grew is to be put in its place."""
        growing, place = work.manifest.growing.get(name), work.store.folder.place
        if growing is None or name in work.staged:
            return
        self._known.pop(name, None)
        found = work.manifest.pinned[name]
        beside = place.beside(growing.beside)
        with faults(beside.name):
            os.truncate(beside, growing.length)
        stands, ripe = work.store.mark(growing.place), work.beside()
        if stands in (growing.base, ""):
            work.bases[name] = stands
            found = self._format.ripen(place.near(growing.place), beside, ripe, found)
        else:
            found = self._added_to(work.file(name), work, name, ripe)
        work.manifest.pinned[name] = found
        work.stage(name, ripe if ripe.exists() else beside)

    def _added_to(self, path: Path, work: Work, name: str, ripe: Path) -> Pinned:
        """Add the rows to the file that another program put in the place; a row whose key it holds is its own."""
        growing, found = work.manifest.growing[name], work.manifest.pinned[name]
        other = self._format.look(name, path, found)
        fields = [known(other.dataset, part) for part in found.dataset.key]
        held = {key for batch in self._format.ordered(path, other, fields) for key in _tuples(batch, found.dataset.key)}
        added = pa.Table.from_batches(list(self._added(work, growing, found))).combine_chunks().to_batches()
        rows = added[0].select([one for one in added[0].schema.names if one in other.dataset.names])
        fresh = [at for at, key in enumerate(_tuples(rows, found.dataset.key)) if key not in held]
        return self._format.rewrite(path, ripe, other, Edit(rows, added=fresh))

    def _added(self, work: Work, growing: Growing, found: Pinned) -> Iterator[pa.RecordBatch]:
        beside = work.store.folder.place.beside(growing.beside)
        return self._format.added(beside, found, growing.rows)

    def _ready(self, work: Work, dataset: Dataset, change: Change) -> Known | None:
        """What is known of the file that grows, which begins to where many rows come."""
        name, place = dataset.name, work.store.folder.place
        growing = work.grown.get(name) or work.manifest.growing.get(name)
        bed = self._known.get(name)
        if growing is None:
            if len(change.rows) < ROWS_MIN:
                return None
            path = work.file(name)
            found = self._format.look(name, path, work.manifest.pinned.get(name))
            beside = work.beside()
            self._format.seed(path, beside, found)
            keys, rows = self._keys(dataset, found, self._format.ordered(path, found, _marked(dataset, found)))
            file = work.store.folder.file(name)
            growing = Growing(beside.name, file, work.bases[name], rows, beside.stat().st_size)
            bed = Known(growing, found, keys)
        elif bed is None or bed.growing != growing:
            found = work.manifest.pinned[name]
            with faults(growing.beside):
                os.truncate(place.beside(growing.beside), growing.length)
            path = place.near(growing.place)
            stood = self._format.ordered(path, found, _marked(dataset, found)) if path.exists() else ()
            keys, _ = self._keys(dataset, found, (*stood, *self._added(work, growing, found)))
            bed = Known(growing, found, keys)
        self._known[name] = bed
        is_same = [keys.names for keys in bed.keys] == _groups(dataset, bed.found)
        return bed if is_same and {*_names(bed.keys)} <= set(change.rows.schema.names) else None

    def _keys(
        self, dataset: Dataset, found: Pinned, batches: Iterable[pa.RecordBatch]
    ) -> tuple[list[Keys], int]:
        """The keys of these rows, and how many they are."""
        keys, rows = [Keys(names) for names in _groups(dataset, found)], 0
        for batch in batches:
            rows += len(batch)
            for one in keys:
                one.add(batch)
        return keys, rows


def _is_fit(work: Work, dataset: Dataset, change: Change) -> bool:
    """Whether the rows can be added at all: new ones, with all that they must have, on a disk of ours."""
    names = set(change.rows.schema.names)
    return (
        change.verb is Verb.CREATE
        and bool(dataset.key)
        and names >= {*dataset.key, *(one.name for one in dataset.fields if not one.nullable)}
        and dataset.name not in work.staged
        and isinstance(work.store.folder.place, Disk)
    )


def _groups(dataset: Dataset, found: Pinned) -> list[tuple[str, ...]]:
    """The fields whose values together occur once: the key, and what else is unique."""
    return list(dict.fromkeys([dataset.key or found.dataset.key, *found.dataset.uniques]))


def _names(keys: Sequence[Keys]) -> Iterator[str]:
    return (name for one in keys for name in one.names)


def _marked(dataset: Dataset, found: Pinned) -> list[Field]:
    names = dict.fromkeys(name for group in _groups(dataset, found) for name in group)
    return [known(found.dataset, name) for name in names]


def _appended(beside: Path, growing: Growing, content: bytes) -> Growing:
    """The file with more at its end; what a writer left there that died before its commit is cut off."""
    with faults(beside.name), beside.open("r+b") as file:
        file.truncate(growing.length)
        file.seek(growing.length)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return replace(growing, length=growing.length + len(content))


def _wrong(dataset: Dataset, rows: pa.RecordBatch, unfit: dict[int, str]) -> list[Reject]:
    """The rows that lack a value, or hold one that the file cannot."""
    missing: dict[int, str] = {}
    for name in rows.schema.names:
        column = rows.column(name)
        if column.null_count and (name in dataset.key or not known(dataset, name).nullable):
            for at in np.flatnonzero(~np.asarray(pc.is_valid(column))).tolist():
                missing.setdefault(at, name)
    found = {at: refusal.reject(at, refusal.UNFIT, field=name) for at, name in unfit.items()}
    found |= {at: refusal.reject(at, refusal.MISSING, field=name) for at, name in missing.items()}
    return [found[at] for at in sorted(found)]


def _tuples(batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    return zip(*(plain(batch.column(name)) for name in names), strict=True)
