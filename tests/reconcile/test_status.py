"""What a running sync says of itself to whoever asks its state."""

from __future__ import annotations

import json
import threading
import time

from click.testing import CliRunner

from dovetail.cli.main import main
from dovetail.engine.open import open_workspace
from dovetail.steps.status import status
from dovetail.steps.sync import sync

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
MAPPING = """
members: {{shop: {{dataset: t}}, crm: {{dataset: t}}}}
match: k
fields:
  k: {{shop: k, crm: k, owner: shop}}
  v: {{shop: v, crm: v, policy: {{prefer: shop}}}}
every: 100ms
{more}
"""


def asked(made):
    with open_workspace(made.folder, variables={}) as workspace:
        return status(workspace)


def until(made, wanted, seconds=30):
    """What the status says once it says something."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        document = asked(made)
        if wanted(document):
            return document
        time.sleep(0.2)
    raise AssertionError(document)


def test_who_works_and_what_waits_and_why(lab):
    made = lab(
        {"shop": TABLE, "crm": TABLE},
        {
            "thing": MAPPING.format(more="guard: {rows: 10, share: 100%}"),
            "night": MAPPING.format(more="window: {from: 2:00, to: 2:01, days: mon}"),
        },
    )
    made.sql(
        "shop",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO t SELECT i, 'v' FROM n",
    )
    made.migrate(only=["thing"], for_sync=True)
    stop = threading.Event()
    with open_workspace(made.folder, variables={}) as workspace:
        thread = threading.Thread(target=sync, args=(workspace, stop))
        thread.start()
        try:
            until(made, lambda document: document["working"])
            made.sql("shop", "UPDATE t SET v = 'secret value'")
            document = until(made, lambda document: {one["kind"] for one in document["waits"]} >= {"guard", "window"})
        finally:
            stop.set()
            thread.join()
    (process,) = document["working"]
    assert process["process"].startswith("process ")
    assert process["mappings"] == ["night", "thing"]
    waits = {one["mapping"]: one for one in document["waits"]}
    assert waits["night"]["until"] is not None
    assert "its window opens at" in waits["night"]["reason"]
    assert "the guard allows 10 rows" in waits["thing"]["reason"]
    assert "--allow ROWS" in waits["thing"]["next"]
    assert "secret value" not in json.dumps(document)
    after = asked(made)
    assert after["working"] == [], "it gave its leases back"
    assert [one["kind"] for one in after["waits"]] == ["guard"], "what a person must look at stays"
    words = CliRunner().invoke(main, ["status", "--project", str(made.folder)]).output
    assert "thing waits (guard): DV-611" in " ".join(words.split())


def test_mappings_are_named_that_there_are(lab):
    made = lab({"shop": TABLE, "crm": TABLE}, {"thing": MAPPING.format(more="")})
    made.migrate()
    for option in ("--accept", "--trust"):
        answer = CliRunner().invoke(main, ["status", option, "thin", "--project", str(made.folder)])
        assert answer.exit_code == 2
        assert CliRunner().invoke(main, ["status", option, "thing", "--project", str(made.folder)]).exit_code == 0
