"""Writing rows: whole batches at once, each row exactly as sent, refused with a reason, or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.model.type import Kind
from dovetail.systems.connectors.duckdb import draw, phrase
from dovetail.systems.connectors.duckdb.journal import Journal, RowsRefused
from dovetail.systems.connectors.duckdb.read import AT, GIVEN, Reader, check, given
from dovetail.systems.connectors.duckdb.session import Session
from dovetail.systems.connectors.duckdb.untangle import Updates
from dovetail.systems.sql import refusal
from dovetail.systems.sql.attempt import Attempt
from dovetail.systems.sql.fields import check_writable, conform, known
from dovetail.systems.sql.untangle import untangle

_TRIGGERS = """
SELECT count(*) FROM duckdb_triggers() WHERE schema_name = $1 AND lower(table_name) = lower($2)
"""
_ENFORCED = """
SELECT constraint_column_names FROM duckdb_constraints() WHERE database_name = current_database()
AND schema_name = $1 AND table_name = $2 AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
"""
_DAYS = (-(2**31) + 2, 2**31 - 2)
_MICROS = (-9_223_372_022_400_000_000, 2**63 - 2)
_DAY_MICROS = 86_400_000_000
_BOUNDS = {
    Kind.DATE: _DAYS,
    Kind.TIMESTAMP: _MICROS,
    Kind.INSTANT: _MICROS,
    Kind.TIME: (0, _DAY_MICROS - 1),
}
"""The first and last day or microsecond that is no infinity."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction of a journal."""

    journal: Journal
    reader: Reader

    @property
    def session(self) -> Session:
        """The connection in the transaction."""
        return self.journal.session

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        check_writable(dataset, change)
        check(self.session, dataset, [*change.rows.schema.names, *dataset.key])
        return self._carry_out(Attempt(dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what it has done before as applied."""
        check_writable(dataset, change)
        check(self.session, dataset, [*change.rows.schema.names, *dataset.key])
        attempt = Attempt(dataset, change)
        if attempt.has_keys:
            others = [name for name in attempt.names if name not in dataset.key]
            found = self._standing(dataset, change.rows, others)
            for at in range(change.rows.num_rows):
                if at not in found if change.verb is Verb.DELETE else found.get(at) == (1, True):
                    attempt.done.add(at)
        return self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> Receipt:
        dataset, change = attempt.dataset, attempt.change
        if change.verb is Verb.CREATE:
            keys = self._create(attempt)
        else:
            keys = change.rows.select(list(dataset.key))
            self._compare(attempt)
            self._change(attempt)
        told = keys if change.verb is Verb.CREATE else None
        if change.verb is Verb.DELETE or keys is None or not self._is_rewritten(dataset):
            return attempt.receipt(told, None)
        return attempt.receipt(told, self._held(attempt, keys))

    # ------------------------------------------------------------------------------------------------------- create

    def _create(self, attempt: Attempt) -> pa.RecordBatch | None:
        """Insert the rows; the key of each row that was written, null for the others."""
        dataset = attempt.dataset
        rows = draw.filled(self.session, dataset, attempt.change.rows)
        names = list(rows.schema.names)
        self._refuse_unfit(attempt, rows, names)
        if dataset.key and all(part in names for part in dataset.key) and not self._is_enforced(dataset):
            for at in self._standing(dataset, rows, []):
                attempt.refuse(at, refusal.TAKEN, dataset.key[0])
        sql = phrase.insertion(self.session.source(dataset), dataset, names)
        self._write(attempt, rows, names, sql)
        if not all(part in names for part in dataset.key) or not dataset.key:
            return None
        left = attempt.missed | attempt.rejects.keys()
        kept = pa.array([None if at in left else at for at in range(rows.num_rows)], pa.int64())
        arrays = [conform(rows.column(part), known(dataset, part)).take(kept) for part in dataset.key]
        return pa.RecordBatch.from_arrays(arrays, list(dataset.key))

    def _is_enforced(self, dataset: Dataset) -> bool:
        """Whether a constraint of the table itself keeps the key unique."""
        found = self.session.rows(_ENFORCED, [self.session.schema, dataset.name])
        return any(isinstance(parts, list) and set(parts) == set(dataset.key) for (parts,) in found)

    # ---------------------------------------------------------------------------------------------- update, delete

    def _compare(self, attempt: Attempt) -> None:
        """Miss the rows that are gone or no longer hold what was expected; DuckDB ends a transaction whose rows
        another one changes meanwhile."""
        expected = attempt.change.expected
        compared = [name for name in expected.schema.names if name not in attempt.dataset.key] if expected else []
        rows = attempt.change.rows.select(list(attempt.dataset.key))
        for name in compared:
            rows = rows.append_column(name, expected.column(name)) if expected is not None else rows
        found = self._standing(attempt.dataset, rows, compared)
        for at in attempt.todo():
            count, is_same = found.get(at, (0, False))
            if count > 1:
                attempt.refuse(at, refusal.AMBIGUOUS, attempt.dataset.key[0])
            elif not is_same:
                attempt.missed.add(at)

    def _change(self, attempt: Attempt) -> None:
        dataset, rows = attempt.dataset, attempt.change.rows
        place = self.session.source(dataset)
        if attempt.change.verb is Verb.DELETE:
            self._write(attempt, rows, list(dataset.key), phrase.removal(place, dataset))
            return
        names = [name for name in attempt.names if name not in dataset.key]
        if not names:
            return
        columns = [*names, *dataset.key]
        self._refuse_unfit(attempt, rows, names)
        sql = phrase.amendment(place, dataset, names)
        self._write(attempt, rows, columns, sql)
        if any(words.code == refusal.DOUBLE for words in attempt.rejects.values()):

            def again(some: Sequence[int]) -> dict[int, Reject]:
                for at in some:
                    attempt.rejects.pop(at, None)
                self._write(attempt, rows, columns, sql, only=some)
                return {at: attempt.rejects[at] for at in some if at in attempt.rejects}

            attempt.rejects = untangle(attempt.rejects, Updates(self.journal, dataset, names, rows, again))

    # ------------------------------------------------------------------------------------------------------ running

    def _write(
        self, attempt: Attempt, rows: pa.RecordBatch, names: list[str], sql: str, *, only: Sequence[int] | None = None
    ) -> None:
        """One statement for all rows that are left; those that DuckDB refuses are found, and left out."""
        todo = [at for at in attempt.todo() if only is None or at in set(only)]
        whole = given(attempt.dataset, rows, names)
        while todo:
            try:
                self.journal.run(sql, given=whole if len(todo) == whole.num_rows else whole.take(pa.array(todo)))
            except RowsRefused as refused:
                before = len(attempt.rejects)
                self._explain(attempt, whole, names, todo)
                if len(attempt.rejects) == before:
                    self._search(attempt, whole, sql, todo)
                if len(attempt.rejects) == before:
                    raise refused.reason from refused
                todo = [at for at in todo if at not in attempt.rejects]
            else:
                return

    def _explain(self, attempt: Attempt, whole: pa.RecordBatch, names: list[str], todo: list[int]) -> None:
        """Refuse the rows of which a look at the table tells what is wrong."""
        dataset, verb = attempt.dataset, attempt.change.verb
        if verb is Verb.DELETE:
            return
        for described in dataset.fields:
            if described.nullable:
                continue
            if described.name in names:
                empty = pc.is_null(whole.column(f"c{names.index(described.name)}")).to_pylist()
            else:
                empty = [verb is Verb.CREATE and described.default is None and not described.computed] * whole.num_rows
            for at in todo:
                if empty[at]:
                    attempt.refuse(at, refusal.MISSING, described.name)
        groups = ((refusal.TAKEN, dataset.key),) if verb is Verb.CREATE else ()
        for code, group in (*groups, *((refusal.DOUBLE, unique) for unique in dataset.uniques)):
            left = [at for at in todo if at not in attempt.rejects]
            if not group or not left or not all(name in names for name in group):
                continue
            tree = phrase.doubles(self.session.source(dataset), dataset, group, names)
            with self.session.given(**{GIVEN: whole.take(pa.array(left))}):
                found = self.session.rows(tree)
            for taken, _ in found:
                attempt.refuse(int(str(taken)), code, group[0], ", ".join(group))

    def _search(self, attempt: Attempt, whole: pa.RecordBatch, sql: str, todo: Sequence[int]) -> None:
        """Refuse the rows that DuckDB refuses alone, found by halves; nothing of them stays written."""
        if len(todo) > 1:
            for half in (todo[: len(todo) // 2], todo[len(todo) // 2 :]):
                if self._refusal(whole, sql, half) is not None:
                    self._search(attempt, whole, sql, half)
            return
        reason = self._refusal(whole, sql, todo)
        if reason is not None:
            attempt.refuse(todo[0], *_code(reason, attempt.dataset))

    def _refusal(self, whole: pa.RecordBatch, sql: str, some: Sequence[int]) -> duckdb.Error | None:
        kept = len(self.journal.steps)
        try:
            self.journal.run(sql, given=whole.take(pa.array(some)))
        except RowsRefused as refused:
            return refused.reason
        self.journal.undo(kept)
        return None

    def _refuse_unfit(self, attempt: Attempt, rows: pa.RecordBatch, names: list[str]) -> None:
        """Refuse what the columns' types cannot hold exactly."""
        dataset = attempt.dataset
        whole = given(dataset, rows, names)
        for place, name in enumerate(names):
            bounds = _BOUNDS.get(known(dataset, name).type.kind)
            if bounds is None:
                continue
            array = whole.column(f"c{place}")
            numbers = array.cast(pa.int32() if array.type == pa.date32() else pa.int64())
            beyond = pc.or_(pc.less(numbers, bounds[0]), pc.greater(numbers, bounds[1]))
            for at in pc.indices_nonzero(pc.fill_null(beyond, fill_value=False)).to_pylist():
                attempt.refuse(at, refusal.UNFIT, name, "an end of time")
        tree = phrase.unfit(dataset, names)
        if tree is None:
            return
        with self.session.given(**{GIVEN: whole}):
            found = self.session.answer(tree)
        for row in found.to_pylist():
            wrong = next(int(key[1:]) for key, value in row.items() if key[0] == "t" and value)
            attempt.refuse(int(row[AT]), refusal.UNFIT, names[wrong])

    # ------------------------------------------------------------------------------------------------ what is there

    def _standing(self, dataset: Dataset, rows: pa.RecordBatch, compared: Sequence[str]) -> dict[int, tuple[int, bool]]:
        """By position, how many rows have the key, and whether the fields compared are the same."""
        tree = phrase.standing(self.session.source(dataset), dataset, dataset.key, compared)
        with self.session.given(**{GIVEN: given(dataset, rows, [*dataset.key, *compared])}):
            found = self.session.answer(tree)
        columns = [column.to_pylist() for column in found.columns]
        return {at: (count, bool(is_same)) for at, count, is_same in zip(*columns, strict=True)}

    def _is_rewritten(self, dataset: Dataset) -> bool:
        """Whether triggers may change what is written."""
        return self.session.rows(_TRIGGERS, [self.session.schema, dataset.name])[0][0] != 0

    def _held(self, attempt: Attempt, keys: pa.RecordBatch) -> pa.RecordBatch:
        """What the rows hold now, row for row."""
        dataset = attempt.dataset
        names = list(dict.fromkeys([*dataset.key, *attempt.names]))
        schema = pa.schema([(name, known(dataset, name).type.arrow()) for name in names])
        found = list(self.reader.lookup(self.session, dataset, names, keys))
        stands = pa.Table.from_batches([batch.select(names) for batch in found], schema)
        return attempt.placed(stands, keys, names)


def _code(reason: duckdb.Error, dataset: Dataset) -> tuple[str, str, str]:
    """Why DuckDB refuses one row: the code, the field and a detail; DuckDB's words hold values and are left out."""
    words = str(reason)
    if "NOT NULL" in words:
        name = words.partition("NOT NULL constraint failed: ")[2].partition("\n")[0].rpartition(".")[2].strip()
        return refusal.MISSING, name if name in dataset.names else "", ""
    if "CHECK constraint" in words:
        return refusal.RULED_OUT, "", "a check of the table"
    if "foreign key" in words:
        fields = [reference.fields[0] for reference in dataset.references]
        return refusal.ORPHAN, fields[0] if len(fields) == 1 else "", ""
    if "rimary key" in words or "PRIMARY KEY" in words:
        return refusal.TAKEN, dataset.key[0] if dataset.key else "", ""
    if "nique" in words or "UNIQUE" in words:
        return refusal.DOUBLE, "", ""
    return refusal.OTHER, "", type(reason).__name__
