"""Each way in which rows can be lost, doubled or half taken on their way is caught by the promise that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from dovetail.errors import Refused
from dovetail.model.change import DIGEST
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.protocol import Target
from dovetail.systems.push import DOUBT, WANTED
from dovetail.testing.conformance.trial import Outcome, examine
from dovetail.testing.sabotage import spoil


@dataclass(frozen=True)
class Spoiled:
    """A passage that looks, or pours, otherwise."""

    true: Any
    how: Callable[..., Any]
    verb: str

    def look(self, **asked):
        return self.how(self.true, **asked) if self.verb == "look" else self.true.look(**asked)

    def pour(self, fields, **asked):
        return self.how(self.true, fields, **asked) if self.verb == "pour" else self.true.pour(fields, **asked)


def passing(verb, how):
    @contextmanager
    def passage(true, *given):
        with true(*given) as passage:
            yield Spoiled(passage, how, verb)

    return lambda system: spoil(system, passage=passage)


def taking(how):
    return lambda system: spoil(system, take=how)


def column(name, value):
    """Looks, and says the same of every row."""

    def look(true, **asked):
        found = true.look(**asked)
        if name not in found.schema.names:
            return found
        same = pa.array([value] * found.num_rows, found.column(name).type)
        return found.set_column(found.schema.get_field_index(name), name, same)

    return passing("look", look)


def half(true, dataset, fields, blocks):
    """Leaves what came before the row that is refused."""
    taken = list(blocks)
    try:
        return true(dataset, fields, taken)
    except Refused:
        return 0


def commits_at_once(system):
    """Takes rows in a transaction of its own."""

    def take(true, *given):
        with system.transaction() as other:
            return other.take(*given)

    return spoil(system, take=take)


def only_once(system):
    """Pours nothing any more once a pouring was left."""
    left = []

    def pour(true, fields, **asked):
        if left:
            return
        try:
            yield from true.pour(fields, **asked)
        except GeneratorExit:
            left.append(True)
            raise

    return passing("pour", pour)(system)


SPOILED = {
    "cannot be left early": (only_once, "a_pouring_may_be_left_early"),
    "takes rows for good": (commits_at_once, "what_was_taken_is_undone_with_its_transaction"),
    "pours a row too few": (
        passing("pour", lambda true, f, *, after, rows, every: true.pour(f, after=after, rows=rows - 1, every=every)),
        "rows_pass_whole_and_once",
    ),
    "pours from the beginning": (
        passing("pour", lambda true, f, *, after, rows, every: true.pour(f, after=None, rows=rows, every=every)),
        "rows_pass_whole_and_once",
    ),
    "pours everything": (
        passing("pour", lambda true, f, *, after, rows, every: true.pour(f, after=after, rows=rows, every=True)),
        "what_is_not_wanted_or_in_doubt_is_told",
    ),
    "doubts nothing": (column(DOUBT, False), "what_is_not_wanted_or_in_doubt_is_told"),
    "wants everything": (column(WANTED, True), "what_is_not_wanted_or_in_doubt_is_told"),
    "tells other digests": (column(DIGEST, 7), "digests_of_a_passage_are_those_of_the_rows"),
    "says nothing of a refusal": (taking(half), "rows_are_taken_all_or_none"),
    "takes nothing": (taking(lambda true, dataset, fields, blocks: len(list(blocks))), "rows_pass_whole_and_once"),
    "tells another version": (
        lambda system: spoil(system, version=lambda true, dataset, key: "1"),
        "rows_that_were_taken_have_one_version",
    ),
}


@pytest.mark.parametrize(("make", "name"), SPOILED.values(), ids=SPOILED)
def test_it_is_caught(postgres_url: str, make: Callable[[Target], Target], name: str) -> None:
    @contextmanager
    def fresh() -> Iterator[Target]:
        connector = Connector(url=postgres_url, timeout_s=30)
        yield make(connector)
        connector.close()

    (result,) = examine(fresh, [name])
    assert result.outcome is Outcome.BROKEN
    assert result.words.startswith(("Broken:", "AssertionError:", "Refused:")), result.words
