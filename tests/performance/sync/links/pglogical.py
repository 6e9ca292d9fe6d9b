"""pglogical, as Debian ships it."""

from __future__ import annotations

from pathlib import Path

from tests.performance.sync.links.link import ONE_WAY, TWO_WAY, InServer
from tests.performance.sync.links.native import flows
from tests.performance.sync.pair import PRODUCT, SIDES, Pair, Servers, wait_until

_STATUS = "SELECT status FROM pglogical.show_subscription_status('bench')"
_SLOTS_IDLE = "SELECT count(*) = 0 FROM pg_replication_slots WHERE active AND database = '{name}'"
_LIMIT_S = 60.0


class Pglogical(InServer):
    """A node at each side, and a subscription in each direction that forwards nothing which came from elsewhere."""

    name = "pglogical 2.4.2"
    forms = (PRODUCT, PRODUCT)
    directions = (ONE_WAY, TWO_WAY)

    def missing(self, servers: Servers) -> str:
        return "" if "pglogical" in servers.libraries else "apt-get install postgresql-15-pglogical"

    def make(self, pair: Pair, direction: str, folder: Path) -> None:
        for side in SIDES:
            pair.run(
                side,
                "CREATE EXTENSION pglogical",
                f"SELECT pglogical.create_node('{side}', '{pair.url(side)}')",
                "SELECT pglogical.replication_set_add_table('default', 'product')",
            )
        for source, target in flows(direction):
            pair.run(
                target,
                f"SELECT pglogical.create_subscription('bench', '{pair.url(source)}', ARRAY['default'], "
                "synchronize_structure := false, synchronize_data := false, forward_origins := '{}')",
            )
        for _, target in flows(direction):
            self._await(pair, target, "replicating")

    def start(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, "SELECT pglogical.alter_subscription_enable('bench', immediate := true)")

    def stop(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, "SELECT pglogical.alter_subscription_disable('bench', immediate := true)")
        for source, target in flows(direction):
            self._await(pair, target, "disabled")
            idle = _SLOTS_IDLE.format(name=pair.name)
            wait_until(lambda source=source, idle=idle: pair.value(source, idle), _LIMIT_S)

    def remove(self, pair: Pair, direction: str) -> None:
        for _, target in flows(direction):
            pair.run(target, "SELECT pglogical.drop_subscription('bench', ifexists := true)")
        for side in SIDES:
            pair.run(side, f"SELECT pglogical.drop_node('{side}', ifexists := true)", "DROP EXTENSION pglogical")

    def _await(self, pair: Pair, target: str, status: str) -> None:
        wait_until(lambda: pair.value(target, _STATUS) == status, _LIMIT_S)
