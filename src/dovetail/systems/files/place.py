"""Where files stand: one folder, on a disk of this machine or far away. Formats see real paths and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dovetail.errors import AccessDenied, Full, Overdue, Unreachable
from dovetail.systems.files.swap import swap

_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a folder: its size, a mark that is another whenever its content is, and when it was last changed (in
    seconds since 1970, by the clock of the place)."""

    name: str
    size: int
    mark: str
    changed_s: float


class Place(Protocol):
    """One folder. Names are those of its files; nothing is said about folders in it."""

    @property
    def words(self) -> str:
        """What people call it; never with a secret."""
        ...

    def entries(self, within: str = "") -> Sequence[Entry]:
        """Its files, or those of a folder in it, by name; `Unreachable` where there is no such folder."""
        ...

    def entry(self, name: str) -> Entry | None:
        """One file, or that there is none."""
        ...

    def near(self, name: str) -> Path:
        """A real path with the content of a file: the file itself, or a copy of it as it is now."""
        ...

    def beside(self, name: str) -> Path:
        """A real path at which the content of a file to be can be written."""
        ...

    def keep(self, name: str) -> None:
        """Make durable under that name what was written at `beside(name)`."""
        ...

    def move(self, name: str, to: str, expected: str | None = None) -> bool:
        """Let a file take the place of another at one moment; whether it was there to be moved. Where `expected` is
        given and what stands at `to` has another mark (empty: there is nothing), that one stays, as far as the place
        can tell: `DV-357`."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def settle(self) -> None:
        """Make what was moved durable."""
        ...

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a small file, and its mark; both empty where there is none."""
        ...

    def publish(self, name: str, content: bytes, mark: str) -> str:
        """Replace a small file durably at one moment, and give its new mark. Where the place can tell that it is no
        longer the one of the mark given, `Overdue`."""
        ...

    def locked(self, name: str, timeout_s: float) -> AbstractContextManager[None]:
        """Be the only one who holds that lock; `Overdue` where another one keeps it so long."""
        ...

    def promises(self) -> Sequence[tuple[str, str, str]]:
        """What an operator must know of it: lines as the doctor's."""
        ...

    def close(self) -> None:
        """Give back connections and copies."""
        ...


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder of this machine."""

    home: Path

    @property
    def words(self) -> str:
        """Its path."""
        return str(self.home)

    def entries(self, within: str = "") -> Sequence[Entry]:
        """Its files, or those of a folder in it, by name."""
        with faults(self.home.name):
            self._check()
            found = sorted((one for one in os.scandir(self.home / within) if one.is_file()), key=lambda one: one.name)
            return [_entry(one.name, one.stat()) for one in found]

    def entry(self, name: str) -> Entry | None:
        """One file, or that there is none."""
        path = self.home / name
        with faults(name):
            return _entry(name, path.stat()) if path.is_file() else None

    def near(self, name: str) -> Path:
        """The file itself."""
        return self.home / name

    def beside(self, name: str) -> Path:
        """The file itself."""
        return self.home / name

    def keep(self, name: str) -> None:
        """Wait until the disk has it."""
        with faults(name), (self.home / name).open("rb") as file:
            os.fsync(file.fileno())

    def move(self, name: str, to: str, expected: str | None = None) -> bool:
        """Rename it, with the rights of the one that stood there."""
        old, new = self.home / to, self.home / name
        with faults(to):
            if not new.exists():
                return False
            with suppress(OSError):
                new.chmod(old.stat().st_mode & 0o7777)
            if expected is None:
                new.replace(old)
            else:
                swap(new, old, expected)
        return True

    def remove(self, name: str) -> None:
        """Remove it."""
        with faults(name):
            (self.home / name).unlink(missing_ok=True)

    def settle(self) -> None:
        """Wait until the disk knows its names."""
        with faults(self.home.name):
            number = os.open(self.home, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)

    def read(self, name: str) -> tuple[bytes, str]:
        """The content; a mark is not needed, since the lock is the disk's own."""
        path = self.home / name
        with faults(name):
            return (path.read_bytes() if path.exists() else b""), ""

    def publish(self, name: str, content: bytes, mark: str) -> str:
        """Write it beside and rename it: after this it is the new one, before it the old one, whatever dies."""
        beside = self.home / f"{name}.new"
        with faults(name):
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.home / name)
        self.settle()
        return mark

    @contextmanager
    def locked(self, name: str, timeout_s: float) -> Iterator[None]:
        """Hold the operating system's lock, which ends with the program."""
        import fcntl

        until = time.monotonic() + timeout_s
        with faults(name):
            self._check()
            number = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Overdue(f"another writer held the files for {timeout_s:g} s", where=name) from None
                    time.sleep(_PAUSE_S)
                except OSError as error:
                    raise AccessDenied("files on this disk cannot be locked", where=name) from error
            yield
        finally:
            os.close(number)

    def promises(self) -> Sequence[tuple[str, str, str]]:
        """Everything is held."""
        words = "files and ledger change together by one renaming; the lock ends with the program that holds it"
        return [("writing", "ok", words)]

    def close(self) -> None:
        """Nothing is kept open."""

    def _check(self) -> None:
        if not self.home.is_dir():
            raise Unreachable(
                f"the folder {self.home.name} is not there",
                where=str(self.home),
                hint="check the path; a relative one counts from the project's folder",
            )


def _entry(name: str, status: os.stat_result) -> Entry:
    mark = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return Entry(name, status.st_size, mark, status.st_mtime)


@contextmanager
def faults(where: str) -> Iterator[None]:
    """Errors of the operating system leave as Dovetail's."""
    try:
        yield
    except OSError as error:
        if error.errno in (28, 122):
            raise Full("no room left for the file", where=where) from error
        if error.errno not in (1, 13, 30):
            raise Unreachable(f"the file cannot be used: {error.strerror or error}", where=where) from error
        hint = "let this account read (and, for a target, write) the file and its folder"
        raise AccessDenied("the file or its folder may not be used", where=where, hint=hint) from error
