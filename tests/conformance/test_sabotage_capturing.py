"""Each way to note changes badly is caught by the promise that it breaks; the sound one keeps them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.conformance.spoiled import tried_in_memory

from dovetail.model.change import VERSION, Feed, Noticed
from dovetail.systems.connectors.memory import Connector
from dovetail.systems.protocol import Target
from dovetail.testing.conformance import capturing
from dovetail.testing.conformance.trial import Outcome, trials
from dovetail.testing.sabotage import spoil

OVER_TCP = {"a_feed_outlives_a_restart"}
"""Promises that need a server; they are broken elsewhere."""

NAMES = [one.promise.name for one in trials() if one.promise.check.__module__ == capturing.__name__ and not one.hidden]


def every_key(noticed: Noticed, change: Callable[[pa.RecordBatch], pa.RecordBatch]) -> Noticed:
    return replace(noticed, keys={name: change(batch) for name, batch in noticed.keys.items()})


def sees_itself_alone(system):
    """Notes what is changed through this connector, and nothing else."""
    own = []

    def apply(true, dataset, change):
        own.append(change.rows.num_rows)
        return true(dataset, change)

    def noticed(true, feed, *, rows):
        found = true(feed, rows=rows)
        return found if own else replace(found, keys={})

    return spoil(system, apply=apply, noticed=noticed)


def forgets_some(true, feed, *, rows):
    return every_key(true(feed, rows=rows), lambda batch: batch.slice(0, max(batch.num_rows - 1, 1)))


def shifts_keys(true, feed, *, rows):
    def shifted(batch: pa.RecordBatch) -> pa.RecordBatch:
        first = batch.column(0)
        return (
            batch.set_column(0, batch.schema.field(0), pc.add(first, 1)) if pa.types.is_integer(first.type) else batch
        )

    return every_key(true(feed, rows=rows), shifted)


def names_one_transaction(true, feed, *, rows):
    def named(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.set_column(len(batch.schema) - 1, VERSION, pa.array(["7"] * batch.num_rows, pa.string()))

    return every_key(true(feed, rows=rows), named)


def acknowledges_on_reading(system: Target) -> Target:
    def noticed(true, feed, *, rows):
        found = true(feed, rows=rows)
        if found.cursor is not None:
            system.acknowledge(feed, found.cursor)
        return found

    return spoil(system, noticed=noticed)


def acknowledges_too_much(system: Target) -> Target:
    def acknowledge(true, feed, cursor):
        last = system.noticed(feed, rows=10**9).cursor
        true(feed, last or cursor)

    return spoil(system, acknowledge=acknowledge)


def acknowledges_nothing(true, feed, cursor):
    """It is all told again."""


def tells_all_at_once(true, feed, *, rows):
    return true(feed, rows=10**9)


def tells_less_than_it_says(true, feed, *, rows):
    return replace(true(feed, rows=rows), more=False)


def without_whole(true, feed, *, rows):
    return replace(true(feed, rows=rows), whole={})


def covers_more(system: Target) -> Target:
    known: dict[str, object] = {}

    def capture(true, feed, datasets):
        known.update({one.name: one for one in datasets})
        return true(feed, list(known.values()))

    return spoil(system, capture=capture)


def begins_anew(system: Target) -> Target:
    def capture(true, feed, datasets):
        system.release(feed)
        return true(feed, datasets)

    return spoil(system, capture=capture)


def keeps_released(true, feed):
    """The feed stays."""


def never_wakes(true, feed, timeout_s):
    return False


def waits_too_long(true, feed, timeout_s):
    return true(feed, timeout_s + capturing._GRACE_S)


def is_always_sound(true, feed):
    return true(feed) or Feed(feed, "triggers", ())


def sees_nothing(true, datasets):
    return [replace(one, way="reading") for one in true(datasets)]


def mixes_up(true, datasets):
    return list(true(datasets))[::-1]


SPOILED: dict[str, tuple[Callable[[Target], Target], str]] = {
    "forgets a key": (lambda s: spoil(s, noticed=forgets_some), "a_change_is_noticed"),
    "sees itself alone": (sees_itself_alone, "changes_of_others_are_noticed"),
    "names other keys": (lambda s: spoil(s, noticed=shifts_keys), "a_change_is_noticed"),
    "acknowledges when it is read": (acknowledges_on_reading, "what_is_not_acknowledged_is_told_again"),
    "acknowledges nothing": (lambda s: spoil(s, acknowledge=acknowledges_nothing), "a_change_is_noticed"),
    "acknowledges what was never told": (acknowledges_too_much, "an_acknowledgement_forgets_what_was_told_alone"),
    "gives no portions": (lambda s: spoil(s, noticed=tells_all_at_once), "a_feed_is_told_in_portions"),
    "never says that there is more": (
        lambda s: spoil(s, noticed=tells_less_than_it_says),
        "a_feed_is_told_in_portions",
    ),
    "never tells wholes": (lambda s: spoil(s, noticed=without_whole), "a_feed_covers_what_it_is_told_to"),
    "goes on covering": (covers_more, "a_feed_covers_what_it_is_told_to"),
    "begins anew each time": (begins_anew, "a_feed_covers_what_it_is_told_to"),
    "releases nothing": (lambda s: spoil(s, release=keeps_released), "a_released_feed_is_gone"),
    "invents a feed": (lambda s: spoil(s, feed=is_always_sound), "a_released_feed_is_gone"),
    "never wakes": (lambda s: spoil(s, await_changes=never_wakes), "changes_can_be_awaited"),
    "waits too long": (lambda s: spoil(s, await_changes=waits_too_long), "changes_can_be_awaited"),
    "names one transaction for all": (
        lambda s: spoil(s, noticed=names_one_transaction),
        "our_own_changes_can_be_told_apart",
    ),
    "says that it sees nothing": (lambda s: spoil(s, visibility=sees_nothing), "it_is_said_how_changes_are_seen"),
    "mixes up its verdicts": (lambda s: spoil(s, visibility=mixes_up), "it_is_said_how_changes_are_seen"),
}


def early(system: Connector) -> Connector:
    """Tells of changes before they are committed."""
    capture = system._capture
    true = capture.change

    def change(dataset, keys):
        true(dataset, keys)
        capture.commit("early")

    capture.change = change  # type: ignore[method-assign]
    return system


def keeps_undone(system: Connector) -> Connector:
    """Tells of changes that were rolled back."""
    system._capture.undo = lambda: None  # type: ignore[method-assign]
    return system


def loses_repeats(system: Connector) -> Connector:
    """Notes each row once and never again."""
    capture, seen, true = system._capture, set(), system._capture.change

    def change(dataset, keys):
        fresh = [key for key in keys if (dataset.name, key) not in seen]
        seen.update((dataset.name, key) for key in keys)
        true(dataset, fresh)

    capture.change = change  # type: ignore[method-assign]
    return system


SPOILED |= {
    "tells before the commit": (early, "a_change_is_noticed_once_it_is_committed"),
    "tells what was undone": (keeps_undone, "a_change_is_noticed_once_it_is_committed"),
    "notes a row once": (loses_repeats, "a_row_that_changes_again_is_told_again"),
}


tried = tried_in_memory


@pytest.mark.parametrize(("make", "name"), SPOILED.values(), ids=SPOILED)
def test_it_is_caught(make: Callable[[Target], Target], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "_GRACE_S", 0.3)
    monkeypatch.setattr(capturing, "_TURNS_MAX", 20)
    broken = [result for result in tried(make, name) if result.outcome is Outcome.BROKEN]
    assert broken, f"{name} is not broken"
    assert all(result.words.startswith(("Broken:", "AssertionError:")) for result in broken), broken[0].words


def test_the_sound_one_keeps_those_promises() -> None:
    assert set(NAMES) == {name for _, name in SPOILED.values()} | OVER_TCP
    results = tried(lambda system: system, *NAMES)
    assert {result.trial.promise.name for result in results if result.outcome is not Outcome.PASSED} == OVER_TCP
