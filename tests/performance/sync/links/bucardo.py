"""Bucardo, as Debian ships it, with its own settings: triggers and a daemon in Perl that copies what they noted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.performance.server import USER
from tests.performance.sync.links.link import ONE_WAY, TWO_WAY
from tests.performance.sync.pair import PRODUCT, SIDES, Pair, Servers, wait_until

_SCHEMA = Path("/usr/share/bucardo/bucardo.schema")
_LIMIT_S = 60.0


class Bucardo:
    """One sync; in both directions both databases are sources."""

    name = "Bucardo 5.6.0"
    forms = (PRODUCT, PRODUCT)
    directions = (ONE_WAY, TWO_WAY)

    def __init__(self) -> None:
        self._folder = Path()

    def missing(self, servers: Servers) -> str:
        if "plperl" not in servers.libraries:
            return "apt-get install postgresql-plperl-15"
        return "" if shutil.which("bucardo") and _SCHEMA.exists() else "apt-get install bucardo"

    def make(self, pair: Pair, direction: str, folder: Path) -> None:
        self._folder = folder / f"bucardo-{pair.name}"
        self._folder.mkdir()
        self._install(pair)
        for side in SIDES:
            where = urlsplit(pair.url(side))
            named = (f"dbname={pair.name}", f"host={where.hostname}", f"port={where.port}", f"user={USER}")
            self._do(pair, "add", "db", side, *named, f"pass={where.password}")
        self._do(pair, "add", "table", "product", "db=a", "relgroup=bench")
        roles = "a:source,b:source" if direction == TWO_WAY else "a:source,b:target"
        self._do(pair, "add", "sync", "bench", "relgroup=bench", f"dbs={roles}", "conflict_strategy=bucardo_latest")
        self.start(pair, direction)

    def start(self, pair: Pair, direction: str) -> None:
        self._do(pair, "start", f"--log-destination={self._folder}")

    def stop(self, pair: Pair, direction: str) -> None:
        with suppress(subprocess.CalledProcessError):
            self._do(pair, "stop")
        if not wait_until(lambda: not self.processes(), _LIMIT_S / 4):
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        (self._folder / "fullstopbucardo").unlink(missing_ok=True)

    def hold(self) -> bool:
        return False  # several processes, each of which would have to stand still

    def resume(self) -> None: ...

    def remove(self, pair: Pair, direction: str) -> None:
        if not self._folder.name:
            return
        self.stop(pair, direction)
        for words in (("sync", "bench"), ("relgroup", "bench"), ("db", "a", "b", "--force")):
            self._do(pair, "remove", *words)

    def processes(self) -> Sequence[int]:
        """The daemon names its log's folder on the command line, and its children rename themselves after it."""
        found = [
            int(match[1]) for log in self._folder.glob("*.pid") if (match := re.match(r"\s*(\d+)", log.read_text()))
        ]
        return [pid for one in found for pid in _family(one)]

    def fault(self) -> str:
        return "" if self.processes() else "the daemon ended"

    # -------------------------------------------------------------------------------------------------------- within

    def _install(self, pair: Pair) -> None:
        """Its own database, made once: beside pglogical's workers a database cannot be dropped."""
        server = pair.server("a")
        if server.value("SELECT count(*) FROM pg_database WHERE datname = 'bucardo'", USER):
            self._do(pair, "set", f"piddir={self._folder}", f"reason_file={self._folder}/reason")
            return
        server.create("bucardo")
        where = urlsplit(server.url("bucardo"))
        server.run(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bucardo') THEN "
            f"CREATE ROLE bucardo SUPERUSER LOGIN PASSWORD '{where.password}'; END IF; END $$",
            USER,
        )
        server.run("ALTER DATABASE bucardo OWNER TO bucardo", USER)
        psql = [server.program("psql"), server.url(USER), "-qXf", str(_SCHEMA)]
        subprocess.run(psql, check=True, capture_output=True, env=self._environment(pair))
        self._do(pair, "set", f"piddir={self._folder}", f"reason_file={self._folder}/reason", "log_level=terse")

    def _do(self, pair: Pair, *words: str) -> None:
        where = urlsplit(pair.server("a").url("bucardo"))
        reached = [f"--dbhost={where.hostname}", f"--dbport={where.port}", "--dbuser=bucardo", "--dbname=bucardo"]
        command = ["bucardo", "--batch", "--no-bucardorc", *reached, f"--dbpass={where.password}", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self._folder, env=self._environment(pair), timeout=_LIMIT_S
        )
        if done.returncode:
            raise RuntimeError(f"bucardo {words[0]}: {(done.stdout + done.stderr).strip()[-600:]}")

    def _environment(self, pair: Pair) -> dict[str, str]:
        """The account's own configuration is left out."""
        where = urlsplit(pair.url("a"))
        return os.environ | {"PGPASSWORD": str(where.password), "HOME": str(self._folder)}


def _family(pid: int) -> list[int]:
    """The process, where it still lives, and all that descend from it."""
    try:
        children = [
            int(word)
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for word in (thread / "children").read_text().split()
        ]
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(child))]
