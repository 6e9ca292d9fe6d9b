"""The way to the target breaks in the middle of a load, in a commit, or says nothing any more."""

import threading
import time

import pytest
from plain import add, arrived, fill
from world import World

from dovetail.engine import attempt
from dovetail.testing.proxy import Break, How, Proxy

LOAD = b"FROM STDIN"
RECORD = b'INSERT INTO "public"."dovetail_ledger"'


@pytest.fixture
def way(world, postgres_server, quick):
    """A world whose right side is reached through a proxy."""
    made: World = world("sqlite", "postgres", timeout_s=2)
    fill(made)
    with Proxy(postgres_server.port) as proxy:
        made.declare(right=made.places["right"].replace(f":{postgres_server.port}/", f":{proxy.port}/"))
        yield made, proxy


def test_a_cut_in_the_middle_of_a_load_is_not_even_noticed(way, told):
    made, proxy = way
    for after_bytes, how in [(1, How.RESET), (700, How.CLOSE), (1500, How.RESET), (2600, How.RESET), (4000, How.CLOSE)]:
        proxy.plan(Break(how, after_bytes=after_bytes, armed_by=LOAD))
        answer = made.run("migrate")
        assert (answer.code, proxy.broken) == (0, 1), answer.out
        assert answer.count("created") in (300, 100)
        proxy.broken = 0
        arrived(made)
        told(f"connection cut ({how}) {after_bytes} bytes into a load", "the run went on by itself")
        add(made, 100)


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("how", [How.RESET, How.STALL])
def test_a_commit_whose_answer_is_lost_is_decided_by_the_ledger(way, told, how, delivered):
    made, proxy = way
    proxy.plan(Break(how, at=b"COMMIT", armed_by=RECORD, delivered=delivered))
    answer = made.run("migrate")
    assert (answer.code, proxy.broken) == (0, 1), answer.out
    assert answer.count("created") == 300
    arrived(made)
    told(
        f"commit {'sent, its answer lost' if delivered else 'not sent'} ({how})", "the ledger decided; the run went on"
    )


@pytest.mark.parametrize("late_s", [2.3, 3.5])
def test_a_commit_that_arrives_after_we_gave_up_is_waited_for_or_ended(way, told, late_s):
    """We wait two seconds for the answer; then nothing may be in doubt before the chunk is written again."""
    made, proxy = way
    proxy.plan(Break(How.LATE, at=b"COMMIT", armed_by=RECORD, late_s=late_s))
    answer = made.run("migrate")
    assert (answer.code, answer.count("created"), proxy.broken) == (0, 300, 1), answer.out
    time.sleep(max(0.0, late_s - 2.5))
    arrived(made)
    told(f"commit arrives {late_s - 2:.1f} s after we gave up", "the former session was waited for, or ended")


def test_a_cut_while_reading_begins_the_reading_again(way, told):
    made, proxy = way
    made.migrate()
    proxy.plan(Break(at=b'FROM "public"."b"'))
    answer = made.run("migrate")
    assert (answer.code, answer.writes, proxy.broken) == (0, 0, 1), answer.out
    told("connection cut while reading", "read again")


def test_a_peer_that_says_nothing_is_left_at_the_deadline(way, told, monkeypatch):
    made, proxy = way
    monkeypatch.setattr(attempt, "TRIES_MAX", 1)
    ended = threading.Event()

    def stall_always():
        stalls = -1
        while not ended.wait(0.01):
            if proxy.broken > stalls:
                stalls = proxy.broken
                proxy.plan(Break(How.STALL, after_bytes=1, armed_by=LOAD))

    thread = threading.Thread(target=stall_always)
    thread.start()
    answer = made.fail()
    ended.set()
    thread.join()
    assert (answer.code, answer.errors) in [(4, ["DV-301"]), (4, ["DV-303"])]
    assert "secret" not in answer.out
    proxy.heal()
    assert made.migrate().count("created") == 300
    arrived(made)
    told("peer stalls for ever", f"{answer.errors[0]} at the deadline; the next run went on")


def test_an_unreachable_server_is_said_before_anything_is_written(way, told):
    made, proxy = way
    proxy.close()
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-301"])
    made.declare()
    made.migrate()
    arrived(made)
    told("server not reachable at all", "DV-301, exit 4; the next run did the work")
