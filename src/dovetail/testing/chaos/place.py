"""One member's system as people use it: rows found, locked, typed and deleted by SQL, without Dovetail."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import exp

from dovetail.systems.sql.quote import column, identifier, table
from dovetail.testing.chaos.scene import Column, Table

TYPED = "chaos_typed"
"""The table in which every edit leaves its number, in its own transaction: so an edit whose commit was not answered is
known to have happened, or not."""

_MARIA = ("mariadb:", "mysql:")

LOCK_S = 5.0
"""Seconds that people wait for a lock; then they give up and do something else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member's rows are: the URL of a PostgreSQL or MariaDB database, or the path of a SQLite file."""

    member: str
    where: str

    @property
    def is_server(self) -> bool:
        """Whether it is reached over a network."""
        return self.where.startswith(("postgresql:", "postgres:", *_MARIA))

    def open(self) -> Session:
        """A connection of one's own; raises what the driver raises."""
        if self.where.startswith(_MARIA):
            from dovetail.testing.chaos.maria import Connection

            return Session(Connection(self.where, LOCK_S), "mysql")
        if self.is_server:
            import psycopg

            options = f"-c lock_timeout={int(LOCK_S * 1000)} -c statement_timeout={int(LOCK_S * 2000)}"
            named = {"application_name": "people", "connect_timeout": 5, "options": options}
            return Session(psycopg.connect(self.where, autocommit=True, **named), "postgres")  # type: ignore[arg-type]
        lite = sqlite3.connect(self.where, isolation_level=None, timeout=LOCK_S, check_same_thread=False)
        lite.execute("PRAGMA foreign_keys = ON")
        return Session(lite, "sqlite")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection that is closed at the end."""
        session = self.open()
        try:
            yield session
        finally:
            session.close()


class Session:
    """Statements over one connection. Values are always parameters, names always quoted."""

    def __init__(self, connection: Any, dialect: str) -> None:
        self._connection = connection
        self._dialect = dialect
        self._mark = exp.Var(this="?" if dialect == "sqlite" else "%s")

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        self._connection.close()

    def ask(self, statement: exp.Expression, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer of one statement."""
        bound = [str(value) if isinstance(value, Decimal) and self._dialect == "sqlite" else value for value in values]
        cursor = self._connection.execute(statement.sql(self._dialect), bound)
        return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; raises what the driver raises, also when the commit itself is not answered."""
        self._connection.execute("BEGIN IMMEDIATE" if self._dialect == "sqlite" else "BEGIN")
        try:
            yield
        except BaseException:
            if self._dialect == "sqlite" or not self._connection.closed:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # ---------------------------------------------------------------------------------------------------------- rows

    def rows(self, here: Table) -> list[tuple[Any, dict[str, str | None]]]:
        """Every row: its key here, and its shared values; a reference is the key that stands there."""
        names = list(here.columns)
        found = self.ask(_select(here, [here.key, *(here.columns[name].name for name in names)]))
        return [(row[0], self._shared(here, names, row[1:])) for row in found]

    def lock(self, here: Table, key: object) -> dict[str, str | None] | None:
        """The shared values of one row, locked until the transaction ends; `None` where it is not there."""
        names = list(here.columns)
        statement = _select(here, [here.columns[name].name for name in names]).where(self._is(here.key))
        found = self.ask(statement if self._dialect == "sqlite" else statement.lock(), [key])
        return self._shared(here, names, found[0]) if found else None

    def insert(self, here: Table, values: Mapping[str, object]) -> Any:
        """Type a row; answers the key that it was given."""
        columns = [identifier(here.columns[name].name) for name in values]
        marks = exp.Values(expressions=[exp.Tuple(expressions=[self._mark] * len(columns))])
        into = exp.Schema(this=table(here.name), expressions=columns)
        statement = exp.Insert(this=into, expression=marks, returning=exp.Returning(expressions=[_name(here.key)]))
        return self.ask(statement, [_kept(here.columns[name], value) for name, value in values.items()])[0][0]

    def edit(self, here: Table, key: object, values: Mapping[str, object]) -> None:
        """Type other values into a row."""
        sets = [exp.EQ(this=_name(here.columns[name].name), expression=self._mark) for name in values]
        statement = exp.Update(this=table(here.name), expressions=sets, where=exp.Where(this=self._is(here.key)))
        self.ask(statement, [*(_kept(here.columns[name], value) for name, value in values.items()), key])

    def delete(self, here: Table, key: object) -> None:
        """Delete a row."""
        self.ask(exp.Delete(this=table(here.name), where=exp.Where(this=self._is(here.key))), [key])

    # --------------------------------------------------------------------------------------------------------- marks

    def make_marks(self) -> None:
        """Make the table in which edits leave their numbers."""
        number = exp.ColumnDef(
            this=identifier("number"),
            kind=exp.DataType.build("bigint"),
            constraints=[exp.ColumnConstraint(kind=exp.PrimaryKeyColumnConstraint())],
        )
        self.ask(exp.Create(this=exp.Schema(this=table(TYPED), expressions=[number]), kind="TABLE", exists=True))

    def mark(self, number: int) -> None:
        """Leave the number of an edit, in its transaction."""
        into = exp.Schema(this=table(TYPED), expressions=[identifier("number")])
        marks = exp.Values(expressions=[exp.Tuple(expressions=[self._mark])])
        self.ask(exp.Insert(this=into, expression=marks), [number])

    def is_marked(self, number: int) -> bool:
        """Whether the edit of that number was committed."""
        return bool(self.ask(exp.select("1").from_(table(TYPED)).where(self._is("number")), [number]))

    def _is(self, name: str) -> exp.Expression:
        return exp.EQ(this=_name(name), expression=self._mark)

    def _shared(self, here: Table, names: Sequence[str], row: Sequence[object]) -> dict[str, str | None]:
        return {name: shared(here.columns[name], value) for name, value in zip(names, row, strict=True)}


def _name(name: str) -> exp.Column:
    return column(name)


def _select(here: Table, names: Sequence[str]) -> exp.Select:
    return exp.select(*(_name(name) for name in names)).from_(table(here.name))


def shared(column: Column, value: object) -> str | None:
    """A stored value as people everywhere would say it.

    >>> shared(Column("price", scale=2), Decimal("12.30"))
    '1230'
    """
    if value is None:
        return None
    if isinstance(value, str) and not column.scale:
        return value
    if column.scale or isinstance(value, Decimal | float):
        return str(int((Decimal(str(value)) * 10**column.scale).to_integral_value()))
    return str(value)


def _kept(column: Column, value: object) -> object:
    """What a value is stored as."""
    if column.scale and isinstance(value, int):
        return Decimal(value).scaleb(-column.scale)
    return value
