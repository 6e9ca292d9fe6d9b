"""Who may work on a partition, until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dovetail.state.database import Clock, Database, Row, moment, stamp

_GET = "SELECT holder, epoch, until FROM leases WHERE part = ? FOR UPDATE"
_NEW = "INSERT INTO leases (part, holder, epoch, until) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
_TAKE = "UPDATE leases SET holder = ?, epoch = epoch + 1, until = ? WHERE part = ?"
_RENEW = "UPDATE leases SET until = ? WHERE part = ? AND holder = ? AND epoch = ? AND until > ?"
_KEEP = "UPDATE leases SET until = ?, epoch = epoch + 1 WHERE part = ? AND holder = ? AND epoch = ?"
_GIVE_UP = "UPDATE leases SET holder = '' WHERE part = ? AND holder = ? AND epoch = ?"
_RELEASE = "UPDATE leases SET until = ? WHERE part = ? AND holder = ? AND epoch = ? AND until > ?"
_LIST = "SELECT part, holder, epoch, until FROM leases ORDER BY part"
_SOME = "SELECT part, holder, epoch, until FROM leases WHERE part IN TEXTS(?) ORDER BY part"
_REPLACE = """UPDATE leases SET holder = ?, epoch = epoch + 1, until = ?
WHERE part = ? AND holder = ? AND epoch = ? AND until = ?"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A holder's right to a partition; it ends by itself at `until`."""

    partition: str
    holder: str
    epoch: int
    until: dt.datetime


class Leases:
    """One holder at most for each partition; each new lease has a higher epoch."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, partition: str, holder: str, ttl_s: float) -> int | None:
        """The epoch of the new lease, or `None` while somebody else's lasts. A holder that asks again gets a new
        epoch."""
        now = self._clock()
        until = stamp(now + dt.timedelta(seconds=ttl_s))
        with self._database.transaction():
            if self._database.run(_NEW, partition, holder, until):
                return 1
            ((standing, epoch, lasts),) = self._database.rows(_GET, partition)
            if standing != holder and lasts > stamp(now):
                return None
            self._database.run(_TAKE, holder, until, partition)
            return int(epoch) + 1

    def renew(self, partition: str, holder: str, *, epoch: int, ttl_s: float) -> bool:
        """Make the lease last longer; false when it is over or somebody else's."""
        now = self._clock()
        until = stamp(now + dt.timedelta(seconds=ttl_s))
        return self._database.run(_RENEW, until, partition, holder, epoch, stamp(now)) > 0

    def release(self, partition: str, holder: str, *, epoch: int) -> bool:
        """End the lease now; false when it was over or somebody else's."""
        now = stamp(self._clock())
        return self._database.run(_RELEASE, now, partition, holder, epoch, now) > 0

    def replace(self, known: Lease, holder: str, ttl_s: float) -> int | None:
        """Take a lease over whatever its time; the new epoch, or `None` where it is no longer as it was known."""
        until = stamp(self._clock() + dt.timedelta(seconds=ttl_s))
        taken = self._database.run(
            _REPLACE, holder, until, known.partition, known.holder, known.epoch, stamp(known.until)
        )
        return known.epoch + 1 if taken else None

    def renew_all(self, epochs: Mapping[str, int], holder: str, ttl_s: float) -> tuple[str, ...]:
        """Give the leases of these epochs their next epoch, whatever their time: whoever looks sees that they were
        renewed. Returns the partitions that are somebody else's."""
        until = stamp(self._clock() + dt.timedelta(seconds=ttl_s))
        with self._database.transaction():
            return tuple(
                part for part, epoch in epochs.items() if not self._database.run(_KEEP, until, part, holder, epoch)
            )

    def give_up(self, partition: str, holder: str, *, epoch: int) -> bool:
        """Leave the lease to anybody, whatever its time; false where it was somebody else's."""
        return self._database.run(_GIVE_UP, partition, holder, epoch) > 0

    def some(self, partitions: Sequence[str]) -> tuple[Lease, ...]:
        """The leases of these partitions, as far as there ever were any."""
        return _leases(self._database.rows(_SOME, [*partitions]))

    def list(self) -> tuple[Lease, ...]:
        """Every lease that ever was, by partition."""
        return _leases(self._database.rows(_LIST))


def _leases(found: Iterable[Row]) -> tuple[Lease, ...]:
    return tuple(Lease(part, holder, epoch, moment(until)) for part, holder, epoch, until in found)
