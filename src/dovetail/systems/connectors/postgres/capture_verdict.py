"""How the changes of tables can be seen with the rights of this account, and what a person would have to grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Visibility
from dovetail.systems.connectors.postgres.capture_tables import Table
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier

SLOT, TRIGGERS, NONE, AUTO = "slot", "triggers", "none", "auto"

OLDEST = 140_000
"""The version of the server from which on changes can be noted."""

_ACCOUNT = """
SELECT current_setting('server_version_num')::int, current_setting('wal_level'), pg_is_in_recovery(),
current_user::text,
       rolreplication OR rolsuper OR coalesce(pg_has_role(to_regrole('rds_replication'), 'MEMBER'), false),
       has_database_privilege(current_database(), 'CREATE'), current_database()::text,
       current_setting('max_replication_slots')::int - (
         SELECT count(*) FROM pg_replication_slots WHERE NOT starts_with(slot_name, 'dovetail_'))::int,
       current_setting('max_wal_senders')::int, current_setting('max_slot_wal_keep_size'),
       coalesce(has_schema_privilege(to_regnamespace($1), 'CREATE'), false), $1::text
FROM pg_roles WHERE rolname = current_user
"""
_KEPT = "the server keeps its log until we have read it, {bound}; meanwhile the type of a key column cannot be changed"
_BOUND = "{size} at most (max_slot_wal_keep_size)"
_BOUNDLESS = "without a bound: ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; sets one"
_QUEUED = (
    "each row that changes puts its key into a queue, in the application's transaction; commits tell us one by one"
)
_LOGGED = "a trigger writes each key into the log, in the application's transaction; "
_SILENT = "rows written with triggers switched off (session_replication_role, DISABLE TRIGGER)"
_APPLIED = "rows that a subscription of this database applies"
_SPLIT = "TRUNCATE of one partition; a partition that is attached or detached makes all rows count as changed"


@dataclass(frozen=True, slots=True)
class Account:
    """What this account may do on this server."""

    version: int
    wal_level: str
    is_replica: bool
    name: str
    may_replicate: bool
    may_publish: bool
    database: str
    free: int
    senders: int
    kept: str
    may_make: bool
    schema: str

    def no_slot(self) -> tuple[str, str]:
        """Why no slot can be made, and what a person would have to do; empty where one can."""
        if self.version < OLDEST or self.is_replica:
            return self.no_triggers()
        if self.wal_level != "logical":
            return f"wal_level is {self.wal_level}", "ALTER SYSTEM SET wal_level = logical; then start the server again"
        if self.free <= 0 or self.senders <= 0:
            return (
                "no replication slot is free",
                "ALTER SYSTEM SET max_replication_slots = 20; likewise max_wal_senders",
            )
        if not self.may_replicate:
            return "the account may not replicate", f"ALTER ROLE {_name(self.name)} REPLICATION;"
        if not self.may_publish:
            words = f"GRANT CREATE ON DATABASE {_name(self.database)} TO {_name(self.name)};"
            return "the account may not make publications", words
        return "", ""

    def no_triggers(self) -> tuple[str, str]:
        """Likewise for triggers."""
        if self.version < OLDEST:
            return "the server is older than version 14", ""
        if self.is_replica:
            return "the server is a replica", "name the primary in the URL"
        if not self.may_make:
            words = f"GRANT CREATE ON SCHEMA {_name(self.schema)} TO {_name(self.name)};"
            return f"the account may make nothing in the schema {self.schema}", words
        return "", ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said about tables, asked for by the setting `capture_by`."""

    setting: str
    account: Account
    tables: Mapping[str, Table]

    def hindrance(self, name: str, way: str) -> tuple[str, str]:
        """Why the changes of a dataset cannot be seen that way, and what a person would have to do."""
        table = self.tables.get(name)
        if table is None:
            return "it is not there, or is a query", ""
        unseen = table.unseen()
        if unseen:
            return unseen, ""
        general = self.account.no_slot() if way == SLOT else self.account.no_triggers()
        if general[0]:
            return general
        if way == SLOT and is_published(table, self.account):
            return "", ""
        makes = self.account.no_triggers()
        reason = table.unpublished(self.account.version) if way == SLOT else ""
        if not table.may_trigger:
            place, account = POSTGRES.sql(table.place), _name(self.account.name)
            return reason or "the account may not make triggers", f"GRANT TRIGGER ON {place} TO {account};"
        return (reason or makes[0], makes[1]) if makes[0] else ("", "")

    def way(self, name: str) -> str:
        """The best way to see the changes of a dataset, or `""`."""
        asked = {AUTO: (SLOT, TRIGGERS), NONE: ()}.get(self.setting, (self.setting,))
        return next((way for way in asked if not self.hindrance(name, way)[0]), "")

    def of(self, dataset: Dataset) -> Visibility:
        """The verdict on one dataset."""
        way, table = self.way(dataset.name), self.tables.get(dataset.name)
        if way and table is not None:
            return Visibility(
                dataset.name, way, self._missed(table, way), self._cost(table, way), self._better(table, way)
            )
        if dataset.kind is not DatasetKind.TABLE:
            words = "the tables that a query watches are noted" if dataset.kind is DatasetKind.QUERY else "it is a view"
            return Visibility(dataset.name, "digests" if dataset.key else "reading", reason=words)
        if self.setting == NONE:
            return Visibility(dataset.name, "digests", reason="capture_by is none")
        reason, remedy = self.hindrance(dataset.name, SLOT if self.setting == SLOT else TRIGGERS)
        return Visibility(dataset.name, "digests", reason=f"{reason}; {remedy}" if remedy else reason)

    def _missed(self, table: Table, way: str) -> str:
        parts = []
        if table.is_partitioned and way == SLOT and is_published(table, self.account):
            parts.append(_SPLIT)
        if any(store.persistence != "p" for store in table.stores):
            parts.append("rows of an unlogged table that a crash of the server empties")
        if not (way == SLOT and is_published(table, self.account)):
            parts += [] if table.is_owned else [_SILENT]
            parts += [] if table.is_partitioned else [_APPLIED]
        return "; ".join(parts)

    def _cost(self, table: Table, way: str) -> str:
        if way == TRIGGERS:
            return _QUEUED
        kept = self.account.kept
        words = _KEPT.format(bound=_BOUNDLESS if kept == "-1" else _BOUND.format(size=kept))
        return words if is_published(table, self.account) else _LOGGED + words

    def _better(self, table: Table, way: str) -> str:
        """Why no better way is there."""
        if way == TRIGGERS and self.setting == AUTO:
            return "; ".join(part for part in self.hindrance(table.name, SLOT) if part)
        if way == SLOT and not is_published(table, self.account):
            return table.unpublished(self.account.version) or "the account does not own it"
        return ""


def is_published(table: Table, account: Account) -> bool:
    """Whether the log can tell of a table by itself; else a trigger writes its keys into the log."""
    return table.is_owned and not table.unpublished(account.version)


def verdict(session: Session, setting: str, tables: Mapping[str, Table]) -> Verdict:
    """What can be said about tables now."""
    return Verdict(setting, account(session), tables)


def account(session: Session) -> Account:
    """What we may do here."""
    return Account(*session.rows(_ACCOUNT, [session.schema])[0])


def _name(name: str) -> str:
    return POSTGRES.sql(identifier(name))
