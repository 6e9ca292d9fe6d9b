"""The kit as a connector's author uses it: the page's own example, the table, and the same as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.systems.connectors.memory import Connector
from dovetail.testing.conformance import Faults, faults, known
from dovetail.testing.conformance.report import VERDICTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-a-connector.md"
LINES_MAX = 20


def example() -> str:
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    text = example()
    assert len(text.splitlines()) < LINES_MAX
    (tmp_path / "test_mine.py").write_text(text)
    place = tmp_path / "mine.json"
    options = ["-q", "-p", "no:cacheprovider", "-p", "dovetail.testing.conformance.plugin", "--conformance-json", place]
    asked = "rows_are_deleted or the_clock or rows_of_reserved_keys"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "pytest", *map(str, options), "-k", asked, "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    told = json.loads(place.read_text())["Mine"]
    promises = told["promises"]
    assert told["verdicts"] == {"kept": 3, "absent": 1, "declined": 1, "broken": 0}
    assert set(told["verdicts"]) == set(VERDICTS)
    assert promises["rows_are_deleted-without-SupportsLookup"] == {"verdict": "kept"}
    assert promises["the_clock_is_in_utc"] == {"verdict": "absent", "words": "SupportsClock"}
    assert promises["rows_of_reserved_keys_are_created_once"]["verdict"] == "declined"
    assert re.search(r"^Mine +3 +1 +1 +0", done.stdout, re.MULTILINE)


def test_the_page_names_every_fault() -> None:
    named = PAGE.read_text()
    assert [name for name in Faults.__dataclass_fields__ if f"`{name}`" not in named] == []


@pytest.mark.parametrize(
    ("url", "server", "secret"),
    [
        ("postgresql://ada:s%40crt@db.example:5432/shop", ("db.example", 5432), "s@crt"),
        ("postgresql://ada@db.example:5432/shop?sslmode=require", ("db.example", 5432), ""),
        ("postgresql://ada:x@db.example/shop", None, ""),
    ],
)
def test_a_url_tells_its_server_and_secret(url: str, server: object, secret: str) -> None:
    from dovetail.systems.connectors.postgres import Connector as Postgres

    found = known(Postgres(url=url))
    assert (found.server, found.secret) == (server, secret)
    if found.server is not None:
        assert found.through is not None
        near = Postgres(**found.through(7000))
        assert known(near).server == ("127.0.0.1", 7000)
        assert known(near).secret == secret
    assert (found.wrong is None) is (secret == "")
    if found.wrong is not None:
        assert known(Postgres(**found.wrong)).secret == faults.CANARY


def test_what_is_not_told_is_lacking() -> None:
    assert known(object()) == known(Connector()) == Faults()
    assert all(Faults().lacks(name) for name in ("open", "network", "disk", "restart", "secret", "setting:timeout_s"))
    told = Faults(open=Connector().beside, settings=frozenset({"timeout_s"}))
    assert not told.lacks("open")
    assert not told.lacks("setting:timeout_s")
    assert told.lacks("setting:queries")
