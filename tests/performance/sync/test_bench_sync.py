"""The benchmark of sync: what it measures, that it sees when sides do not agree, and that its lines can be trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.performance.server import embedded
from tests.performance.sync import bench, measures, report
from tests.performance.sync.choice import choice
from tests.performance.sync.links.link import ONE_WAY, TWO_WAY, Alone
from tests.performance.sync.measures import Latency, LinkFailed
from tests.performance.sync.pair import ITEM, PRODUCT, SUM, Pair, Servers
from tests.performance.sync.round import Line

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
ROWS = 200


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    programs = embedded()
    if programs is None:
        pytest.skip("no embedded PostgreSQL")
    # pytest's own folders are closed to the account that the servers run as.
    with tempfile.TemporaryDirectory(prefix="dovetail-bench-sync-test-") as name:
        Path(name).chmod(0o711)
        running = Servers(Path(name), programs, QUICK)
        running.start()
        yield running
        running.stop()


def test_words_choose_and_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = choice(["--work", "latency,one-way", "--only", "dovetail", "--hours", "1"])
    assert (chosen.works, chosen.only, chosen.hours) == (("one-way", "latency"), ("dovetail",), 1.0)
    with pytest.raises(SystemExit):
        choice(["--work", "sideways"])
    assert "sideways" in capsys.readouterr().err


def line(link: str, **speeds: float) -> Line:
    return Line("15", link, {name.replace("_", "-"): [speed] for name, speed in speeds.items()})


def test_goals_are_told_by_medians_on_the_same_servers() -> None:
    peer, ours = (
        line("pglogical 2.4.2", one_way=100.0, backlog=100.0),
        line("Dovetail", one_way=70.0, backlog=50.0, held=130.0),
    )
    ours.speeds["one-way"] = [10.0, 90.0, 95.0]
    ours.latencies = [Latency(4.0, 9.0, 30.0, 1000.0)]
    elsewhere = Line("18", "pglogical 2.4.2", {"one-way": [1.0]})
    assert list(report.goals([peer, ours, elsewhere])) == [
        "PostgreSQL 15: one-way 0.90 of pglogical, goal 0.8: reached",
        "PostgreSQL 15: backlog 0.50 of pglogical, goal 1.0: missed",
        "PostgreSQL 15: held 1.30 of pglogical",
        "PostgreSQL 15: p50 4.0 ms, goal 5: reached",
        "PostgreSQL 15: p99 30.0 ms, goal 25: missed",
    ]
    ours.failures["two-way"] = "it broke"
    assert "it broke" in report.text([peer, ours], {"soak": "flat"})
    assert "| 15 | Dovetail | 90 |" in report.markdown([peer, ours], {})


@pytest.mark.server
def test_both_schemas_hold_the_same_until_one_side_is_edited(servers: Servers) -> None:
    pair = Pair(servers, "same", (PRODUCT, ITEM), ROWS)
    assert pair.value("a", SUM.replace("count(*), ", "")) == pair.value("b", SUM.replace("count(*), ", ""))
    assert pair.differing() == 0
    with measures.Program("writer", measures.edits_of(pair, ONE_WAY, 10, hot=False)[0]) as writer:
        writer.go()
        begun, ended = writer.answer()
    assert ended > begun
    assert pair.differing() == 2 * 10


@pytest.mark.server
def test_sides_that_do_not_come_together_are_a_failure(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "LIMIT_S", 1.0)
    pair = Pair(servers, "apart", (PRODUCT, PRODUCT), ROWS)
    link = Alone()
    link.name = "claims to work"
    with pytest.raises(LinkFailed, match="rows differ after 1 s"):
        measures.speed(pair, link, TWO_WAY, hot=True, changes=20)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_links_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "CHANGES", 200)
    monkeypatch.setattr(measures, "BACKLOG", 400)
    monkeypatch.setattr(measures, "PACED_S", 0.5)
    monkeypatch.setattr(measures, "RATE", 100.0)
    words = ["--rounds", "1", "--servers", "embedded", "--only", "native,dovetail", "--results", str(tmp_path)]
    assert bench.main([*words, "--hours", "0.0005", "--idle", "1"], QUICK) == 0
    table = (tmp_path / "bench-sync.txt").read_text()
    assert "failed" not in table
    assert "MB at the end" in table
    assert len([one for one in table.splitlines() if one.startswith("18")]) == 2
