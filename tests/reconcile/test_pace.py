"""A running sync writes no faster to a system than is declared."""

from __future__ import annotations

import threading
import time

from dovetail.engine.open import open_workspace
from dovetail.steps.sync import sync

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
MAPPING = """
members: {shop: {dataset: t}, crm: {dataset: t}}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  v: {shop: v, crm: v, policy: {prefer: shop}}
guard: {rows: 100000, share: 100%}
every: 100ms
"""


def test_no_more_rows_than_the_rate(lab):
    made = lab({"shop": TABLE, "crm": TABLE}, {"thing": MAPPING})
    text = (made.folder / "dovetail.yaml").read_text()
    made.write("dovetail.yaml", text.replace("path: crm.db", "path: crm.db, rate: 20/s"))
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
    made.sql("shop", rows + "INSERT INTO t SELECT i, 'v' FROM n")
    made.migrate(for_sync=True)
    stop = threading.Event()
    with open_workspace(made.folder, variables={}) as workspace:
        turned = threading.Event()
        thread = threading.Thread(target=sync, args=(workspace, stop), kwargs={"told": lambda _turn: turned.set()})
        thread.start()
        for row in range(1, 100):
            made.sql("shop", "UPDATE t SET v = 'one' WHERE k = ?", row)
            if turned.wait(0.3):
                break
        made.sql("shop", "UPDATE t SET v = 'new'")
        began = time.monotonic()
        counts = []
        while time.monotonic() - began < 6:
            counts.append((time.monotonic() - began, made.sql("crm", "SELECT count(*) FROM t WHERE v = 'new'")[0][0]))
            time.sleep(0.1)
        stop.set()
        thread.join()
    assert counts[-1][1] > 20, "it goes on"
    assert all(count <= 20 * (seconds + 1.5) for seconds, count in counts), counts
