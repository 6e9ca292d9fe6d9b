"""Who may work on a partition, until when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dovetail.state.database import Clock, Database, moment, stamp

_GET = "SELECT holder, epoch, until FROM leases WHERE part = ? FOR UPDATE"
_NEW = "INSERT INTO leases (part, holder, epoch, until) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
_TAKE = "UPDATE leases SET holder = ?, epoch = epoch + 1, until = ? WHERE part = ?"
_RENEW = "UPDATE leases SET until = ? WHERE part = ? AND holder = ? AND epoch = ? AND until > ?"
_RELEASE = "UPDATE leases SET until = ? WHERE part = ? AND holder = ? AND epoch = ? AND until > ?"
_LIST = "SELECT part, holder, epoch, until FROM leases ORDER BY part"


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

    def list(self) -> tuple[Lease, ...]:
        """Every lease that ever was, by partition."""
        found = self._database.rows(_LIST)
        return tuple(Lease(part, holder, epoch, moment(until)) for part, holder, epoch, until in found)
