"""What is about whole tables: keys that collations take for equal, references to oneself and to nothing, odd names, wide
rows, large texts, files in other encodings, a bad value in row 5,001, a server that is not strict."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from tests.fidelity.conftest import PROPERTY
from tests.fidelity.pair import NO_KEY, Project, judge
from tests.fidelity.pairs import missing_server, ring
from tests.fidelity.scenes import play
from tests.fidelity.stand import Table
from tests.fidelity.table import result
from tests.fidelity.test_matrix import pairs, two

from dovetail.engine import sizes
from dovetail.steps import migrate as steps
from dovetail.steps import rejects

pytestmark = pytest.mark.server
__all__ = ["two"]


@pytest.mark.parametrize(("source", "target"), pairs({*ring()[1::2], ("sqlite", "mariadb")}))
def test_tables_arrive_row_by_row(two, tmp_path, record_property, source, target):
    told = result(play(*two(source, target), tmp_path / "project"))
    record_property(PROPERTY, json.dumps(told.document()))
    assert told.silent == []
    assert told.faults == []


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgres"), ("postgres", "sqlite"), ("parquet", "csv")])
def test_a_thousand_fields(two, tmp_path, source, target):
    told = result(play(*two(source, target), tmp_path / "project", width=1_500))
    assert (told.silent, told.faults) == ([], [])


def one_way(source, target, folder, given, taken):
    """One table from `a` to `b`; the run, and what is held by its key, or by the reason where the key is lost."""
    source.plant(given)
    target.plant(taken)
    project = Project(folder, source, target)
    project.declare()
    project.map(taken.name, given.name, [name for name in given.fields if name != "id"])
    with project.open() as workspace:
        run = steps.migrate(workspace)
        told = [one.refusal for one in rejects.standing(workspace)]
        return run, {one.reason if one.key == NO_KEY else one.key: one.reason for one in told}


@pytest.mark.parametrize("bytes_max", [2_000_000, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("target", ["jsonl", "parquet"])
def test_a_larger_value_is_held_and_the_others_flow(two, tmp_path, monkeypatch, bytes_max, target):
    """With a lower bound; in long runs with the bound that it has, and 100 megabytes."""
    if bytes_max:
        monkeypatch.setattr(sizes, "FIELD_BYTES_MAX", bytes_max)
    source, other = two("sqlite", target)
    large = f"replace(hex(zeroblob({(bytes_max or 90_000_000) // 2 + 5_000_000})), '0', 'x')"
    rows = [{"id": 1, "t": "'a'"}, {"id": 2, "t": large}, {"id": 3, "t": "'b'"}]
    given = Table("given", {"id": source.key, "t": "TEXT"}, rows)
    taken = Table("taken", {"id": other.key, "t": other.targets["text"][0]})
    run, held = one_way(source, other, tmp_path / "project", given, taken)
    assert list(held) == ["2"]
    assert "larger than" in held["2"]
    assert run.mappings["taken"].created == 2
    assert set(other.raw(taken)) == {"1", "3"}


@pytest.mark.parametrize("target", ["csv", "postgres"])
def test_a_bad_value_in_row_5001_holds_that_row(two, tmp_path, target):
    source, other = two("sqlite", target)
    given = Table("given", {"id": source.key, "v": "INTEGER"})
    source.plant(given)
    with closing(sqlite3.connect(source._path)) as connection, connection:
        numbers = ((at, "abc" if at == 5_001 else at) for at in range(1, 6_001))
        connection.executemany("INSERT INTO given VALUES (?, ?)", numbers)
    source.plant = lambda table: None
    taken = Table("taken", {"id": other.key, "v": other.targets["integer"][0]})
    run, held = one_way(source, other, tmp_path / "project", given, taken)
    assert list(held) == ["5001"]
    assert run.mappings["taken"].created == 5_999
    found = other.raw(taken)
    assert len(found) == 5_999
    assert all(str(row["v"].value) == key for key, row in found.items())


def test_a_server_that_is_not_strict_changes_nothing(two, tmp_path, fidelity_servers):
    """MariaDB whose own mode cuts and rounds: our sessions set theirs."""
    if reason := missing_server("mariadb", fidelity_servers):
        pytest.skip(reason)
    source, target = two("sqlite", "mariadb")
    before = target._run("SELECT @@GLOBAL.sql_mode")[0][0]
    target._run("SET GLOBAL sql_mode = ''")
    try:
        told = result(judge(source, target, tmp_path / "project", ways=("streamed",)))
    finally:
        target._run("SET GLOBAL sql_mode = %s", (before,))
    assert (told.silent, told.faults) == ([], [])
    assert told.counts["V24"]["quarantined"] > 0


FILES = {
    "mark": "\ufeffid,v\n1,ä\n".encode(),
    "utf16": "id,v\n1,ä\n".encode("utf-16"),
    "windows_ends": "id,v\r\n1,ä\r\n".encode(),
    "no_last_end": "id,v\n1,ä".encode(),
    "semicolons": "id;v\n1;ä\n".encode(),
}


@pytest.mark.parametrize("how", FILES)
def test_files_as_others_write_them(two, tmp_path, how):
    source, target = two("csv", "sqlite")
    given = Table("given", {"id": "integer", "v": "text"})
    source.plant(given)
    (tmp_path / "a" / "given.csv").write_bytes(FILES[how])
    source.plant = lambda table: None
    taken = Table("taken", {"id": target.key, "v": "TEXT"})
    _, held = one_way(source, target, tmp_path / "project", given, taken)
    assert held == {}
    assert target.raw(taken)["1"]["v"].value == "ä"


def test_ragged_records_are_held_with_their_line(two, tmp_path):
    source, target = two("csv", "sqlite")
    given = Table("given", {"id": "integer", "v": "text"})
    source.plant(given)
    (tmp_path / "a" / "given.csv").write_bytes(b'id,v\n1,a\n2\n3,b,c\n4,"x""y\nz"\n5,=cmd|x\n')
    source.plant = lambda table: None
    taken = Table("taken", {"id": target.key, "v": "TEXT"})
    run, held = one_way(source, target, tmp_path / "project", given, taken)
    assert run.mappings["taken"].quarantined == 2
    assert sorted(reason[-3:] for reason in held.values()) == [":3)", ":4)"]
    assert {key: row["v"].value for key, row in target.raw(taken).items()} == {"1": "a", "4": 'x"y\nz', "5": "=cmd|x"}
