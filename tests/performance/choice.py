"""What is to be measured, as the caller of the benchmark says it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.performance.ways.task import LOADS, WORKS

FAMILIES = ("anchor", "dovetail", "sling", "ingestr", "dlt", "singer", "pgloader")
SHAPES = ("customers", "wide")
FEW_RUNS_ROWS = 5_000_000
"""Rows from which on everything is measured once, and slow ways are left out."""
SLOW_ONCE_ROWS = 500_000
"""Rows from which on slow ways are measured once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The lines of the benchmark that are wanted."""

    rows: tuple[int, ...]
    only: tuple[str, ...]
    works: tuple[str, ...]
    loads: tuple[str, ...]
    shapes: tuple[str, ...]
    runs: int
    keep: bool
    homes: Path
    """Where the peers' environments are made."""
    results: Path
    """Where the JSON file and the Markdown fragment are written."""

    def runs_of(self, rows: int, *, slow: bool) -> int:
        """How often a way is measured; 0 where it is left out."""
        if rows >= FEW_RUNS_ROWS:
            return 0 if slow else 1
        return 1 if slow and rows >= SLOW_ONCE_ROWS else self.runs


def choice(arguments: Sequence[str]) -> Choice:
    """What the arguments choose, or where there are none, the environment's variables of the same names."""
    parser = ArgumentParser(prog="make bench", description=__doc__)

    def option(name: str, default: str, said: str) -> None:
        parser.add_argument(f"--{name}", default=os.environ.get(name.upper()) or default, help=said, metavar="WORDS")

    option("rows", "100000,1000000", "numbers of rows")
    option("only", ",".join(FAMILIES), "ways: " + ", ".join(FAMILIES))
    option("work", ",".join(WORKS), "works: " + ", ".join(WORKS))
    option("loads", ",".join(LOADS), "loads: " + ", ".join(LOADS))
    option("schema", ",".join(SHAPES), "schemas: " + ", ".join(SHAPES))
    option("runs", "3", "how often each load is measured; the median counts")
    option("results", "build/bench", "the folder of the JSON file and the Markdown fragment")
    kept = os.environ.get("KEEP", "") not in ("", "0")
    parser.add_argument(
        "--keep", action="store_true", default=kept, help="leave databases and projects, and tell how to use them"
    )
    said = parser.parse_args(arguments)
    homes = os.environ.get("DOVETAIL_BENCH_HOME") or Path.home() / ".cache" / "dovetail-bench"

    def words(text: str, known: Sequence[str]) -> tuple[str, ...]:
        chosen = [word.strip() for word in text.split(",") if word.strip()]
        for word in chosen:
            if word not in known:
                parser.error(f"{word!r} is none of {', '.join(known)}")
        return tuple(word for word in known if word in chosen)

    return Choice(
        rows=tuple(int(word.replace("_", "")) for word in said.rows.split(",")),
        only=words(said.only, FAMILIES),
        works=words(said.work, WORKS),
        loads=words(said.loads, LOADS),
        shapes=words(said.schema, SHAPES),
        runs=int(said.runs),
        keep=said.keep,
        homes=Path(homes),
        results=Path(said.results),
    )
