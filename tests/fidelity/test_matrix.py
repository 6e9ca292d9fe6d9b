"""The hostile values between all pairs of systems: each is exact, declared lossy, quarantined or refused; never changed
in silence. The plain way and the streamed one end alike, and two-way passes come to rest."""

from __future__ import annotations

import json

import pytest
from tests.fidelity.conftest import PROPERTY
from tests.fidelity.pair import SILENT, judge, rest
from tests.fidelity.pairs import every_pair, missing_server, ring
from tests.fidelity.stand import stand_of
from tests.fidelity.table import Result, result

pytestmark = pytest.mark.server
SHORT = set(ring())
"""The pairs of every run: each connector once as a source and once as a target; all others are for long runs."""


def pairs(chosen):
    """All pairs as parameters; those that are not chosen are slow."""
    marks = {pair: () if pair in chosen else pytest.mark.slow for pair in every_pair()}
    return [pytest.param(*pair, marks=mark, id=" to ".join(pair)) for pair, mark in marks.items()]


@pytest.fixture
def two(tmp_path, fidelity_servers):
    """Makes the stands of a pair; skips where a server is missing."""
    made = []

    def make(source, target):
        for connector in (source, target):
            if reason := missing_server(connector, fidelity_servers):
                pytest.skip(reason)
        made.extend(
            stand_of(connector, tmp_path / side, fidelity_servers) for side, connector in (("a", source), ("b", target))
        )
        return made

    yield make
    for stand in made:
        stand.close()


@pytest.mark.parametrize(("source", "target"), pairs(SHORT))
def test_nothing_is_changed_in_silence(two, tmp_path, record_property, source, target):
    judged = judge(*two(source, target), tmp_path / "project")
    told = result(judged)
    record_property(PROPERTY, json.dumps(told.document()))
    assert told.silent == []
    assert told.faults == []
    assert sum(judged.counts().values()) > len({one.group for one in judged.verdicts}) > 0


@pytest.mark.parametrize(("source", "target"), pairs(set(ring()[::2])))
def test_two_way_comes_to_rest(two, tmp_path, record_property, source, target):
    wrong = rest(*two(source, target), tmp_path / "project")
    record_property(PROPERTY, json.dumps(Result(source, target, rests=not wrong).document()))
    assert wrong == []


def test_a_rounding_target_is_caught(two, tmp_path, monkeypatch):
    """A connector that lets its system round what it is sent."""
    from dovetail.systems.connectors.sqlite import bind

    check = bind._decimals

    def careless(array, stored):
        values, _ = check(array, stored)
        return [None if value is None else round(float(value), 1) for value in values], {}

    monkeypatch.setattr(bind, "_decimals", careless)
    judged = judge(*two("csv", "sqlite"), tmp_path / "project", ways=("streamed",))
    assert {"V04"} <= {one.group for one in judged.verdicts if one.outcome == SILENT}


def test_a_trimming_source_is_caught(two, tmp_path, monkeypatch):
    """A connector that reads texts without the blanks around them."""
    import pyarrow.compute as pc

    from dovetail.systems.connectors.parquet import read

    carry = read.carry

    def careless(column, kind):
        carried = carry(column, kind)
        is_text = str(carried.column.type) == "string"
        return type(carried)(pc.utf8_trim(carried.column, " "), carried.failed, carried.words) if is_text else carried

    monkeypatch.setattr(read, "carry", careless)
    judged = judge(*two("parquet", "sqlite"), tmp_path / "project", ways=("streamed",))
    assert "V17" in {one.group for one in judged.silent()}


def test_a_loss_that_is_not_told_is_caught(two, tmp_path, monkeypatch):
    """A system that respells JSON, and a plan that does not say so."""
    from dovetail.systems.connectors.postgres.declared import Stored

    monkeypatch.setattr(Stored, "rewrites", "")
    judged = judge(*two("jsonl", "postgres"), tmp_path / "project", ways=("streamed",))
    assert {one.group for one in judged.silent()} == {"V26"}


def ends(judged):
    """What became of each value, by where it came from and went."""
    return {(one.group, one.value, one.source, one.target): one.outcome for one in judged.verdicts}


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_every_carrier_of_postgres_ends_alike(tmp_path, fidelity_servers, monkeypatch, target):
    """As texts, in the server's own form, and in whole columns by the other driver."""
    from tests.fidelity.stands import postgres

    from dovetail.systems.connectors.postgres import columnar

    if reason := missing_server("postgres", fidelity_servers):
        pytest.skip(reason)

    def judged(name):
        stands = [stand_of(one, tmp_path / name / side, fidelity_servers) for side, one in (("a", "postgres"), ("b", target))]
        try:
            found = judge(*stands, tmp_path / name / "project", ways=("streamed",))
        finally:
            for stand in stands:
                stand.close()
        assert found.silent() == []
        return ends(found)

    binary = judged("binary")
    with monkeypatch.context() as patch:
        patch.setattr(columnar, "ROWS_MIN", 0)
        assert judged("columns") == binary
    settings = postgres.Stand.settings
    monkeypatch.setattr(postgres.Stand, "settings", lambda stand: settings(stand)[:-1] + ", carrier: text}")
    assert judged("texts") == binary


def test_what_is_poured_ends_as_what_is_not(two, tmp_path):
    """Bytes that go straight from server to server, where every value can; rows in doubt go the general way."""
    from tests.fidelity.pair import Project, slots
    from tests.fidelity.stand import Table

    from dovetail.steps import migrate as steps

    source, target = two("postgres", "postgres")
    poured = [slot for slot in slots(source, target) if slot.given == slot.native and slot.given in POURED]
    rows = [{"id": row, slot.name: value.planted} for slot in poured for row, value in slot.rows.items()]
    given = Table("given", {"id": source.key} | {slot.name: slot.given for slot in poured}, rows)
    source.plant(given)
    found = {}
    for way in ("poured", "plain"):
        taken = Table(way, dict(given.fields))
        target.plant(taken)
        project = Project(tmp_path / way, source, target)
        project.declare()
        project.map(way, "given", [slot.name for slot in poured])
        with project.open() as workspace:
            run = steps.migrate(workspace, plain=way == "plain")
        assert run.mappings[way].path.startswith("poured" if way == "poured" else "whole")
        found[way] = run.mappings[way].created, run.mappings[way].quarantined, target.raw(taken)
    assert found["poured"] == found["plain"]
    assert found["plain"][0] > 0 < found["plain"][1]


POURED = ("double precision", "bigint", "text", "date", "timestamp", "boolean", "uuid", "json", "time", "bytea")
