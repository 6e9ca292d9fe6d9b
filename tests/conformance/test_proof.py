"""No promise is taken on trust: each has caught a connector that was broken on purpose."""

from __future__ import annotations

from docs.promises import promises, saboteurs

from dovetail.systems import protocol
from dovetail.testing.conformance.hidden import CAPABILITIES, verbs
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.conformance.trial import trials

ALIKE = ("hostile_", "hostile_keys_")
"""Families of promises, one a kind of values, of which some have caught a connector, and by that their one check."""

TOO_SLOW = {"a_hundred_megabytes_survive": "huge_values_survive", "every_one_is_as_in_bulk": "one_by_one_is_as_in_bulk"}
"""Slow promises, and the quick ones that are made of the same check."""


def test_every_promise_has_caught_somebody() -> None:
    caught = set(saboteurs())
    unproved = {name for name in PROMISES if name not in caught and not name.startswith(ALIKE)}
    assert {TOO_SLOW.get(name, name) for name in unproved} - caught == set()
    for family in ALIKE:
        assert any(name.startswith(family) for name in caught)


def test_every_saboteur_is_caught_by_a_promise_that_is_there() -> None:
    assert set(saboteurs()) <= set(PROMISES)


def test_every_promise_stands_on_the_page() -> None:
    page = promises()
    assert [name for name in PROMISES if f"`{name}`" not in page] == []


def test_every_capability_is_promised_something() -> None:
    needed = {one for trial in trials() for one in (*trial.promise.needs, *trial.promise.uses)}
    assert [one.__name__ for one in CAPABILITIES if one not in needed] == []


def test_hiding_knows_every_verb() -> None:
    assert {name for one in CAPABILITIES for name in verbs(one)} >= {"lookup", "read_after", "now", "last_chunk"}
    assert all(getattr(one, "_is_runtime_protocol", False) for one in CAPABILITIES)
    assert protocol.Locks not in CAPABILITIES, "a transaction's own capabilities go with the transaction"
