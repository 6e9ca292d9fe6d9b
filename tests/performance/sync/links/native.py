"""PostgreSQL's own logical replication; both ways at once only where it can leave out what came from elsewhere (16)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.performance.sync.links.link import ONE_WAY, TWO_WAY, InServer
from tests.performance.sync.pair import PRODUCT, Pair, Servers, wait_until

_ORIGIN_SINCE = 16
_READY = "SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL"
_LIMIT_S = 60.0


def flows(direction: str) -> Iterator[tuple[str, str]]:
    """From which side to which."""
    yield "a", "b"
    if direction == TWO_WAY:
        yield "b", "a"


class Native(InServer):
    """Publications and subscriptions."""

    name = "native"
    forms = (PRODUCT, PRODUCT)

    def __init__(self, version: str) -> None:
        release = version.partition(".")[0]
        self.name = f"native, PostgreSQL {release}"
        self._loops = int(release) >= _ORIGIN_SINCE
        self.directions = (ONE_WAY, TWO_WAY) if self._loops else (ONE_WAY,)

    def missing(self, servers: Servers) -> str:
        return ""

    def make(self, pair: Pair, direction: str, folder: Path) -> None:
        origin = ", origin = none" if self._loops else ""
        for source, target in flows(direction):
            pair.run(source, "CREATE PUBLICATION bench FOR TABLE product")
            pair.run(
                target,
                f"CREATE SUBSCRIPTION {self._subscription(pair, target)} CONNECTION '{pair.url(source)}' PUBLICATION bench "
                f"WITH (copy_data = false, synchronous_commit = 'on', slot_name = '{pair.name}_{target}'{origin})",
            )
        self._await(pair, direction)

    def start(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, f"ALTER SUBSCRIPTION {self._subscription(pair, target)} ENABLE")

    def stop(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, f"ALTER SUBSCRIPTION {self._subscription(pair, target)} DISABLE")
        for source, target in flows(direction):
            idle = f"SELECT count(*) = 0 FROM pg_replication_slots WHERE active AND slot_name = '{pair.name}_{target}'"
            wait_until(lambda source=source, idle=idle: pair.value(source, idle), _LIMIT_S)

    def remove(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, f"DROP SUBSCRIPTION IF EXISTS {self._subscription(pair, target)}")

    def _subscription(self, pair: Pair, target: str) -> str:
        return f"{pair.name}_{target}"

    def _await(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            wait_until(lambda target=target: pair.value(target, _READY), _LIMIT_S)
