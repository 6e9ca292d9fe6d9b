"""Each way to behave badly on broken networks, full disks and with secrets is caught by the promise that it breaks."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.spoiled import caught, tried

from dovetail.errors import AccessDenied, DovetailError, Full, Overdue, Refused, Unreachable
from dovetail.model.change import Receipt, Verb
from dovetail.systems.connectors.csv import Connector as Folder
from dovetail.systems.connectors.postgres import Connector as Postgres
from dovetail.systems.connectors.sqlite import Connector as SQLite
from dovetail.testing import sabotage
from dovetail.testing.conformance import breaking
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.sabotage import spoil


def swallowing(*kinds: type[Exception]) -> Callable[..., object]:
    """Takes the error for the end."""

    def read(true, *asked):
        try:
            yield from true(*asked)
        except kinds:
            return

    return read


def turning(verb, kind, other):
    """Gives another error than there was."""

    def call(true, *asked):
        try:
            return true(*asked)
        except kind as error:
            raise other from error

    return lambda system: spoil(system, **{verb: call})


def in_halves(system):
    """Commits a change in two parts."""

    def apply(true, dataset, change):
        half = change.rows.num_rows // 2
        if change.verb is not Verb.CREATE or half < 10:
            return true(dataset, change)
        first = true(dataset, replace(change, rows=change.rows.slice(0, half)))
        second = true(dataset, replace(change, rows=change.rows.slice(half)))
        return replace(second, applied=first.applied + second.applied)

    return spoil(system, apply=apply)


def row_by_row(system):
    """Writes what fits, and tells of it as if nothing were."""

    def apply(true, dataset, change):
        applied = 0
        for at in range(0, change.rows.num_rows, 5):
            applied += true(dataset, replace(change, rows=change.rows.slice(at, 5))).applied
        return Receipt(applied)

    return spoil(system, apply=apply)


def without_memory(system):
    """Applies a change as if it were the first time, always."""

    def apply(true, dataset, change):
        with system.transaction() as transaction:
            return transaction.apply(dataset, change)

    return spoil(system, apply=apply)


def ledger_afterwards(system):
    """Writes its ledger in a transaction of its own."""
    later = []

    @contextmanager
    def transaction(true):
        with true() as inner:
            yield sabotage._Spoiled(inner, {"record": lambda _, entries: later.extend(entries)})
        with true() as inner:
            inner.record(list(later))
            later.clear()

    return spoil(system, transaction=transaction)


def waits_for_nobody(system):
    """Raises epochs in its own memory, after the first."""
    epochs = []

    def raise_epoch(true, partition):
        epochs.append(epochs[-1] + 1 if epochs else true(partition))
        return epochs[-1]

    return spoil(system, raise_epoch=raise_epoch)


def hangs(system):
    """Waits on and on for a system that stalls."""

    def apply(true, *asked):
        try:
            return true(*asked)
        except (Overdue, Unreachable):
            time.sleep(breaking.GRACE_S + 0.3)
            raise

    return spoil(system, apply=apply)


def telling(how):
    """Tells its password at each description that fails, or always."""

    def describe(true):
        url = true.__self__.url
        try:
            return true()
        except DovetailError as error:
            raise type(error)(f"{error} at {url}") from error
        finally:
            if how == "log":
                logging.getLogger("driver").debug("connecting to %s", url)

    def make(system):
        spoiled = spoil(system, describe=describe)
        if how == "repr":
            type(spoiled).__repr__ = lambda _: f"Connector({system.url})"
        return spoiled

    return make


def local_time(true):
    return true().replace(tzinfo=None)


def is_broken_for_good(system):
    """Cannot be used again once the connection was lost."""
    lost = []

    def read(true, *asked):
        if lost:
            raise lost[0]
        try:
            yield from true(*asked)
        except Unreachable as error:
            lost.append(error)
            raise

    return spoil(system, read=read)


def forgets_at_restart(system):
    """Tells what was noted once alone."""
    asked = []

    def noticed(true, feed, *, rows):
        asked.append(feed)
        found = true(feed, rows=rows)
        return found if len(asked) <= FIRST else replace(found, keys={}, whole={})

    return spoil(system, noticed=noticed)


FIRST = 2
"""How often a feed is asked before the restart."""

OVER_TCP = {
    "forgets its feed at a restart": (forgets_at_restart, "a_feed_outlives_a_restart"),
    "takes a cut for the end": (
        lambda s: spoil(s, read=swallowing(Unreachable, Overdue)),
        "a_reading_that_is_cut_is_no_end",
    ),
    "is of no use after a cut": (is_broken_for_good, "a_reading_that_is_cut_is_no_end"),
    "commits in halves": (in_halves, "a_change_that_is_cut_is_whole_or_nothing"),
    "forgets what it did": (without_memory, "a_change_that_is_cut_is_whole_or_nothing"),
    "writes its ledger afterwards": (ledger_afterwards, "the_ledger_knows_what_a_lost_commit_did"),
    "raises epochs in its memory": (waits_for_nobody, "a_commit_that_comes_late_is_fenced"),
    "hangs on a stall": (hangs, "a_stalled_system_is_given_up_in_time"),
    "lets the driver's error out": (
        turning("describe", Unreachable, ConnectionError("no route")),
        "who_does_not_answer_is_unreachable",
    ),
    "calls everything refused": (
        turning("describe", Unreachable, Refused("not now")),
        "who_does_not_answer_is_unreachable",
    ),
    "tells its password in errors": (telling("error"), "a_wrong_password_is_denied_and_not_told"),
    "shows its password": (telling("repr"), "nothing_tells_the_password"),
    "logs its password": (telling("log"), "nothing_tells_the_password"),
    "tries a wrong password again": (
        turning("describe", AccessDenied, Unreachable("later")),
        "a_wrong_password_is_denied_and_not_told",
    ),
    "locks nothing": (lambda s: spoil(s, lock=lambda true, *asked: None), "locked_rows_are_kept_from_others"),
    "tells local time": (lambda s: spoil(s, now=local_time), "the_clock_is_in_utc"),
    "loses what it had at a restart": (
        lambda s: spoil(s, read=lambda true, *asked: (one.slice(1) for one in true(*asked))),
        "a_restart_is_survived",
    ),
}


@pytest.mark.parametrize(("make", "name"), OVER_TCP.values(), ids=OVER_TCP)
def test_it_is_caught_over_tcp(postgres_url: str, make, name: str) -> None:
    @contextmanager
    def opened() -> Iterator[Postgres]:
        connector = Postgres(url=postgres_url, timeout_s=30)
        yield connector
        connector.close()

    caught(tried(opened, make, name, restart=lambda _: lambda: None), name)


def swallows_what_is_full(true, dataset, change):
    try:
        return true(dataset, change)
    except (Full, AccessDenied):
        return Receipt(change.rows.num_rows)


def shows_nothing(true, dataset, verb, fields, expected):
    return "UPDATE something"


def writes_by_query(true, sql):
    path = true.__self__.path
    with sqlite3.connect(path) as connection:
        connection.executescript(sql)
    connection.close()
    return true(sql)


def without_queries(true):
    found = true()
    return replace(found, datasets=tuple(one for one in found.datasets if one.kind != "query"))


IN_FILES = {
    "says nothing of a full disk": (
        lambda s: spoil(s, apply=swallows_what_is_full),
        "a_full_disk_stops_and_leaves_nothing_half",
    ),
    "tries on and on at a full disk": (
        turning("apply", Full, Unreachable("try again")),
        "a_full_disk_stops_and_leaves_nothing_half",
    ),
    "writes what fits": (row_by_row, "a_full_disk_stops_and_leaves_nothing_half"),
    "blames rows for a right": (turning("apply", AccessDenied, Refused("no")), "a_right_that_was_taken_is_denied"),
    "blames all for one": (
        lambda s: spoil(s, apply=sabotage.all_or_nothing),
        "what_the_system_itself_refuses_is_a_reject",
    ),
    "shows another statement": (lambda s: spoil(s, statement=shows_nothing), "statements_hold_no_values"),
    "lets queries write": (lambda s: spoil(s, query=writes_by_query), "queries_only_read"),
    "hides named queries": (lambda s: spoil(s, describe=without_queries), "named_queries_are_datasets"),
    "counts all chunks as one": (
        lambda s: spoil(s, last_chunk=lambda true, p: true("q")),
        "the_last_chunk_is_the_ledgers",
    ),
}

IN_FOLDERS = {
    "has one mark for ever": (lambda s: spoil(s, mark=lambda true, dataset: "one"), "a_mark_tells_every_change"),
    "has another mark each time": (
        lambda s: spoil(s, mark=lambda true, dataset: str(time.monotonic_ns())),
        "a_mark_tells_every_change",
    ),
}

_RULE = """CREATE TRIGGER no_poison_{0} BEFORE {0} ON "{1}" WHEN NEW.name = 'poison'
BEGIN SELECT RAISE(ABORT, 'no'); END"""


def with_a_rule(connector: SQLite):
    def refuse(dataset):
        with sqlite3.connect(connector.path) as connection:
            for verb in ("insert", "update"):
                connection.execute(_RULE.format(verb, dataset.name))
        connection.close()

    return refuse


@pytest.mark.parametrize(("make", "name"), IN_FILES.values(), ids=IN_FILES)
def test_it_is_caught_in_files(tmp_path: Path, make, name: str) -> None:
    numbers = iter(range(10))

    @contextmanager
    def opened() -> Iterator[SQLite]:
        path = tmp_path / f"{next(numbers)}.db"
        sqlite3.connect(path).close()
        connector = SQLite(path=path, timeout_s=30)
        yield connector
        connector.close()

    caught(tried(opened, make, name, refuse=with_a_rule), name)


@pytest.mark.parametrize(("make", "name"), IN_FOLDERS.values(), ids=IN_FOLDERS)
def test_it_is_caught_in_folders(tmp_path: Path, make, name: str) -> None:
    @contextmanager
    def opened() -> Iterator[Folder]:
        yield Folder(path=tmp_path, timeout_s=10)

    caught(tried(opened, make, name), name)


def test_the_promises_are_there() -> None:
    named = {name for _, name in (*OVER_TCP.values(), *IN_FILES.values(), *IN_FOLDERS.values())}
    assert named <= set(PROMISES)
