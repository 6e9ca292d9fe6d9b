"""The shipped command is killed at random, with aim, and at every failpoint: nothing is lost, doubled or left open."""

from __future__ import annotations

import pytest
from further import Further
from many import Many
from sheet import Sheet
from world import World

from dovetail.failpoints import Action, Point
from dovetail.testing.kill import AIMS, Campaign
from dovetail.testing.trace import Place, read_passages

PAIRS = [("sqlite", "sqlite"), ("postgres", "postgres"), ("postgres", "mariadb")]


@pytest.fixture
def campaign(world, tmp_path):
    """Makes a campaign against a load of so many rows."""

    def make(left: str, right: str, rows: int, *, scope_rows: int | None = None, state: str = "sqlite") -> Campaign:
        return Campaign(Many(world(left, right, state=state, timeout_s=30), rows, scope_rows=scope_rows), tmp_path)

    return make


def judged(made: Campaign) -> None:
    print(made.table())
    assert made.is_clean, made.table()


def test_kills_at_random(campaign, told):
    made = campaign("sqlite", "sqlite", 12_000, scope_rows=1_500)
    tally = made.at_random(6, span_s=1.0)
    judged(made)
    made.undisturbed()
    assert {Point.SQLITE_COMMIT_BEFORE, Point.SQLITE_COMMIT_AFTER} <= made.passed
    told(f"{tally.strikes} times kill -9 in 12,000 rows, target SQLite", "0 lost, 0 doubled")


def test_kills_with_aim(campaign, told):
    made = campaign("postgres", "postgres", 12_000, scope_rows=1_500)
    tally = made.aimed(6, span_s=0.5)
    judged(made)
    told(f"{tally.strikes} times kill -9, aimed, in 12,000 rows, target PostgreSQL", "0 lost, 0 doubled")


def test_kills_with_aim_on_mariadb(campaign, told):
    """Some keys are drawn by the target, row by row; other rows come in bulk."""
    made = campaign("sqlite", "mariadb", 8_000, scope_rows=1_000)
    tally = made.aimed(4, span_s=0.5)
    judged(made)
    told(f"{tally.strikes} times kill -9, aimed, in 8,000 rows, target MariaDB", "0 lost, 0 doubled")


@pytest.mark.parametrize(("kind", "kills"), [("csv", 2), ("parquet", 1)])
def test_kills_of_loads_into_files(tmp_path, told, kind, kills):
    made = Campaign(Sheet(tmp_path / "sheet", 12_000, kind=kind, scope_rows=2_000), tmp_path)
    random = made.at_random(kills, span_s=1.0)
    aimed = made.aimed(kills, (Place.CHUNK_COMMIT, Place.OTHER_COMMIT), span_s=0.4)
    judged(made)
    told(f"{random.strikes} + {aimed.strikes} times kill -9 in 12,000 rows, target {kind}", "0 lost, 0 doubled")


def test_every_declared_point_is_passed(world, place, tmp_path):
    """By a run that is killed, one that takes over, a plan, and a load into each kind of target."""
    trace, passed = tmp_path / "trace", set()

    def run(scene, command="migrate", orders=""):
        scene.program.run(command, orders=orders, trace=trace)
        passed.update(point for point, count in read_passages(trace).counts.items() if count)

    scenes = [Many(world("sqlite", "postgres"), 2_000), Sheet(tmp_path / "sheet", 100)]
    other = World(tmp_path / "other", {"left": place("sqlite"), "right": place("mariadb")})
    scenes.append(Many(other, 2_000))
    scenes += [Further(tmp_path / kind, kind) for kind in ("duckdb", "sqlalchemy")]
    for scene in scenes:
        scene.reset()
    run(scenes[0], orders=f"{Point.COMMITTED}={Action.KILL}@3")
    run(scenes[0])
    run(scenes[0], "plan")
    for scene in scenes[1:]:
        run(scene)
    assert [point for point in Point if point not in passed and not point.startswith("sqlite.")] == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_every_failpoint_with_every_action(campaign, told, left, right):
    made = campaign(left, right, 3_000, scope_rows=600)
    made.at_every_point()
    strikes = sum(tally.strikes for tally in made.tallies.values())
    judged(made)
    told(f"{strikes} strikes: every failpoint x {{kill, raise, delay}}, target {right}", "0 lost, 0 doubled")


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("rows", [300, 9_000], ids=["few rows", "rows that grow beside"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_failpoint_of_a_file_that_is_a_target(tmp_path, told, kind, rows):
    made = Campaign(Sheet(tmp_path / "sheet", rows, kind=kind, scope_rows=2_000), tmp_path)
    made.at_every_point()
    judged(made)
    told(f"every failpoint x {{kill, raise, delay}}, {rows} rows, target {kind}", "0 lost, 0 doubled")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_two_hundred_kills_in_a_load_into_a_file(tmp_path, told, kind):
    made = Campaign(Sheet(tmp_path / "sheet", 60_000, kind=kind, scope_rows=2_000), tmp_path)
    random = made.at_random(100)
    aimed = made.aimed(100, (*AIMS, Place.OTHER_COMMIT))
    judged(made)
    told(f"{random.strikes} + {aimed.strikes} times kill -9 in 60,000 rows, target {kind}", "0 lost, 0 doubled")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_two_hundred_kills_in_a_load_of_200_000_rows(campaign, told, left, right):
    made = campaign(left, right, 200_000)
    random = made.at_random(200)
    aimed = made.aimed(50)
    judged(made)
    told(f"{random.strikes} + {aimed.strikes} times kill -9 in 200,000 rows, target {right}", "0 lost, 0 doubled")
