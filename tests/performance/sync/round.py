"""One round: every link on servers of one version, each measured in turn by the same works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.performance.sync import measures
from tests.performance.sync.links.link import ALONE, ONE_WAY, TWO_WAY, Link
from tests.performance.sync.measures import Latency
from tests.performance.sync.pair import Pair, Servers

DIRECTION = {
    "one-way": ONE_WAY,
    "one-way-hot": ONE_WAY,
    "backlog": ONE_WAY,
    "held": ONE_WAY,
    "latency": ONE_WAY,
    "two-way": TWO_WAY,
    "two-way-hot": TWO_WAY,
}
SPEEDS = ("one-way", "one-way-hot", "two-way", "two-way-hot")
WARM_UP = 200
"""Changes that must have arrived before anything is measured."""


@dataclass(slots=True)
class Line:
    """What was measured of one link on one version of the servers: by work, round after round."""

    server: str
    link: str
    speeds: dict[str, list[float]] = field(default_factory=dict)
    latencies: list[Latency] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def speed(self, work: str) -> float | None:
        """The median of the rounds, in changes a second."""
        return median(self.speeds[work]) if self.speeds.get(work) else None

    def latency(self) -> Latency | None:
        """The median of the rounds, number by number."""
        if not self.latencies:
            return None
        return Latency(
            *(median(getattr(one, name) for one in self.latencies) for name in ("p50", "p95", "p99", "rate"))
        )


class Round:
    """The links on two servers, each in every round with pairs of databases of its own."""

    def __init__(self, servers: Servers, links: Sequence[Link], works: Sequence[str], folder: Path) -> None:
        self._servers, self._works, self._folder = servers, works, folder
        self._links = {link.name: link for link in links}
        self.lines = {name: Line(servers.version, name) for name in self._links}

    def run(self, number: int) -> Iterator[str]:
        """Measure every link once; the answers tell what was just done."""
        names = list(self._links)
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            for direction in self._links[name].directions:
                known = SPEEDS if name == ALONE else DIRECTION
                works = [work for work in self._works if DIRECTION[work] == direction and work in known]
                if works:
                    yield from self._measure(number, name, direction, works)

    def _measure(self, number: int, name: str, direction: str, works: Sequence[str]) -> Iterator[str]:
        link, line = self._links[name], self.lines[name]
        short = "".join(sign for sign in name.lower() if sign.isalpha())[:12]
        pair = Pair(self._servers, f"{short}_{direction.replace('-', '_')}_{number}", link.forms)
        work = "its start"
        try:
            link.make(pair, direction, self._folder)
            if name != ALONE:
                measures.speed(pair, link, direction, hot=True, changes=WARM_UP)
            for work in works:
                yield f"{line.server}  {name:22} {work:12} {self._one(pair, link, work)}"
                pair.rest()
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are measured
            line.failures[work] = " ".join(str(error).split())[:300]
            yield f"{line.server}  {name:22} {work:12} FAILED: {line.failures[work]}"
        try:
            link.remove(pair, direction)
        except Exception as error:  # noqa: BLE001 - as above
            line.failures["its end"] = " ".join(str(error).split())[:300]

    def _one(self, pair: Pair, link: Link, work: str) -> str:
        line = self.lines[link.name]
        if work == "latency":
            found = measures.latency(pair)
            line.latencies.append(found)
            return f"{found.p50:8.1f} {found.p95:8.1f} {found.p99:8.1f} ms at {found.rate:,.0f}/s"
        speed = self._speed(pair, link, work)
        if speed is None:
            return "has no process that could stand still"
        line.speeds.setdefault(work, []).append(speed)
        return f"{speed:8,.0f} changes/s"

    def _speed(self, pair: Pair, link: Link, work: str) -> float | None:
        direction = DIRECTION[work]
        if work == "backlog":
            return measures.backlog(pair, link, direction)
        if work == "held":
            return measures.held_backlog(pair, link, direction)
        return measures.speed(pair, link, direction, hot=work.endswith("hot"))
