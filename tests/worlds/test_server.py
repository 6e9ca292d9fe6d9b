"""The server itself dies, comes back, or has no room left; so does the state's."""

import shutil
import threading
import time

import psycopg
import pytest
from plain import Watch, add, arrived, count, fill
from world import World

from dovetail.engine import attempt

pytestmark = pytest.mark.usefixtures("quick")


def test_a_server_that_crashes_and_comes_back_in_mid_run(own, database, tmp_path, monkeypatch, told):
    made = fill(World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": database()}), 800)
    monkeypatch.setattr(attempt, "PAUSE_FIRST_S", 0.25)
    back = threading.Thread(target=lambda: (time.sleep(0.5), own.start()))
    watch = Watch(3, lambda: (own.kill(), back.start()))
    error = made.migrate_with(watch)
    back.join()
    assert error is None, error
    assert watch.waited
    arrived(made)
    told("server killed in mid-run, back after 0.5 s", f"the run went on by itself after {len(watch.waited)} pauses")


def test_a_server_that_stays_away(own, database, tmp_path, told):
    made = fill(World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": database()}), 800)
    error = made.migrate_with(Watch(3, own.kill))
    assert (error.code, error.exit_code) == ("DV-301", 4)
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-301"])
    own.start()
    assert count(made, "right") >= 300
    made.migrate()
    arrived(made)
    told("server killed in mid-run, stays away", "DV-301, exit 4; started again, the next run did the rest")


def test_the_source_crashes_in_mid_run(own, database, tmp_path, told):
    made = fill(World(tmp_path / "project", {"left": database(), "right": str(tmp_path / "right.db")}), 300)
    made.migrate()
    add(made, 300)
    error = made.migrate_with(Watch(1, own.kill))
    assert error is None or error.code == "DV-301"
    own.start()
    made.migrate()
    arrived(made)
    told("source killed in mid-run", "what was read is written; the next run finds it all")


@pytest.mark.parametrize("chunks", [1, 3])
def test_the_state_dies_in_mid_run(own, database, tmp_path, told, chunks):
    places = {"left": str(tmp_path / "left.db"), "right": str(tmp_path / "right.db")}
    made = fill(World(tmp_path / "project", places, state=database()), 500)
    error = made.migrate_with(Watch(chunks, own.kill))
    assert (error.code, error.exit_code) == ("DV-507", 4)
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-507"])
    assert "postgres:" not in answer.out
    own.start()
    made.migrate()
    arrived(made)
    told(f"state killed after {chunks} chunks", "DV-507, exit 4; started again, the next run did the rest")


# --------------------------------------------------------------------------------------------------------- disk full


def administer(own, *statements):
    with psycopg.connect(own.url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def drop_tablespace(own, name):
    """Files of dropped tables stay until a checkpoint, so it may take more than one try."""
    for left in range(10):
        try:
            administer(own, "CHECKPOINT", f"DROP TABLESPACE IF EXISTS {name}")
        except psycopg.Error:
            if left == 9:
                raise
            time.sleep(0.3)
        else:
            return


def test_the_targets_disk_is_full(own, database, small, tmp_path, told):
    folder = small(3)
    made = World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": database()})
    fill(made, 300)
    made.sql("right", f"CREATE TABLESPACE small LOCATION '{folder}'")
    made.sql("right", "ALTER TABLE b SET TABLESPACE small")
    made.sql("right", "CREATE TABLE ballast TABLESPACE small AS SELECT repeat('x', 1000) FROM generate_series(1, 1700)")
    made.sql("right", "ALTER TABLE b ALTER v SET STORAGE PLAIN")
    made.sql("left", "UPDATE a SET v = v || replace(hex(zeroblob(1500)), '00', '~~')")
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-306"]), answer.out
    there = count(made, "right")
    made.sql("right", "DROP TABLE ballast")
    made.migrate()
    made.sql("left", "UPDATE a SET v = replace(v, '~', '')")
    made.migrate()
    arrived(made)
    made.sql("right", "DROP TABLE b")
    drop_tablespace(own, "small")
    told(
        "disk of the target full (PostgreSQL)",
        f"DV-306, exit 4 after {there} rows; with room the next run did the rest",
    )


def test_the_targets_file_system_is_full(small, tmp_path, told):
    folder = small(1)
    made = World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": str(folder / "right.db")})
    fill(made, 300)
    (folder / "ballast").write_bytes(b"x" * 700_000)
    made.sql("left", "UPDATE a SET v = v || replace(hex(zeroblob(500)), '00', '~~')")
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-306"]), answer.out
    there = count(made, "right")
    (folder / "ballast").unlink()
    made.migrate()
    made.sql("left", "UPDATE a SET v = replace(v, '~', '')")
    made.migrate()
    arrived(made)
    told("disk of the target full (SQLite)", f"DV-306, exit 4 after {there} rows; with room the next run did the rest")


@pytest.mark.parametrize("right", ["sqlite", "postgres"])
def test_the_states_disk_is_full(small, database, tmp_path, told, right):
    room = 60_000 if right == "sqlite" else 400_000
    folder = small(20)
    place = database() if right == "postgres" else str(tmp_path / "right.db")
    made = World(
        tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": place}, state=str(folder / "state.db")
    )
    fill(made, 0)
    made.migrate()
    free = shutil.disk_usage(folder).free
    (folder / "ballast").write_bytes(b"x" * max(0, free - room))
    add(made, 3_000)
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-508"]), answer.out
    there = count(made, "right")
    assert (there > 0) is (room > 100_000)
    (folder / "ballast").unlink()
    made.migrate()
    arrived(made)
    told(
        f"disk of the state full (target {right})",
        f"DV-508, exit 4 after {there} rows; with room the next run did the rest",
    )


def test_the_states_table_space_is_full(own, small, tmp_path, told):
    folder = small(24)
    made = World(
        tmp_path / "project",
        {"left": str(tmp_path / "left.db"), "right": str(tmp_path / "right.db")},
        state=own.url("tight"),
    )
    administer(
        own,
        f"CREATE TABLESPACE tight LOCATION '{folder}'",
        "CREATE DATABASE tight TEMPLATE template0 TABLESPACE tight STRATEGY file_copy",
    )
    fill(made, 0)
    made.migrate()
    free = shutil.disk_usage(folder).free
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * max(0, free - 100_000))
    add(made, 3_000)
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-508"]), answer.out
    ballast.unlink()
    made.migrate()
    arrived(made)
    own.drop("tight")
    drop_tablespace(own, "tight")
    told("disk of the state full (PostgreSQL)", "DV-508, exit 4; with room the next run did the rest")
