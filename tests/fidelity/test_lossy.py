"""What a system makes otherwise of values is named in the plan, counted in the run, and read by people."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing

import pytest
from rich.console import Console
from tests.fidelity.pair import Project
from tests.fidelity.pairs import missing_server
from tests.fidelity.stand import Table, stand_of

from dovetail.cli import show
from dovetail.engine.lossy import UNFORESEEN
from dovetail.steps import migrate as steps
from dovetail.steps.plan import plan


def told(project):
    """What a plan and a run say, as documents."""
    with project.open() as workspace:
        planned, run = plan(workspace).summary, steps.migrate(workspace)
        again = steps.migrate(workspace)
    out = io.StringIO()
    show.losses(planned, Console(file=out, width=200))
    show.losses(run, Console(file=out, width=200))
    assert [one.rows for one in again.lossy] in ([], [0])
    return planned.document()["lossy"], run.document()["lossy"], out.getvalue()


@pytest.mark.server
def test_a_type_that_respells_is_named_before_and_counted_after(tmp_path, fidelity_servers):
    if reason := missing_server("postgres", fidelity_servers):
        pytest.skip(reason)
    source, target = stand_of("sqlite", tmp_path / "a", {}), stand_of("postgres", tmp_path / "b", fidelity_servers)
    rows = [{"id": 1, "j": """'{"b": 1, "a": 2}'"""}, {"id": 2, "j": "'[1]'"}, {"id": 3}]
    source.plant(Table("given", {"id": "INTEGER", "j": "JSON_TEXT"}, rows))
    target.plant(Table("taken", {"id": "bigint", "j": "jsonb"}))
    project = Project(tmp_path / "project", source, target)
    project.declare()
    project.map("taken", "given", ["j"])
    planned, run, words = told(project)
    target.close()
    (ahead,), (after,) = planned, run
    assert (ahead["mapping"], ahead["member"], ahead["field"], ahead["column"]) == ("taken", "b", "j", "j")
    assert (ahead["from"], ahead["to"], ahead["rows"]) == ("JSON_TEXT", "jsonb", 2)
    assert (after["rows"], after["loss"]) == (1, ahead["loss"])
    assert "taken.j at b (JSON_TEXT -> jsonb), 2 values: names are put into another order" in words
    assert "changed on writing:" in words


def test_what_nobody_could_foresee_is_counted(tmp_path):
    """A trigger rounds; no type says so, and the run does."""
    source, target = stand_of("sqlite", tmp_path / "a", {}), stand_of("sqlite", tmp_path / "b", {})
    rows = [{"id": 1, "v": "1.25"}, {"id": 2, "v": "2.5"}]
    source.plant(Table("given", {"id": "INTEGER", "v": "REAL"}, rows))
    target.plant(Table("taken", {"id": "INTEGER", "v": "REAL"}))
    with closing(sqlite3.connect(target._path)) as connection, connection:
        rounding = "UPDATE taken SET v = round(NEW.v, 1) WHERE id = NEW.id"
        connection.execute(f"CREATE TRIGGER rounds AFTER INSERT ON taken BEGIN {rounding}; END")
    project = Project(tmp_path / "project", source, target)
    project.declare()
    project.map("taken", "given", ["v"])
    planned, (after,), _ = told(project)
    assert planned == []
    assert (after["column"], after["rows"], after["loss"]) == ("v", 1, UNFORESEEN)
