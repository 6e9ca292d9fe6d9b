"""Routes, waves, the guard and the plan file."""

import json

import pytest

from dovetail.errors import Location, PlanMoved
from dovetail.model.mapping import Guard, Mapping, SharedField
from dovetail.plan.guard import Blast, trips
from dovetail.plan.manifest import Manifest, PlannedRow, read_plan, write_plan
from dovetail.plan.route import routes, waves

AT = Location("m.yaml", 1, 1)


def mapping(name, *refs):
    fields = tuple(SharedField(f"f{at}", (), AT, ref=ref) for at, ref in enumerate(refs))
    return Mapping(name, (), fields, AT)


def names(groups):
    return [[one.name for one in group] for group in groups]


def test_parents_come_before_children():
    order = names(
        routes(
            [mapping("line", "order", "product"), mapping("order", "customer"), mapping("product"), mapping("customer")]
        )
    )
    place = {name: at for at, group in enumerate(order) for name in group}
    assert place["customer"] < place["order"] < place["line"]
    assert place["product"] < place["line"]


def test_a_cycle_is_one_group_and_comes_after_its_parents():
    order = names(routes([mapping("a", "b"), mapping("b", "a", "c"), mapping("c", "c")]))
    assert order == [["c"], ["a", "b"]]


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ([], []),
        ([-1, 0, 1], [0, 1, 2]),
        ([1, 2, -1, 0, 0], [2, 1, 0, 3, 3]),
        ([0], [-1]),
        ([1, 0, 1, -1], [-1, -1, -1, 0]),
    ],
)
def test_waves(parents, expected):
    assert waves(parents) == expected


@pytest.mark.parametrize(
    ("blast", "allowed", "held"),
    [
        (Blast("p", "w", 501, 0, 100_000), None, True),
        (Blast("p", "w", 500, 0, 100_000), None, False),
        (Blast("p", "w", 20, 0, 20), None, False),
        (Blast("p", "w", 11, 10, 200), None, True),
        (Blast("p", "w", 11, 10, 210), None, False),
        (Blast("p", "w", 600, 0, 600), 600, False),
        (Blast("p", "w", 600, 0, 600), 599, True),
        (Blast("p", "w", 0, 0, 0), None, False),
    ],
)
def test_the_guard(blast, allowed, held):
    assert bool(trips(Guard(), blast, allowed=allowed)) is held


ROWS = [PlannedRow("p", "shop", "1", "aa", "bb"), PlannedRow("p", "shop", "ä|\\N", "cc", "dd")]
MANIFEST = Manifest("run", "project", "digest", "", "2026-01-01", {"p": {"rows": 2}})


def test_a_plan_survives_its_file():
    manifest, rows = read_plan(list(write_plan(MANIFEST, ROWS)), where="plan")
    assert manifest == MANIFEST
    assert list(rows.values()) == ROWS


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[1].replace("bb", "bc"), *lines[2:]],
        lambda lines: [],
        lambda lines: ["not json\n", *lines[1:]],
        lambda lines: [lines[0].replace('"dovetail_plan": 1', '"dovetail_plan": 9'), *lines[1:]],
    ],
)
def test_a_damaged_plan_is_refused(damage):
    with pytest.raises(PlanMoved) as caught:
        read_plan(damage(list(write_plan(MANIFEST, ROWS))), where="plan")
    assert caught.value.code == "DV-602"


def test_a_plan_file_holds_one_json_value_a_line():
    for line in write_plan(MANIFEST, ROWS):
        json.loads(line)
