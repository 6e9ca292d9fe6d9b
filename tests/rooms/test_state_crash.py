"""The state after its process was killed in the middle of writing."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dovetail.state import store as store_module
from dovetail.state.store import open_state

ROWS = 50

WRITE = """
import datetime as dt, itertools, sys
from dovetail.model.change import Verb
from dovetail.state.journal import JournalEntry
from dovetail.state.queue import Cursor
from dovetail.state.store import open_state
store = open_state(sys.argv[1], key=bytes(range(32)), clock=lambda: dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
for chunk in itertools.count(store.sequence.get("p") + 1):
    with store.transaction():
        first = store.crossref.allocate("product", 50)
        rows = list(range(first, first + 50))
        store.crossref.link("product", "shop", rows, [f"s{row}" for row in rows])
        store.crossref.link("product", "warehouse", rows, [f"w{row}" for row in rows])
        store.base.save("product", store.base.layout("product", "{}"), rows, [str(row).encode() for row in rows])
        store.queue.push("product", "shop", [f"s{row}" for row in rows], cursors=[Cursor("shop", str(chunk))])
        store.journal.append("run", "product", [JournalEntry(row, "shop", Verb.UPDATE, f"s{row}") for row in rows])
        store.sequence.set("p", chunk)
    print(chunk, flush=True)
"""


@pytest.mark.parametrize("state_address", ["sqlite", "postgres"], indirect=True)
def test_what_was_committed_is_there_and_nothing_else(state_address):
    source = str(Path(store_module.__file__).parents[2])
    reported = 0
    for delay_s in (0.02, 0.11, 0.23, 0.31):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE, state_address], stdout=subprocess.PIPE, env={"PYTHONPATH": source}, text=True
        )
        reported = int(child.stdout.readline())
        time.sleep(delay_s)
        child.kill()
        reported = int((child.stdout.read().splitlines() or [reported])[-1])
        child.wait()
        hold(state_address, reported)
    assert reported > 4


def hold(address, reported):
    with open_state(address, key=bytes(range(32)), clock=lambda: dt.datetime(2026, 11, 22, tzinfo=dt.UTC)) as store:
        with store.transaction():
            chunk = store.sequence.get("p")
        rows = list(range(1, chunk * ROWS + 1))
        assert chunk >= reported
        for member, letter in (("shop", "s"), ("warehouse", "w")):
            links = store.crossref.load("product", member).to_pydict()
            assert links == {"row": rows, "key": [f"{letter}{row}" for row in rows]}
        base = store.base.load("product").to_pydict()
        assert (base["row"], base["packed"]) == (rows, [str(row).encode() for row in rows])
        assert store.queue.count("product", "shop") == len(rows)
        assert store.queue.cursor("shop") == str(chunk)
        assert len(store.journal.history("product", rows[-1])) == 1
        assert store.examine() == ""
