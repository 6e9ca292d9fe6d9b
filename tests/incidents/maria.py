"""Systems of several kinds that a sync keeps joined: databases of MariaDB and PostgreSQL, files of SQLite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from pymysql.constants import CLIENT
from tests.incidents.live import Live
from tests.reconcile.lab import writes

from dovetail.engine.turn import absorb
from dovetail.model.run import Summary
from dovetail.systems.connectors.mariadb.address import parse


@dataclass(frozen=True)
class Member:
    """A system of a kind, with its tables and the settings of its connector."""

    kind: str
    ddl: str
    settings: Mapping[str, str] = field(default_factory=dict)


class Joined(Live):
    """A running sync over such systems; `place` makes an empty database of a kind."""

    def __init__(
        self,
        folder: Path,
        place: Callable[[str], str],
        members: dict[str, Member],
        mappings: dict[str, str],
        *,
        has_feeds: bool,
    ) -> None:
        lite = {name: one.ddl if one.kind == "sqlite" else "" for name, one in members.items()}
        super().__init__(folder, has_feeds=has_feeds, systems=lite, mappings=mappings)
        self.members = members
        self.urls = {name: place(one.kind) for name, one in members.items() if one.kind != "sqlite"}
        self._declare()
        for name in self.urls:
            for statement in filter(None, map(str.strip, members[name].ddl.split(";\n"))):
                self.sql(name, statement)

    def _declare(self) -> None:
        secrets = self.folder / ".dovetail" / "secrets"
        secrets.mkdir(parents=True)
        lines = ["dovetail: 1", "project: lab", "systems:"]
        for name, one in self.members.items():
            where = f"path: {name}.db" if one.kind == "sqlite" else f"url: '${{secret:{name}}}'"
            told = "".join(f", {setting}: {value}" for setting, value in one.settings.items())
            lines.append(f"  {name}: {{connector: {one.kind}, {where}{told}}}")
        for name, url in self.urls.items():
            (secrets / name).write_text(url)
            (secrets / name).chmod(0o600)
        self.write("dovetail.yaml", "\n".join(lines) + "\n")

    def sql(self, system: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the system's own users do; with MariaDB several statements may stand in one text."""
        url = getattr(self, "urls", {}).get(system)
        if url is None:
            return super().sql(system, statement, *parameters)
        if url.startswith("postgresql:"):
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.execute(
                    statement.replace("?", "%s") if parameters else statement, parameters or None
                )
                return cursor.fetchall() if cursor.description else []
        told = parse(url).parameters()
        with closing(pymysql.connect(**told, autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement.replace("?", "%s") if parameters else statement, parameters or None)
            while cursor.nextset():
                pass
            return list(cursor.fetchall())

    def rest(self, passes: int = 3) -> Summary:
        """Come to rest: after so many passes a further one, over everything, writes nothing."""
        total = Summary("sync", "")
        for _ in range(passes):
            absorb(total, self.turn().summary)
        self.announce_all()
        for _ in range(3):
            done = self.turn()
            assert done.written == 0, "what was settled is written again"
        self.stop()
        assert writes(self.migrate()) == 0, "a migration finds something to write"
        return total
