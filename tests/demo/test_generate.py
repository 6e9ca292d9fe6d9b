"""The generator of the demo: believable, repeatable, and independent of what it judges."""

import ast
import datetime as dt
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest

import dovetail.demo
from dovetail.demo import words
from dovetail.demo.expect import berlin
from dovetail.demo.generate import MAPPING_OF, World, draw_world
from dovetail.demo.judge import judge
from dovetail.demo.schema import make_stock, make_store

ROOM = Path(dovetail.demo.__file__).parent
INDEPENDENT = ("words", "store", "oddities", "expect", "stock", "generate", "schema", "mailing", "judge")


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(400)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_the_judge_shares_no_code_with_what_it_judges(name):
    tree = ast.parse((ROOM / f"{name}.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    strangers = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    allowed = {"psycopg", "pymysql", "dovetail.demo", *(f"dovetail.demo.{own}" for own in INDEPENDENT)}
    assert strangers <= allowed


def test_the_generator_loads_no_part_of_the_product():
    known = sorted(f"dovetail.demo.{name}" for name in INDEPENDENT)
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}; import {', '.join(known)}; print(sorted(m for m in sys.modules))"
    )
    loaded = ast.literal_eval(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout)
    heavy = {"duckdb", "pyarrow", "sqlglot", "pydantic"}
    assert {name for name in loaded if name.startswith("dovetail.")} <= {"dovetail.demo", "dovetail.errors", *known}
    assert not heavy & set(loaded)


def test_the_same_seed_gives_the_same_world(world):
    again = draw_world(400)
    assert (again.store, again.stock, again.expected, again.held) == (
        world.store, world.stock, world.expected, world.held,
    )  # fmt: skip
    assert draw_world(400, seed=7).store != world.store


@pytest.mark.parametrize("rows", [1, 60, 400, 2000])
def test_every_row_of_the_store_has_one_outcome(rows):
    world = draw_world(rows)
    sold = sum(row["structure"] != "parent" for row in world.store["product"])
    prospects = sum(row["status"] == "prospect" for row in world.store["customer"])
    baskets = sum(row["status"] == "basket" for row in world.store["shop_order"])
    counts = {
        "category": len(world.store["category"]),
        "product": sold,
        "component": len(world.store["kit_component"]),
        "customer": len(world.store["customer"]) - prospects,
        "order": len(world.store["shop_order"]) - baskets,
        "order_line": len(world.store["order_line"]),
    }
    disputed = {"product": 1, "customer": 1}  # rows of the inventory that two rows of the store would meet
    for mapping, outcome in world.outcomes.items():
        ways = (outcome.created, outcome.updated, outcome.unchanged, outcome.conflicts, outcome.quarantined)
        assert sum(ways) == counts[mapping] + disputed.get(mapping, 0), mapping


def test_every_kind_of_trouble_occurs(world):
    reasons = {mapping: set(held.values()) for mapping, held in world.held.items()}
    assert reasons == {
        "category": {"check", "fit", "parent"},
        "product": {"match", "check", "fit", "parent", "code"},
        "component": {"match", "parent"},
        "customer": {"match", "check", "fit", "code"},
        "order": {"match", "check", "code", "parent"},
        "order_line": {"check", "parent"},
    }
    assert all(outcome.created for outcome in world.outcomes.values())
    assert world.outcomes["customer"].conflicts
    assert any(row["phone"] != world.phones[row["id"]] for row in world.store["customer"])


def test_names_that_careless_programs_damage_are_in_the_expected_content(world):
    descriptions = {row["description"] for row in world.expected["item"].values()}
    assert set(words.SPECIAL_TITLES) <= descriptions
    names = {row["full_name"] for row in world.expected["partner"].values()}
    assert "Mary Jo Poe" in names
    assert "Jose\u0301 Nun\u0303ez" in names
    assert "Jos\u00e9 Nu\u00f1ez" in names


def test_berlin_keeps_the_rule_of_the_european_union():
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    moment = dt.datetime(2024, 1, 1)
    while moment.year < 2028:
        shown = moment.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
        assert berlin(moment) == shown
        moment += dt.timedelta(minutes=30)


def test_the_judge_accepts_the_right_answer_and_nothing_else(world, tmp_path):
    shop, warehouse, before = tmp_path / "shop.db", tmp_path / "right.db", tmp_path / "before.db"
    make_store(shop, world.store)
    make_stock(warehouse, world.expected)
    make_stock(before, world.stock)
    phones = sum(row["phone"] != world.phones[row["id"]] for row in world.store["customer"])
    assert [found.field for found in judge(world, shop, warehouse).differences] == ["phone"] * phones
    missing = [found for found in judge(world, shop, before).differences if found.words == "is missing"]
    created = sum(outcome.created for outcome in world.outcomes.values())
    assert len(missing) == created
    assert set(MAPPING_OF) == set(world.expected)
