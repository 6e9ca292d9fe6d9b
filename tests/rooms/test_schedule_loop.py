"""The loop of a running sync, over an engine that does as a test says and a time that passes only while it rests."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from dovetail.errors import (
    AccessDenied,
    Fenced,
    GateClosed,
    Overdue,
    SchemaDrift,
    StateFault,
    Unreachable,
)
from dovetail.model.calendar import Calendar, Window
from dovetail.schedule.agenda import Timetable
from dovetail.schedule.clock import Time
from dovetail.schedule.lease import Holder, Tenancy
from dovetail.schedule.loop import SLICE_S, Loop
from dovetail.schedule.pace import Bucket

SYSTEMS = {"customer": {"shop", "crm"}, "product": {"shop", "store"}, "note": {"crm", "desk"}}


@dataclass
class Turned:
    looked: int = 0
    written: int = 0
    waiting: int = 0
    failed: dict = field(default_factory=dict)


class Engine:
    """Keys wait by mapping; systems that are down make every mapping fail that joins them."""

    def __init__(self, world):
        self.world = world
        self.order = list(SYSTEMS)
        self.keys = Counter()
        self.down = {}
        self.errors = {}
        self.joined = set()
        self.calls = []
        self.worked = Counter()
        self.limits = None
        self.per_turn = 100

    def systems(self, name):
        return SYSTEMS[name]

    def _fault(self, name):
        return next((self.down[one] for one in SYSTEMS[name] if one in self.down), self.errors.get(name))

    def join(self, name):
        self.calls.append(("join", name))
        if self._fault(name):
            raise self._fault(name)
        self.joined.add(name)

    def leave(self, name):
        self.calls.append(("leave", name))
        self.joined.discard(name)

    def notice(self, without=()):
        self.without = without
        return 0

    def census(self, name):
        self.calls.append(("census", name))
        if self._fault(name):
            raise self._fault(name)
        return 0

    def turn(self, names=None, *, limits=None):
        assert set(names) <= self.joined
        turned = Turned()
        self.limits = limits
        for name in names:
            if self.keys[name] and self._fault(name):
                turned.failed[name] = self._fault(name)
                turned.waiting += self.keys[name]
                continue
            count = min(self.keys[name], self.per_turn, *([limits[name]] if limits and name in limits else []))
            self.keys[name] -= count
            self.worked[name] += count
            turned.looked += count
            turned.written += count
            turned.waiting += self.keys[name]
        return turned

    def probe(self, system):
        self.calls.append(("probe", system))
        if system in self.down:
            raise self.down[system]

    def await_changes(self, timeout_s):
        self.world.move(timeout_s)
        return False


class World:
    """One process: an engine, a loop, and the time."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.now_s = 0.0
        self.engine = Engine(self)
        self.time = Time(
            now_s=lambda: self.now_s, wall=clock, rest=self.move, draw=lambda: 0.0, aside=lambda work: work()
        )

    def move(self, seconds):
        self.now_s += seconds
        self.clock.move(seconds)

    def loop(self, host="ada", timetables=None, **options):
        self.tenancy = Tenancy(self.store.leases, Holder(host, 1, host), clock=lambda: self.now_s, ttl_s=9)
        self.running = Loop(self.engine, self.tenancy, self.store.holds, timetables or {}, clock=self.time, **options)
        return self.running

    def go(self, seconds):
        """Let the loop run for so long."""
        end = self.now_s + seconds
        rounds = 0
        while self.now_s < end:
            wait_s = self.running.step()
            rounds += 1
            assert rounds < 100 * (seconds + 1), "the loop spins"
            self.move(min(max(wait_s, 0.001), SLICE_S, max(end - self.now_s, 0.001)))
        return rounds

    def held(self):
        return {hold.mapping: hold.kind for hold in self.store.holds.list()}


@pytest.fixture
def state_address(tmp_path):
    return str(tmp_path / ".dovetail" / "state.db")


@pytest.fixture
def world(store, clock):
    return World(store, clock)


