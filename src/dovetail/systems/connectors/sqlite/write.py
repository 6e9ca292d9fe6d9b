"""Writing rows: each exactly as sent, refused with a reason, or missed because it is no longer as expected."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, Receipt, Reject, Verb
from dovetail.systems.connectors.sqlite import phrase
from dovetail.systems.connectors.sqlite.bind import Bound, bind
from dovetail.systems.connectors.sqlite.carry import carry
from dovetail.systems.connectors.sqlite.dependants import carried
from dovetail.systems.connectors.sqlite.draw import draws, next_rowid
from dovetail.systems.connectors.sqlite.read import Reader
from dovetail.systems.connectors.sqlite.refusals import refused
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.connectors.sqlite.untangle import Updates
from dovetail.systems.sql import refusal
from dovetail.systems.sql.attempt import Attempt, Row, exactly
from dovetail.systems.sql.fields import check_writable, conform, known
from dovetail.systems.sql.untangle import untangle

_TRIGGERS = "SELECT count(*) FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?1)"
_KEY = "SELECT name FROM pragma_table_info(?1, 'main') WHERE pk > 0"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction that the caller holds."""

    session: Session
    reader: Reader

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        return self._carry_out(Attempt(dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what it has done before as applied."""
        attempt = Attempt(dataset, change)
        if all(part in attempt.names for part in dataset.key) and dataset.key:
            others = [name for name in attempt.names if name not in dataset.key]
            wanted = exactly(dataset, change.rows, others)
            present = self._present(dataset, others, _keys_of(attempt))
            for at, key in enumerate(exactly(dataset, change.rows, dataset.key)):
                stands = present.get(key)
                if (stands is None) if change.verb is Verb.DELETE else (stands == wanted[at]):
                    attempt.done.add(at)
        return self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> Receipt:
        dataset = attempt.dataset
        check_writable(dataset, attempt.change)
        has_triggers = bool(self.session.connection.execute(_TRIGGERS, (dataset.name,)).fetchone()[0])
        if attempt.change.verb is Verb.CREATE:
            keys = self._create(attempt, one_by_one=has_triggers)
        else:
            self._compare(attempt)
            self._change(attempt, one_by_one=has_triggers)
            keys = _keys_of(attempt)
        if not has_triggers or attempt.change.verb is Verb.DELETE or not dataset.key:
            return attempt.receipt(keys if attempt.change.verb is Verb.CREATE else None, None)
        held = self._held(attempt, keys)
        return attempt.receipt(keys if attempt.change.verb is Verb.CREATE else None, held)

    # ------------------------------------------------------------------------------------------------------- create

    def _create(self, attempt: Attempt, *, one_by_one: bool) -> pa.RecordBatch | None:
        """Insert the rows; the key of each row that was written, null for the others."""
        dataset, names = attempt.dataset, attempt.names
        bound = bind(dataset, attempt.change.rows, names)
        _refuse(attempt, bound)
        own = [bound.columns[names.index(part)] for part in dataset.key if part in names]
        is_complete = len(own) == len(dataset.key) and not any(None in values for values in own)
        if is_complete and dataset.key and not self._is_enforced(dataset):
            self._refuse_taken(attempt)
        if not is_complete and not one_by_one and draws(dataset):
            is_complete = self._draw(attempt, names, bound)
        positions = attempt.todo()
        if is_complete and not one_by_one:
            self._many(phrase.insertion(dataset, names), bound.columns, positions, attempt)
            keyed = [bound.columns[names.index(part)] for part in dataset.key]
            drawn = dict(zip(positions, _Feed(keyed, positions), strict=True))
        else:
            parts = dataset.key or dataset.names[:1]
            sql = phrase.insertion_returning(dataset, names, parts)
            drawn = self._each(sql, bound.columns, positions, attempt)
        return self._keys(attempt, drawn)

    def _draw(self, attempt: Attempt, names: list[str], bound: Bound) -> bool:
        """Give every row without a key the next one, as SQLite would; false where there are none left."""
        part = attempt.dataset.key[0]
        if part not in names:
            names.append(part)
            bound.columns.append([None] * attempt.change.rows.num_rows)
        own = bound.columns[names.index(part)]
        given = [value for value in own if isinstance(value, int)]
        first = max([next_rowid(self.session.connection, attempt.dataset), *(value + 1 for value in given)])
        if first + len(own) >= 2**63:
            return False
        fresh = iter(range(first, first + len(own)))
        bound.columns[names.index(part)] = [next(fresh) if value is None else value for value in own]
        return True

    def _refuse_taken(self, attempt: Attempt) -> None:
        """Where no constraint guards the key, look whether it is taken."""
        present = self._present(attempt.dataset, [], _keys_of(attempt))
        for at, key in enumerate(exactly(attempt.dataset, attempt.change.rows, attempt.dataset.key)):
            if key in present and not attempt.is_settled(at):
                attempt.rejects[at] = refusal.reject(at, refusal.TAKEN, field=attempt.dataset.key[0])

    def _is_enforced(self, dataset: Dataset) -> bool:
        """Whether a constraint of the table itself keeps the key unique."""
        parts = {name for (name,) in self.session.connection.execute(_KEY, (dataset.name,))}
        key = set(dataset.key)
        return parts == key or any(set(unique) == key for unique in dataset.uniques)

    def _keys(self, attempt: Attempt, drawn: dict[int, Row]) -> pa.RecordBatch | None:
        """The keys row for row: those sent for rows that stood there, those drawn for rows that were written."""
        dataset, rows = attempt.dataset, attempt.change.rows
        if not dataset.key:
            return None
        written = [at for at in drawn if at not in attempt.rejects] if attempt.rejects else list(drawn)
        arrays = []
        for place, part in enumerate(dataset.key):
            if part in attempt.change.rows.schema.names and not rows.column(part).null_count:
                given = conform(rows.column(part), known(dataset, part))
                if len(written) < rows.num_rows:
                    good = set(written) | attempt.done
                    kept = pa.array([at if at in good else None for at in range(rows.num_rows)], pa.int64())
                    given = given.take(kept)
                arrays.append(given)
                continue
            values: list[tuple[object]] = [(None,)] * rows.num_rows
            for at in written:
                values[at] = (drawn[at][place],)
            arrays.append(carry(values, [known(dataset, part)]).column(0))
        return pa.RecordBatch.from_arrays(arrays, list(dataset.key))

    # ---------------------------------------------------------------------------------------------- update, delete

    def _compare(self, attempt: Attempt) -> None:
        """Miss the rows that are gone or no longer hold what was expected.

        The transaction holds the file's write lock, so what is compared here is what will be overwritten.
        """
        dataset, change = attempt.dataset, attempt.change
        expected = change.expected
        names = [name for name in expected.schema.names if name not in dataset.key] if expected is not None else []
        awaited = exactly(dataset, expected, names) if expected is not None else [()] * change.rows.num_rows
        present = self._present(dataset, names, _keys_of(attempt))
        for at, key in enumerate(exactly(dataset, change.rows, dataset.key)):
            if attempt.is_settled(at):
                continue
            stands = present.get(key)
            if stands is _AMBIGUOUS:
                attempt.rejects[at] = refusal.reject(at, refusal.AMBIGUOUS, field=dataset.key[0])
            elif stands != awaited[at]:
                attempt.missed.add(at)

    def _change(self, attempt: Attempt, *, one_by_one: bool) -> None:
        dataset = attempt.dataset
        names = [name for name in attempt.names if name not in dataset.key]
        if attempt.change.verb is Verb.DELETE:
            names, sql = [], phrase.removal(dataset)
        elif names:
            sql = phrase.amendment(dataset, names)
        else:
            return
        bound = bind(dataset, attempt.change.rows, [*names, *dataset.key])
        _refuse(attempt, bound)
        positions = attempt.todo()
        dependants = carried(self.session.connection, dataset) if attempt.change.verb is Verb.DELETE else []
        while dependants and positions:
            pointing = phrase.pointing(dataset, dependants)
            free = [at for at in positions if not self._answers(pointing, bound.columns, at)]
            self._run(sql, bound.columns, free, attempt, one_by_one=one_by_one)
            left = [at for at in positions if at not in set(free)]
            if not free or not any(one.is_own for one in dependants):
                for at in left:
                    words = refusal.reject(at, refusal.ORPHAN, detail="they would go, or be changed, with it")
                    attempt.rejects[at] = words
                return
            positions = left
        self._run(sql, bound.columns, positions, attempt, one_by_one=one_by_one)
        if any(words.code == refusal.DOUBLE for words in attempt.rejects.values()):

            def again(some: Sequence[int]) -> dict[int, Reject]:
                for at in some:
                    attempt.rejects.pop(at, None)
                self._run(sql, bound.columns, list(some), attempt, one_by_one=one_by_one)
                return {at: attempt.rejects[at] for at in some if at in attempt.rejects}

            updates = Updates(self.session.connection, dataset, names, bound.columns[len(names) :], again)
            attempt.rejects = untangle(attempt.rejects, updates)

    def _run(
        self,
        sql: str,
        columns: Sequence[Sequence[object]],
        positions: list[int],
        attempt: Attempt,
        *,
        one_by_one: bool,
    ) -> None:
        if one_by_one:
            self._each(sql, columns, positions, attempt)
        else:
            self._many(sql, columns, positions, attempt)

    def _answers(self, sql: str, columns: Sequence[Sequence[object]], position: int) -> bool:
        values = [column[position] for column in columns]
        return self.session.connection.execute(sql, values).fetchone() is not None

    # ------------------------------------------------------------------------------------------------ what is there

    def _present(self, dataset: Dataset, names: Sequence[str], keys: pa.RecordBatch) -> dict[Row, object]:
        """By key, what those fields hold; a row with a value that cannot be read equals nothing."""
        found: dict[Row, object] = {}
        for batch in self.reader.lookup(self.session, dataset, [*dataset.key, *names], keys):
            held: Sequence[object] = exactly(dataset, batch, names)
            if UNREADABLE in batch.schema.names:
                flags = batch.column(UNREADABLE).is_valid().to_pylist()
                held = [object() if flag else values for flag, values in zip(flags, held, strict=True)]
            for key, values in zip(exactly(dataset, batch, dataset.key), held, strict=True):
                found[key] = _AMBIGUOUS if key in found else values
        return found

    def _held(self, attempt: Attempt, keys: pa.RecordBatch | None) -> pa.RecordBatch | None:
        """What the rows hold now, row for row, after triggers had their say."""
        dataset = attempt.dataset
        if keys is None:
            return None
        names = list(dict.fromkeys([*dataset.key, *attempt.change.rows.schema.names]))
        batches = list(self.reader.lookup(self.session, dataset, names, keys))
        schema = pa.schema([(name, known(dataset, name).type.arrow()) for name in names])
        stands = pa.Table.from_batches([batch.select(names) for batch in batches], schema)
        return attempt.placed(stands, keys, names)

    def _many(self, sql: str, columns: Sequence[Sequence[object]], positions: list[int], attempt: Attempt) -> None:
        """One statement for many rows: a refused row undoes only itself, and the rest goes on behind it."""
        feed = _Feed(columns, positions)
        while True:
            try:
                self.session.connection.executemany(sql, feed)
            except (sqlite3.IntegrityError, sqlite3.DataError) as error:
                at = positions[feed.taken - 1]
                attempt.rejects[at] = self._refused(error, at, attempt.dataset)
            else:
                return

    def _each(
        self, sql: str, columns: Sequence[Sequence[object]], positions: list[int], attempt: Attempt
    ) -> dict[int, Row]:
        """Row by row, where a trigger may say no without an error or keys are known afterwards; the rows returned."""
        returned: dict[int, Row] = {}
        for at, values in zip(positions, _Feed(columns, positions), strict=True):
            try:
                cursor = self.session.connection.execute(sql, values)
                row = cursor.fetchone() if cursor.description else None
                cursor.fetchall()
            except (sqlite3.IntegrityError, sqlite3.DataError) as error:
                attempt.rejects[at] = self._refused(error, at, attempt.dataset)
                continue
            if row is not None:
                returned[at] = row
            elif cursor.rowcount < 1:
                attempt.rejects[at] = refusal.reject(at, refusal.RULED_OUT, detail="a trigger ignored the row")
        return returned

    def _refused(self, error: sqlite3.Error, position: int, dataset: Dataset) -> Reject:
        words = refused(error, position, dataset)
        if not self.session.connection.in_transaction:
            raise Refused("a trigger rolled the whole transaction back", rejects=[words], where=dataset.name) from error
        return words


class _Feed:
    """Rows for `executemany`, which knows how many were taken: those that the first column has given."""

    def __init__(self, columns: Sequence[Sequence[object]], positions: Sequence[int]) -> None:
        whole = not columns or len(positions) == len(columns[0])
        picked = columns if whole else [[values[at] for at in positions] for values in columns]
        self._count = len(positions)
        self._first: Iterator[Any] = iter(picked[0] if picked else [()] * len(positions))
        self._rows: Iterator[Row] = zip(self._first, *picked[1:], strict=False) if picked else self._first

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    @property
    def taken(self) -> int:
        """Rows that were taken."""
        return self._count - operator.length_hint(self._first)


_AMBIGUOUS = object()


def _keys_of(attempt: Attempt) -> pa.RecordBatch:
    """The keys of the change's rows."""
    return attempt.change.rows.select(list(attempt.dataset.key))


def _refuse(attempt: Attempt, bound: Bound) -> None:
    """Take over what could not be bound."""
    for position, words in bound.rejects.items():
        if not attempt.is_settled(position):
            attempt.rejects[position] = words
