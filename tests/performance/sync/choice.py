"""What is to be measured of continuous sync, as the caller says it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LINKS = ("alone", "native", "pglogical", "bucardo", "dovetail")
WORKS = ("one-way", "one-way-hot", "two-way", "two-way-hot", "backlog", "held", "latency")
SERVERS = ("debian", "embedded")
SOAK_HOURS = 0.05
IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The lines of the benchmark that are wanted."""

    only: tuple[str, ...]
    works: tuple[str, ...]
    servers: tuple[str, ...]
    rounds: int
    hours: float
    """How long memory is watched under a steady load; 0: not at all."""
    idle_s: float
    """How long it is left alone afterwards, for the cost of doing nothing."""
    results: Path


def choice(arguments: Sequence[str]) -> Choice:
    """What the arguments choose, or where there are none, the environment's variables of the same names."""
    parser = ArgumentParser(prog="make bench-sync", description=__doc__)

    def option(name: str, default: str, said: str) -> None:
        parser.add_argument(f"--{name}", default=os.environ.get(name.upper()) or default, help=said, metavar="WORDS")

    option("only", ",".join(LINKS), "links: " + ", ".join(LINKS))
    option("work", ",".join(WORKS), "works: " + ", ".join(WORKS))
    option("servers", ",".join(SERVERS), "servers: " + ", ".join(SERVERS))
    option("rounds", "3", "how often each is measured; the median counts")
    option("hours", str(SOAK_HOURS), "how long memory is watched under a steady load")
    option("idle", str(IDLE_S), "seconds for which nothing happens, to see what that costs")
    option("results", "build/bench-sync", "the folder of the JSON file and the Markdown fragment")
    said = parser.parse_args(arguments)

    def words(text: str, known: Sequence[str]) -> tuple[str, ...]:
        chosen = [word.strip() for word in text.split(",") if word.strip()]
        for word in chosen:
            if word not in known:
                parser.error(f"{word!r} is none of {', '.join(known)}")
        return tuple(word for word in known if word in chosen)

    return Choice(
        only=words(said.only, LINKS),
        works=words(said.work, WORKS),
        servers=words(said.servers, SERVERS),
        rounds=int(said.rounds),
        hours=float(said.hours),
        idle_s=float(said.idle),
        results=Path(said.results),
    )
