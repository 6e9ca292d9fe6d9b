"""Writes files so that whatever dies in the middle, a file is whole: the old one or the new one, its ledger with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.errors import DovetailError
from dovetail.failpoints import Point, failpoint
from dovetail.systems.files import manifest as manifests
from dovetail.systems.files.folder import OURS, Folder
from dovetail.systems.files.manifest import Manifest


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
        """The content of a dataset now: of the file in its place, or of a committed one that is not there yet."""
        return self.folder.place.near(current(self.folder, self.manifest(), name))

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """The only writer until the end, which commits; an exception leaves everything as it was."""
        place = self.folder.place
        with place.locked(f"{self.title}.lock", self.timeout_s):
            found = self.manifest()
            self._settle(found)
            for name in [one.name for one in place.entries()]:
                if re.fullmatch(re.escape(f"{self.title}.") + r"[0-9].*\.new", name):
                    place.remove(name)
            work = Work(self, found)
            try:
                yield work
            except BaseException:
                work.staged = {}
                raise
            else:
                self._commit(work)
            finally:
                work.sweep()

    def _commit(self, work: Work) -> None:
        if not work.staged and not work.is_remembering:
            return
        found = work.manifest
        found.generation += 1
        found.pending = {name: (beside, self._place(name)) for name, beside in work.staged.items()}
        failpoint(Point.FILES_COMMIT_BEFORE)
        manifests.save(self.folder.place, f"{self.title}.json", found)
        failpoint(Point.FILES_COMMIT_AFTER)
        self._settle(found)
        failpoint(Point.FILES_SETTLED)

    def _place(self, name: str) -> str:
        return self.folder.files().get(name) or self.folder.new(name)

    def _settle(self, found: Manifest) -> None:
        """Put committed files in their places; what is there already needs nothing."""
        moved = [self.folder.place.move(beside, place) for beside, place in found.pending.values()]
        if any(moved):
            self.folder.place.settle()


@dataclass(slots=True)
class Work:
    """What one writer is about to commit: the manifest to be, and the new files of datasets."""

    store: Store
    manifest: Manifest
    staged: dict[str, str] = field(default_factory=dict)
    is_remembering: bool = False
    _made: list[str] = field(default_factory=list)

    def file(self, name: str) -> Path:
        """The content of a dataset as this work sees it."""
        place = self.store.folder.place
        if name in self.staged:
            return place.beside(self.staged[name])
        return place.near(current(self.store.folder, self.manifest, name))

    def beside(self) -> Path:
        """Where a new file is to be written."""
        name = self.store.stray(f"{self.manifest.generation + 1}-{len(self._made)}")
        self._made.append(name)
        return self.store.folder.place.beside(name)

    def stage(self, name: str, path: Path) -> None:
        """Take a written file for the dataset's new one."""
        self.store.folder.place.keep(path.name)
        self.staged[name] = path.name

    def sweep(self) -> None:
        """Remove the files that were written and are not those to be committed."""
        for name in [one for one in self._made if one not in self.staged.values()]:
            with suppress(DovetailError):
                self.store.folder.place.remove(name)


def current(folder: Folder, found: Manifest, name: str) -> str:
    """The file that holds a dataset, as of that manifest."""
    beside, _ = found.pending.get(name, ("", ""))
    return beside if beside and folder.place.entry(beside) is not None else folder.file(name)
