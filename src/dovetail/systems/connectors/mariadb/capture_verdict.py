"""How the changes of tables can be seen with the rights of this account, and what a person would have to grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Visibility
from dovetail.systems.connectors.mariadb.capture_memory import BINLOG, TRIGGERS
from dovetail.systems.connectors.mariadb.capture_tables import Table
from dovetail.systems.connectors.mariadb.capture_triggers import is_keyed, is_within, quoted
from dovetail.systems.connectors.mariadb.session import Session

NONE, AUTO = "none", "auto"
WAYS = (AUTO, TRIGGERS, BINLOG, NONE)
"""What a system's setting `capture_by` may say."""

_SETTINGS = (
    "SELECT @@log_bin, @@global.binlog_format, @@global.log_bin_trust_function_creators, @@global.binlog_row_image, "
    "@@global.read_only, current_user()"
)
_APPLIED = "SELECT @@global.gtid_slave_pos <> '', @@global.log_slave_updates"
_ROLES = "SELECT role_name FROM information_schema.enabled_roles WHERE role_name IS NOT NULL"
_GRANTED = """
SELECT grantee, privilege_type, '' FROM information_schema.user_privileges
UNION ALL SELECT grantee, privilege_type, '' FROM information_schema.schema_privileges WHERE ?1 LIKE table_schema
UNION ALL SELECT grantee, privilege_type, table_name FROM information_schema.table_privileges WHERE table_schema = ?1
"""
_READS_LOG = ("REPLICATION SLAVE", "REPLICATION MASTER")
_SHOWS_LOG = ("BINLOG MONITOR", "REPLICATION CLIENT")
_MAKES = ("CREATE", "DROP", "SELECT", "INSERT", "UPDATE", "DELETE")
_QUEUED = (
    "one more row is written for each row that changes, in the application's transaction, into a queue that grows "
    "while no sync reads it; "
    "the account {account} must stay, for its rights are the triggers'"
)
_QUEUED_BY_STATEMENT = "; with binlog_format = STATEMENT each such write is warned of (1592)"
_KEPT = (
    "the log of the whole server is sent to us; the server keeps it as long as expire_logs_days or "
    "binlog_expire_logs_seconds say"
)
_TRUNCATED = "TRUNCATE, unless the account may see it: GRANT PROCESS ON *.* TO {account};"
_ROLLED_BACK = "rows of a table without transactions ({engine}) that a transaction wrote which is rolled back"
_ELSEWHERE = "rows that a foreign key changes from a table of another database"
_REPLICATED = "rows that replication from another server applies"
_UNLOGGED = "rows written with sql_log_bin = 0"


