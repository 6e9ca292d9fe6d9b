"""Real `kill -9` of the shipped command at random moments, and two of them at once."""

import random
import time

import psycopg
import pytest
from plain import add, arrived, count, fill
from worker import start

ROWS = 1_500
UNKNOWN = "SELECT count(*) - count(DISTINCT partition) FROM dovetail_ledger"
"""Chunks besides the last one of each partition, which stays."""


@pytest.fixture
def look():
    """Questions to the right side over one connection, quick enough to catch a chunk between two commits."""
    opened = []

    def ask(made, statement):
        if not opened:
            opened.append(made.connect("right"))
        try:
            return opened[0].execute(statement).fetchone()[0]
        except psycopg.errors.UndefinedTable:
            return 0

    yield ask
    for connection in opened:
        connection.close()


@pytest.mark.parametrize(("state", "kills"), [("sqlite", 10), ("postgres", 5)])
def test_kills_lose_and_double_nothing(world, told, look, state, kills):
    """Keys are drawn by the target and there is no natural key: only the ledger can tell what was written."""
    made = fill(world("sqlite", "postgres", state=state), ROWS)
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    landed, left_behind = 0, 0
    for number in range(kills):
        process = start(made, chunk_rows=50)
        before = look(made, "SELECT count(*) FROM b")
        while process.is_alive() and look(made, "SELECT count(*) FROM b") == before:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.1))
        while number % 2 and process.is_alive() and not look(made, UNKNOWN):
            time.sleep(0.001)
        landed += process.is_alive()
        process.kill()
        process.join()
        left_behind += look(made, UNKNOWN)
        if count(made, "left") - count(made, "right") < ROWS // 2:
            fill_more(made)
    assert landed >= kills // 2, "too few kills hit a running command"
    made.migrate()
    assert arrived(made)
    told(
        f"{landed} times kill -9, state in {state}",
        f"nothing lost or doubled; {left_behind} chunks only the ledger knew",
    )


def fill_more(made):
    add(made, ROWS)


@pytest.mark.parametrize("state", ["sqlite", "postgres"])
def test_two_runs_at_once_write_every_row_once(world, told, state):
    made = fill(world("sqlite", "postgres", state=state), ROWS)
    ended = []
    for round_ in range(2):
        both = [start(made, out=f"out{round_}{one}") for one in (1, 2)]
        for process in both:
            process.join(30)
        ended += [process.exitcode for process in both]
        outs = "".join((made.folder / f"out{round_}{one}").read_text() for one in (1, 2))
        assert "Traceback" not in outs
        assert all(code == 0 or (code == 4 and ("DV-307" in outs or "DV-502" in outs)) for code in ended), outs
        assert len(set(made.sql("right", "SELECT v FROM b"))) == count(made, "right")
        fill_more(made)
    made.migrate()
    assert arrived(made)
    told(f"two runs at once, twice, state in {state}", f"exit codes {sorted(ended)}; every row once")
