"""A MariaDB server of one's own: started in a second or two in a temporary folder, stopped and removed at the end."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.servers import debian

USER = "root"
"""The account that may do everything."""

HOST = "127.0.0.1"
START_S = 60.0
"""Seconds in which the server must be ready."""

PACKAGES = ("mariadb-server-core", "mariadb-client-core")
"""Debian's packages that hold the server."""

DATABASE = "mysql"
"""The database that every server has."""

_NOBODY = "nobody"
_PAUSE_S = 0.02
_SUPERVISOR = """\
"$@" & server=$!
read word
[ "$word" = keep ] && kill -TERM $server 2>/dev/null || kill -KILL $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$0"
"""
"""Outlives a program that is killed just long enough to take the server down with it."""

_SETTINGS = (
    "skip-name-resolve",
    "skip-networking=0",
    "local-infile=1",
    "log-bin=binlog",
    "binlog-format=ROW",
    "binlog-row-image=FULL",
    "binlog-row-metadata=FULL",
    "server-id=1",
    "innodb-buffer-pool-size=64M",
    "innodb-log-file-size=48M",
    "innodb-fast-shutdown=1",
    "max-connections=100",
    "max-allowed-packet=64M",
    "character-set-server=utf8mb4",
    "performance-schema=0",
    "log-warnings=0",
)
_DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
_QUICK = ("sync-binlog=0", "innodb-flush-log-at-trx-commit=2", "innodb-doublewrite=0", "innodb-flush-method=nosync")


