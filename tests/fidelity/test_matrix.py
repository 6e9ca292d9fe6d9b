"""The hostile values between all pairs of systems: each is exact, declared lossy, quarantined or refused; never changed
in silence. The plain way and the streamed one end alike, and two-way passes come to rest."""

from __future__ import annotations

import json

import pytest
from tests.fidelity.conftest import PROPERTY
from tests.fidelity.pair import SILENT, judge, rest
from tests.fidelity.pairs import connectors, every_pair, missing_server, ring
from tests.fidelity.stand import stand_of
from tests.fidelity.table import Result, result

pytestmark = pytest.mark.server
SHORT = {*ring(), *((name, name) for name in connectors())}
"""The pairs of every run: each connector to itself and to one other; all others are for long runs."""


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


@pytest.mark.parametrize(("source", "target"), pairs(set(ring())))
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
