"""A folder that is not on this machine: files are fetched whole, written whole, and moved to their names there."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from dovetail.errors import AccessDenied, Overdue, SchemaDrift, SystemFault, Unreachable
from dovetail.systems.files.lease import Lease, held
from dovetail.systems.files.place import Entry, faults
from dovetail.systems.files.swap import displaced

_TRIES = 3
_COPIES = 2
LEASE_S = 20.0
"""A writer that did not renew its lock for so long has lost it."""


class Peer(Protocol):
    """The verbs of one protocol, for the files of one folder. Errors leave as Dovetail's, never with a secret."""

    words: str
    coarse_s: float
    """Within so many seconds a file may change twice and have the same mark."""

    def entries(self, within: str) -> Sequence[Entry]:
        """The files of the folder, or of one in it, by name."""
        ...

    def entry(self, name: str) -> Entry | None:
        """One file, or that there is none."""
        ...

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to a path of this machine."""
        ...

    def send(self, path: Path, name: str) -> None:
        """Write a file of this machine there, durably."""
        ...

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a small file, and its mark; both empty where there is none."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file, only where there is none; whether it was written."""
        ...

    def renew(self, name: str, content: bytes, mark: str) -> bool:
        """Write a small file again, only where it still has that mark; whether it had."""
        ...

    def usurp(self, name: str, content: bytes, mark: str) -> bool:
        """Remove a small file, only where it still is the one that was read; whether it was."""
        ...

    def publish(self, name: str, content: bytes, mark: str) -> str | None:
        """Replace a small file at one moment; its new mark, or `None` where it no longer had the mark given."""
        ...

    def move(self, name: str, to: str) -> bool:
        """Let a file take the place of another at one moment; whether it was there."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def refusal(self) -> str:
        """Why writers cannot be kept apart there; empty where they can. It is tried, with a small file."""
        ...

    def promise(self) -> tuple[str, str, str]:
        """What holds when files are written there: a line of the doctor's."""
        ...

    def twin(self) -> Peer:
        """The same folder, for another thread: what takes long here does not hold that one up."""
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of a file in one state; it is sure when no later state can have the same mark."""

    entry: Entry
    path: Path
    is_sure: bool


class Far:
    """The place of a peer: a temporary folder of this machine holds copies of its files, each verified."""

    def __init__(self, peer: Peer, *, is_sole: bool, lease_s: float = LEASE_S) -> None:
        self._peer, self._is_sole, self._lease_s = peer, is_sole, lease_s
        self._copies: dict[str, list[_Copy]] = {}
        self._seen: dict[Entry, float] = {}
        self._lease: Lease | None = None
        self._keeper: Peer | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0
        self._is_tried = False

    @property
    def words(self) -> str:
        """Its address, without account and password."""
        return self._peer.words

    def entries(self, within: str = "") -> Sequence[Entry]:
        """Its files, by name."""
        return sorted(self._peer.entries(within), key=lambda one: one.name)

    def entry(self, name: str) -> Entry | None:
        """One file, or that there is none."""
        return self._peer.entry(name)

    def near(self, name: str) -> Path:
        """A copy, which is the file as it was at one moment: size and mark are the same before and after."""
        entry = self._present(name)
        known = self._copies.setdefault(name, [])
        for one in known:
            if one.entry == entry and one.is_sure:
                return one.path
        for _ in range(_TRIES):
            path = self._fresh() / PurePosixPath(name).name
            is_sure = time.monotonic() - self._seen[entry] >= self._peer.coarse_s
            self._peer.fetch(name, path)
            before, entry = entry, self._present(name)
            if before == entry and path.stat().st_size == entry.size:
                known.append(_Copy(entry, path, is_sure=is_sure))
                for old in known[:-_COPIES]:
                    shutil.rmtree(old.path.parent, ignore_errors=True)
                del known[:-_COPIES]
                return path
            shutil.rmtree(path.parent, ignore_errors=True)
        raise Unreachable(
            "the file changed whenever it was fetched",
            where=name,
            hint="let its writer write under another name and rename it when it is whole",
            code="DV-351",
        )

    def beside(self, name: str) -> Path:
        """A path in the temporary folder."""
        folder = self._home() / "new"
        folder.mkdir(exist_ok=True)
        return folder / name

    def keep(self, name: str) -> None:
        """Send it, and look at what arrived."""
        path = self.beside(name)
        self._peer.send(path, name)
        found = self._peer.entry(name)
        if found is None or found.size != path.stat().st_size:
            raise Unreachable("the file did not arrive whole", where=name)

    def move(self, name: str, to: str, expected: str | None = None) -> bool:
        """Let it take the other's place, where the other still has the mark; it is looked at right before."""
        if self._peer.entry(name) is None:
            return False
        if expected is not None:
            found = self._peer.entry(to)
            if (found.mark if found is not None else "") != expected and not self._are_same(name, to):
                raise displaced(to)
        self._copies.pop(to, None)
        return self._peer.move(name, to)

    def remove(self, name: str) -> None:
        """Remove it, here and there."""
        self._peer.remove(name)
        if self._folder is not None:
            self.beside(name).unlink(missing_ok=True)

    def settle(self) -> None:
        """What the peer has answered is durable."""

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a small file, and its mark."""
        return self._peer.read(name)

    def publish(self, name: str, content: bytes, mark: str) -> str:
        """Replace it, only where nobody else has done so since, and only while the lock is ours."""
        if self._lease is not None and not self._lease.is_ours():
            raise Overdue("another writer took the files over", where=name)
        found = self._peer.publish(name, content, mark)
        if found is None:
            raise Overdue("another writer has written meanwhile", where=name)
        return found

    @contextmanager
    def locked(self, name: str, timeout_s: float) -> Iterator[None]:
        """Hold a lock file, renewed while the block lasts."""
        self._try()
        self._keeper = self._keeper or self._peer.twin()
        lease = Lease(self._keeper, name, self._lease_s)
        with held(lease, timeout_s):
            self._lease = lease
            try:
                yield
            finally:
                self._lease = None

    def promises(self) -> Sequence[tuple[str, str, str]]:
        """What holds there."""
        reading = "a file is fetched whole; its size and its mark must be the same before and after"
        if self._peer.coarse_s:
            reading += " (marks are whole seconds: a change within one that keeps the size is seen the next time)"
        try:
            refusal = self._peer.refusal()
        except AccessDenied:
            return [("reading", "ok", reading), ("writing", "warn", "this account may not write there")]
        if not refusal:
            return [("reading", "ok", reading), self._peer.promise()]
        verdict = "warn" if self._is_sole else "bad"
        rest = "it was declared that nobody else writes there" if self._is_sole else "nothing is written there"
        return [("reading", "ok", reading), ("writing", verdict, f"{refusal}; {rest}")]

    def close(self) -> None:
        """Give back the connections and remove the copies."""
        self._peer.close()
        if self._keeper is not None:
            self._keeper.close()
        self._copies.clear()
        if self._folder is not None:
            with faults(self.words):
                self._folder.cleanup()
            self._folder = None

    def _try(self) -> None:
        if self._is_tried:
            return
        refusal = "" if self._is_sole else self._peer.refusal()
        if refusal:
            raise SystemFault(
                f"{refusal}, so nothing is written there",
                where=self.words,
                hint="declare `sole_writer: yes` under `access:` if no other program writes there",
                code="DV-352",
            )
        self._is_tried = True

    def _are_same(self, name: str, to: str) -> bool:
        """Whether both hold the same: then an earlier try got as far as copying."""
        one, other = self._peer.entry(name), self._peer.entry(to)
        if one is None or other is None or one.size != other.size:
            return False
        return one.mark == other.mark or filecmp.cmp(self.near(name), self.near(to), shallow=False)

    def _present(self, name: str) -> Entry:
        found = self._peer.entry(name)
        if found is None:
            raise SchemaDrift("the file is not there any more", where=name)
        if found not in self._seen:
            self._seen = {one: at for one, at in self._seen.items() if one.name != name}
            self._seen[found] = time.monotonic()
        return found

    def _home(self) -> Path:
        if self._folder is None:
            with faults(tempfile.gettempdir()):
                self._folder = tempfile.TemporaryDirectory(prefix="dovetail-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    def _fresh(self) -> Path:
        self._count += 1
        path = self._home() / str(self._count)
        path.mkdir()
        return path
