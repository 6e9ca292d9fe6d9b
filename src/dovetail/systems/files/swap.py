"""Lets a written file take the place of another at one moment, but never of one that was changed since it was read."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dovetail.errors import Unreachable
from dovetail.failpoints import Point, failpoint

EXCHANGE, KEEP = "exchange", "keep"
"""What a renaming does with a file that stands there already: let both change places, or refuse."""

_FLAGS = {"linux": {EXCHANGE: 2, KEEP: 1}, "darwin": {EXCHANGE: 2, KEEP: 4}}
_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}
_HERE = -100


def displaced(where: str) -> Unreachable:
    """That another program has changed the file since it was read; nothing was written, and another try reads it."""
    words = "another program replaced or changed the file while it was being written anew; nothing was overwritten"
    return Unreachable(words, where=where, hint="nothing to do: it is read and written again", code="DV-357")


def mark_of(path: Path) -> str:
    """What tells one state of a file from another; empty where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def is_same(one: str, other: str) -> bool:
    """Whether two marks are of the same state of a file, which may have come back from a backup meanwhile: then its
    number is another, its size and its time are not."""
    return one == other or (one.count(" ") == 3 and one.split(" ")[2:] == other.split(" ")[2:])


def swap(fresh: Path, place: Path, expected: str) -> None:
    """Let `fresh` stand at `place`, where a file of the mark `expected` stands (empty: none); `DV-357` where another
    one does, and then that one stays. Afterwards there is no `fresh` any more."""
    if not expected:
        _appear(fresh, place)
        return
    ours = mark_of(fresh)
    try:
        with watched(place) as watch:
            if watch.is_disturbed or mark_of(place) != expected:
                raise displaced(place.name)
            if not rename(fresh, place, EXCHANGE):
                fresh.replace(place)
                return
            failpoint(Point.FILES_EXCHANGED)
            if mark_of(fresh) != expected or watch.is_disturbed:
                put_back(fresh, place, ours)
                raise displaced(place.name)
            fresh.unlink()
    except FileNotFoundError as error:
        raise displaced(place.name) from error


def put_back(drop: Path, place: Path, ours: str) -> None:
    """Let what another program had put at `place` stand there again; it is at `drop` now, and ours of that mark at
    `place`. Where a newer one came meanwhile, that one stands there in the end."""
    awaited, inside = ours, mark_of(drop)
    while True:
        try:
            rename(drop, place, EXCHANGE)
        except FileNotFoundError:  # somebody took away what stood there
            _appear(drop, place)
            return
        out = mark_of(drop)
        if out == awaited:
            return
        awaited, inside = inside, out


def rename(old: Path, new: Path, how: str) -> bool:
    """Rename as `how` says; `False` where the system or the disk cannot. `FileNotFoundError` where one is not there,
    `FileExistsError` where one is to be kept."""
    flag = _FLAGS.get(sys.platform, {}).get(how)
    if flag is None:
        return False
    sys.audit("os.rename", old, new, -1, -1)
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(old), os.fsencode(new)
    if sys.platform == "darwin":
        known = getattr(library, "renamex_np", None)
        failed = known is None or known(*names, flag)
    else:
        known = getattr(library, "renameat2", None)
        failed = known is None or known(_HERE, names[0], _HERE, names[1], flag)
    if not failed:
        return True
    number = ctypes.get_errno() if known is not None else errno.ENOSYS
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(new))


def _appear(fresh: Path, place: Path) -> None:
    """Let a file stand where none does."""
    try:
        if not rename(fresh, place, KEEP):
            os.link(fresh, place)
            fresh.unlink()
    except FileExistsError as error:
        raise displaced(place.name) from error


@dataclass(slots=True)
class Watch:
    """Whether another program has a file open for writing, or tries to: it waits until the watch ends. Without
    `is_kept` the system, the disk or our rights cannot tell."""

    number: int
    is_kept: bool = False
    is_busy: bool = False

    @property
    def is_disturbed(self) -> bool:
        """Whether somebody writes, or waits for us to be able to."""
        if not self.is_kept:
            return self.is_busy
        import fcntl

        return fcntl.fcntl(self.number, fcntl.F_GETLEASE) != fcntl.F_RDLCK


@contextmanager
def watched(path: Path) -> Iterator[Watch]:
    """Watch over a file until the end of the block, by a lease of the operating system where there is such a thing."""
    watch = Watch(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        if sys.platform == "linux":
            import fcntl

            try:
                fcntl.fcntl(watch.number, fcntl.F_SETSIG, signal.SIGURG)  # a sign that nobody heeds
                fcntl.fcntl(watch.number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
                watch.is_kept = True
            except OSError as error:
                watch.is_busy = error.errno == errno.EAGAIN
        yield watch
    finally:
        os.close(watch.number)
