"""`make bench-sync`: Dovetail beside replication and sync that PostgreSQL, pglogical and Bucardo do, in one run.

`make bench-sync ROUNDS=3 ONLY=pglogical,dovetail WORK=one-way,latency SERVERS=debian HOURS=1 IDLE=60` chooses. Every
commit is on disk before it is answered, on every side and for every link.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.performance.server import debian, embedded
from tests.performance.sync import measures, report
from tests.performance.sync.choice import Choice, choice
from tests.performance.sync.links.bucardo import Bucardo
from tests.performance.sync.links.dovetail import Dovetail
from tests.performance.sync.links.link import Alone, Link
from tests.performance.sync.links.native import Native
from tests.performance.sync.links.pglogical import Pglogical
from tests.performance.sync.pair import ROWS, Pair, Servers
from tests.performance.sync.round import Line, Round
from tests.performance.sync.soak import soak

_PROGRAMS = {"debian": debian, "embedded": embedded}
_GB = 1024**3


def tell(text: str) -> None:
    """Progress, while the table is not there yet."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None, settings: Mapping[str, str] | None = None) -> int:
    """Measure what was chosen; the exit code is 1 where Dovetail failed."""
    chosen = choice(sys.argv[1:] if arguments is None else arguments)
    # An end by a signal cleans up like any other.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    lines: list[Line] = []
    facts = _facts(chosen)
    for kind in chosen.servers:
        programs = _PROGRAMS[kind]()
        if programs is None:
            tell(f"left out: {kind} has no server here")
            continue
        _on_servers(chosen, programs, settings, (lines, facts))
    print(report.text(lines, facts))
    return int(any(line.failures for line in lines if line.link == report.OURS))


def _on_servers(
    chosen: Choice, programs: Path, settings: Mapping[str, str] | None, found: tuple[list[Line], dict[str, str]]
) -> None:
    """All that is measured on servers of one version."""
    lines, facts = found
    folder = Path(tempfile.mkdtemp(prefix="dovetail-bench-sync-"))
    folder.chmod(0o711)
    servers = Servers(folder, programs, settings)
    try:
        servers.start()
        measured = Round(servers, _links(chosen, servers), chosen.works, folder)
        lines += measured.lines.values()
        for number in range(chosen.rounds):
            for said in measured.run(number):
                tell(f"round {number + 1}/{chosen.rounds}  {said}")
            report.write(chosen.results, lines, facts)
        if chosen.hours and "dovetail" in chosen.only and "soak" not in facts:
            link = Dovetail()
            pair = Pair(servers, "soak", link.forms)
            facts |= {"soak": "; ".join(soak(pair, link, chosen.hours, chosen.idle_s, folder).words())}
            tell(facts["soak"])
            report.write(chosen.results, lines, facts)
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _links(chosen: Choice, servers: Servers) -> list[Link]:
    """The chosen links that can run on these servers."""
    known: dict[str, Link] = {
        "alone": Alone(),
        "native": Native(servers.version),
        "pglogical": Pglogical(),
        "bucardo": Bucardo(),
        "dovetail": Dovetail(),
    }
    found = []
    for name, link in known.items():
        if name in chosen.only:
            reason = link.missing(servers)
            if reason:
                tell(f"PostgreSQL {servers.version}: {name} is left out: {reason}")
            else:
                found.append(link)
    return found


def _facts(chosen: Choice) -> dict[str, str]:
    """When, on what and of what it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}",
        "work": f"{ROWS:,} rows, {measures.CHANGES:,} single-row updates, 100 a transaction, by one client a side; the clock "
        f"stops when both sides agree. Hot: {measures.HOT_ROWS} rows take all of them. Backlog: {measures.BACKLOG:,} "
        "updates made while the link is off, clocked from the moment at which it is switched on again (for Dovetail: "
        "its process started). Held: the process stood still instead, and goes on",
        "latency": f"{measures.RATE:.0f} transactions a second of one row each at A, from the answer to the commit until a "
        "session at B that looks every millisecond sees it",
        "measured": f"median of {chosen.rounds} rounds side by side, everything on the same machine, all commits durable; "
        "the peers copy between two tables alike, Dovetail between two schemas, always in both directions",
    }


if __name__ == "__main__":
    sys.exit(main())
