"""What a running sync costs over time: its memory under a steady load, and what it does while nothing happens."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from tests.performance.sync.links.link import TWO_WAY, Link
from tests.performance.sync.pair import SIDES, Pair

RATE = 200.0
"""Edits a second, half of them at each side."""
SAMPLE_S = 2.0
_HOUR_S = 3600.0
_BASE = 50_000_000
_CALLS = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Soak:
    """Memory (MB at half time and at the end, and its slope over the second half in % an hour), the edits made
    meanwhile; and what an hour of rest would cost."""

    hours: float
    edits: int
    half_mb: float
    end_mb: float
    slope: float
    idle_s: float
    idle_cpu_s: float
    """Processor seconds of the process in an hour of rest."""
    idle_queries: float
    """Statements at both servers in an hour of rest."""
    idle_transactions: float

    def words(self) -> list[str]:
        """As lines."""
        memory = (
            f"memory over {self.hours:.2f} h of {RATE:.0f} edits a second ({self.edits:,}): {self.half_mb:.1f} MB at half "
            f"time, {self.end_mb:.1f} MB at the end; slope of the second half {self.slope:+.2f} % an hour"
        )
        rest = (
            f"an hour of rest (measured over {self.idle_s:.0f} s): {self.idle_cpu_s:.1f} CPU s, "
            f"{self.idle_queries:,.0f} statements, {self.idle_transactions:,.0f} transactions at both servers together"
        )
        return [memory, rest]


def soak(pair: Pair, link: Link, hours: float, idle_s: float, folder: Path) -> Soak:
    """Watch a link that is switched on for the time."""
    link.make(pair, TWO_WAY, folder)
    try:
        samples, edits = _loaded(pair, link, hours * _HOUR_S)
        cpu, calls, transactions = _idle(pair, link, idle_s)
    finally:
        link.remove(pair, TWO_WAY)
    late = samples[len(samples) // 2 :]
    more = _HOUR_S / idle_s
    return Soak(
        hours, edits, late[0][1], late[-1][1], slope(late), idle_s, cpu * more, calls * more, transactions * more
    )  # fmt: skip


def slope(samples: list[tuple[float, float]]) -> float:
    """The straight line through the samples (seconds, MB), in % of their mean an hour.

    >>> round(slope([(0.0, 100.0), (1800.0, 100.5), (3600.0, 101.0)]), 2)
    1.0
    """
    mid_s = sum(at for at, _ in samples) / len(samples)
    mid_mb = sum(size for _, size in samples) / len(samples)
    spread = sum((at - mid_s) ** 2 for at, _ in samples)
    rise = sum((at - mid_s) * (size - mid_mb) for at, size in samples) / spread if spread else 0.0
    return 100 * rise * _HOUR_S / mid_mb


def _loaded(pair: Pair, link: Link, seconds: float) -> tuple[list[tuple[float, float]], int]:
    begun = time.monotonic()
    samples: list[tuple[float, float]] = []
    numbers = count()
    made = 0
    with psycopg.connect(pair.url("a"), autocommit=True) as a, psycopg.connect(pair.url("b"), autocommit=True) as b:
        writers = {"a": a, "b": b}
        while (now := time.monotonic()) < begun + seconds or not samples:
            if not samples or now - samples[-1][0] >= SAMPLE_S:
                samples.append((now, _memory_mb(link)))
            for side in SIDES:
                number = next(numbers)
                statement = pair.form[side].price if side == "a" else pair.form[side].weight
                writers[side].execute(statement.encode(), (_BASE + number, pair.code(number)))
                made += 1
            time.sleep(max(0.0, begun + made / RATE - time.monotonic()))
    return samples, made


def _idle(pair: Pair, link: Link, seconds: float) -> tuple[float, float, float]:
    time.sleep(2.0)
    with psycopg.connect(pair.url("a"), autocommit=True) as a, psycopg.connect(pair.url("b"), autocommit=True) as b:
        for side in (a, b):
            side.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

        def seen() -> tuple[float, float, float]:
            cpu = sum(_cpu_s(pid) for pid in link.processes())
            rows = [(side.execute(_CALLS).fetchone(), side.execute(_TRANSACTIONS).fetchone()) for side in (a, b)]
            return cpu, float(sum(one[0] for one, _ in rows if one)), float(sum(one[0] for _, one in rows if one))

        before = seen()
        time.sleep(seconds)
        after = seen()
    ours = 2 * len(SIDES)
    return after[0] - before[0], after[1] - before[1] - ours, after[2] - before[2] - ours


def _memory_mb(link: Link) -> float:
    total = 0
    for pid in link.processes():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return total / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
