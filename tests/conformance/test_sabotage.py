"""Each broken connector is caught by the promise that it breaks; the sound one keeps them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dovetail.model.change import DIGEST, LedgerEntry, Verb
from dovetail.systems.connectors.memory import Connector
from dovetail.systems.protocol import Target
from dovetail.testing import sabotage
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.conformance.trial import Outcome, Result, examine
from dovetail.testing.sabotage import spoil


def rounded(column: pa.Array) -> pa.Array:
    return pc.round(column, 1).cast(column.type)


def early_ledger(system: Target) -> Target:
    """Its ledger is not part of the transaction."""

    def record(_: object, entries: list[LedgerEntry]) -> None:
        kept.extend(entries)

    def ledger(true: Callable[[str], list[LedgerEntry]], partition: str) -> list[LedgerEntry]:
        return sorted(
            {*true(partition), *(one for one in kept if one.partition == partition)}, key=lambda one: one.chunk
        )

    kept: list[LedgerEntry] = []
    spoiled = spoil(system, ledger=ledger)
    type(spoiled).transaction = lambda _: sabotage._transaction(system, {"record": record})
    return spoiled


def doubling(system: Target) -> Target:
    """Every change that is applied again doubles the rows."""
    seen: list[object] = []

    def apply(true, dataset, change):
        seen.append(change)
        return true(dataset, change)

    def read(true, *asked):
        again = len(seen) + 1 - len(set(map(id, seen)))
        return [one for _ in range(again) for one in true(*asked)]

    return spoil(system, apply=apply, read=read)


def with_fresh_keys(true, dataset, wanted):
    """The same keys to everybody."""
    return pa.record_batch({dataset.key[0]: pa.array(range(1, wanted + 1), pa.int64())})


def inclusive(true, dataset, fields, *, after=None, digest=False):
    """Reads the row that marks the place once more."""
    if after is not None:
        after = after.set_column(0, "id", pc.subtract(after.column(0), 1)) if after.schema.names == ["id"] else after
    return true(dataset, fields, after=after, digest=digest)


def unordered(true, dataset, fields, *, after=None, digest=False):
    """Reads in some other order."""
    for one in true(dataset, fields, after=after, digest=digest):
        yield one.take(pa.array(range(one.num_rows)[::-1], pa.int64()))


def linear(true, dataset, fields):
    """Digests that are a sum: what two rows swap is not seen."""
    shape = [part for name in fields for part in (dataset.field(name),) if part]
    batches = list(true.__self__.read(dataset, [*dataset.key, *(part.name for part in shape)]))
    return sum(one.num_rows for one in batches), sum(
        hash(value) for one in batches for c in one for value in c.to_pylist()
    )


def late_digests(true, dataset, fields, keys):
    """Digests that are none of the values which come with them: each row has that of the row before it."""
    for one in true(dataset, fields, keys):
        slipped = one.column(DIGEST).take(pa.array([*range(1, one.num_rows), 0], pa.int64()))
        yield one.set_column(one.schema.get_field_index(DIGEST), DIGEST, slipped)


def one_version(true, dataset):
    """One version for all rows."""
    return {"1": sum(true(dataset).values())} if true(dataset) else {}


SPOILED: dict[str, tuple[Callable[[Target], Target], str]] = {
    "drops updates": (lambda s: spoil(s, apply=sabotage.ignores(Verb.UPDATE)), "an_update_sets_only_its_fields"),
    "ignores deletes": (lambda s: spoil(s, apply=sabotage.ignores(Verb.DELETE)), "rows_are_deleted"),
    "reports applied without writing": (
        lambda s: spoil(s, apply=sabotage.ignores(Verb.CREATE)),
        "rows_are_created_as_sent",
    ),
    "trims texts": (lambda s: spoil(s, apply=sabotage.rewrites(pa.string(), pc.utf8_trim_whitespace)), "hostile_texts"),
    "writes null as the empty text": (
        lambda s: spoil(s, apply=sabotage.rewrites(pa.string(), lambda column: column.fill_null(""))),
        "nothing_is_not_empty",
    ),
    "reads null as the empty text": (lambda s: spoil(s, read=sabotage.emptied), "nothing_is_not_empty"),
    "rounds decimals": (lambda s: spoil(s, apply=sabotage.rewrites(pa.decimal128(12, 2), rounded)), "hostile_prices"),
    "loses the sign of zero": (
        lambda s: spoil(s, apply=sabotage.rewrites(pa.float64(), lambda column: pc.add(column, 0.0))),
        "hostile_floats",
    ),
    "cuts microseconds": (
        lambda s: spoil(
            s, apply=sabotage.rewrites(pa.time64("us"), lambda c: pc.floor_temporal(c, unit="millisecond"))
        ),
        "hostile_times",
    ),
    "finds other rows": (
        lambda s: spoil(s, lookup=lambda true, dataset, fields, keys: s.read(dataset, fields)),
        "rows_are_found_by_key",
    ),
    "finds texts whatever their case": (lambda s: spoil(s, lookup=sabotage.loose), "text_keys_are_bytes"),
    "mixes up the rows of a batch": (lambda s: spoil(s, read=sabotage.shifted), "many_rows_come_once_each"),
    "loses the last batch": (lambda s: spoil(s, read=sabotage.shortened), "many_rows_come_once_each"),
    "gives fields in its own order": (lambda s: spoil(s, read=sabotage.disordered), "fields_come_as_asked"),
    "carries numbers too narrow": (lambda s: spoil(s, read=sabotage.narrowed), "fields_come_as_asked"),
    "leaves a part out": (lambda s: spoil(s, partitions=sabotage.partial_parts), "parts_hold_every_row_once"),
    "ignores what is expected": (lambda s: spoil(s, apply=sabotage.unguarded), "a_moved_row_is_missed"),
    "overwrites taken keys": (lambda s: spoil(s, apply=sabotage.overwriting), "a_taken_key_is_never_overwritten"),
    "names wrong positions": (lambda s: spoil(s, apply=sabotage.misplacing), "a_bad_row_is_refused_alone"),
    "refuses good rows with bad ones": (
        lambda s: spoil(s, apply=sabotage.all_or_nothing),
        "a_bad_row_is_refused_alone",
    ),
    "tells values in its words": (lambda s: spoil(s, apply=sabotage.telling), "words_hold_no_values"),
    "mixes up drawn keys": (lambda s: spoil(s, apply=sabotage.mixing_keys), "drawn_keys_belong_to_their_rows"),
    "reserves keys twice": (lambda s: spoil(s, reserve=with_fresh_keys), "reserved_keys_are_nobody_elses"),
    "doubles rows on repeat": (doubling, "applying_twice_equals_once"),
    "keeps its ledger outside": (early_ledger, "an_exception_undoes_everything"),
    "reads the place again": (lambda s: spoil(s, read_after=inclusive), "reading_goes_on_after_a_key"),
    "reads backwards": (lambda s: spoil(s, read_after=unordered), "reading_goes_on_after_a_key"),
    "forgets the place": (
        lambda s: spoil(s, read_after=lambda true, d, f, *, after=None, digest=False: true(d, f, digest=digest)),
        "a_place_need_not_be_there",
    ),
    "sums digests up": (lambda s: spoil(s, digest_total=linear), "a_digest_sees_every_change"),
    "digests fewer fields": (
        lambda s: spoil(s, digest_rows=lambda true, d, f: true(d, [name for name in f if name != "blob"])),
        "a_digest_sees_every_change",
    ),
    "counts all rows as one version": (lambda s: spoil(s, versions=one_version), "versions_tell_who_wrote_last"),
    "tells digests of other values": (
        lambda s: spoil(s, digest_lookup=late_digests),
        "digests_are_looked_up_with_their_values",
    ),
    "names rows of every version": (
        lambda s: spoil(s, besides=lambda true, dataset, versions: true(dataset, [])),
        "rows_of_other_versions_are_named",
    ),
    "lets old workers through": (lambda s: spoil(s, fence=sabotage.unfenced), "an_old_epoch_is_fenced"),
}


def tried(make: Callable[[Target], Target], *names: str) -> list[Result]:
    @contextmanager
    def fresh() -> Iterator[Target]:
        yield make(Connector())

    return examine(fresh, names)


@pytest.mark.parametrize(("make", "name"), SPOILED.values(), ids=SPOILED)
def test_it_is_caught(make: Callable[[Target], Target], name: str) -> None:
    results = tried(make, name)
    broken = [result for result in results if result.outcome is Outcome.BROKEN]
    assert broken, f"{name} is not broken"
    assert all(result.words.startswith(("Broken:", "AssertionError:")) for result in broken), broken[0].words


def test_the_sound_one_keeps_those_promises() -> None:
    results = tried(lambda system: system, *{name for _, name in SPOILED.values()})
    assert [result for result in results if result.outcome is not Outcome.PASSED] == []


def test_a_spoiled_system_that_spoils_nothing_is_sound() -> None:
    unspoiled = lambda s: spoil(s, apply=lambda true, *given: true(*given), read=lambda true, *given: true(*given))  # noqa: E731
    assert [
        one
        for one in tried(unspoiled, "rows_are_created_as_sent", "epochs_grow_by_partition")
        if one.outcome is Outcome.BROKEN
    ] == []


def test_every_promise_has_words_of_its_own() -> None:
    words = [promise.words for promise in PROMISES.values()]
    assert len(set(words)) == len(words)
    assert all(text.endswith(".") for text in words)
