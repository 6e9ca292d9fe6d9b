"""A lock where the system has none: a file that its holder renews, and that others may take when it is not."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from dovetail.errors import DovetailError, Overdue

_PAUSE_S = 0.05


class Keys(Protocol):
    """What a place must be able to do with the small file that is the lock."""

    def read(self, name: str) -> tuple[bytes, str]:
        """Its content and its mark; both empty where there is none."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Make it, only where there is none; whether it was made."""
        ...

    def renew(self, name: str, content: bytes, mark: str) -> bool:
        """Write it again, only where it still has that mark; whether it had."""
        ...

    def usurp(self, name: str, content: bytes, mark: str) -> bool:
        """Remove it, only where it still is the one that was read; whether it was."""
        ...

    def remove(self, name: str) -> None:
        """Remove it."""
        ...


class Lease:
    """One holding of the lock: a token of ours, followed by a number that grows with every renewal."""

    def __init__(self, keys: Keys, name: str, lease_s: float) -> None:
        self._keys, self._name, self._lease_s = keys, name, lease_s
        self._token = secrets.token_hex(12).encode()
        self._ended = threading.Event()

    def take(self, timeout_s: float) -> None:
        """Wait until the lock is ours: it was free, or its holder did not renew it for a whole lease."""
        until = time.monotonic() + timeout_s
        seen, since = b"", 0.0
        while not self._keys.create(self._name, self._token + b" 0"):
            now = time.monotonic()
            found, mark = self._keys.read(self._name)
            if found != seen:
                seen, since = found, now
            elif found and now - since > self._lease_s:
                self._keys.usurp(self._name, found, mark)
                continue
            if now > until:
                raise Overdue(f"another writer held the files for {timeout_s:g} s", where=self._name)
            time.sleep(_PAUSE_S)

    def is_ours(self) -> bool:
        """Whether the lock still is this one."""
        return self._keys.read(self._name)[0].startswith(self._token)

    def keep_up(self) -> None:
        """Renew it from time to time until `end`; gives up quietly once it is somebody else's."""
        number = 0
        while not self._ended.wait(self._lease_s / 4):
            number += 1
            with suppress(DovetailError):
                found, mark = self._keys.read(self._name)
                if not found.startswith(self._token):
                    return
                self._keys.renew(self._name, self._token + f" {number}".encode(), mark)

    def end(self) -> None:
        """Give it back, if it is still ours."""
        self._ended.set()
        with suppress(DovetailError):
            if self.is_ours():
                self._keys.remove(self._name)


@contextmanager
def held(lease: Lease, timeout_s: float) -> Iterator[None]:
    """Hold the lock until the end of the block."""
    lease.take(timeout_s)
    renewing = threading.Thread(target=lease.keep_up, name="dovetail-lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        lease.end()
        renewing.join()
