"""One mapping has one holder, whoever dies, sleeps or has a wrong clock."""

from __future__ import annotations

import os
import time

import pytest

from dovetail.schedule.lease import Holder, Tenancy, this_process


class Seconds:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def tenancy(reopen, seconds):
    """A tenancy of a process on a machine of that name."""

    def make(host, pid=1, at=seconds):
        return Tenancy(reopen().leases, Holder(host, pid, host), clock=at, ttl_s=9)

    return make


def test_the_first_gets_it_and_keeps_it_while_it_renews(tenancy, seconds):
    ada, bob = tenancy("ada"), tenancy("bob")
    assert ada.claim(["order", "item"]) == {"order", "item"}
    for _ in range(20):
        assert bob.claim(["order"]) == set()
        seconds.now += 3
        assert ada.renew() == set()
    assert "process 1 on ada" in bob.told("order")


def test_who_does_not_renew_loses_it_after_its_time(tenancy, seconds):
    ada, bob = tenancy("ada"), tenancy("bob")
    ada.claim(["order"])
    assert bob.claim(["order"]) == set()
    seconds.now += 8.9
    assert bob.claim(["order"]) == set()
    seconds.now += 0.2
    assert bob.claim(["order"]) == {"order"}
    assert ada.held == {"order"}, "nobody told it"
    assert ada.renew() == {"order"}
    assert ada.held == set()
    assert ada.claim(["order"]) == set()


def test_the_time_is_counted_from_when_it_was_last_seen_to_be_renewed(tenancy, seconds):
    ada, bob = tenancy("ada"), tenancy("bob")
    ada.claim(["order"])
    bob.claim(["order"])
    seconds.now += 8
    ada.renew()
    seconds.now += 5
    assert bob.claim(["order"]) == set()


def test_clocks_that_are_an_hour_apart_make_no_difference(tenancy, clock, seconds):
    """The clock on the wall is another on each machine; leases tell nothing by it."""
    ada, bob = tenancy("ada"), tenancy("bob")
    ada.claim(["order"])
    clock.move(3600)
    assert bob.claim(["order"]) == set()
    assert ada.renew() == set()
    clock.move(-7200)
    seconds.now += 3
    assert (ada.renew(), bob.claim(["order"])) == (set(), set())
    seconds.now += 9
    assert bob.claim(["order"]) == {"order"}


def test_a_lease_that_was_given_up_is_free_at_once(tenancy):
    ada, bob = tenancy("ada"), tenancy("bob")
    ada.claim(["order"])
    ada.leave_all()
    assert bob.claim(["order"]) == {"order"}
    ada.leave("order")
    assert bob.renew() == set()


def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(reopen, seconds):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    here = this_process()
    dead = Tenancy(reopen().leases, Holder(here.host, child, "dead"), clock=seconds)
    dead.claim(["order"])
    assert Tenancy(reopen().leases, here, clock=seconds).claim(["order"]) == {"order"}


def test_a_living_process_of_this_machine_keeps_it(reopen, seconds):
    here = this_process()
    Tenancy(reopen().leases, Holder(here.host, os.getppid(), "lives"), clock=seconds).claim(["order"])
    assert Tenancy(reopen().leases, here, clock=seconds).claim(["order"]) == set()


def test_a_person_goes_before_what_runs_by_itself(tenancy, seconds):
    running, person = tenancy("ada"), tenancy("bob")
    running.claim(["order", "item"])
    person.seize(["order", "new"])
    assert (person.held, running.renew(), running.held) == ({"order", "new"}, {"order"}, {"item"})
    assert running.claim(["order"]) == set()
    person.leave_all()
    assert running.claim(["order"]) == {"order"}


def test_of_two_that_ask_at_once_one_gets_it(tenancy, seconds):
    ada, bob, eve = tenancy("ada"), tenancy("bob"), tenancy("eve")
    ada.claim(["order"])
    bob.claim(["order"]), eve.claim(["order"])
    seconds.now += 9
    assert [one.claim(["order"]) for one in (bob, eve)] == [{"order"}, set()]


def test_a_lease_is_renewed_in_a_thread_of_its_own(reopen):
    ada = Tenancy(reopen().leases, Holder("ada", 1, "a"), clock=time.monotonic, ttl_s=0.3)
    bob = Tenancy(reopen().leases, Holder("bob", 1, "b"), clock=time.monotonic, ttl_s=0.3)
    ada.claim(["order"])
    with ada.kept():
        limit = time.monotonic() + 1
        while time.monotonic() < limit:
            assert bob.claim(["order"]) == set()
            time.sleep(0.02)
    limit = time.monotonic() + 5
    while not bob.claim(["order"]):
        assert time.monotonic() < limit
        time.sleep(0.02)
