"""The leases of one process: which mappings it works on, while others stand by.

No clock is compared with another machine's. A holder renews its lease each third of its time; whoever stands by takes
it over once it has seen it unrenewed for all of that time, by its own clock. A lease only saves two processes the
fight: that the former holder writes nothing any more is the fence's doing."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from dovetail.errors import StateFault
from dovetail.state.leases import Lease, Leases
from dovetail.state.store import Store

TTL_S = 10.0
"""Seconds after which a lease that was not renewed belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, in a text that tells others where it runs."""

    host: str
    pid: int
    mark: str

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.mark}"

    @property
    def words(self) -> str:
        """Where it runs, for a person."""
        return f"process {self.pid} on {self.host.partition('.')[0]}"


def this_process() -> Holder:
    """A holder that is nobody else. Its host names the machine's boot and the space of process numbers too: where they
    are the same, a process that is not found there is dead."""
    place = [socket.gethostname()]
    with suppress(OSError):
        place.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8])
        place.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return Holder(".".join(place), os.getpid(), uuid4().hex[:8])


def read_holder(text: str) -> Holder:
    """The holder that `str` wrote; of another text, one that runs nowhere.

    >>> read_holder("ada/17/0f").words
    'process 17 on ada'
    """
    host, pid, mark = (*text.split("/"), "", "")[:3]
    return Holder(host, int(pid) if pid.isdigit() else 0, mark)


class Tenancy:
    """The leases of `holder`. `clock` says seconds that only grow. Threads may share it."""

    def __init__(self, leases: Leases, holder: Holder, *, clock: Callable[[], float], ttl_s: float = TTL_S) -> None:
        self.holder = holder
        self.ttl_s = ttl_s
        self._leases = leases
        self._clock = clock
        self._epochs: dict[str, int] = {}
        self._seen: dict[str, tuple[Lease, float]] = {}
        self._renewed = clock()
        self._lock = threading.Lock()

    @property
    def held(self) -> frozenset[str]:
        """The mappings that are ours, as far as we know."""
        with self._lock:
            return frozenset(self._epochs)

    def told(self, part: str) -> str:
        """Who works on what we asked for and did not get, in words."""
        with self._lock:
            known = self._seen.get(part)
        who = read_holder(known[0].holder).words if known is not None else "another process"
        return f"{who} works on it"

    def claim(self, wanted: Collection[str]) -> frozenset[str]:
        """Ask for leases; those of them that are ours from now on and were not before."""
        with self._lock:
            missing = [part for part in wanted if part not in self._epochs]
            if not missing:
                return frozenset()
            standing = {lease.partition: lease for lease in self._leases.some(missing)}
            gained = [part for part in missing if self._take(part, standing.get(part))]
            return frozenset(gained)

    def seize(self, wanted: Collection[str]) -> None:
        """Take leases over from whoever holds them: what a person asks for goes before what runs by itself."""
        with self._lock:
            for part in wanted:
                while part not in self._epochs:
                    standing = self._leases.some([part])
                    if not standing:
                        self._take(part, None)
                        continue
                    epoch = self._leases.replace(standing[0], str(self.holder), self.ttl_s)
                    if epoch is not None:
                        self._epochs[part] = epoch

    def _take(self, part: str, lease: Lease | None) -> bool:
        if lease is None:
            epoch = self._leases.acquire(part, str(self.holder), self.ttl_s)
        elif self._is_free(part, lease):
            epoch = self._leases.replace(lease, str(self.holder), self.ttl_s)
        else:
            return False
        if epoch is None:
            return False
        self._epochs[part] = epoch
        self._seen.pop(part, None)
        return True

    def _is_free(self, part: str, lease: Lease) -> bool:
        """Whether the lease is ours, or its holder gave it up, died on this machine, or was not seen to renew it for
        all its time."""
        former = read_holder(lease.holder)
        if former == self.holder or not lease.holder:
            return True
        if former.host == self.holder.host and not is_alive(former.pid):
            return True
        known = self._seen.get(part)
        if known is None or known[0] != lease:
            self._seen[part] = (lease, self._clock())
            return False
        return self._clock() - known[1] >= self.ttl_s

    def renew(self) -> frozenset[str]:
        """Let our leases last longer; those that are somebody else's by now."""
        with self._lock:
            if not self._epochs:
                return frozenset()
            lost = self._leases.renew_all(self._epochs, str(self.holder), self.ttl_s)
            self._renewed = self._clock()
            self._epochs = {part: epoch + 1 for part, epoch in self._epochs.items() if part not in lost}
            return frozenset(lost)

    def is_due(self) -> bool:
        """Whether a third of the time is over since the last renewal."""
        return self._clock() - self._renewed >= self.ttl_s / 3

    def leave(self, part: str) -> None:
        """Give one lease up, if it is ours: anybody may take it at once."""
        with self._lock:
            epoch = self._epochs.pop(part, None)
            if epoch is not None:
                self._leases.give_up(part, str(self.holder), epoch=epoch)

    def leave_all(self) -> None:
        """Give every lease up."""
        for part in self.held:
            self.leave(part)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the leases in a thread of its own until the end of the block; long work does not lose them."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(self.ttl_s / 3):
                try:
                    self.renew()
                except StateFault:
                    continue  # tried again a third later; whoever takes a lease over meanwhile fences us

        thread = threading.Thread(target=keep, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextmanager
def seized(store: Store, names: Collection[str]) -> Iterator[None]:
    """Let a person's command work on mappings until the end of the block; a running sync leaves them, and comes back
    afterwards."""
    tenancy = Tenancy(store.leases, this_process(), clock=time.monotonic)
    tenancy.seize(names)
    with tenancy.kept():
        try:
            yield
        finally:
            with suppress(StateFault):
                tenancy.leave_all()


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
