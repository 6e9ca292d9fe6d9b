"""The benchmark itself: what it measures, that its judge sees harm, and that its lines can be trusted."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.performance import bench, judge, report, world
from tests.performance.block import Line
from tests.performance.choice import choice
from tests.performance.measure import Command, CommandFailed, Cost, measured
from tests.performance.server import Server
from tests.performance.shape import Shape
from tests.performance.ways.task import LOADS, Steps

ROWS = 200
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # pytest's own folders are closed to the account that the server runs as.
    with tempfile.TemporaryDirectory(prefix="dovetail-bench-test-") as name:
        Path(name).chmod(0o711)
        running = Server(Path(name) / "server", QUICK)
        running.start()
        yield running
        running.stop()


def python(folder: Path, text: str) -> Command:
    return Command([sys.executable, "-c", text], folder, {})


def test_a_command_costs_what_its_children_cost(tmp_path: Path) -> None:
    held = "held = bytearray(120_000_000); import time; time.sleep(0.3); sum(range(3_000_000))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}], check=True)"
    cost = measured([python(tmp_path, parent)], tmp_path / "log")
    assert 110 < cost.peak_mb < 200
    assert cost.tree_mb > 110
    assert cost.seconds > 0.3
    assert cost.cpu_s > 0.02


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no such luck"):
        measured([python(tmp_path, "raise SystemExit('no such luck')")], tmp_path / "log")


def test_only_what_is_written_counts_as_configuration() -> None:
    steps = Steps([], {"a.yaml": "# why\n\nmapping: a\nfields:\n", "b.sql": "-- why\nSELECT 1\n"}, options=2)
    assert steps.lines == 5


def test_words_choose_and_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = choice(["--rows", "100000,1_000_000", "--loads", "again,first", "--only", "dovetail"])
    assert chosen.rows == (100_000, 1_000_000)
    assert chosen.loads == ("first", "again")
    assert chosen.only == ("dovetail",)
    assert (chosen.runs_of(100_000, slow=True), chosen.runs_of(1_000_000, slow=True)) == (3, 1)
    assert (chosen.runs_of(10_000_000, slow=True), chosen.runs_of(10_000_000, slow=False)) == (0, 1)
    with pytest.raises(SystemExit):
        choice(["--work", "pg-oracle"])
    assert "pg-oracle" in capsys.readouterr().err


def test_the_first_copy_of_a_group_is_its_measure() -> None:
    def line(way: str, *seconds: float, fault: str = "") -> Line:
        costs = [Cost(second, 1.0, 20.0, 30.0) for second in seconds]
        return Line("customers", "pg-pg", "first", 1000, way, 5, costs, fault)

    lines = [line("COPY pipe", 2.0, 1.0, 9.0), line("Dovetail", 3.0), line("a peer", 5.0, fault="remark: other values")]
    anchor, ours, peer = (row.split() for row in report.text(lines, {}).splitlines()[4:7])
    assert anchor[2:5] == ["500", "2.00", "1.00"]
    assert ours[1:4] == ["333", "3.00", "1.50"]
    assert peer[-4:] == ["wrong:", "remark:", "other", "values"]
    document = report.document(lines, {})
    assert [run["seconds"] for run in document["lines"][0]["runs"]] == [2.0, 1.0, 9.0]
    assert "| Dovetail | 333 | 3.00 | 1.50 |" in report.markdown(lines, {})


HARM = {
    "a row is lost": ("DELETE FROM {t} WHERE number = 7", "rows for"),
    "a row is doubled": (
        "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey; INSERT INTO {t} SELECT * FROM {t} WHERE number = 7",
        "rows for",
    ),
    "a text becomes null": (
        "ALTER TABLE {t} ALTER {c} DROP NOT NULL; UPDATE {t} SET {c} = NULL WHERE number = 7",
        "nulls for",
    ),
    "a text is another": ("UPDATE {t} SET {c} = {c} || ' ' WHERE number = 7", "{c}: other values"),
    "two rows swap a text": (
        "UPDATE {t} AS a SET {c} = b.{c} FROM {t} AS b WHERE (a.number, b.number) IN ((7, 8), (8, 7))",
        "{c}: other values",
    ),
    "a column is added": ("ALTER TABLE {t} ADD loaded_at timestamp", "added column loaded_at"),
    "a column is widened": ("ALTER TABLE {t} ALTER number TYPE numeric(38, 9)", "number is now numeric(38,9)"),
}


@pytest.mark.server
@pytest.mark.parametrize("harm", ["nothing", *HARM])
@pytest.mark.parametrize("shape", bench.SHAPES.values(), ids=lambda shape: shape.name)
def test_the_judge_sees_every_harm(server: Server, shape: Shape, harm: str) -> None:
    source, target = f"judge_{shape.name}", f"judged_{shape.name}"
    world.make_source(server, shape, source, ROWS)
    world.make_filled(server, shape, source, target, older=False)
    meant = judge.expected(server, shape, source)
    statement, words = HARM.get(harm, ("SELECT 1", ""))
    named = {"t": shape.target, "c": "mail" if shape.name == "customers" else "label"}
    server.run(statement.format(**named), target)
    said = judge.fault(server, shape, target, meant)
    assert words.format(**named) in said if words else said == ""


@pytest.mark.server
@pytest.mark.parametrize("shape", bench.SHAPES.values(), ids=lambda shape: shape.name)
def test_the_work_is_there_to_be_done(server: Server, shape: Shape, tmp_path: Path) -> None:
    source, target = f"work_{shape.name}", f"worked_{shape.name}"
    world.make_source(server, shape, source, 1000)
    world.make_filled(server, shape, source, target, older=True)
    before = judge.expected(server, shape, source)
    assert before.rows == 1000
    assert "other values" in judge.fault(server, shape, target, before)
    world.change(server, shape, source, folder=tmp_path, work="pg-pg", part=3)
    assert judge.expected(server, shape, source) != before


@pytest.mark.server
@pytest.mark.parametrize(("shape", "work"), [("customers", "csv-pg"), ("customers", "sqlite-pg"), ("wide", "pg-pg")])
def test_the_anchors_do_all_the_work_rightly(tmp_path: Path, shape: str, work: str) -> None:
    words = ["--rows", str(ROWS), "--runs", "1", "--only", "anchor", "--schema", shape, "--work", work]
    assert bench.main([*words, "--results", str(tmp_path)], QUICK) == 0
    table = (tmp_path / "bench.txt").read_text()
    assert table.count(f"{shape}, {work}, {ROWS} rows") == len(LOADS)
    assert table.count("  right") > len(LOADS)
    assert "wrong" not in table
    assert "failed" not in table


@pytest.mark.server
@pytest.mark.parametrize("work", ["parquet-pg", "pg-parquet", "pg-maria", "maria-pg"])
def test_the_other_edges_are_measured_and_judged(tmp_path: Path, work: str) -> None:
    words = ["--rows", str(ROWS), "--runs", "1", "--only", "anchor,dovetail", "--schema", "customers", "--work", work]
    assert bench.main([*words, "--loads", "first,changed", "--results", str(tmp_path)], QUICK) == 0
    table = (tmp_path / "bench.txt").read_text()
    assert table.count("  right") >= 4
    assert "wrong" not in table
    assert "failed" not in table


@pytest.mark.server
def test_the_shipped_command_is_measured(tmp_path: Path) -> None:
    words = ["--rows", str(ROWS), "--runs", "1", "--only", "dovetail", "--schema", "wide", "--work", "pg-pg"]
    assert bench.main([*words, "--loads", "first", "--results", str(tmp_path)], QUICK) == 0
    assert "right" in (tmp_path / "bench.txt").read_text().splitlines()[-1]
