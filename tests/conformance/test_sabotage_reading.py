"""Each way to describe, read and find rows wrongly is caught by the promise that it breaks."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.conformance.spoiled import caught, tried_in_memory

from dovetail.errors import Overdue, SchemaDrift, Unreachable
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Change, Verb
from dovetail.testing.sabotage import spoil


def described(change):
    """Describes each dataset otherwise."""

    def describe(true):
        found = true()
        return replace(found, datasets=tuple(map(change, found.datasets)))

    return lambda system: spoil(system, describe=describe)


def nullable(dataset):
    return replace(dataset, fields=tuple(replace(one, nullable=True) for one in dataset.fields))


def makes_anew(true, dataset):
    """Empties what is there."""
    system = true.__self__
    true(dataset)
    for one in list(system.read(dataset, dataset.key)):
        system.apply(dataset, Change(Verb.DELETE, one))


def one_row_too_many(true, dataset, fields):
    for one in true(dataset, fields):
        none = pa.RecordBatch.from_arrays([pa.nulls(1, kind) for kind in one.schema.types], one.schema.names)
        yield one if one.num_rows else none


def no_lone_row(true, dataset, fields):
    return (one.slice(0, 0 if one.num_rows == 1 else one.num_rows) for one in true(dataset, fields))


def narrow(most):
    """Confuses the columns beyond some number."""

    def read(true, dataset, fields):
        for one in true(dataset, fields):
            columns = [one.column(at if at < most else most - 1) for at in range(one.num_columns)]
            yield pa.RecordBatch.from_arrays(columns, one.schema.names)

    return lambda system: spoil(system, read=read)


def gone_for_good(system):
    """Cannot be used again once it was closed."""
    closed = []

    def read(true, dataset, fields):
        if closed:
            raise Unreachable("it is closed")
        return true(dataset, fields)

    return spoil(system, read=read, close=lambda true: closed.append(True))


def without_drift(true, dataset, fields):
    try:
        yield from true(dataset, fields)
    except SchemaDrift:
        return


def key_by_key(true, dataset, fields, keys):
    for at in range(keys.num_rows):
        yield from true(dataset, fields, keys.slice(at, 1))


def by_the_first_part(true, dataset, fields, keys):
    system, part = true.__self__, dataset.key[0]
    for one in system.read(dataset, list(dict.fromkeys([*fields, part]))):
        yield one.filter(pc.is_in(one.column(part), keys.column(part))).select(list(fields))


def numbers_alone(true, dataset, fields, keys):
    return true(dataset, fields, keys.slice(0, 0 if pa.types.is_binary(keys.column(0).type) else keys.num_rows))


def trimming(true, dataset, fields, keys):
    columns = [pc.utf8_trim_whitespace(one) if pa.types.is_string(one.type) else one for one in keys.columns]
    return true(dataset, fields, pa.RecordBatch.from_arrays(columns, keys.schema.names))


def all_for_none(true, dataset, fields, keys):
    return true(dataset, fields, keys) if keys.num_rows else true.__self__.read(dataset, fields)


def in_its_own_order(true, dataset, fields, keys):
    return true(dataset, [name for name in dataset.names if name in fields], keys)


def nulls_as_zero(true, dataset, fields):
    for one in true(dataset, fields):
        columns = [pc.fill_null(column, 0) if pa.types.is_integer(column.type) else column for column in one.columns]
        yield pa.RecordBatch.from_arrays(columns, one.schema.names)


def nothing_to_read(true, dataset, fields):
    return true(dataset, [fields[0], *fields[1:]])


def turned_on_resumption(true, dataset, fields, *, after=None, digest=False):
    """Goes on in another order than it began in."""
    batches = list(true(dataset, fields, after=after, digest=digest))
    for one in batches:
        yield one if after is None else one.take(pa.array(range(one.num_rows)[::-1], pa.int64()))


def live(system):
    """Reads each batch anew, from whatever is there by then."""

    def read(true, dataset, fields):
        for at, one in enumerate(true(dataset, fields)):
            yield one if not at else list(true(dataset, fields))[at]

    return spoil(system, read=read)


def locking(system):
    """Holds up every writer while it is read in order."""
    reading = []

    def read_after(true, dataset, fields, *, after=None, digest=False):
        reading.append(True)
        yield from true(dataset, fields, after=after, digest=digest)
        reading.clear()

    def apply(true, dataset, change):
        if reading:
            raise Overdue("it is being read")
        return true(dataset, change)

    return spoil(system, read_after=read_after, apply=apply)


def ends_when_closed(system):
    """Takes the end of its connection for the end of the rows."""
    closed = []

    def read(true, dataset, fields):
        closed.clear()
        for one in true(dataset, fields):
            yield one
            if closed:
                return

    return spoil(system, read=read, close=lambda true: closed.append(True))


def created(change):
    """Makes another dataset than it was asked for."""
    return lambda system: spoil(system, create=lambda true, dataset: true(change(dataset)))


def folded(system):
    """Takes a dataset for another whose name differs in case."""

    def create(true, dataset):
        names = {one.name.casefold() for one in system.describe().datasets}
        if dataset.name.casefold() not in names:
            true(dataset)

    def read(true, dataset, fields):
        first = next(one for one in system.describe().datasets if one.name.casefold() == dataset.name.casefold())
        return true(replace(dataset, name=first.name), fields)

    def describe(true):
        found = true()
        turned = (replace(one, name=one.name.swapcase()) for one in found.datasets)
        return replace(found, datasets=(*found.datasets, *turned))

    return spoil(system, create=create, read=read, describe=describe)


def shows_its_own(system):
    own = Dataset("dovetail_fence", DatasetKind.TABLE, ())
    return spoil(system, describe=lambda true: replace(true(), datasets=(*true().datasets, own)))


SPOILED = {
    "describes every field as nullable": (described(nullable), "described_as_created"),
    "makes a dataset anew": (lambda s: spoil(s, create=makes_anew), "creating_again_changes_nothing"),
    "invents a row": (lambda s: spoil(s, read=one_row_too_many), "an_empty_dataset_has_no_rows"),
    "loses a lone row": (lambda s: spoil(s, read=no_lone_row), "one_row_is_read"),
    "confuses fields beyond a hundred": (narrow(100), "many_fields_are_read"),
    "confuses fields beyond a thousand": (narrow(1_000), "as_many_fields_as_it_can_carry"),
    "is gone once closed": (gone_for_good, "reading_may_stop_early"),
    "reads what is not there": (lambda s: spoil(s, read=without_drift), "what_is_gone_is_drift"),
    "finds a row twice": (lambda s: spoil(s, lookup=key_by_key), "a_key_asked_twice_counts_once"),
    "looks at the first part of a key": (lambda s: spoil(s, lookup=by_the_first_part), "composite_keys_are_whole"),
    "finds no bytes": (lambda s: spoil(s, lookup=numbers_alone), "keys_of_every_kind_are_found"),
    "trims keys": (lambda s: spoil(s, lookup=trimming), "hostile_keys_texts"),
    "finds everything by no key": (lambda s: spoil(s, lookup=all_for_none), "nothing_gives_nothing"),
    "finds fields in its own order": (lambda s: spoil(s, lookup=in_its_own_order), "a_lookup_comes_as_a_reading_does"),
    "reads null as zero": (lambda s: spoil(s, read=nulls_as_zero), "columns_of_nulls_are_read"),
    "stumbles over no fields": (lambda s: spoil(s, read=nothing_to_read), "no_fields_are_asked_for_in_peace"),
    "goes on in another order": (lambda s: spoil(s, read_after=turned_on_resumption), "hostile_keys_integers"),
    "reads what comes meanwhile": (live, "a_reading_is_one_snapshot"),
    "holds writers up": (locking, "reading_in_order_lets_others_write"),
    "ends when it is closed": (ends_when_closed, "closing_beside_a_reading_does_no_harm"),
    "trims names": (created(lambda one: replace(one, name=one.name.strip())), "odd_names_are_names"),
    "cuts names": (created(lambda one: replace(one, name=one.name[:63])), "a_long_name_is_whole_or_refused"),
    "folds names": (folded, "names_that_differ_in_case_are_kept_apart"),
    "shows its own tables": (shows_its_own, "our_tables_are_no_datasets"),
}


@pytest.mark.parametrize(("make", "name"), SPOILED.values(), ids=SPOILED)
def test_it_is_caught(make, name: str) -> None:
    caught(tried_in_memory(make, name), name)
