"""A program that edits rows: many as fast as it can, or so many a second. It says when it is ready, and waits for the word.

Value number `i` is `base + i`, and goes to row `codes[i % len(codes)]`; so every edit changes something.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

_AHEAD_S = 0.2


@dataclass(frozen=True, slots=True)
class Edits:
    """So many edits by one statement (value, code), `chunk` of them a transaction; `rate` a second, or at once."""

    url: str
    statement: str
    codes: tuple[str, ...]
    base: int
    count: int
    chunk: int = 100
    rate: float = 0.0
    connections: int = 1

    def pairs(self, start: int, stop: int) -> list[tuple[int, str]]:
        """The values and codes of some of the edits."""
        return [(self.base + at, self.codes[at % len(self.codes)]) for at in range(start, min(stop, self.count))]

    def text(self) -> str:
        """As it travels to the program."""
        return json.dumps(asdict(self))


def told(line: str) -> Edits:
    """The edits that a line names."""
    words = json.loads(line)
    return Edits(**words | {"codes": tuple(words["codes"])})


def edit_all(edits: Edits, connection: psycopg.Connection[Any]) -> tuple[float, float]:
    """All of them, as fast as one connection takes them; when it began and ended."""
    begun = time.monotonic()
    with connection.cursor() as cursor:
        for at in range(0, edits.count, edits.chunk):
            cursor.executemany(edits.statement.encode(), edits.pairs(at, at + edits.chunk))
            connection.commit()
    return begun, time.monotonic()


def edit_paced(edits: Edits, connections: Sequence[psycopg.Connection[Any]]) -> list[float]:
    """One transaction for each edit, at its own moment; when each commit was answered."""
    begun = time.monotonic() + _AHEAD_S
    ended = [0.0] * edits.count

    def work(number: int) -> None:
        connection = connections[number]
        for at in range(number, edits.count, len(connections)):
            wait = begun + at / edits.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            connection.execute(edits.statement.encode(), edits.pairs(at, at + 1)[0])
            ended[at] = time.monotonic()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def main() -> None:
    """Do what the first line says once the second line comes."""
    edits = told(sys.stdin.readline())
    connections = [psycopg.connect(edits.url, autocommit=bool(edits.rate)) for _ in range(edits.connections)]
    for connection in connections:
        connection.execute("SELECT 1")
        connection.rollback()
    print("ready", flush=True)
    sys.stdin.readline()
    done: Any = edit_paced(edits, connections) if edits.rate else edit_all(edits, connections[0])
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
