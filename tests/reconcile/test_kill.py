"""Real `kill -9` of the shipped command at random moments: nothing lost, nothing doubled, and the next run goes on."""

import os
import random
import signal
import subprocess
import sys
import time

from lab import writes

LEFT = """CREATE TABLE parent (id INTEGER PRIMARY KEY, n TEXT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER, q INTEGER);"""
RIGHT = """CREATE TABLE p (no INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT);
    CREATE TABLE c (no INTEGER PRIMARY KEY AUTOINCREMENT, p INTEGER NOT NULL REFERENCES p(no), q INTEGER);"""
PARENT = """
    members: {left: {dataset: parent}, right: {dataset: p}}
    fields: {n: {left: n, right: n, owner: left}}
"""
CHILD = """
    members: {left: {dataset: child}, right: {dataset: c}}
    fields:
      p: {left: parent, right: p, owner: left, ref: parent}
      q: {left: q, right: q, owner: left}
"""
PARENTS, CHILDREN, KILLS = 20_000, 250_000, 8


def start(made):
    program = "import sys; from dovetail.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "migrate", "--project", str(made.folder), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def written(made):
    return made.sql("right", "SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM c)")[0][0]


def test_kills_lose_and_double_nothing(lab):
    """Keys are drawn by the target and there is no natural key: only the ledger can tell what was written."""
    made = lab({"left": LEFT, "right": RIGHT}, {"parent": PARENT, "child": CHILD})
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    made.sql(
        "left",
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PARENTS}) INSERT INTO parent SELECT i, 'p' || i FROM n",
    )
    made.sql(
        "left",
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CHILDREN}) INSERT INTO child SELECT i, 1 + i % {PARENTS}, i FROM n",
    )
    landed = 0
    for _ in range(KILLS):
        before = written(made)
        process = start(made)
        while process.poll() is None and written(made) == before:
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.3))
        landed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    print("landed in the middle of a load:", landed)
    made.migrate()
    assert landed >= 2, "hardly a kill hit a running load"
    assert made.sql("right", "SELECT count(*), count(DISTINCT n) FROM p") == [(PARENTS, PARENTS)]
    assert made.sql("right", "SELECT count(*), count(DISTINCT q) FROM c") == [(CHILDREN, CHILDREN)]
    wrong = made.sql("right", f"SELECT count(*) FROM c JOIN p ON p.no = c.p WHERE p.n <> 'p' || (1 + c.q % {PARENTS})")
    assert wrong == [(0,)]
    assert writes(made.migrate()) == 0
    assert made.verify().ok
