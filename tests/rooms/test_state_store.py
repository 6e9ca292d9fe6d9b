"""Opening the state, its transactions, and what it says when it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from dovetail.errors import StateFault
from dovetail.state import store as store_module
from dovetail.state.schema import FORMAT, MIGRATIONS, Migration
from dovetail.state.store import open_state

KEY = bytes(range(32))
OTHER_KEY = bytes(32)


def fault(code):
    return pytest.raises(StateFault, check=lambda error: error.code == code)


def test_a_state_keeps_who_it_is(reopen):
    first = reopen()
    who = (first.meta.installation, first.meta.seed)
    first.close()
    second = reopen()
    assert (second.meta.installation, second.meta.seed) == who
    assert second.meta.format == FORMAT
    assert 0 <= second.meta.seed < 2**64


def test_two_states_are_never_alike(tmp_path, clock):
    with (
        open_state(tmp_path / "a.db", key=KEY, clock=clock) as a,
        open_state(tmp_path / "b.db", key=KEY, clock=clock) as b,
    ):
        assert a.meta.seed != b.meta.seed
        assert a.meta.installation != b.meta.installation


def test_the_file_and_its_side_files_are_for_the_owner_alone(tmp_path, clock):
    path = tmp_path / ".dovetail" / "state.db"
    with open_state(path, key=KEY, clock=clock) as store:
        store.runs.start("plan", "digest")
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_another_key_does_not_open_it(reopen, state_address, clock):
    reopen().close()
    with fault("DV-504") as caught:
        open_state(state_address, key=OTHER_KEY, clock=clock)
    assert "DOVETAIL_KEY" in caught.value.hint


def test_a_newer_format_is_refused_with_both_numbers(reopen, state_address, clock, monkeypatch):
    later = (*MIGRATIONS, Migration(FORMAT + 1, "later", ("CREATE TABLE later (a TEXT)",)))
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "MIGRATIONS", later)
        patch.setattr(store_module, "FORMAT", FORMAT + 1)
        reopen().close()
    with fault("DV-501") as caught:
        open_state(state_address, key=KEY, clock=clock)
    assert f"format {FORMAT + 1}" in str(caught.value)
    assert f"up to {FORMAT}" in str(caught.value)


def test_an_older_format_is_brought_up_to_date_once_and_keeps_what_it_holds(reopen, monkeypatch):
    old = reopen()
    row = old.crossref.allocate("product", 1)
    old.crossref.link("product", "shop", [row], ["a"])
    installation = old.meta.installation
    old.close()
    later = (*MIGRATIONS, Migration(FORMAT + 1, "later", ("CREATE TABLE later (a BYTES NOT NULL)",)))
    monkeypatch.setattr(store_module, "MIGRATIONS", later)
    monkeypatch.setattr(store_module, "FORMAT", FORMAT + 1)
    reopen().close()
    new = reopen()
    assert new.crossref.find("product", "shop", "a") == row
    assert new.meta.installation == installation


def test_a_migration_that_fails_leaves_the_old_format(reopen, monkeypatch):
    reopen().close()
    later = (*MIGRATIONS, Migration(FORMAT + 1, "bad", ("CREATE TABLE later (a TEXT)", "CREATE NONSENSE")))
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "MIGRATIONS", later)
        patch.setattr(store_module, "FORMAT", FORMAT + 1)
        with pytest.raises(StateFault):
            reopen()
    reopen()


def test_released_migrations_are_never_edited():
    assert [migration.number for migration in MIGRATIONS] == list(range(1, FORMAT + 1))


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_file_is_named(tmp_path, clock, content):
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with fault("DV-503") as caught:
        open_state(path, key=KEY, clock=clock)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


def test_damage_in_the_middle_of_a_file_is_found(tmp_path, clock):
    path = tmp_path / "state.db"
    with open_state(path, key=KEY, clock=clock) as store:
        store.crossref.link("product", "shop", range(1, 5000), [f"key {number}" for number in range(1, 5000)])
    content = bytearray(path.read_bytes())
    content[20 * 4096 : -4096] = b"\xa5" * (len(content) - 21 * 4096)
    path.write_bytes(content)
    with fault("DV-503"), open_state(path, key=KEY, clock=clock) as store:
        assert store.examine() != ""
        store.crossref.load("product", "shop")


def test_somebody_elses_database_is_left_alone(tmp_path, clock):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE customer (id INTEGER)")
    with fault("DV-503") as caught:
        open_state(path, key=KEY, clock=clock)
    assert "other tables" in str(caught.value)
    with sqlite3.connect(path) as shop:
        assert shop.execute("SELECT name FROM sqlite_schema").fetchall() == [("customer",)]


def test_a_folder_where_nothing_can_be_made(tmp_path, clock):
    (tmp_path / "file").write_text("no folder")
    with fault("DV-507"):
        open_state(tmp_path / "file" / "state.db", key=KEY, clock=clock)


def test_a_server_that_is_not_there(clock):
    with fault("DV-507") as caught:
        open_state("postgresql://somebody:verysecret@127.0.0.1:1/nothing", key=KEY, clock=clock)
    assert "verysecret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_sound_state_has_nothing_wrong(store):
    assert store.examine() == ""


def test_a_block_is_kept_whole_or_not_at_all(store):
    with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012
        store.sequence.set("p", 7)
        store.queue.push("product", "shop", ["a"])
        raise RuntimeError
    assert store.sequence.get("p") == 0
    assert store.queue.count("product", "shop") == 0


def test_an_inner_block_joins_the_outer_one(store, reopen):
    reader = reopen()
    with store.transaction():
        with store.transaction():
            store.sequence.set("p", 7)
        assert reader.sequence.get("p") == 0
        assert store.sequence.get("p") == 7
    assert reader.sequence.get("p") == 7


def test_a_failure_inside_cannot_be_kept_by_catching_it(store):
    def swallow():
        with pytest.raises(ValueError), store.transaction():  # noqa: PT012
            store.sequence.set("inner", 1)
            raise ValueError

    with fault("DV-509"), store.transaction():
        store.sequence.set("outer", 1)
        swallow()
    assert store.sequence.get("outer") == store.sequence.get("inner") == 0
    store.sequence.set("outer", 2)
    assert store.sequence.get("outer") == 2


def test_threads_share_a_store(store):
    def work(name):
        for chunk in range(1, 21):
            with store.transaction():
                store.sequence.set(name, chunk)
                store.queue.push("product", name, [str(chunk)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.sequence.get(name) for name in "abc"] == [20, 20, 20]
    assert [store.queue.count("product", name) for name in "abc"] == [20, 20, 20]


def test_a_full_disk_keeps_what_was_committed(tmp_path, clock):
    with open_state(tmp_path / "state.db", key=KEY, clock=clock) as store:
        store.crossref.link("product", "shop", [1], ["a"])
        store._database._connection._connection.execute("PRAGMA max_page_count=60")
        with fault("DV-508"):
            store.crossref.link("product", "shop", range(2, 20_000), [f"key {number}" for number in range(2, 20_000)])
        assert store.crossref.load("product", "shop").to_pydict() == {"row": [1], "key": ["a"]}
        assert store.examine() == ""


def test_a_lost_connection_is_told_once_and_opened_again(states_url, clock):
    with open_state(f"{states_url}?schema=lost", key=KEY, clock=clock) as store, psycopg.connect(states_url) as admin:
        store.sequence.set("p", 1)
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dovetail state%'"
        )
        with fault("DV-507"), store.transaction():
            store.sequence.set("p", 2)
        assert store.sequence.get("p") == 1
        store.sequence.set("p", 3)
        assert store.sequence.get("p") == 3


def test_processes_that_start_together_make_one_state(state_address, clock):
    def who(_):
        with open_state(state_address, key=KEY, clock=clock) as store:
            store.runs.start("plan", "digest")
            return store.meta.installation

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(who, range(6)))) == 1
    with open_state(state_address, key=KEY, clock=clock) as store:
        assert len(store.runs.last(10)) == 6


HOLD = """
import sys, datetime as dt
from dovetail.state.store import open_state
store = open_state(sys.argv[1], key=bytes(range(32)), clock=lambda: dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
with store.transaction():
    store.sequence.set("p", 1)
    print("holding", flush=True)
    sys.stdin.readline()
"""


def test_a_locked_state_says_who_holds_it(store, state_address):
    store.sequence.set("p", 0)
    source = Path(store_module.__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, state_address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(source)},
        text=True,
    )
    try:
        assert holder.stdout.readline() == "holding\n"
        assert store.sequence.get("p") == 0
        with fault("DV-502") as caught:
            store.sequence.set("p", 1)
        assert f"process {holder.pid} on" in str(caught.value)
        holder.communicate("go\n", timeout=20)
        assert store.sequence.get("p") == 1
        store.sequence.set("p", 2)
    finally:
        holder.kill()
        holder.wait()