def test_what_waits_is_dealt_with_parents_first_and_to_the_end(world):
    world.engine.keys.update(customer=1000, note=5)
    world.loop()
    world.go(0.1)
    assert world.engine.calls[:3] == [("join", name) for name in SYSTEMS]
    assert (world.engine.worked["customer"], world.engine.worked["note"]) == (1000, 5)
    assert world.running.ran.written == 1005


def test_an_idle_hour_costs_little(world):
    world.loop()
    assert world.go(3600) < 3600 * 4
    looks = Counter(name for call, name in world.engine.calls if call == "census")
    assert all(700 <= count <= 721 for count in looks.values()), looks


def test_each_mapping_is_looked_over_at_its_own_pace(world):
    world.loop(timetables={"customer": Timetable(every_s=60), "note": Timetable(every_s=3600)})
    world.go(600)
    looks = Counter(name for call, name in world.engine.calls if call == "census")
    assert 10 <= looks["customer"] <= 11
    assert looks["note"] == 1
    assert looks["product"] >= 100


def test_one_bad_system_holds_only_its_mappings(world):
    world.loop()
    world.go(1)
    world.engine.down["desk"] = Unreachable("no route to the desk")
    world.engine.keys.update(customer=500, product=500, note=500)
    world.go(20)
    assert (world.engine.worked["customer"], world.engine.worked["product"]) == (500, 500)
    assert world.engine.keys["note"] == 500
    assert world.held() == {"note": "breaker"}
    assert world.engine.without == {"desk"}
    world.engine.down.clear()
    world.go(65)
    assert world.engine.worked["note"] == 500
    assert world.held() == {}


def test_a_system_that_is_down_is_asked_less_and_less(world):
    world.loop()
    world.go(1)
    world.engine.down["desk"] = Overdue("the desk did not answer in time")
    world.engine.keys["note"] = 1
    world.go(3600)
    probes = [call for call in world.engine.calls if call == ("probe", "desk")]
    assert 60 <= len(probes) <= 75, "a minute between two, at most"


def test_work_goes_on_within_a_minute_after_a_system_is_back(world):
    world.loop()
    world.go(1)
    world.engine.down["crm"] = Unreachable("gone")
    world.engine.keys.update(note=1, customer=1)
    world.go(1800)
    world.engine.down.clear()
    world.go(61.5)
    assert (world.engine.worked["note"], world.engine.worked["customer"]) == (1, 1)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GateClosed("600 rows would change"), "guard"),
        (SchemaDrift("the field price is gone"), "drift"),
        (AccessDenied("no right to write"), "fault"),
    ],
)
def test_a_mapping_that_fails_waits_alone_and_longer_each_time(world, error, kind):
    world.loop()
    world.go(1)
    world.engine.errors["note"] = error
    world.engine.keys.update(customer=1, note=7)
    world.go(600)
    assert world.engine.worked["customer"] == 1
    assert world.running.ran.failures <= 20
    (hold,) = world.store.holds.list()
    assert (hold.mapping, hold.kind) == ("note", kind)
    assert error.message in hold.reason
    world.engine.errors.clear()
    world.go(61)
    assert (world.engine.worked["note"], world.held()) == (7, {})


def test_a_mapping_that_cannot_be_joined_is_tried_again(world):
    world.engine.errors["note"] = AccessDenied("not yet")
    world.loop()
    world.go(5)
    assert world.engine.joined == {"customer", "product"}
    assert world.held() == {"note": "fault"}
    world.engine.errors.clear()
    world.go(20)
    assert world.engine.joined == set(SYSTEMS)
    assert world.held() == {}


def test_outside_its_window_a_mapping_waits_and_inside_it_works(world):
    night = Timetable(window=Window(dt.time(10, 5), dt.time(10, 10)))
    world.loop(timetables={"note": night})
    world.engine.keys.update(customer=1, note=1)
    world.go(290)
    assert (world.engine.worked["customer"], world.engine.worked["note"]) == (1, 0)
    assert world.held() == {"note": "window"}
    world.go(20)
    assert (world.engine.worked["note"], world.held()) == (1, {})
    world.go(300)
    assert world.held() == {"note": "window"}


