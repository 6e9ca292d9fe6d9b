"""Writes files so that whatever dies in the middle, a file is whole: the old one or the new one, its ledger with it."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.errors import AccessDenied, Overdue
from dovetail.failpoints import Point, failpoint
from dovetail.systems.files import manifest as manifests
from dovetail.systems.files.folder import OURS, Folder, faults
from dovetail.systems.files.manifest import Manifest

_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Store:
    """The writers of one system of files, one at a time."""

    folder: Folder
    name: str
    timeout_s: float

    @property
    def path(self) -> Path:
        """Where the manifest stands."""
        suffix = f"-{self.folder.path.name}" if self.folder.is_single else ""
        return self.folder.home / f"{OURS}{self.name}{suffix}.json"

    def stray(self, number: str) -> Path:
        """The name of a file that is not committed yet."""
        return self.path.with_suffix(f".{number}.new")

    def manifest(self) -> Manifest:
        """What is remembered, as of the last commit."""
        return manifests.load(self.path)

    def file(self, name: str) -> Path:
        """The file that holds a dataset now: the one in its place, or a committed one that is not there yet."""
        return current(self.folder, self.manifest(), name)

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """The only writer until the end, which commits; an exception leaves everything as it was."""
        with self._locked():
            found = self.manifest()
            self._settle(found)
            for path in self.folder.home.glob(glob.escape(self.stray("").stem) + "[0-9]*.new"):
                path.unlink(missing_ok=True)
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
        found.pending = {name: (path.name, self._place(name).name) for name, path in work.staged.items()}
        failpoint(Point.FILES_COMMIT_BEFORE)
        manifests.save(self.path, found)
        failpoint(Point.FILES_COMMIT_AFTER)
        self._settle(found)
        failpoint(Point.FILES_SETTLED)

    def _place(self, name: str) -> Path:
        return self.folder.files().get(name) or self.folder.new(name)

    def _settle(self, found: Manifest) -> None:
        """Put committed files in their places; what is there already needs nothing."""
        with faults(self.name):
            moved = False
            for beside, place in found.pending.values():
                if (self.folder.home / beside).exists():
                    _keep_mode(self.folder.home / place, self.folder.home / beside)
                    (self.folder.home / beside).replace(self.folder.home / place)
                    moved = True
            if moved:
                manifests.sync_folder(self.folder.home)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl

        lock = self.path.with_suffix(".lock")
        until = time.monotonic() + self.timeout_s
        with faults(lock.name):
            self.folder.files()
            number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        words = f"another writer held the files for {self.timeout_s:g} s"
                        raise Overdue(words, where=lock.name) from None
                    time.sleep(_PAUSE_S)
                except OSError as error:
                    raise AccessDenied("files on this disk cannot be locked", where=lock.name) from error
            yield
        finally:
            os.close(number)


@dataclass(slots=True)
class Work:
    """What one writer is about to commit: the manifest to be, and the new files of datasets."""

    store: Store
    manifest: Manifest
    staged: dict[str, Path] = field(default_factory=dict)
    is_remembering: bool = False
    _made: list[Path] = field(default_factory=list)

    def file(self, name: str) -> Path:
        """The file of a dataset as this work sees it."""
        return self.staged.get(name) or current(self.store.folder, self.manifest, name)

    def beside(self) -> Path:
        """Where a new file is to be written."""
        path = self.store.stray(f"{self.manifest.generation + 1}-{len(self._made)}")
        self._made.append(path)
        return path

    def stage(self, name: str, path: Path) -> None:
        """Take a written file for the dataset's new one."""
        with faults(path.name), path.open("rb") as file:
            os.fsync(file.fileno())
        self.staged[name] = path

    def sweep(self) -> None:
        """Remove the files that were written and are not those to be committed."""
        for path in [one for one in self._made if one not in self.staged.values()]:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def current(folder: Folder, found: Manifest, name: str) -> Path:
    """The file of a dataset, as of that manifest."""
    beside, _ = found.pending.get(name, ("", ""))
    path = folder.home / beside
    return path if beside and path.exists() else folder.file(name)


def _keep_mode(old: Path, new: Path) -> None:
    with suppress(OSError):
        new.chmod(old.stat().st_mode & 0o7777)
