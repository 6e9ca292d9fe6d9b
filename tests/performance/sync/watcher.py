"""A program that looks at one side again and again, and notes when it first sees each edit there."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psycopg
from tests.performance.sync.writer import Edits, told

PAUSE_S = 0.001
"""Seconds between two looks; a look takes about a third of that."""

LIMIT_S = 60.0
"""Seconds without anything new after which it gives up."""

_WINDOW = 16
_WINDOW_MAX = 2048
_LOOK = b"SELECT code, price FROM shared WHERE code = ANY(%s)"


def watch(edits: Edits, connection: psycopg.Connection[Any]) -> list[float | None]:
    """When each edit, or a later one of the same row, was first seen; None where it never was."""
    seen: list[float | None] = [None] * edits.count
    first, window, last = 0, _WINDOW, time.monotonic()
    while first < edits.count and time.monotonic() - last < LIMIT_S:
        waiting = [at for at in range(first, min(first + window, edits.count)) if seen[at] is None]
        codes = [edits.codes[at % len(edits.codes)] for at in waiting]
        held = dict(connection.execute(_LOOK, (codes,), prepare=True).fetchall())
        now = time.monotonic()
        found = [at for at, code in zip(waiting, codes, strict=True) if held[code] >= edits.base + at]
        for at in found:
            seen[at] = now
        if found:
            last = now
        while first < edits.count and seen[first] is not None:
            first += 1
        full = len(found) == len(waiting)
        window = min(window * 2, _WINDOW_MAX) if full else max(_WINDOW, window // 2)
        if not full:
            time.sleep(PAUSE_S)
    return seen


def main() -> None:
    """Watch for the edits that the first line names, from the moment that the second line comes."""
    edits = told(sys.stdin.readline())
    with psycopg.connect(edits.url, autocommit=True) as connection:
        connection.execute("SELECT 1")
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(watch(edits, connection)), flush=True)


if __name__ == "__main__":
    main()
