"""A small disk for systems that are files: it can be filled up, and writing on it can be forbidden."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dovetail.systems.protocol import Target

_MEGABYTES = 8
_LEFT_BYTES = 262_144
_SMALL_BYTES = 393_216


@contextmanager
def small_disk(again: Callable[..., Target], path: Path) -> Iterator[SmallDisk]:
    """A connector to the same files as they are now, copied to a small disk. Only root can have a real one; for anybody
    else files can be no longer than some hundred thousand bytes while it is full."""
    with tempfile.TemporaryDirectory(prefix="dovetail-small-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        is_real = _mounted(folder)
        try:
            place = folder / "system" if path.is_dir() else folder / path.name
            if path.is_dir():
                shutil.copytree(path, place)
            elif path.exists():
                shutil.copy(path, place)
            disk = SmallDisk(again(path=place), folder, is_real)
            try:
                yield disk
            finally:
                disk.mend()
                disk.system.close()
        finally:
            if is_real:
                subprocess.run(["umount", "-l", name], capture_output=True, check=False)  # noqa: S603, S607


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m,mode=0777", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own folder


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A system of files on a disk of its own; `is_real` says whether it is one, or only a bound on files."""

    system: Target
    folder: Path
    is_real: bool

    def fill(self) -> None:
        """Leave no room, but for some hundred thousand bytes."""
        if self.is_real:
            room = os.statvfs(self.folder)
            with (self.folder / "filler").open("wb") as filler:
                os.posix_fallocate(filler.fileno(), 0, max(room.f_bavail * room.f_frsize - _LEFT_BYTES, 1))
        else:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL_BYTES, most))

    def forbid(self) -> None:
        """Let nobody write."""
        self.system.close()
        if self.is_real:
            self._remount("ro")
            return
        for path in (*self.folder.rglob("*"), self.folder):
            path.chmod(0o500 if path.is_dir() else 0o400)

    def mend(self) -> None:
        """Give room and rights back."""
        if self.is_real:
            self._remount("rw")
            (self.folder / "filler").unlink(missing_ok=True)
            return
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)

    def _remount(self, how: str) -> None:
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - our own folder