class Server:
    """A server in a folder of its own, reached on the loopback address by a random password.

    With `durable` every commit is on disk before it is answered; without it a machine that crashes loses the data, a
    server that is killed does not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._programs = programs()
        self._durable = durable
        self._account = _account()
        self._password = secrets.token_urlsafe(12)
        self._folder = Path(tempfile.mkdtemp(prefix="dovetail-mariadb-"))
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._port = 0
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
        """The number of the server's process."""
        return int((self._folder / "run" / "pid").read_text())

    def url(
        self, database: str = DATABASE, *, user: str = USER, password: str | None = None, port: int | None = None
    ) -> str:
        """Where a database is reached."""
        return f"mariadb://{user}:{password or self._password}@{HOST}:{port or self._port}/{database}"

    def start(self) -> None:
        """Start the server; returns when it can be reached."""
        self._port = self._port or _free_port()
        command = [str(self._programs.server), "--no-defaults", *(f"--{setting}" for setting in self._settings())]
        with (self._folder / "log").open("ab") as log:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own command, no shell text from outside
                ["/bin/sh", "-c", _SUPERVISOR, str(self._folder), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._programs.environment},
                **self._account,
            )
        self._wait_until_ready()
        self._secret.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop the server, breaking its connections; its data stay until `remove`."""
        self._end(b"keep\n")

    def kill(self) -> None:
        """End the server at once, as if it had crashed; `start` recovers it."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def remove(self) -> None:
        """Stop the server and remove its data."""
        self._end(b"")
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """Make an empty database; the answer is its URL."""
        self.run(f"CREATE DATABASE `{name}`")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, ending whoever uses it."""
        for number, used in self._rows("SELECT id, db FROM information_schema.processlist"):
            if used == name:
                with suppress(Exception):  # it may be gone by itself
                    self.run(f"KILL HARD {number}")
        self.run(f"DROP DATABASE IF EXISTS `{name}`")

    def run(self, statement: str, database: str = DATABASE) -> None:
        """Carry one statement out, with every right."""
        self._rows(statement, database)

    # -------------------------------------------------------------------------------------------------------- within

    def _settings(self) -> list[str]:
        run = self._folder / "run"
        places = [f"datadir={self.folder}", f"socket={run / 's'}", f"pid-file={run / 'pid'}", f"tmpdir={run}"]
        where = [f"bind-address={HOST}", f"port={self._port}", f"basedir={self._programs.base}"]
        accounts = [f"init-file={self._secret}"] if self._secret.exists() else []
        return [*_SETTINGS, *(_DURABLE if self._durable else _QUICK), *places, *where, *accounts]

    @property
    def _secret(self) -> Path:
        return self._folder / "run" / "accounts.sql"

    def _rows(self, statement: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
        connection = self._connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def _connect(self, database: str = DATABASE) -> Any:
        try:
            import pymysql
        except ImportError as error:
            raise MissingDriver("PyMySQL is not installed", hint="pip install 'dovetail[mariadb]'") from error

        return pymysql.connect(
            host=HOST,
            port=self._port,
            user=USER,
            password=self._password,
            database=database,
            autocommit=True,
            connect_timeout=10,
            read_timeout=START_S,
            charset="utf8mb4",
        )

    def _initialise(self) -> None:
        run = self._folder / "run"
        run.mkdir()
        self._secret.write_text(
            f"CREATE OR REPLACE USER '{USER}'@'{HOST}' IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'{HOST}' WITH GRANT OPTION;\n"
            f"DELETE FROM mysql.global_priv WHERE User IN ('', '{USER}') AND Host <> '{HOST}';\n"
            "FLUSH PRIVILEGES;\n"
        )
        if self._account:
            for path in (self._folder, run, self._secret):
                shutil.chown(path, _NOBODY, self._account["group"])
        command = [str(self._programs.install), "--no-defaults", f"--datadir={self.folder}", "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
        command += [f"--basedir={self._programs.base}"]
        environment = {**os.environ, **self._programs.environment}
        done = subprocess.run(  # noqa: S603 - as above
            command, capture_output=True, check=False, cwd=run, env=environment, **self._account
        )
        if done.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise Unreachable(f"MariaDB's folder cannot be made: {said[-2000:]}")

    def _wait_until_ready(self) -> None:
        import pymysql

        limit = time.monotonic() + START_S
        while True:
            try:
                self._connect().close()
            except pymysql.Error:
                if time.monotonic() > limit or (self._supervisor is not None and self._supervisor.poll() is not None):
                    said = (self._folder / "log").read_text(errors="replace")[-2000:]
                    raise Unreachable(f"MariaDB did not start: {said}") from None
                time.sleep(_PAUSE_S)
            else:
                return

    def _end(self, word: bytes) -> None:
        if self._supervisor is not None:
            self._supervisor.communicate(word, timeout=START_S)
            self._supervisor = None


class Pool:
    """Empty databases on one server, each used by one test at a time."""

    def __init__(self, running: Server) -> None:
        self.server = running
        self._numbers = count(1)

    def take(self) -> str:
        """The name of an empty database."""
        name = f"test_{next(self._numbers)}"
        self.server.create(name)
        return name

    def give_back(self, name: str) -> None:
        """Remove a database: making another is as quick as emptying it."""
        self.server.drop(name)


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


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the server's programs are, and the environment that they need there."""

    base: Path
    server: Path
    install: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def programs() -> Programs:
    """The server on the search path or in its usual place, else what was unpacked from Debian's packages.

    `MissingDriver` where there is none; `get` gets it."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"])
    found, install = shutil.which("mariadbd", path=search), shutil.which("mariadb-install-db", path=search)
    if found and install:
        return Programs(Path(found).resolve().parent.parent, Path(found), Path(install))
    unpacked = debian.folder(*PACKAGES)
    if not unpacked.is_dir():
        hint = "install MariaDB (Debian: apt-get install mariadb-server-core), or let requirements/servers.sh get it"
        raise MissingDriver("no MariaDB server is installed", hint=hint)
    base = unpacked / "usr"
    libraries = sorted({str(path.parent) for path in unpacked.rglob("*.so*")})
    environment = {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}
    return Programs(base, base / "sbin" / "mariadbd", base / "bin" / "mariadb-install-db", environment)


def get(tell: Callable[[str], object] = print) -> Programs:
    """The server, got from Debian's packages where it is not installed yet: installed as root, else unpacked; what is
    done is told."""
    try:
        return programs()
    except MissingDriver:
        if os.geteuid() == 0:
            tell("MariaDB's server is not there: installing it from Debian's packages (once; a minute at most)")
            debian.install(*PACKAGES)
        else:
            tell(f"MariaDB's server is not there: unpacking Debian's packages into {debian.folder(*PACKAGES)} (once)")
            debian.fetch(*PACKAGES)
    return programs()


def _account() -> dict[str, Any]:
    """As whom the server runs: MariaDB refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import grp
    import pwd

    return {"user": _NOBODY, "group": grp.getgrgid(pwd.getpwnam(_NOBODY).pw_gid).gr_name}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    try:
        get()
    except MissingDriver as missing:
        raise SystemExit(str(missing)) from None
