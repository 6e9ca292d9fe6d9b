"""The MariaDB and MySQL connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.mariadb.address import Address, parse
from dovetail.systems.connectors.mariadb.pool import Sessions

WAYS = ("auto", "triggers", "binlog", "none")
"""How changes may be noted."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Connector:
    """Reads and writes the tables of one MariaDB (10.6 or later) or MySQL (8.0 or later) database.

    Reading happens in one snapshot, writing in transactions at the level READ COMMITTED and in strict mode. May be used
    from several threads.
    """

    url: str
    """Where the database is: `mariadb://user:password@host:3306/database`, or with `mysql://`."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most, waiting for locks included; while rows are read, until the next batch."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timezone: str | None = None
    """The zone of stamps that are stored without one (DATETIME), such as `Europe/Berlin`; they are carried as they
    stand."""
    tinyint_1: str = "boolean"
    """What a column declared TINYINT(1) holds: `boolean` (then other numbers than 0 and 1 cannot be read), or
    `integer`."""
    capture_by: str = "auto"
    """How changes are noted: by `triggers`, from the `binlog`, by `none` of them, or as it can be done best (`auto`)."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        parse(self.url)
        if self.timeout_s <= 0 or self.batch_rows < 1:
            raise DeclarationError("timeout_s and batch_rows must be above zero", where="mariadb", code="DV-315")
        for name, allowed in (("capture_by", WAYS), ("tinyint_1", ("boolean", "integer"))):
            if getattr(self, name) not in allowed:
                raise DeclarationError(f"{name} is one of: {', '.join(allowed)}", where=name, code="DV-315")
        try:
            ZoneInfo(self.timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            hint = "write it as in the IANA list, such as Europe/Berlin"
            raise DeclarationError("no such timezone", where="timezone", hint=hint, code="DV-315") from error

    def __repr__(self) -> str:
        return f"Connector(url='{self._address}', timeout_s={self.timeout_s:g})"

    @cached_property
    def _address(self) -> Address:
        return parse(self.url)

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self._address, timeout_s=self.timeout_s)

    # -------------------------------------------------------------------------------------------------------- other

    def close(self) -> None:
        """Close all connections that are not in use; the next call opens new ones."""
        self._sessions.close()
