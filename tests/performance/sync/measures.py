"""What is measured of a link: how fast edits arrive, how fast a backlog does, and how late a single edit is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from tests.performance.sync.links.link import ALONE, TWO_WAY, Link
from tests.performance.sync.pair import SIDES, SUM, Pair
from tests.performance.sync.writer import Edits

CHANGES = 20_000
BACKLOG = 40_000
HOT_ROWS = 100
RATE = 1000.0
PACED_S = 10.0
PACED_CONNECTIONS = 4
LIMIT_S = 120.0
"""Seconds after which a link that does not bring the sides together has failed."""

_ROOT = Path(__file__).resolve().parents[3]
_PAUSE_S = 0.002
_BASES = count(1)
_SPAN = 200_000


class LinkFailed(Exception):
    """The sides did not come together in time."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the answer to the commit at A until a session at B sees it; and edits a second really made."""

    p50: float
    p95: float
    p99: float
    rate: float


class Program:
    """One of the two programs: connected and waiting for the word once it is made."""

    def __init__(self, name: str, edits: Edits) -> None:
        known = os.pathsep.join([str(_ROOT), str(_ROOT / "src")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.performance.sync.{name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": known},
        )
        self._say(edits.text())

    def __enter__(self) -> Self:
        if self._hear() != "ready\n":
            self.__exit__()
            raise LinkFailed("a writer or watcher did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """Give the word."""
        self._say("go")

    def answer(self) -> Any:
        """Wait for what it found; `LinkFailed` where it broke down."""
        said = self._hear()
        if not said:
            raise LinkFailed("a writer or watcher broke down")
        return json.loads(said)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def edits_of(pair: Pair, direction: str, changes: int, *, hot: bool) -> list[Edits]:
    """The edits of each writer: prices at A; in both directions half of them at A, and weights of other rows at B."""
    sides = SIDES if direction == TWO_WAY else SIDES[:1]
    found = []
    for number, side in enumerate(sides):
        rows = range(number, HOT_ROWS if hot else pair.rows, len(sides))
        statement = pair.form[side].price if side == "a" else pair.form[side].weight
        codes = tuple(pair.code(row) for row in rows)
        found.append(Edits(pair.url(side), statement, codes, next(_BASES) * _SPAN, changes // len(sides)))
    return found


def speed(pair: Pair, link: Link, direction: str, *, hot: bool, changes: int = CHANGES) -> float:
    """Changes a second until both sides agree, while the link is on."""
    edits = edits_of(pair, direction, changes, hot=hot)
    begun, ended = _written(edits)
    if link.name == ALONE:
        return changes / (ended - begun)
    return changes / (together(pair, link, edits) - begun)


def backlog(pair: Pair, link: Link, direction: str) -> float:
    """Changes a second of a backlog, its clock running from the moment at which the link is switched on again."""
    link.stop(pair, direction)
    edits = edits_of(pair, direction, BACKLOG, hot=False)
    _written(edits)
    begun = time.monotonic()
    link.start(pair, direction)
    return BACKLOG / (together(pair, link, edits) - begun)


def held_backlog(pair: Pair, link: Link, direction: str) -> float | None:
    """As `backlog`, but its process stood still meanwhile and goes on; None where the link has none."""
    if not link.hold():
        return None
    edits = edits_of(pair, direction, BACKLOG, hot=False)
    try:
        _written(edits)
    finally:
        begun = time.monotonic()
        link.resume()
    return BACKLOG / (together(pair, link, edits) - begun)


def latency(pair: Pair) -> Latency:
    """How late edits at A are seen at B, at a steady rate."""
    codes = tuple(pair.code(row) for row in range(pair.rows))
    edits = Edits(
        pair.url("a"), pair.form["a"].price, codes, next(_BASES) * _SPAN, int(RATE * PACED_S), 1, RATE,
        PACED_CONNECTIONS,
    )  # fmt: skip
    watched = Edits(pair.url("b"), "", codes, edits.base, edits.count)
    with Program("watcher", watched) as watcher, Program("writer", edits) as writer:
        watcher.go()
        writer.go()
        made, found = writer.answer(), watcher.answer()
    if None in found:
        raise LinkFailed("not every edit was seen at the other side")
    late = sorted(max(0.0, there - here) * 1000 for here, there in zip(made, found, strict=True))
    return Latency(*(_part(late, share) for share in (0.50, 0.95, 0.99)), edits.count / (max(made) - min(made)))


def together(pair: Pair, link: Link, edits: Sequence[Edits]) -> float:
    """When both sides agreed: first the last edits are looked for, and then everything is compared."""
    limit = looked = time.monotonic()
    limit += LIMIT_S
    last = [edits_.codes[(edits_.count - 1) % len(edits_.codes)] for edits_ in edits]
    with psycopg.connect(pair.url("a"), autocommit=True) as a, psycopg.connect(pair.url("b"), autocommit=True) as b:
        for query, values in ((_LAST, (last,)), (SUM.encode(), ())):
            while True:
                here = a.execute(query, values).fetchall()
                asked = time.monotonic()
                if here == b.execute(query, values).fetchall():
                    break
                if asked > limit:
                    raise LinkFailed(f"{pair.differing():,} rows differ after {LIMIT_S:.0f} s")
                if asked > looked + 1.0:
                    looked = asked
                    if fault := link.fault():
                        raise LinkFailed(fault)
                time.sleep(_PAUSE_S)
    return asked


_LAST = b"SELECT shared::text FROM shared WHERE code = ANY(%s) ORDER BY 1"


def _written(edits: Sequence[Edits]) -> tuple[float, float]:
    """All writers at once, to their end; when the first began and the last ended."""
    with ExitStack() as stack:
        writers = [stack.enter_context(Program("writer", one)) for one in edits]
        for writer in writers:
            writer.go()
        spans = [writer.answer() for writer in writers]
    return min(begun for begun, _ in spans), max(ended for _, ended in spans)


def _part(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
