"""`make bench`: the physical limit, Dovetail and its peers on the same work, side by side, every load checked.

`make bench ROWS=100000 ONLY=anchor,dovetail WORK=pg-pg LOADS=first,again RUNS=3 SCHEMA=customers KEEP=1` chooses.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.performance import report
from tests.performance.block import Block, Line
from tests.performance.choice import Choice, choice
from tests.performance.customers import CUSTOMERS
from tests.performance.maria import SETTINGS as MARIA
from tests.performance.maria import Maria
from tests.performance.server import Server
from tests.performance.shape import Shape
from tests.performance.ways import anchor, dlt, dovetail, home, ingestr, pgloader, singer, sling
from tests.performance.ways.task import Way
from tests.performance.wide import WIDE

SHAPES: dict[str, Shape] = {shape.name: shape for shape in (CUSTOMERS, WIDE)}
WAYS: tuple[Way, ...] = (
    *anchor.WAYS,
    *dovetail.WAYS,
    *ingestr.WAYS,
    *sling.WAYS,
    *dlt.WAYS,
    *pgloader.WAYS,
    *singer.WAYS,
)
_PEERS = ("ingestr", "sling", "dlt", "tap-postgres", "target-postgres")
_GB = 1024**3


def tell(text: str) -> None:
    """Progress, while the table is not there yet."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None, settings: Mapping[str, str] | None = None) -> int:
    """Measure what was chosen; the exit code is 1 where Dovetail failed or moved anything wrongly."""
    chosen = choice(sys.argv[1:] if arguments is None else arguments)
    ways, absent = _present(chosen)
    folder = Path(tempfile.mkdtemp(prefix="dovetail-bench-"))
    folder.chmod(0o711)
    lines: list[Line] = []
    # An end by a signal cleans up like any other.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    server = Server(folder / "server", settings)
    maria = Maria() if any("maria" in work for work in chosen.works) else None
    try:
        server.start()
        if maria is not None:
            maria.start()
        facts = _facts(chosen, server) | ({"left out": "; ".join(absent)} if absent else {})
        for rows in chosen.rows:
            for name in chosen.shapes:
                for work in chosen.works:
                    lines += _measured((server, maria), chosen, ways, folder, (SHAPES[name], work, rows))
                    report.write(chosen.results, lines, facts)
    finally:
        server.stop()
        if maria is not None:
            maria.stop()
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(report.text(lines, facts))
    if chosen.keep:
        print(_kept(server, folder))
    return int(any(line.failure or line.fault for line in lines if line.way == "Dovetail"))


def _present(chosen: Choice) -> tuple[list[Way], list[str]]:
    """The chosen ways that can run here, and why others cannot."""
    ways, absent = [], []
    for way in WAYS:
        if way.family not in chosen.only:
            continue
        reason = way.missing(chosen.homes)
        if reason:
            absent.append(f"{way.name}: {reason}")
            tell(f"left out: {absent[-1]}")
        else:
            ways.append(way)
    return ways, absent


def _measured(
    servers: tuple[Server, Maria | None],
    chosen: Choice,
    ways: list[Way],
    folder: Path,
    work: tuple[Shape, str, int],
) -> list[Line]:
    shape, name, rows = work
    if ("maria" in name and not shape.maria_target) or ("parquet" in name and not shape.files):
        return []
    block = Block(servers, chosen, folder, shape=shape, work=name, rows=rows)
    for said in block.run(ways):
        tell(said)
    if not chosen.keep:
        block.remove(ways)
    return block.lines(ways)


def _facts(chosen: Choice, server: Server) -> dict[str, Any]:
    """When, with what and on what it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}",
        "versions": f"dovetail {_version('dovetail')}, PostgreSQL {server.version}, Python {platform.python_version()}",
        "peers": f"{home.versions(*_PEERS)}, pgloader {pgloader.version()}",
        "server": ", ".join(f"{name}={value}" for name, value in server.settings.items()),
        "MariaDB": ", ".join(f"{name}={value}" for name, value in MARIA.items()) + ", binlog on",
        "measured": f"median of {chosen.runs} runs side by side, client and server on the same machine",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of this tree"


def _kept(server: Server, folder: Path) -> str:
    """How to go on with what was kept."""
    projects = "\n".join(
        f"  {path.parent.name}: {shlex.join(['cd', str(path)])}" for path in sorted(folder.glob("*/*/project"))
    )
    return f"""\
Kept in {folder}
Start the server:  {server.start_command}
Stop it:           {server.stop_command}
Databases:         {server.program("psql")} {server.url("postgres")} -c '\\l'
Projects, each with run.sh (`dovetail migrate` with its environment) and fresh.sh (empties the target and the state):
{projects}
"""


if __name__ == "__main__":
    sys.exit(main())
