"""Writes files so that whatever dies in the middle, a file is whole: the old one or the new one, its ledger with it.

What another program puts in a file's place meanwhile is never overwritten: then the commit is taken back as a whole.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dovetail.errors import DovetailError, SchemaDrift, Unreachable
from dovetail.failpoints import Point, failpoint
from dovetail.systems.files import manifest as manifests
from dovetail.systems.files.folder import OURS, Folder
from dovetail.systems.files.manifest import Growing, Manifest, Pending
from dovetail.systems.files.quiet import await_quiet
from dovetail.systems.files.swap import displaced, is_same

AWAY_S = 1.0
"""Seconds for which a file that is taken away is waited for."""
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Store:
    """The writers of one system of files, one at a time."""

    folder: Folder
    name: str
    timeout_s: float

    @property
    def title(self) -> str:
        """What the names of our files here begin with."""
        return f"{OURS}{self.name}-{self.folder.only}" if self.folder.only else f"{OURS}{self.name}"

    def stray(self, number: str) -> str:
        """The name of a file that is not committed yet."""
        return f"{self.title}.{number}.new"

    def manifest(self) -> Manifest:
        """What is remembered, as of the last commit."""
        return manifests.load(self.folder.place, f"{self.title}.json")

    def file(self, name: str) -> Path:
        """The content of a dataset now: of the file in its place, or of a committed one that is not there yet; nobody
        was writing it when it was asked for."""
        found = self.manifest()
        file = self.current(found, name)
        path = self.folder.place.near(file)
        await_quiet(path, self.timeout_s, is_ours=self.is_ours(found, name, file), ticks=False)
        return path

    def current(self, found: Manifest, name: str) -> str:
        """The file that holds a dataset, as of that manifest. Another program may have taken it away to put it back: it
        is waited for a little, and one that we wrote before is then out of reach, not gone."""
        until = time.monotonic() + min(AWAY_S, self.timeout_s)
        while True:
            try:
                return current(self.folder, found, name)
            except SchemaDrift as error:
                if time.monotonic() > until:
                    if name not in found.pinned:
                        raise
                    raise Unreachable(
                        f"the file of {name} is not there",
                        where=name,
                        hint="put it back; its rows count as deleted only where a file without them stands there",
                        code="DV-359",
                    ) from error
            time.sleep(_PAUSE_S)

    def names(self, found: Manifest, known: Collection[str]) -> set[str]:
        """The files that hold datasets; those that are `known` and taken away are waited for a little."""
        until = time.monotonic() + min(AWAY_S, self.timeout_s)
        while True:
            there = {one.name for one in self.folder.place.entries()}
            waiting = (name for name, one in found.pending.items() if one.beside in there)
            names = {*self.folder.files(), *waiting}
            if names >= set(known) or time.monotonic() > until:
                return names
            time.sleep(_PAUSE_S)

    def is_ours(self, found: Manifest, name: str, file: str) -> bool:
        """Whether a file stands there as we left it."""
        last = found.pending.get(name)
        return last is not None and is_same(last.made, self.mark(file))

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """The only writer until the end, which commits; an exception leaves everything as it was."""
        place = self.folder.place
        with place.locked(f"{self.title}.lock", self.timeout_s):
            found = self.manifest()
            with suppress(_Displaced):
                self._settle(_moved_house(found, self))
            self._sweep(found)
            work = Work(self, found)
            try:
                yield work
            except BaseException:
                work.staged, work.grown = {}, {}
                raise
            else:
                self._commit(work)
            finally:
                work.sweep()

    def _sweep(self, found: Manifest) -> None:
        """Remove what earlier writers left behind and nobody will ask for."""
        kept = {one.beside for one in found.growing.values()}
        ours = re.compile(re.escape(f"{self.title}.") + r"[0-9].*\.new")
        for name in [one.name for one in self.folder.place.entries()]:
            if ours.fullmatch(name) and name not in kept:
                self.folder.place.remove(name)

    def _commit(self, work: Work) -> None:
        if not (work.staged or work.grown or work.is_remembering):
            return
        found = work.manifest
        found.generation += 1
        found.pending = {name: work.pending(name) for name in work.staged}
        found.growing |= work.grown
        found.fresh = list(work.recorded)
        failpoint(Point.FILES_COMMIT_BEFORE)
        for one in found.pending.values():
            if one.base != self.mark(one.place):
                raise displaced(one.place)
        manifests.save(self.folder.place, f"{self.title}.json", found)
        failpoint(Point.FILES_COMMIT_AFTER)
        try:
            self._settle(found)
        except _Displaced as error:
            raise displaced(error.where) from error
        failpoint(Point.FILES_SETTLED)

    def mark(self, file: str) -> str:
        """The mark of a file; empty where there is none."""
        entry = self.folder.place.entry(file)
        return "" if entry is None else entry.mark

    def _settle(self, found: Manifest) -> None:
        """Put committed files in their places; what is there already needs nothing. Where another program replaced what
        a file was made from, the commit is taken back: it never was."""
        place = self.folder.place
        for name, one in list(found.pending.items()):
            try:
                if self._put(one):
                    place.settle()
            except Unreachable as error:
                if error.code != displaced("").code:
                    raise
                for key in found.fresh:
                    found.entries.pop(key, None)
                found.pending, found.fresh = {}, []
                manifests.save(place, f"{self.title}.json", found)
                raise _Displaced(one.place) from error
            grown = found.growing.pop(name, None)
            if grown is not None:
                place.remove(grown.beside)

    def _put(self, one: Pending) -> bool:
        """Put one file in its place; whether anything was moved."""
        place = self.folder.place
        standing = place.entry(one.beside)
        if standing is None:
            return False
        if not one.made or is_same(standing.mark, one.made):
            return place.move(one.beside, one.place, one.base)
        if one.base is not None and not is_same(standing.mark, one.base):
            # we died when both had changed places: this is what another program had put there, and it goes back
            with suppress(Unreachable):
                place.move(one.beside, one.place, one.made)
            raise displaced(one.place)
        place.remove(one.beside)
        return True


class _Displaced(Exception):
    """A commit was taken back, and the manifest knows."""

    @property
    def where(self) -> str:
        """The file that another program replaced."""
        return str(self.args[0])


@dataclass(slots=True)
class Work:
    """What one writer is about to commit: the manifest to be, the new files of datasets, and those that grew."""

    store: Store
    manifest: Manifest
    staged: dict[str, str] = field(default_factory=dict)
    grown: dict[str, Growing] = field(default_factory=dict)
    recorded: list[tuple[str, int]] = field(default_factory=list)
    is_remembering: bool = False
    bases: dict[str, str] = field(default_factory=dict)
    """By dataset, the mark of the file in its place when it was read."""
    places: dict[str, str] = field(default_factory=dict)
    """The places of new files that are no datasets by themselves."""
    _made: list[str] = field(default_factory=list)

    def file(self, name: str) -> Path:
        """The content of a dataset as this work sees it; nobody was writing it when it was first asked for."""
        place = self.store.folder.place
        if name in self.staged:
            return place.beside(self.staged[name])
        store = self.store
        file = store.current(self.manifest, name)
        path = place.near(file)
        if name not in self.bases:
            await_quiet(path, store.timeout_s, is_ours=store.is_ours(self.manifest, name, file))
            self.bases[name] = store.mark(file)
        return path

    def beside(self) -> Path:
        """Where a new file is to be written."""
        name = self.store.stray(f"{self.manifest.generation + 1}-{len(self._made)}")
        self._made.append(name)
        return self.store.folder.place.beside(name)

    def stage(self, name: str, path: Path) -> None:
        """Take a written file for the dataset's new one."""
        self.store.folder.place.keep(path.name)
        self.staged[name] = path.name

    def pending(self, name: str) -> Pending:
        """A staged file on its way."""
        folder, beside = self.store.folder, self.staged[name]
        place = self.places.get(name) or folder.files().get(name) or folder.new(name)
        return Pending(beside, place, self.bases.get(name, ""), self.store.mark(beside))

    def sweep(self) -> None:
        """Remove the files that were written and are not those to be committed."""
        kept = {*self.staged.values(), *(one.beside for one in self.manifest.growing.values())}
        kept |= {one.beside for one in self.grown.values()}
        for name in [one for one in self._made if one not in kept]:
            with suppress(DovetailError):
                self.store.folder.place.remove(name)


def current(folder: Folder, found: Manifest, name: str) -> str:
    """The file that holds a dataset, as of that manifest."""
    one = found.pending.get(name)
    if one is not None:
        standing, before = folder.place.entry(one.beside), folder.place.entry(one.place)
        is_whole = standing is not None and (not one.made or is_same(standing.mark, one.made))
        if is_whole and (one.base is None or is_same("" if before is None else before.mark, one.base)):
            return one.beside
    return folder.file(name)


def _moved_house(found: Manifest, store: Store) -> Manifest:
    """The same for files that came back from a backup, or were copied, since they were committed: they bear other
    marks, and are the same by size and time."""
    for name, one in found.pending.items():
        stands, made = store.mark(one.place), store.mark(one.beside)
        base = stands if one.base is not None and is_same(stands, one.base) else one.base
        found.pending[name] = replace(one, base=base, made=made if is_same(made, one.made) else one.made)
    for name, grown in found.growing.items():
        stands = store.mark(grown.place)
        found.growing[name] = replace(grown, base=stands if is_same(stands, grown.base) else grown.base)
    return found
