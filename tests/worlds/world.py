"""Two real systems and a project over them; the shipped command line does the work, and SQL of its own judges it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
from click.testing import CliRunner
from pymysql.constants import CLIENT

from dovetail.cli.main import main
from dovetail.engine.open import open_workspace
from dovetail.errors import DovetailError
from dovetail.steps import migrate as steps

CONNECTORS = {"postgresql": "postgres", "mariadb": "mariadb"}
PROGRAM = "from dovetail.cli.main import main; main()"


class Maria:
    """A connection to MariaDB that is asked as those to the others are; several statements may stand in one text."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path[1:],
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )

    def execute(self, statement: str, parameters: Any = None) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(statement, parameters or None)
        while cursor.nextset():
            pass
        return cursor

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        return [error["code"] for error in self.document.get("errors", [])]

    @property
    def writes(self) -> int:
        """Rows written at any member."""
        return sum(
            member[verb]
            for mapping in self.document["mappings"].values()
            for member in mapping["members"].values()
            for verb in ("created", "updated", "deleted")
        )

    def count(self, outcome: str, mapping: str | None = None) -> int:
        counts = self.document["mappings"]
        return sum(one[outcome] for name, one in counts.items() if mapping in (None, name))

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.document["findings"]}


class World:
    """A project in a folder over databases that stand already. `places` are URLs of PostgreSQL or MariaDB, or paths of
    SQLite files."""

    def __init__(self, folder: Path, places: Mapping[str, str], *, state: str = "", timeout_s: float = 10) -> None:
        self.folder = folder
        self.places = dict(places)
        self.state = state
        self.timeout_s = timeout_s
        self.typed = 0
        self.settings: dict[str, Any] = {}
        self.own_settings: dict[str, dict[str, Any]] = {}
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        self.declare()

    def declare(self, **changed: str) -> None:
        """Write dovetail.yaml; `changed` gives other places to some systems, as a proxy does."""
        systems = {}
        for name, place in {**self.places, **changed}.items():
            kind = CONNECTORS.get(place.partition(":")[0])
            if kind is not None:
                systems[name] = {"connector": kind, "url": f"${{URL_{name.upper()}}}"}
            else:
                systems[name] = {"connector": "sqlite", "path": place}
            systems[name] |= {"timeout_s": self.timeout_s, **self.settings, **self.own_settings.get(name, {})}
        self.variables = {f"URL_{name.upper()}": place for name, place in {**self.places, **changed}.items()}
        document: dict[str, Any] = {"dovetail": 1, "project": "world", "systems": systems}
        if self.state:
            self.variables["STATE_URL"] = self.state
            document["environments"] = {"production": {"state": "${STATE_URL}"}}
        (self.folder / "dovetail.yaml").write_text(json.dumps(document, indent=1))

    def declare_each(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Write dovetail.yaml with settings of their own for some systems."""
        self.own_settings = {name: dict(of) for name, of in settings.items()}
        self.declare()

    def map(self, name: str, text: str) -> None:
        path = self.folder / "mappings" / f"{name}.yaml"
        path.write_text(f"mapping: {name}\n" + textwrap.dedent(text), encoding="utf-8")

    # ------------------------------------------------------------------------------------------ behind Dovetail's back

    def connect(self, system: str) -> Any:
        place = self.places[system]
        if place.startswith("postgresql:"):
            return psycopg.connect(place, autocommit=True)
        if place.startswith("mariadb:"):
            return Maria(place)
        return sqlite3.connect(self.folder / place, isolation_level=None)

    def sql(self, system: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The answer of one statement, or of the last of several without parameters."""
        with closing(self.connect(system)) as connection:
            if isinstance(connection, sqlite3.Connection):
                if not parameters and ";" in statement:
                    connection.executescript(statement)
                    return []
                return connection.execute(statement, parameters).fetchall()
            cursor = connection.execute(statement.replace("?", "%s") if parameters else statement, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    # ------------------------------------------------------------------------------------------------------- Dovetail

    @property
    def environment(self) -> str | None:
        return "production" if self.state else None

    def command(self, name: str, *options: str) -> list[str]:
        chosen = ["--env", self.environment] if self.environment else []
        return [name, "--project", str(self.folder), "--json", *chosen, *options]

    def run(self, name: str, *options: str) -> Answer:
        """The command in this process; a traceback fails the test."""
        result = CliRunner().invoke(main, self.command(name, *options), env=self.variables)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """The command in a process of its own, running."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *self.command(name, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.variables},
        )

    def migrate(self, *options: str) -> Answer:
        """A migration that must end well."""
        answer = self.run("migrate", *options)
        assert answer.code in (0, 1), answer.out + answer.err
        for name, mapping in answer.document["mappings"].items():
            parts = ("created", "updated", "deleted", "unchanged", "filtered", "quarantined", "conflicts")
            assert mapping["rows"] == sum(mapping[part] for part in parts), (name, mapping)
        return answer

    def fail(self, name: str = "migrate", *options: str) -> Answer:
        """A command that must end with an error of a system."""
        answer = self.run(name, *options)
        assert answer.code in (2, 3, 4), answer.out + answer.err
        assert answer.document["ok"] is False
        assert "Traceback" not in answer.out + answer.err
        return answer

    def settled(self) -> bool:
        """Whether a further run writes nothing and a comparison finds nothing."""
        again = self.migrate()
        assert again.writes == 0, again.document["mappings"]
        verified = self.run("verify")
        assert verified.code == 0, verified.out + verified.err
        return True

    def migrate_with(self, progress: Any, **options: Any) -> DovetailError | None:
        """A migration that tells `progress` how far it is; the error that ended it, if any."""
        try:
            with open_workspace(self.folder, environment=self.environment, variables=self.variables) as workspace:
                steps.migrate(workspace, progress=progress, **options)
        except DovetailError as error:
            return error
        return None
