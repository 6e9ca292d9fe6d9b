"""What is remembered about the work itself: runs, intents, sequence, leases and metrics."""

from __future__ import annotations

import datetime as dt

import pytest

from dovetail.errors import StateFault


def fault(code):
    return pytest.raises(StateFault, check=lambda error: error.code == code)


def test_runs_sort_by_time_and_keep_their_summary(store, clock):
    first = store.runs.start("plan", "digest", "staging")
    clock.move(0.001)
    second = store.runs.start("migrate", "digest")
    assert first < second
    assert store.runs.get(first).finished is None
    store.runs.finish(first, ok=False, summary={"command": "plan", "mappings": {"product": {"rows": 3}}})
    run = store.runs.get(first)
    assert (run.ok, run.summary["mappings"], run.environment) == (False, {"product": {"rows": 3}}, "staging")
    assert run.finished == clock.time
    assert [run.id for run in store.runs.last(5)] == [second, first]
    assert [run.id for run in store.runs.last(5, command="plan")] == [first]
    assert store.runs.last(1)[0].environment == ""
    assert store.runs.get("nothing") is None


def test_runs_of_the_same_moment_differ(store):
    assert len({store.runs.start("plan", "") for _ in range(50)}) == 50


def test_intents_stay_until_they_are_done_and_show_nothing(store, state_address, reopen):
    store.intents.put("shop/0", 2, run="r", content=b"Ada Lovelace \x00")
    store.intents.put("shop/0", 1, run="r", content=b"first")
    store.intents.put("shop/0", 1, run="s", content=b"again")
    store.intents.put("shop/1", 1, run="r", content=b"other")
    again = reopen()
    assert [(one.chunk, one.run, one.content) for one in again.intents.list("shop/0")] == [
        (1, "s", b"again"),
        (2, "r", b"Ada Lovelace \x00"),
    ]
    (sealed,) = store._database.row("SELECT content FROM intents WHERE chunk = 2")
    assert b"Ada" not in bytes(sealed)
    again.intents.done("shop/0", 2)
    assert again.intents.list("shop/0") == ()
    assert again.intents.partitions() == ("shop/1",)


def test_an_intent_moved_to_another_place_does_not_open(store):
    store.intents.put("shop/0", 1, run="r", content=b"x")
    store._database.run("UPDATE intents SET chunk = 2")
    with fault("DV-504"):
        store.intents.list("shop/0")


def test_the_sequence_only_grows(store):
    assert store.sequence.get("shop/0") == 0
    store.sequence.set("shop/0", 3)
    store.sequence.set("shop/0", 3)
    with fault("DV-509"):
        store.sequence.set("shop/0", 2)
    assert store.sequence.get("shop/0") == 3


def test_a_lease_has_one_holder_and_a_rising_epoch(store, reopen, clock):
    other = reopen()
    assert store.leases.acquire("shop/0", "a", 10) == 1
    assert other.leases.acquire("shop/0", "b", 10) is None
    assert store.leases.renew("shop/0", "a", epoch=1, ttl_s=20)
    clock.move(15)
    assert other.leases.acquire("shop/0", "b", 10) is None
    clock.move(6)
    assert not store.leases.renew("shop/0", "a", epoch=1, ttl_s=20)
    assert other.leases.acquire("shop/0", "b", 10) == 2
    assert store.leases.acquire("shop/0", "a", 10) is None
    assert not store.leases.release("shop/0", "a", epoch=1)
    assert other.leases.release("shop/0", "b", epoch=2)
    assert not other.leases.renew("shop/0", "b", epoch=2, ttl_s=10)
    assert store.leases.acquire("shop/0", "a", 10) == 3
    assert store.leases.acquire("shop/0", "a", 10) == 4
    assert [(lease.holder, lease.epoch) for lease in store.leases.list()] == [("a", 4)]


def test_metrics_are_kept_by_name_and_time(store, clock):
    store.metrics.add("rows", 5, labels={"mapping": "product"})
    start = clock.time
    clock.move(60)
    store.metrics.add("rows", 7.5)
    assert [(one.value, one.labels) for one in store.metrics.list("rows")] == [(5, {"mapping": "product"}), (7.5, {})]
    assert [one.value for one in store.metrics.list("rows", since=start + dt.timedelta(seconds=1))] == [7.5]
    assert store.metrics.prune(clock.time) == 1
    assert [one.value for one in store.metrics.list("rows")] == [7.5]
