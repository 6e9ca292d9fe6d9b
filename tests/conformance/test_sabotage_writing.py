"""Each way to write, repeat, draw, commit and share wrongly is caught by the promise that it breaks."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.conformance.spoiled import caught, tried_in_memory

from dovetail.errors import Fenced, Refused
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.systems.connectors.memory import Connector
from dovetail.systems.sql import refusal
from dovetail.testing import sabotage
from dovetail.testing.conformance import tidying
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.sabotage import spoil


def applying(how):
    return lambda system: spoil(system, apply=how)


def drops_the_last_row(true, dataset, change):
    """Says that it was written."""
    if change.verb is not Verb.CREATE or change.rows.num_rows < 2:
        return true(dataset, change)
    receipt = true(dataset, replace(change, rows=change.rows.slice(0, change.rows.num_rows - 1)))
    return replace(receipt, applied=receipt.applied + 1, keys=change.rows.select(list(dataset.key)))


def names_a_few(true, dataset, change):
    receipt = true(dataset, change)
    return replace(receipt, applied=receipt.applied, rejects=receipt.rejects[:50])


def guards_no_texts(true, dataset, change):
    """Expects only what is no text."""
    if change.expected is None:
        return true(dataset, change)
    kept = [one for one in change.expected.schema.names if one in dataset.key or not _is_text(change.expected, one)]
    return true(dataset, replace(change, expected=change.expected.select(kept)))


def _is_text(rows, name):
    return pa.types.is_string(rows.column(name).type)


def takes_all_for_its_own(true, dataset, change):
    """Counts every taken key as applied."""
    receipt = true(dataset, change)
    left = (
        tuple(one for one in receipt.rejects if one.code != refusal.TAKEN)
        if change.verb is Verb.CREATE
        else receipt.rejects
    )
    keys = (
        change.rows.select(list(dataset.key))
        if change.verb is Verb.CREATE and left != receipt.rejects
        else receipt.keys
    )
    return replace(receipt, applied=receipt.applied + len(receipt.rejects) - len(left), rejects=left, keys=keys)


def by_the_first_part(true, dataset, change):
    """Deletes by one part of a key."""
    if change.verb is Verb.CREATE or len(dataset.key) < 2:
        return true(dataset, change)
    part = dataset.key[1]
    same = pa.array(["a"] * change.rows.num_rows, pa.string())
    at = change.rows.schema.get_field_index(part)
    return true(dataset, replace(change, rows=change.rows.set_column(at, part, same)))


def refuses_nothing_to_do(true, dataset, change):
    if not change.rows.num_rows:
        raise Refused("there is nothing to do")
    return true(dataset, change)


def forgiving(system):
    """Counts rows that stand there as applied, in transactions too."""
    return spoil(system, apply=lambda true, dataset, change: system.apply(dataset, change))


def trims_in_bulk(true, dataset, change):
    """Writes many rows otherwise than a few."""
    trimmed = sabotage.rewrites(pa.string(), pc.utf8_trim_whitespace)
    return trimmed(true, dataset, change) if change.rows.num_rows > 1_000 else true(dataset, change)


def without_memory(system):
    """Applies each change as if it were the first time."""

    def apply(true, dataset, change):
        with system.transaction() as transaction:
            return transaction.apply(dataset, change)

    return spoil(system, apply=apply)


def gives_up(true, dataset, change):
    receipt = true(dataset, change)
    if receipt.rejects:
        raise Refused("some rows are refused")
    return receipt


def never_twice(system):
    """Says of a change that came before that all of it was applied."""
    seen = []

    def apply(true, dataset, change):
        receipt = true(dataset, change) if change not in seen else Receipt(change.rows.num_rows)
        seen.append(change)
        return receipt

    return spoil(system, apply=apply)


def draws_anew(true, dataset, change):
    """Gives rows other keys than they came with."""
    drawn = [one.name for one in dataset.fields if one.drawn]
    if change.verb is Verb.CREATE and drawn and len(change.rows.schema.names) > 1:
        change = replace(change, rows=change.rows.select([one for one in change.rows.schema.names if one not in drawn]))
    return true(dataset, change)


def remembers_the_dead(system):
    """Gives no key away again."""
    gone = set()

    def apply(true, dataset, change):
        keys = [tuple(row.values()) for row in change.rows.select(list(dataset.key)).to_pylist()]
        if change.verb is Verb.DELETE:
            gone.update(keys)
        if change.verb is Verb.CREATE and gone.intersection(keys):
            return Receipt(0, rejects=tuple(Reject(at, refusal.TAKEN, "it is taken") for at in range(len(keys))))
        return true(dataset, change)

    return spoil(system, apply=apply)


def cut_at(length):
    """Cuts long texts and bytes."""

    def apply(true, dataset, change):
        columns = [
            pa.array([value and value[:length] for value in one.to_pylist()], one.type)
            if pa.types.is_string(one.type) or pa.types.is_binary(one.type)
            else one
            for one in change.rows.columns
        ]
        return true(dataset, replace(change, rows=pa.RecordBatch.from_arrays(columns, change.rows.schema.names)))

    return applying(apply)


def ignores_what_is_not_there(true, dataset, change):
    """Writes the fields that it knows."""
    known = [name for name in change.rows.schema.names if name != "nope"]
    return true(dataset, replace(change, rows=change.rows.select(known)))


def in_halves(system):
    """Carries a change out in two steps that others see."""

    def apply(true, dataset, change):
        half = change.rows.num_rows // 2
        if half < 50:
            return true(dataset, change)
        first = true(dataset, replace(change, rows=change.rows.slice(0, half)))
        time.sleep(0.02)
        second = true(dataset, replace(change, rows=change.rows.slice(half)))
        return replace(first, applied=first.applied + second.applied)

    return spoil(system, apply=apply)


def looks_before_it_writes(system):
    """Compares what is expected by itself, then writes without looking."""

    @contextmanager
    def transaction(true):
        yield _Looking(system)

    return spoil(system, transaction=transaction)


class _Looking:
    def __init__(self, system):
        self.system = system

    def apply(self, dataset, change):
        if change.expected is not None:
            names = change.expected.schema.names
            (held,) = [one.to_pylist() for one in self.system.read(dataset, names)]
            if held != change.expected.to_pylist():
                return Receipt(0, missed=(0,))
            time.sleep(0.005)
        return self.system.apply(dataset, replace(change, expected=None))


def its_own_epochs(system):
    """Keeps its epochs to itself."""
    own = {}

    def raise_epoch(true, partition):
        own[partition] = own.get(partition, 0) + 1
        return own[partition]

    def fence(true, partition, epoch):
        if own.get(partition) != epoch:
            raise Fenced("it has another epoch")

    return spoil(system, raise_epoch=raise_epoch, fence=fence)


def waits_for_nobody(system: Connector):
    def raise_epoch(true, partition):
        epochs = system._contents.epochs
        epochs[partition] = epochs.get(partition, 0) + 1
        return epochs[partition]

    return spoil(system, raise_epoch=raise_epoch)


def with_an_eye_on_itself(system):
    def examine(true, datasets):
        for one in datasets:
            system.apply(one, Change(Verb.CREATE, pa.record_batch({"id": pa.array([77], pa.int64())})))
        return true(datasets)

    return spoil(system, examine=examine)


def leaving(what):
    """Leaves something behind at each description."""

    def describe(true):
        what()
        return true()

    return lambda system: spoil(system, describe=describe)


_KEPT = []


def a_handle():
    _KEPT.append(Path("/dev/null").open())  # noqa: SIM115 - that is the point


def a_thread():
    threading.Thread(target=time.sleep, args=(4,), daemon=True).start()


def a_file():
    (Path(gettempdir()) / "left").touch()


def another_total(true, dataset, fields):
    rows, digest = true(dataset, fields)
    return rows, digest ^ 1


SPOILED = {
    "drops the last row of a batch": (applying(drops_the_last_row), "rows_are_created_as_sent"),
    "names fifty bad rows at most": (applying(names_a_few), "many_bad_rows_are_all_named"),
    "names bad updates wrongly": (applying(sabotage.misplacing), "a_bad_update_is_refused_alone"),
    "guards no texts": (applying(guards_no_texts), "expectations_are_exact"),
    "takes every row for its own": (applying(takes_all_for_its_own), "only_the_same_row_counts_as_applied"),
    "deletes by one part of a key": (applying(by_the_first_part), "composite_keys_are_written"),
    "refuses nothing to do": (applying(refuses_nothing_to_do), "nothing_to_do_is_done"),
    "forgives in transactions": (forgiving, "in_a_transaction_a_taken_key_is_refused"),
    "has no memory": (without_memory, "what_was_begun_is_finished"),
    "undoes what has rejects": (applying(gives_up), "refused_rows_do_not_undo_a_transaction"),
    "never looks twice": (never_twice, "rejects_come_again"),
    "draws keys anew": (applying(draws_anew), "rows_of_reserved_keys_are_created_once"),
    "reserves where nobody draws": (
        lambda s: spoil(s, reserve=lambda true, d, n: pa.record_batch({d.key[0]: pa.array(range(n))})),
        "keys_that_nobody_draws_are_refused",
    ),
    "gives no key away again": (remembers_the_dead, "a_key_can_be_used_again"),
    "trims texts in bulk": (applying(trims_in_bulk), "one_by_one_is_as_in_bulk"),
    "cuts texts at a megabyte": (cut_at(2**20), "big_values_survive"),
    "cuts texts at eight megabytes": (cut_at(2**23), "huge_values_survive"),
    "leaves unknown fields out": (applying(ignores_what_is_not_there), "what_cannot_be_written_is_refused"),
    "compares with nothing": (applying(sabotage.unguarded), "a_transaction_sees_what_it_wrote"),
    "carries changes out in halves": (in_halves, "a_reading_sees_changes_whole"),
    "looks before it writes": (looks_before_it_writes, "no_update_is_lost"),
    "overwrites what another created": (applying(sabotage.overwriting), "two_cannot_create_one_row"),
    "keeps its epochs to itself": (its_own_epochs, "a_second_epoch_locks_the_first_out"),
    "raises epochs without waiting": (waits_for_nobody, "a_new_epoch_waits_for_the_old_holder"),
    "has one epoch for ever": (lambda s: spoil(s, raise_epoch=lambda true, p: 1), "epochs_grow_by_partition"),
    "tells its ledger backwards": (lambda s: spoil(s, ledger=lambda true, p: true(p)[::-1]), "the_ledger_is_in_order"),
    "records nothing": (
        lambda s: spoil(s, record=lambda true, entries: None),
        "rows_and_ledger_are_committed_together",
    ),
    "writes while it examines": (with_an_eye_on_itself, "an_examination_changes_nothing"),
    "leaves a file open": (leaving(a_handle), "a_closed_connector_holds_nothing"),
    "leaves a thread behind": (leaving(a_thread), "a_closed_connector_holds_nothing"),
    "leaves a temporary file": (leaving(a_file), "a_closed_connector_holds_nothing"),
    "totals other digests": (lambda s: spoil(s, digest_total=another_total), "digests_agree_with_each_other"),
    "shortens booleans": (
        applying(sabotage.rewrites(pa.bool_(), lambda column: pc.is_in(column, pa.array([True])))),
        "hostile_booleans",
    ),
}


@pytest.mark.parametrize(("make", "name"), SPOILED.values(), ids=SPOILED)
def test_it_is_caught(make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_PATIENCE_S", 0.2)
    caught(tried_in_memory(make, name), name)


def test_the_promises_are_there() -> None:
    assert {name for _, name in SPOILED.values()} <= set(PROMISES)