@dataclass(frozen=True, slots=True)
class Account:
    """What this account may do on this server, and how the server is set."""

    name: str
    is_maria: bool
    has_log: bool
    log_format: str
    is_trusting: bool
    row_image: str
    is_read_only: bool
    is_applying: bool
    is_passing_on: bool
    rights: frozenset[tuple[str, str]]
    """Each right, and the table that it is for (empty: all)."""

    def may(self, right: str, table: str = "") -> bool:
        """Whether the account has a right, for all or for one table."""
        return (right, "") in self.rights or (right, table) in self.rights

    @property
    def sees_numbers(self) -> bool:
        """Whether the engine's own numbers of tables can be seen, which tell a truncation."""
        return self.may("PROCESS")

    def no_making(self, database: str) -> tuple[str, str]:
        """Why nothing can be made here, and what a person would have to do; empty where it can."""
        if self.is_read_only and not (self.may("SUPER") or self.may("READ_ONLY ADMIN")):
            return "the server is read-only", "name the primary in the URL"
        missing = [right for right in _MAKES if not self.may(right)]
        if missing:
            words = f"GRANT {', '.join(_MAKES)} ON {quoted(database)}.* TO {self.name};"
            return f"the account may not {', '.join(missing)} in the database {database}", words
        return "", ""

    def no_log(self) -> tuple[str, str]:
        """Why the log cannot be read, and what a person would have to do; empty where it can."""
        if not self.is_maria:
            return "only MariaDB says how far its log has become visible", ""
        if not self.has_log:
            return "the server writes no binary log", "start the server with log_bin"
        if self.log_format != "ROW":
            return (
                f"binlog_format is {self.log_format}",
                "SET GLOBAL binlog_format = ROW; and let the applications connect anew",
            )
        if not (any(map(self.may, _READS_LOG)) and any(map(self.may, _SHOWS_LOG))):
            return "the account may not read the log", f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {self.name};"
        return "", ""

    def no_trigger(self, of: Table, database: str) -> tuple[str, str]:
        """Why no trigger can be made for a table, and what a person would have to do."""
        above = [path[-1].parent for path in of.paths if path[-1].is_here]
        for name in (of.name, *above):
            if not self.may("TRIGGER", name):
                words = f"GRANT TRIGGER ON {quoted(database)}.{quoted(name)} TO {self.name};"
                return f"the account may not make triggers on {name}", words
        if self.has_log and not self.is_trusting and not self.may("SUPER"):
            words = f"SET GLOBAL log_bin_trust_function_creators = 1; or GRANT SUPER ON *.* TO {self.name};"
            return "the server lets only SUPER make triggers while it writes a binary log", words
        return "", ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said about tables, asked for by the setting `capture_by`."""

    setting: str
    account: Account
    database: str
    tables: Mapping[str, Table]

    def hindrance(self, name: str, way: str) -> tuple[str, str]:
        """Why the changes of a dataset cannot be seen that way, and what a person would have to do."""
        table = self.tables.get(name)
        if table is None:
            return "it is not there, or is a query or a view", ""
        general = self.account.no_making(self.database)
        if way == BINLOG and not general[0]:
            general = self.account.no_log()
        if general[0]:
            return general
        if way == TRIGGERS:
            return self.account.no_trigger(table, self.database)
        if self.account.row_image == "MINIMAL" and table.key != table.primary:
            return (
                "binlog_row_image is MINIMAL, and the key is not the primary key",
                "SET GLOBAL binlog_row_image = FULL;",
            )
        if table.parts and not all(part.is_known() for part in table.parts):
            return "a part of its key is of a type that the log is not read for", ""
        return "", ""

    def ways(self, datasets: list[Dataset]) -> str:
        """The best way that all these datasets allow, or `""`.

        The log does not tell which rows a foreign key deletes or changes; triggers do."""
        asked = {AUTO: (BINLOG, TRIGGERS), NONE: ()}.get(self.setting, (self.setting,))
        if self.setting == AUTO and any(self.tables[one.name].paths for one in datasets if one.name in self.tables):
            asked = (TRIGGERS, BINLOG)
        return next((way for way in asked if not any(self.hindrance(one.name, way)[0] for one in datasets)), "")

    def of(self, dataset: Dataset) -> Visibility:
        """The verdict on one dataset."""
        table = self.tables.get(dataset.name)
        way = self.ways([dataset])
        if way and table is not None:
            return Visibility(
                dataset.name, way, self._missed(table, way), self._cost(table, way), self._better(table, way)
            )
        seen = "digests" if dataset.key else "reading"
        if dataset.kind is not DatasetKind.TABLE:
            words = "the tables that a query watches are noted" if dataset.kind is DatasetKind.QUERY else "it is a view"
            return Visibility(dataset.name, seen, reason=words)
        if self.setting == NONE:
            return Visibility(dataset.name, seen, reason="capture_by is none")
        reason, remedy = self.hindrance(dataset.name, BINLOG if self.setting == BINLOG else TRIGGERS)
        return Visibility(dataset.name, seen, reason=f"{reason}; {remedy}" if remedy else reason)

    def _missed(self, table: Table, way: str) -> str:
        account = self.account
        parts = []
        if way == TRIGGERS:
            parts += [] if account.sees_numbers else [_TRUNCATED.format(account=account.name)]
            parts += [] if is_within(table) else [_ELSEWHERE]
            parts += [_REPLICATED] if account.is_applying else []
        else:
            parts += [_UNLOGGED]
            parts += [_ELSEWHERE] if not is_within(table) else []
            parts += [_REPLICATED] if account.is_applying and not account.is_passing_on else []
        parts += [] if table.is_transactional else [_ROLLED_BACK.format(engine=table.engine)]
        return "; ".join(parts)

    def _cost(self, table: Table, way: str) -> str:
        if way == BINLOG:
            above = sorted({path[-1].parent for path in table.paths})
            words = f"; all its rows count as changed when rows of {', '.join(above)} are deleted or get other values"
            return _KEPT + (words if above else "")
        words = _QUEUED.format(account=self.account.name)
        words += _QUEUED_BY_STATEMENT if self.account.has_log and self.account.log_format == "STATEMENT" else ""
        return words if is_keyed(table) else f"{words}; all its rows count as changed when some are"

    def _better(self, table: Table, way: str) -> str:
        """Why no better way is there."""
        if way == TRIGGERS and self.setting == AUTO and not table.paths:
            return "; ".join(part for part in self.hindrance(table.name, BINLOG) if part)
        return ""


def account(session: Session) -> Account:
    """What we may do here."""
    has_log, log_format, is_trusting, image, is_read_only, user = session.rows(_SETTINGS)[0]
    name, _, host = str(user).rpartition("@")
    holders = {f"'{name}'@'{host}'"}
    is_applying, is_passing_on = 0, 0
    if session.is_maria:
        ((is_applying, is_passing_on),) = session.rows(_APPLIED)
        roles = [str(role) for (role,) in session.rows(_ROLES)]
        holders |= {spelled for role in roles for spelled in (role, f"'{role}'@''", f"'{role}'")}
    rights = frozenset(
        (str(right), str(table))
        for holder, right, table in session.rows(_GRANTED, [session.schema])
        if holder in holders
    )
    return Account(
        f"'{name}'@'{host}'", session.is_maria, bool(has_log), str(log_format), bool(is_trusting), str(image),
        bool(is_read_only), bool(is_applying), bool(is_passing_on), rights,
    )  # fmt: skip
