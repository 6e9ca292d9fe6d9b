"""What a connector promises when the network breaks: all or nothing, told as our error, in time, and usable again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial

from dovetail.errors import DovetailError, Overdue, Remedy, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction, Target
from dovetail.testing.conformance.attempt import tells, tells_nothing
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import ITEM, items
from dovetail.testing.conformance.faults import CANARY
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, decline, expect
from dovetail.testing.proxy import Break, How, Proxy

TIMEOUT_S = 1.0
"""The deadline of connectors whose system stalls."""

GRACE_S = 2.5
"""Seconds after its deadline in which a call must have ended, connecting anew included."""

_NEEDS = (SupportsCreate,)
_FAR = ("network", "setting:timeout_s")
_MANY, _FEW = 20_000, 400
_PLACES = 8
_LATE_S = 0.6


def creation(found: Dataset, count: int, first: int = 1) -> Change:
    """Ordinary rows of `ITEM`, to be created."""
    return Change(Verb.CREATE, batch(found, items(count, first)))


def _lost(end: object, doing: str) -> DovetailError:
    """Expect an error that says: try again."""
    if not isinstance(end, DovetailError):
        broken(f"{doing} succeeded over a connection that was lost")
    expect(end.remedy is Remedy.RETRY, f"{doing} ends with {type(end).__name__}, which says: {end.remedy}")
    return end


@promise(needs=_NEEDS, given=_FAR)
def a_reading_that_is_cut_is_no_end(bench: Bench) -> None:
    """A connection that is lost while rows are read is an error to be tried again, never the end of the rows, whether
    it is reset or closed in order; the next reading is whole."""
    found = bench.filled(ITEM, items(_MANY))
    with bench.far(timeout_s=10 * TIMEOUT_S) as (system, between):
        before = between.answered_bytes
        expect(_count(system, found) == _MANY, "rows are not read through a network")
        size = between.answered_bytes - before
        for how in (How.RESET, How.CLOSE):
            for share in (0.02, 0.5, 0.9):
                between.plan(Break(how, after_bytes=int(size * share), from_server=True))
                breaks = between.broken
                end = bench.attempt(lambda: _count(system, found))
                if between.broken > breaks:
                    _lost(end, f"a reading that was cut at {share:.0%}")
                between.heal()
                expect(_count(system, found) == _MANY, "after a lost connection rows are not read")


def _count(system: Target, found: Dataset) -> int:
    return sum(one.num_rows for one in system.read(found, found.names))


@promise(needs=_NEEDS, given=_FAR)
def a_change_that_is_cut_is_whole_or_nothing(bench: Bench) -> None:
    """Wherever the connection is lost while a change is carried out, in its rows, at its commit or in the answer, all
    of it is there or nothing; applied again, it is there once, and counted as applied."""
    found = bench.make(ITEM)
    with bench.far(timeout_s=10 * TIMEOUT_S) as (system, between):
        for from_server in (False, True):
            carried = _measured(system, between, found, creation(found, _FEW))[from_server]
            for step in range(_PLACES + 1):
                first = 1_000 * (1 + step + from_server * (_PLACES + 1))
                change = creation(found, _FEW, first)
                between.plan(Break(How.RESET, after_bytes=1 + carried * step // _PLACES, from_server=from_server))
                breaks = between.broken
                end = bench.attempt(partial(system.apply, found, change))
                if between.broken > breaks and not isinstance(end, DovetailError):
                    expect(step == _PLACES, "a change succeeded over a connection that was lost")
                between.heal()
                there = _settled(bench, found, first)
                expect(there in (0, _FEW), f"of {_FEW} rows {there} are there after the connection was lost")
                again = system.apply(found, change)
                expect(again.applied == _FEW, f"applied again, {again.applied} of {_FEW} rows count")
                expect(_settled(bench, found, first) == _FEW, "applied again, the rows are not there once")


def _measured(system: Target, between: Proxy, found: Dataset, change: Change) -> tuple[int, int]:
    """How many bytes a creation takes, to the server and back; it is undone. Once before, so that all is connected."""
    undone = Change(Verb.DELETE, change.rows.select(list(found.key)))
    sizes = 0, 0
    for _ in range(2):
        sizes = between.carried_bytes, between.answered_bytes
        system.apply(found, change)
        sizes = between.carried_bytes - sizes[0], between.answered_bytes - sizes[1]
        system.apply(found, undone)
    return sizes


def _settled(bench: Bench, found: Dataset, first: int) -> int:
    """How many rows of a change there are, once the system has noticed that its client is gone."""
    keys: list[dict[str, object]] = [{"id": at} for at in range(first, first + _FEW)]
    return len(bench.find(found, ["id"], keys))


@promise(needs=(SupportsCreate, SupportsTransaction), given=_FAR)
def the_ledger_knows_what_a_lost_commit_did(bench: Bench) -> None:
    """Where the connection is lost at a commit, the ledger holds the chunk exactly where its rows are there, once the
    epoch was raised."""
    near = bench.system
    assert isinstance(near, SupportsTransaction)
    found = bench.make(ITEM)
    with bench.far(timeout_s=10 * TIMEOUT_S) as (system, between):
        assert isinstance(system, SupportsTransaction)
        sizes: list[int] = []
        for chunk in range(1, _PLACES + 2):
            epoch = near.raise_epoch("p")

            def write(chunk: int = chunk, epoch: int = epoch) -> None:
                with system.transaction() as transaction:
                    transaction.fence("p", epoch)
                    transaction.apply(found, creation(found, 20, 100 * chunk))
                    transaction.record([LedgerEntry("p", chunk, "run", b"x")])
                    if sizes:  # the last bytes to the server, and the first ones back, are the commit's
                        to_server = chunk % 2 == 0
                        between.plan(Break(How.RESET, after_bytes=1 + 4 * chunk, from_server=not to_server))

            before = between.carried_bytes
            end = bench.attempt(write)
            sizes.append(between.carried_bytes - before)
            between.heal()
            near.raise_epoch("p")
            told = chunk in [entry.chunk for entry in near.ledger("p")]
            keys: list[dict[str, object]] = [{"id": at} for at in range(100 * chunk, 100 * chunk + 20)]
            there = len(bench.find(found, ["id"], keys))
            expect(there == 20 * told, f"the ledger {'knows' if told else 'does not know'} of {there} rows of 20")
            expect(told or isinstance(end, DovetailError), "a commit was said to have succeeded, and nothing is there")


@promise(needs=(SupportsCreate, SupportsTransaction), given=_FAR)
def a_commit_that_comes_late_is_fenced(bench: Bench) -> None:
    """When an epoch was raised, what a lost worker had sent before changes nothing any more, whenever it arrives."""
    near = bench.system
    assert isinstance(near, SupportsTransaction)
    found = bench.make(ITEM)
    with bench.far(timeout_s=TIMEOUT_S) as (system, between):
        assert isinstance(system, SupportsTransaction)
        epoch = near.raise_epoch("p")

        def write() -> None:
            with system.transaction() as transaction:
                transaction.fence("p", epoch)
                transaction.apply(found, creation(found, 20))
                between.plan(Break(How.LATE, after_bytes=1, late_s=TIMEOUT_S + _LATE_S))

        _lost(bench.attempt(write, within_s=TIMEOUT_S + GRACE_S), "a commit that is held up")
        near.raise_epoch("p")
        at_once = len(bench.rows(found))
        time.sleep(2 * _LATE_S)
        expect(len(bench.rows(found)) == at_once, "rows of a former holder came after the epoch was raised")


@promise(needs=_NEEDS, given=_FAR)
def a_stalled_system_is_given_up_in_time(bench: Bench) -> None:
    """A system that is connected and says nothing any more, while it is described, read, written or at its commit, ends
    the call soon after `timeout_s` with an error to be tried again; nothing is half written, and later it works."""
    found = bench.filled(ITEM, items(2_000))
    with bench.far(timeout_s=TIMEOUT_S) as (system, between):
        change = creation(found, 2_000, 10_000)
        size, _ = _measured(system, between, found, change)
        calls: tuple[tuple[str, Break, Callable[[], object]], ...] = (
            ("describing", Break(How.STALL, after_bytes=20), system.describe),
            ("reading", Break(How.STALL, after_bytes=2_000, from_server=True), lambda: _count(system, found)),
            ("writing", Break(How.STALL, after_bytes=size // 2), lambda: system.apply(found, change)),
            ("committing", Break(How.STALL, after_bytes=size - 3), lambda: system.apply(found, change)),
        )
        for doing, what, call in calls:
            between.plan(what)
            breaks, started = between.broken, time.monotonic()
            end = bench.attempt(call, within_s=10 * (TIMEOUT_S + GRACE_S))
            spent = time.monotonic() - started
            if between.broken > breaks:
                error = _lost(end, f"{doing} at a system that stalls")
                expect(isinstance(error, Overdue | Unreachable), f"{doing}: {type(error).__name__}")
                expect(spent < TIMEOUT_S + GRACE_S, f"{doing} ends after {spent:.1f} s, asked for were {TIMEOUT_S:g}")
            between.heal()
            there = len(bench.rows(found, ["id"]))
            expect(there in (2_000, 4_000), f"{doing}: {there - 2_000} of 2000 rows are there")
        expect(system.apply(found, change).applied == 2_000, "after a stall the same change is not carried out")


@promise(needs=_NEEDS, given=_FAR)
def who_does_not_answer_is_unreachable(bench: Bench) -> None:
    """A port where nobody listens is `Unreachable`; one where nobody speaks is that, or `Overdue`, within the
    deadline."""
    assert bench.faults.through is not None
    found = bench.make(ITEM)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = (1, int(silent.getsockname()[1]))
        for port in ports:
            system = bench.opened(timeout_s=TIMEOUT_S, **bench.faults.through(port))
            calls: dict[str, Callable[[], object]] = {"describing": system.describe}
            if port == 1:
                calls["reading"] = partial(_count, system, found)
                calls["writing"] = partial(system.apply, found, creation(found, 1))
            for doing, call in calls.items():
                started = time.monotonic()
                end = bench.attempt(call, within_s=10 * (TIMEOUT_S + GRACE_S))
                allowed = (Unreachable,) if port == 1 else (Unreachable, Overdue)
                expect(isinstance(end, allowed), f"{doing} gives {end!r}")
                spent = time.monotonic() - started
                expect(spent < TIMEOUT_S + GRACE_S, f"{doing} takes {spent:.1f} s to find nobody")


@promise(needs=_NEEDS, given=("wrong",))
def a_wrong_password_is_denied_and_not_told(bench: Bench) -> None:
    """With another password the system is not entered; neither the error nor the connector tells a password."""
    assert bench.faults.wrong is not None
    system = bench.opened(**bench.faults.wrong)
    end = bench.attempt(system.describe)
    if not isinstance(end, DovetailError):
        decline("every password is taken")
    expect(end.remedy is Remedy.STOP, f"a wrong password ends with {type(end).__name__}, which says: {end.remedy}")
    shown = repr(system) + str(system)
    for secret in (CANARY, bench.faults.secret):
        tells_nothing(end, secret)
        expect(not tells(shown, secret), "the connector shows its password")


@promise(needs=_NEEDS, given=("restart", "open"))
def a_restart_is_survived(bench: Bench) -> None:
    """A system that goes down and comes back keeps what was committed; the same connector can be used again, at the
    second call at the latest."""
    assert bench.faults.restart is not None
    found = bench.filled(ITEM, items(20))
    bench.faults.restart()
    calls: tuple[Callable[[], object], ...] = (
        partial(bench.rows, found),
        partial(bench.system.apply, found, creation(found, 5, 100)),
    )
    for call in calls:
        end = bench.attempt(call)
        if isinstance(end, DovetailError):
            _lost(end, "a call after a restart")
            call()
    expect(len(bench.rows(found)) == 25, "rows are missing after a restart")
