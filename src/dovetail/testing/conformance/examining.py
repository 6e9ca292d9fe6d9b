"""What looking at itself promises."""

from __future__ import annotations

from dovetail.model.change import Verb
from dovetail.systems.protocol import SupportsCreate, SupportsDoctor, SupportsStatements
from dovetail.testing.conformance.bench import Bench
from dovetail.testing.conformance.datasets import ITEM, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import expect


@promise(needs=(SupportsCreate, SupportsDoctor))
def an_examination_changes_nothing(bench: Bench) -> None:
    """The examination gives topics with a verdict and words, and leaves rows and datasets as they are."""
    assert isinstance(bench.system, SupportsDoctor)
    found = bench.filled(ITEM, items(3))
    before = bench.system.describe().datasets
    lines = list(bench.system.examine([found]))
    expect(lines, "it says nothing")
    expect(
        all(verdict in ("ok", "warn", "bad") for _, verdict, _ in lines),
        "there are other verdicts than ok, warn and bad",
    )
    expect(all(topic and words for topic, _, words in lines), "a line has no topic or no words")
    expect(bench.system.describe().datasets == before and len(bench.rows(found)) == 3, "something changed")


@promise(needs=(SupportsCreate, SupportsStatements))
def statements_hold_no_values(bench: Bench) -> None:
    """The statement shown for a change names the dataset and its fields."""
    assert isinstance(bench.system, SupportsStatements)
    found = bench.filled(ITEM, items(1))
    for verb, fields, expected in (
        (Verb.CREATE, ["id", "name"], []),
        (Verb.UPDATE, ["name"], ["price"]),
        (Verb.DELETE, [], ["name"]),
    ):
        sql = bench.system.statement(found, verb, fields, expected)
        expect(all(name in sql for name in ["item", *fields, *expected]), f"{verb} is shown as {sql}")
    expect(len(bench.rows(found)) == 1, "it was carried out")