def test_a_calendar_is_met_and_remembered(world):
    hourly = Calendar("30 10 * * *", (30,), (10,), tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7)))
    met = []
    world.loop(timetables={"note": Timetable(calendar=hourly)}, met=lambda name, at: met.append((name, at)))
    world.engine.keys["note"] = 250
    world.go(1790)
    assert (world.engine.worked["note"], world.held(), met) == (0, {"note": "calendar"}, [])
    world.go(20)
    assert world.engine.worked["note"] == 250
    assert met == [("note", dt.datetime(2026, 11, 21, 10, 30, tzinfo=dt.UTC))]
    world.engine.keys["note"] = 1
    world.go(60)
    assert world.engine.worked["note"] == 250
    assert world.held() == {"note": "calendar"}


def test_a_paced_system_is_given_no_more_rows_than_its_rate(world):
    bucket = Bucket(10, clock=lambda: world.now_s)
    world.loop(buckets={"desk": bucket})
    turn = world.engine.turn

    def counted(names=None, *, limits=None):
        before = world.engine.worked["note"]
        turned = turn(names, limits=limits)
        bucket.take(world.engine.worked["note"] - before)
        return turned

    world.engine.turn = counted
    world.engine.keys.update(note=1000, customer=1000)
    world.go(10)
    assert world.engine.worked["customer"] == 1000
    assert 90 <= world.engine.worked["note"] <= 112


def test_keys_that_cannot_be_dealt_with_do_not_make_it_spin(world):
    world.loop()
    world.engine.per_turn = 0
    world.engine.keys["note"] = 5
    assert world.go(60) < 60 * 4


def test_two_processes_share_the_work_and_one_takes_over(world, reopen):
    world.loop()
    world.go(1)
    other = World(reopen(), world.clock)
    other.now_s = world.now_s
    other.loop(host="bob")
    for _ in range(30):
        world.go(0.5)
        other.now_s = world.now_s
        other.running.step()
    assert (world.engine.joined, other.engine.joined) == (set(SYSTEMS), set())
    assert {reason.kind for reason in other.running.reasons().values()} == {"lease"}
    other.go(12)  # the first one hangs
    assert other.engine.joined == set(SYSTEMS)
    world.now_s = other.now_s
    world.go(2)  # and goes on: it notices before it works
    assert world.engine.joined == set()
    assert {reason.kind for reason in world.running.reasons().values()} == {"lease"}


def test_who_is_fenced_lets_go_and_joins_again_later(world):
    world.loop()
    world.go(1)
    world.engine.errors["note"] = Fenced("another worker has taken it over")
    world.engine.keys["note"] = 1
    world.go(1)
    assert ("leave", "note") in world.engine.calls
    assert world.held() == {"note": "fenced"}
    world.engine.errors.clear()
    world.go(10)
    assert world.engine.worked["note"] == 1


def test_while_the_state_is_away_all_waits_and_then_goes_on(world):
    world.loop()
    world.go(1)
    turn, away = world.engine.turn, StateFault("the state cannot be reached", code="DV-507")

    def lost(*_, **__):
        raise away

    world.engine.turn = lost
    world.engine.keys["note"] = 1
    world.go(30)
    assert world.engine.joined == set()
    world.engine.turn = turn
    world.go(61)
    assert world.engine.worked["note"] == 1


def test_a_damaged_state_ends_it(world):
    world.loop()
    world.go(1)
    world.engine.errors["note"] = StateFault("damaged", code="DV-503")
    world.engine.keys["note"] = 1
    with pytest.raises(StateFault, match="damaged"):
        world.go(1)


def test_a_stop_ends_it_soon_and_gives_the_leases_back(store, clock):
    world = World(store, clock)
    stop = threading.Event()
    world.time = Time()
    world.engine.await_changes = stop.wait
    tenancy = Tenancy(store.leases, Holder("ada", 1, "a"), clock=time.monotonic, ttl_s=9)
    loop = Loop(world.engine, tenancy, store.holds, {}, clock=Time())
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    limit = time.monotonic() + 10
    while world.engine.joined != set(SYSTEMS) and time.monotonic() < limit:
        time.sleep(0.01)
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert {lease.holder for lease in store.leases.list()} == {""}
