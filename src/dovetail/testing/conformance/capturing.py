"""What noting changes promises: a committed change is named until it is acknowledged, and nothing else is forgotten."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyarrow as pa

from dovetail.errors import DovetailError, FeedLost, SystemFault
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import VERSION, Change, Noticed, Verb
from dovetail.model.key import texts
from dovetail.systems.protocol import SupportsCapture, SupportsCreate, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import INTEGER, ITEM, LINE, TEXT, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import broken, expect

FEED = "dovetail_conformance"

_NEEDS = (SupportsCreate, SupportsCapture)
_TURNS_MAX = 1000
_GRACE_S = 5.0
_ODD = dataset(
    'odd "name" {x}',
    Field('the "key"', TEXT, nullable=False),
    Field("select", INTEGER, nullable=False),
    Field("it's", TEXT),
    key=("select", 'the "key"'),
)


def feeding(bench: Bench) -> SupportsCapture:
    """The system as one that notes changes."""
    assert isinstance(bench.system, SupportsCapture)
    return bench.system


def told(bench: Bench, rows: int = 100_000) -> tuple[dict[str, list[str]], dict[str, str]]:
    """All that the feed holds, as texts of keys by dataset and what is whole; it is acknowledged."""
    system = feeding(bench)
    keys: dict[str, list[str]] = {}
    whole: dict[str, str] = {}
    for _ in range(_TURNS_MAX):
        noticed = system.noticed(FEED, rows=rows)
        if noticed.cursor is None:
            expect(not noticed.keys and not noticed.whole, "there are changes, and no cursor to acknowledge them by")
            return keys, whole
        for name, found in named(noticed).items():
            keys.setdefault(name, []).extend(found)
        whole |= noticed.whole
        system.acknowledge(FEED, noticed.cursor)
    raise AssertionError(f"after {_TURNS_MAX} acknowledgements there is still something to be told")


def named(noticed: Noticed) -> dict[str, list[str]]:
    """The keys by dataset, as texts."""
    found = {}
    for name, batch_ in noticed.keys.items():
        found[name] = texts([batch_.column(part) for part in batch_.schema.names if part != VERSION])
        versions = batch_.schema.field(VERSION) if VERSION in batch_.schema.names else None
        expect(versions is None or pa.types.is_string(versions.type), "versions are no texts")
    return found


def captured(bench: Bench, *datasets: Dataset) -> None:
    """Let the feed cover those datasets; what it says at its beginning is acknowledged."""
    standing = feeding(bench).capture(FEED, datasets)
    expect(not standing.lost, f"a feed that was just made is lost: {standing.lost}")
    expect(set(standing.datasets) == {one.name for one in datasets}, f"it covers {standing.datasets}")
    told(bench)


def keys_of(of: Dataset, rows: Sequence[Mapping[str, object]]) -> set[str]:
    """The keys of rows, as texts."""
    one = batch(of, [{part: row[part] for part in of.key} for row in rows])
    return set(texts([one.column(part) for part in of.key]))


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def a_change_is_noticed(bench: Bench) -> None:
    """Rows that are created, updated and deleted are named by the very keys that reading them gives, of each shape."""
    lines: list[dict[str, object]] = [{"order_no": at, "place": f"|{at}\\ é", "count": at} for at in range(-2, 3)]
    odd: list[dict[str, object]] = [{'the "key"': f"k'{at}", "select": at, "it's": "x"} for at in range(3)]
    for asked, rows in ((ITEM, items(5)), (LINE, lines), (_ODD, odd)):
        found = bench.make(asked)
        captured(bench, found)
        value = next(name for name in found.names if name not in found.key)
        changes = (
            (Verb.CREATE, rows),
            (Verb.UPDATE, [{**{part: row[part] for part in found.key}, value: None} for row in rows[:2]]),
            (Verb.DELETE, [{part: row[part] for part in found.key} for row in rows[1:3]]),
        )
        for verb, changed in changes:
            bench.change(found, verb, changed)
            keys, whole = told(bench)
            wanted = keys_of(found, changed)
            expect(set(keys.get(found.name, ())) == wanted or found.name in whole, f"a {verb} of {wanted}: {keys}")
        expect(told(bench) == ({}, {}), "what was acknowledged is told again")


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def what_is_not_acknowledged_is_told_again(bench: Bench) -> None:
    """The same again when asked again, also by connections that are new; acknowledged, it is told no more."""
    system = feeding(bench)
    found = bench.make(ITEM)
    captured(bench, found)
    bench.change(found, Verb.CREATE, items(3))
    wanted = keys_of(found, items(3))
    for attempt in ("asked", "asked again", "asked anew"):
        noticed = system.noticed(FEED, rows=100)
        expect(set(named(noticed).get(found.name, ())) == wanted, f"{attempt}: {named(noticed)}")
        expect(noticed.cursor is not None, "there is no cursor to acknowledge it by")
        if attempt == "asked again":
            bench.system.close()
    bench.system.close()
    assert noticed.cursor is not None
    system.acknowledge(FEED, noticed.cursor)
    bench.system.close()
    expect(told(bench) == ({}, {}), "what was acknowledged is told again")


@promise(needs=_NEEDS, given=("open",))
def changes_of_others_are_noticed(bench: Bench) -> None:
    """What is changed through another connector is noticed as what is changed through this one, and ends the
    waiting."""
    system, other, found = feeding(bench), bench.opened(), bench.make(ITEM)
    captured(bench, found)
    new: list[dict[str, object]] = [{"id": at, "name": "new"} for at in (1, 2)]
    gone: list[dict[str, object]] = [{"id": 1}]
    for verb, rows in ((Verb.CREATE, items(3)), (Verb.UPDATE, new), (Verb.DELETE, gone)):
        other.apply(found, Change(verb, batch(found, rows)))
        expect(system.await_changes(FEED, _GRACE_S), f"a {verb} by another does not end the waiting")
        keys, _ = told(bench)
        wanted = keys_of(found, rows)
        expect(set(keys.get(found.name, ())) >= wanted, f"a {verb} of {wanted} by another: {keys}")


@promise(needs=_NEEDS, given=("restart",))
def a_feed_outlives_a_restart(bench: Bench) -> None:
    """What was noted and not acknowledged is told after the system went down and came back, and so is what comes
    later; or the feed says that it was lost."""
    assert bench.faults.restart is not None
    system, found = feeding(bench), bench.make(ITEM)
    captured(bench, found)
    bench.change(found, Verb.CREATE, items(3))
    bench.faults.restart()
    bench.attempt(lambda: system.feed(FEED))
    end = bench.attempt(lambda: told(bench))
    if isinstance(end, DovetailError) and not isinstance(end, FeedLost):
        end = bench.attempt(lambda: told(bench))
    if isinstance(end, FeedLost):
        system.capture(FEED, [found])
        end = told(bench)
    assert isinstance(end, tuple)
    keys, whole = end
    is_told = keys_of(found, items(3)) <= set(keys.get(found.name, ())) or found.name in whole
    expect(is_told, f"after a restart is told: {keys}, {whole}")
    bench.change(found, Verb.UPDATE, [{"id": 2, "name": "later"}])
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"2"}, f"after a restart a later change is told as {keys}")


@promise(needs=(*_NEEDS, SupportsTransaction))
def an_acknowledgement_forgets_what_was_told_alone(bench: Bench) -> None:
    """What is committed between telling and acknowledging is told afterwards; an old acknowledgement does no harm."""
    system = feeding(bench)
    found = bench.make(ITEM)
    captured(bench, found)
    bench.change(found, Verb.CREATE, items(3))
    noticed = system.noticed(FEED, rows=100)
    bench.change(found, Verb.UPDATE, [{"id": 2, "name": "later"}])
    bench.change(found, Verb.CREATE, items(1, first=9))
    expect(noticed.cursor is not None, "there is no cursor to acknowledge it by")
    assert noticed.cursor is not None
    system.acknowledge(FEED, noticed.cursor)
    keys, _ = told(bench)
    expect({"2", "9"} <= set(keys.get(found.name, ())), f"what came later was forgotten: {keys}")
    bench.change(found, Verb.CREATE, items(1, first=10))
    system.acknowledge(FEED, noticed.cursor)
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"10"}, f"an old acknowledgement forgets: {keys}")


@promise(needs=(*_NEEDS, SupportsTransaction))
def a_change_is_noticed_once_it_is_committed(bench: Bench) -> None:
    """A change is not told before its commit, is told after it, and never where it was rolled back."""
    assert isinstance(bench.system, SupportsTransaction)
    found = bench.make(ITEM)
    captured(bench, found)
    with bench.system.transaction() as transaction:
        transaction.apply(found, Change(Verb.CREATE, batch(found, items(2))))
        early, _ = told(bench)
    expect(not early, f"told before the commit: {early}")
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"1", "2"}, f"not told after the commit: {keys}")
    with suppress(_Undone), bench.system.transaction() as transaction:
        transaction.apply(found, Change(Verb.CREATE, batch(found, items(2, first=5))))
        raise _Undone
    expect(told(bench) == ({}, {}), "what was rolled back is told")
    bench.change(found, Verb.CREATE, items(1, first=9))
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"9"}, f"what was rolled back is told later: {keys}")


class _Undone(Exception):
    """Rolls a transaction back."""


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def a_row_that_changes_again_is_told_again(bench: Bench) -> None:
    """Each of many changes of one row is told, or the last at least after it was made; none hides a later one."""
    found = bench.filled(ITEM, items(2))
    captured(bench, found)
    for count in range(3):
        bench.change(found, Verb.UPDATE, [{"id": 1, "name": f"n{count}"}])
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"1"}, f"three updates of one row: {keys}")
    bench.change(found, Verb.UPDATE, [{"id": 1, "name": "again"}])
    bench.change(found, Verb.DELETE, [{"id": 1}])
    bench.change(found, Verb.CREATE, items(1))
    keys, _ = told(bench)
    expect(set(keys.get(found.name, ())) == {"1"}, f"updated, deleted and made again: {keys}")


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def a_feed_is_told_in_portions(bench: Bench) -> None:
    """Asked for a few changes, the feed gives about so many and says that there are more; none is left out."""
    system = feeding(bench)
    found = bench.make(ITEM)
    captured(bench, found)
    for at in range(30):
        bench.change(found, Verb.CREATE, items(2, first=1 + 2 * at))
    first = system.noticed(FEED, rows=5)
    given = len(named(first).get(found.name, ()))
    expect(0 < given <= 10, f"asked for 5 changes, it gives {given}")
    expect(first.more, "there are more, and it does not say so")
    keys, _ = told(bench, rows=7)
    expect(set(keys.get(found.name, ())) == {str(at) for at in range(1, 61)}, "told in portions, some are left out")


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def a_feed_covers_what_it_is_told_to(bench: Bench) -> None:
    """A new feed names its datasets as whole, once; one that is added likewise, one that is left out is told no more;
    what was noted meanwhile stays."""
    system = feeding(bench)
    item, line = bench.make(ITEM), bench.make(LINE)
    expect(system.feed(FEED) is None, "a feed that was never made is there")
    system.capture(FEED, [item])
    keys, whole = told(bench)
    expect(not keys and set(whole) == {item.name}, f"a new feed tells {keys}, {whole}")
    system.capture(FEED, [item])
    expect(told(bench) == ({}, {}), "a feed that is made again as it was tells something")
    bench.change(item, Verb.CREATE, items(2))
    bench.change(line, Verb.CREATE, [{"order_no": 1, "place": "a", "count": 1}])
    standing = system.capture(FEED, [item, line])
    expect(set(standing.datasets) == {item.name, line.name} and not standing.lost, f"{standing}")
    keys, whole = told(bench)
    expect(set(keys.get(item.name, ())) == {"1", "2"} or item.name in whole, "what was noted is gone with the change")
    expect(line.name in whole and item.name not in whole, f"of an added dataset is told {whole}")
    bench.change(line, Verb.DELETE, [{"order_no": 1, "place": "a"}])
    keys, _ = told(bench)
    expect(keys == {line.name: ["1|a"]}, f"of the added dataset is told {keys}")
    system.capture(FEED, [line])
    bench.change(item, Verb.DELETE, [{"id": 1}])
    expect(told(bench) == ({}, {}), "a dataset that is covered no more is told")


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def a_released_feed_is_gone(bench: Bench) -> None:
    """Released, a feed is not there, whoever asks; rows can be written, and nothing more stands in the catalog."""
    system = feeding(bench)
    found = bench.make(ITEM)
    before = bench.system.describe()
    captured(bench, found)
    expect(bench.system.describe() == before, "what was made for the feed stands in the catalog")
    system.release(FEED)
    bench.change(found, Verb.CREATE, items(2))
    expect(system.feed(FEED) is None, "a released feed is there")
    try:
        system.noticed(FEED, rows=1)
    except SystemFault:
        pass
    else:
        broken("a released feed tells something")
    system.release(FEED)
    system.capture(FEED, [found])
    _, whole = told(bench)
    expect(found.name in whole, "a feed that was released and made again does not say that all may have changed")


@promise(needs=_NEEDS, uses=(SupportsTransaction,))
def changes_can_be_awaited(bench: Bench) -> None:
    """Waiting ends soon after a change, and at its time where there is none."""
    system = feeding(bench)
    found = bench.make(ITEM)
    captured(bench, found)
    started = time.monotonic()
    system.await_changes(FEED, 0.1)
    expect(time.monotonic() - started < _GRACE_S, "it waits for more than it was asked to")
    for at in range(3):
        bench.change(found, Verb.CREATE, items(1, first=1 + at))
        started = time.monotonic()
        expect(system.await_changes(FEED, _GRACE_S), "a change does not end the waiting")
        expect(time.monotonic() - started < _GRACE_S, "a change ends the waiting late")
        keys, _ = told(bench)
        expect(set(keys.get(found.name, ())) == {str(1 + at)}, f"woken, it tells {keys}")


@promise(needs=(*_NEEDS, SupportsTransaction))
def our_own_changes_can_be_told_apart(bench: Bench) -> None:
    """Where a receipt says what the feed will call its transaction, the feed calls exactly its changes so."""
    assert isinstance(bench.system, SupportsTransaction)
    system = feeding(bench)
    found = bench.make(ITEM)
    captured(bench, found)
    epoch = bench.system.raise_epoch("p")
    names: dict[str, str | None] = {}
    for first in (1, 11):
        with bench.system.transaction() as transaction:
            transaction.fence("p", epoch)
            gone: list[dict[str, object]] = [{"id": first + 2}]
            for verb, rows in ((Verb.CREATE, items(3, first=first)), (Verb.DELETE, gone)):
                receipt = transaction.apply(found, Change(verb, batch(found, rows)))
                names[str(first)] = receipt.transaction
    if None in names.values():
        return
    expect(names["1"] != names["11"], "two transactions have one name")
    noticed = system.noticed(FEED, rows=100)
    while noticed.more:
        noticed = system.noticed(FEED, rows=1000)
        if sum(map(len, named(noticed).values())) >= 8:
            break
    told_keys, versions = named(noticed)[found.name], noticed.keys[found.name].column(VERSION).to_pylist()
    for key, version in zip(told_keys, versions, strict=True):
        expect(version == names["1" if len(key) == 1 else "11"], f"row {key} was changed by {version}")


@promise(needs=_NEEDS)
def it_is_said_how_changes_are_seen(bench: Bench) -> None:
    """For each dataset asked about, one verdict, in the order asked; the way of a feed is one of them."""
    system = feeding(bench)
    datasets = [bench.make(one) for one in (LINE, ITEM)]
    found = list(system.visibility(datasets))
    expect([one.dataset for one in found] == [one.name for one in datasets], f"verdicts on {found}")
    standing = system.capture(FEED, datasets)
    expect(standing.way in {one.way for one in found}, f"it is {standing.way}, and was said to be {found}")
    expect(standing.kept_bytes >= 0 and (standing.headroom_bytes or 0) >= 0, f"{standing}")
