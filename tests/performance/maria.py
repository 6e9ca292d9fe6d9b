"""The MariaDB server of the benchmark, tuned alike for all ways, commits on disk before they are answered."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable

import pymysql
from tests.performance.server import Server as Postgres

from dovetail.testing.servers import mariadb

SETTINGS = {
    "innodb_buffer_pool_size": 1024**3,
    "innodb_log_file_size": 1024**3,
    "sync_binlog": 1,
    "innodb_flush_log_at_trx_commit": 1,
    "local_infile": 1,
}
"""The same for every way; the binlog is on, as a feed needs it."""

_NULL = "'NULL'"


class Maria:
    """A server of its own; rows travel between it and PostgreSQL as the text that both know."""

    def __init__(self) -> None:
        self._server = mariadb.Server(durable=True)

    def start(self) -> None:
        """Start the server."""
        self._server.start()
        for name, value in SETTINGS.items():
            self._server.run(f"SET GLOBAL {name} = {value}")

    def stop(self) -> None:
        """Stop and remove it."""
        self._server.remove()

    @property
    def client(self) -> str:
        """The words that call the server's own client for a database, which follows; the password is in the
        environment."""
        program = shutil.which("mariadb") or str(mariadb.programs().base / "bin" / "mariadb")
        where = ["--host", mariadb.HOST, "--port", str(self._server.port), "--user", mariadb.USER]
        told = ["--no-defaults", *where, "--default-character-set=utf8mb4", "--local-infile=1"]
        return shlex.join([program, *told])

    @property
    def environment(self) -> dict[str, str]:
        """What the client needs besides."""
        url = self._server.url()
        return {"MYSQL_PWD": url.split(":", 2)[2].rpartition("@")[0]}

    def url(self, database: str) -> str:
        """Where a database is reached."""
        return self._server.url(database)

    def create(self, database: str, ddl: str) -> None:
        """Make a database with these tables, in place of the one that had this name."""
        self._server.drop(database)
        self._server.create(database)
        for statement in filter(None, (part.strip() for part in ddl.split(";"))):
            self._server.run(statement, database)

    def drop(self, database: str) -> None:
        """Remove a database."""
        self._server.drop(database)

    def run(self, statement: str, database: str) -> None:
        """Carry one statement out."""
        self._server.run(statement, database)

    def take(self, database: str, table: str, columns: Iterable[str], given: tuple[Postgres, str, str]) -> None:
        """Fill a table with the answer of a query to a PostgreSQL database."""
        server, source, query = given
        copy = f"COPY ({query}) TO STDOUT"
        load = f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table} ({', '.join(columns)})"
        out = shlex.join([server.program("psql"), "-qX", server.url(source), "-c", copy])
        self._shell(f"{out} | {self.client} {shlex.quote(database)} -e {shlex.quote(load)}")

    def give(self, database: str, query: str, into: tuple[Postgres, str, str]) -> None:
        """Fill a table of a PostgreSQL database with the answer of a query."""
        server, target, table = into
        copy = f"COPY {table} FROM STDIN (NULL {_NULL})"
        told = shlex.join([server.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", server.url(target), "-c", copy])
        asked = f"{self.client} --quick --batch --skip-column-names {shlex.quote(database)} -e {shlex.quote(query)}"
        self._shell(f"{asked} | {told}")

    def count(self, database: str, table: str) -> int:
        """The rows of a table."""
        password = self.environment["MYSQL_PWD"]
        with pymysql.connect(
            host=mariadb.HOST, port=self._server.port, user=mariadb.USER, password=password, database=database
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int((cursor.fetchone() or (0,))[0])

    def _shell(self, script: str) -> None:
        command = ["bash", "-c", f"set -euo pipefail\n{script}"]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | self.environment, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-1000:])
