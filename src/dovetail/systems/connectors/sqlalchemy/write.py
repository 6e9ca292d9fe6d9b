"""Writing rows by portable statements: each exactly as sent, refused with a reason, or missed; and looked at again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import Overdue, Refused
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, Receipt, Reject, Verb
from dovetail.systems.connectors.sqlalchemy.bind import Bound, bind
from dovetail.systems.connectors.sqlalchemy.carry import carry
from dovetail.systems.connectors.sqlalchemy.dependants import Child, children, pointing, remove
from dovetail.systems.connectors.sqlalchemy.describe import key_of
from dovetail.systems.connectors.sqlalchemy.faults import is_of_row
from dovetail.systems.connectors.sqlalchemy.kinds import given
from dovetail.systems.connectors.sqlalchemy.phrase import amendment, insertion, parameters, removal
from dovetail.systems.connectors.sqlalchemy.read import Place, Reader, place
from dovetail.systems.connectors.sqlalchemy.session import Session
from dovetail.systems.connectors.sqlalchemy.untangle import Updates
from dovetail.systems.sql import refusal
from dovetail.systems.sql.attempt import Attempt, Row, exactly, whole
from dovetail.systems.sql.fields import check_writable, conform, known
from dovetail.systems.sql.untangle import untangle

_AMBIGUOUS = object()


class _Several(Exception):
    """A statement for one row touched several, or none."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class _Lost(Exception):
    """Rows that do not stand under the keys with which they were written."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__(len(positions))
        self.positions = positions


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction that the caller holds."""

    session: Session
    reader: Reader
    is_locking: bool

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        check_writable(dataset, change)
        return self._carry_out(Attempt(dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what it has done before as applied."""
        check_writable(dataset, change)
        attempt = Attempt(dataset, change)
        if attempt.has_keys:
            others = [name for name in attempt.names if name not in dataset.key]
            wanted = exactly(dataset, change.rows, others)
            present = self._present(dataset, others, change.rows.select(list(dataset.key)))
            for at, key in enumerate(exactly(dataset, change.rows, dataset.key)):
                stands = present.get(key)
                if (stands is None) if change.verb is Verb.DELETE else (stands == wanted[at]):
                    attempt.done.add(at)
        return self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> Receipt:
        dataset, change = attempt.dataset, attempt.change
        if change.verb is Verb.CREATE:
            keys = self._create(attempt)
            return attempt.receipt(keys, self._held(attempt, keys))
        keys = change.rows.select(list(dataset.key))
        self._compare(attempt)
        self._change(attempt)
        return attempt.receipt(None, None if change.verb is Verb.DELETE else self._held(attempt, keys))

    # ------------------------------------------------------------------------------------------------------- create

    def _create(self, attempt: Attempt) -> pa.RecordBatch | None:
        """Insert the rows; the key of each row that was written, null for the others."""
        dataset, names = attempt.dataset, attempt.names
        bound = self._bound(attempt, names)
        own = [bound.columns[names.index(part)] for part in dataset.key if part in names]
        is_complete = len(own) == len(dataset.key) and not any(None in values for values in own)
        if is_complete and dataset.key and not self._is_enforced(dataset):
            present = self._present(dataset, [], attempt.change.rows.select(list(dataset.key)))
            for at, key in enumerate(exactly(dataset, attempt.change.rows, dataset.key)):
                if key in present and at not in attempt.done:
                    attempt.refuse(at, refusal.TAKEN, dataset.key[0])
        where = place(dataset, self.reader.schema)
        drawn: dict[int, Row] = {}
        if is_complete or not dataset.key:
            self._insert(attempt, where, bound)
        else:
            drawn = self._draw(attempt, where, bound)
        return _keys(attempt, drawn) if dataset.key else None

    def _insert(self, attempt: Attempt, where: Place, bound: Bound) -> None:
        """Insert rows that bring their keys; a row of whose key the database made another is refused."""
        statement = insertion(where, attempt.names)
        rows = _Rows(statement, bound, self._many(statement, bound))
        while True:
            before, known_rejects = attempt.todo(), dict(attempt.rejects)
            try:
                with self.session.savepoint():
                    self._write(attempt, rows, Verb.CREATE)
                    if lost := self._lost(attempt):
                        raise _Lost(lost)  # noqa: TRY301 - the savepoint is undone by it
            except _Lost as found:
                if not self.session.has_savepoints:
                    words = "the database keeps another key than it was given"
                    raise Refused(words, where=attempt.dataset.name) from found
                attempt.rejects = known_rejects
                for at in found.positions:
                    attempt.refuse(at, refusal.UNFIT, attempt.dataset.key[0], "the database keeps another key")
                if len(found.positions) < len(before):
                    continue
            return

    def _lost(self, attempt: Attempt) -> list[int]:
        """The rows that were written and do not stand under their keys."""
        dataset = attempt.dataset
        if not dataset.key:
            return []
        present = self._present(dataset, [], attempt.change.rows.select(list(dataset.key)))
        keys = exactly(dataset, attempt.change.rows, dataset.key)
        return [at for at in attempt.todo() if keys[at] not in present]

    def _draw(self, attempt: Attempt, where: Place, bound: Bound) -> dict[int, Row]:
        """Insert rows one by one, each of which is given its key by the database."""
        dataset, names = attempt.dataset, attempt.names
        drawn: dict[int, Row] = {}
        for at in attempt.todo():
            filled = [place for place, values in enumerate(bound.columns) if values[at] is not None]
            told = [names[place] for place in filled]
            statement = sa.insert(where.table).values(parameters(where, told))
            if self.session.engine.dialect.insert_returning:
                statement = statement.returning(*(where.column(part) for part in dataset.key))
            values = {f"p{number}": bound.columns[place][at] for number, place in enumerate(filled)}
            try:
                with self.session.savepoint():
                    done = self.session.execute(statement, values)
            except exc.SQLAlchemyError as error:
                if not is_of_row(error):
                    raise
                attempt.rejects[at] = self._reason(attempt, bound, at)
                continue
            drawn[at] = done.rows[0] if done.rows else (done.drawn,)
        return drawn

    def _is_enforced(self, dataset: Dataset) -> bool:
        """Whether a constraint of the table itself keeps the key unique."""
        key = set(dataset.key)
        return key == key_of(self.session, self.reader.schema, dataset) or any(
            set(unique) == key for unique in dataset.uniques
        )

    # ---------------------------------------------------------------------------------------------- update, delete

    def _compare(self, attempt: Attempt) -> None:
        """Miss the rows that are gone or no longer hold what was expected; where the database can, they are locked."""
        dataset, change = attempt.dataset, attempt.change
        expected = change.expected
        names = [name for name in expected.schema.names if name not in dataset.key] if expected is not None else []
        awaited = exactly(dataset, expected, names) if expected is not None else [()] * change.rows.num_rows
        present = self._present(dataset, names, change.rows.select(list(dataset.key)), is_locking=self.is_locking)
        for at, key in enumerate(exactly(dataset, change.rows, dataset.key)):
            if at in attempt.done:
                continue
            stands = present.get(key)
            if stands is _AMBIGUOUS:
                attempt.refuse(at, refusal.AMBIGUOUS, dataset.key[0])
            elif stands != awaited[at]:
                attempt.missed.add(at)

    def _change(self, attempt: Attempt) -> None:
        dataset, verb = attempt.dataset, attempt.change.verb
        names = [] if verb is Verb.DELETE else [name for name in attempt.names if name not in dataset.key]
        if verb is Verb.UPDATE and not names:
            return
        columns = [*names, *dataset.key]
        bound = self._bound(attempt, columns)
        where = place(dataset, self.reader.schema)
        statement = amendment(where, names) if names else removal(where)
        rows = _Rows(statement, bound, self._many(statement, bound))
        if verb is Verb.DELETE and (found := children(self.session, self.reader.schema, dataset.name)):
            remove(
                attempt,
                found,
                lambda at: self._is_pointed_at(found, where, bound, at),
                lambda some: self._write(attempt, rows, verb, only=some),
            )
            return
        self._write(attempt, rows, verb)
        if any(words.code == refusal.DOUBLE for words in attempt.rejects.values()):

            def again(some: Sequence[int]) -> dict[int, Reject]:
                for at in some:
                    attempt.rejects.pop(at, None)
                self._write(attempt, rows, verb, only=some)
                return {at: attempt.rejects[at] for at in some if at in attempt.rejects}

            keys = bound.columns[len(names) :]
            attempt.rejects = untangle(attempt.rejects, Updates(self.session, where, names, keys, again))

    def _is_pointed_at(self, found: Sequence[Child], where: Place, bound: Bound, at: int) -> bool:
        key = {
            part: sa.bindparam(None, values[at], given(known(where.dataset, part).type))
            for part, values in zip(where.dataset.key, bound.columns, strict=True)
        }
        return pointing(self.session, self.reader.schema, found, key, where.dataset.name)

    # ------------------------------------------------------------------------------------------------------ running

    def _bound(self, attempt: Attempt, names: Sequence[str]) -> Bound:
        bound = bind(attempt.dataset, attempt.change.rows, names)
        for at, (name, words) in bound.unfit.items():
            if at not in attempt.done and at not in attempt.missed:
                attempt.refuse(at, refusal.UNFIT, name, words)
        return bound

    def _many(self, statement: sa.Executable, bound: Bound) -> Callable[[Sequence[int]], int]:
        def run(some: Sequence[int]) -> int:
            rows = [{f"p{number}": values[at] for number, values in enumerate(bound.columns)} or {} for at in some]
            return self.session.many(statement, rows)

        return run

    def _write(self, attempt: Attempt, rows: _Rows, verb: Verb, *, only: Sequence[int] | None = None) -> None:
        """One statement for many rows, each in a savepoint that a refusal undoes; refused rows are found by halves."""
        todo = [at for at in attempt.todo() if only is None or at in set(only)]
        if todo:
            self._halved(attempt, rows, verb, todo)

    def _halved(self, attempt: Attempt, rows: _Rows, verb: Verb, some: Sequence[int]) -> None:
        if len(some) > 1 and not self.session.has_savepoints:
            for at in some:
                self._halved(attempt, rows, verb, [at])
            return
        try:
            with self.session.savepoint():
                if len(some) > 1 and not self.session.has_savepoints:
                    raise _Several(0)  # noqa: TRY301 - nothing was written yet; row by row instead
                self._counted(rows, verb, some)
        except _Several as several:
            if len(some) == 1:
                attempt.rejects[some[0]] = self._miscounted(attempt, some[0], several.count)
                return
        except exc.SQLAlchemyError as error:
            if not is_of_row(error):
                raise
            if len(some) == 1:
                attempt.rejects[some[0]] = self._reason(attempt, rows.bound, some[0])
                return
        else:
            return
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            self._halved(attempt, rows, verb, half)

    def _counted(self, rows: _Rows, verb: Verb, some: Sequence[int]) -> None:
        """Each statement touches its one row, where the driver counts."""
        dialect = self.session.engine.dialect
        count = rows.run(some)
        can_count = dialect.supports_sane_rowcount if len(some) == 1 else dialect.supports_sane_multi_rowcount
        if verb is not Verb.CREATE and can_count and count not in (len(some), -1):
            raise _Several(count)

    def _miscounted(self, attempt: Attempt, at: int, count: int) -> Reject:
        if count > 1:
            return refusal.reject(at, refusal.AMBIGUOUS, field=attempt.dataset.key[0])
        if self.is_locking:
            return refusal.reject(at, refusal.RULED_OUT, detail="the row was left as it is")
        raise Overdue("another connection changed the same rows at the same time", where=attempt.dataset.name)

    def _reason(self, attempt: Attempt, bound: Bound, at: int) -> Reject:
        """Why a row was refused, as far as a look at the table tells; the driver's words hold values."""
        dataset, names, verb = attempt.dataset, attempt.names, attempt.change.verb
        row = attempt.change.rows.slice(at, 1)
        if verb is not Verb.DELETE:
            for described in dataset.fields:
                is_empty = described.name in names and row.column(described.name).null_count
                if is_empty and not described.nullable and not described.drawn:
                    return refusal.reject(at, refusal.MISSING, field=described.name)
        if verb is Verb.CREATE and attempt.has_keys and self._stands(dataset, row, dataset.key):
            return refusal.reject(at, refusal.TAKEN, field=dataset.key[0])
        for unique in dataset.uniques:
            given_here = verb is not Verb.DELETE and any(name in names and name not in dataset.key for name in unique)
            if given_here and all(name in names for name in unique) and self._stands(dataset, row, unique):
                return refusal.reject(at, refusal.DOUBLE, field=unique[0], detail=", ".join(unique))
        if dataset.references and verb is not Verb.DELETE:
            return refusal.reject(at, refusal.OTHER, detail="a constraint, a reference, or a value that does not fit")
        return refusal.reject(at, refusal.ORPHAN if verb is Verb.DELETE else refusal.OTHER)

    def _stands(self, dataset: Dataset, row: pa.RecordBatch, names: Sequence[str]) -> bool:
        """Whether the database finds a row that it takes for equal in those fields."""
        bound = bind(dataset, row, names)
        values = [column[0] for column in bound.columns]
        if bound.unfit or None in values:
            return False
        where = place(dataset, self.reader.schema)
        tests = [
            where.column(name) == sa.bindparam(None, value, given(known(dataset, name).type))
            for name, value in zip(names, values, strict=True)
        ]
        tree = sa.select(sa.func.count()).select_from(where.table).where(*tests)
        try:
            with self.session.savepoint():
                return bool(self.session.execute(tree).rows[0][0])
        except exc.SQLAlchemyError as error:
            if not is_of_row(error):
                raise
            return False

    # ------------------------------------------------------------------------------------------------ what is there

    def _present(
        self, dataset: Dataset, names: Sequence[str], keys: pa.RecordBatch, *, is_locking: bool = False
    ) -> Mapping[Row, object]:
        """By key, what those fields hold; a row with a value that cannot be read equals nothing."""
        found: dict[Row, object] = {}
        asked = [*dataset.key, *names]
        for batch in self.reader.lookup(self.session, dataset, asked, keys, is_locking=is_locking):
            held: Sequence[object] = exactly(dataset, batch, names)
            if UNREADABLE in batch.schema.names:
                flags = batch.column(UNREADABLE).is_valid().to_pylist()
                held = [object() if flag else values for flag, values in zip(flags, held, strict=True)]
            for key, values in zip(exactly(dataset, batch, dataset.key), held, strict=True):
                found[key] = _AMBIGUOUS if key in found else values
        return found

    def _held(self, attempt: Attempt, keys: pa.RecordBatch | None) -> pa.RecordBatch | None:
        """What the rows hold now, row for row; `None` where it is just what was sent."""
        if keys is None or keys.num_rows == len(attempt.missed) + len(attempt.rejects):
            return None
        dataset = attempt.dataset
        names = list(dict.fromkeys([*dataset.key, *attempt.names]))
        found = list(self.reader.lookup(self.session, dataset, names, keys))
        schema = pa.schema([(name, known(dataset, name).type.arrow()) for name in names])
        held = attempt.placed(pa.Table.from_batches([batch.select(names) for batch in found], schema), keys, names)
        left = attempt.missed | attempt.rejects.keys()
        sent = exactly(dataset, attempt.change.rows, attempt.names)
        same = zip(exactly(dataset, held, attempt.names), sent, strict=True)
        if all(now == then or at in left for at, (now, then) in enumerate(same)):
            return None
        return held


@dataclass(frozen=True, slots=True)
class _Rows:
    """A statement for each row of a change, and how it is run for some of them."""

    statement: sa.Executable
    bound: Bound
    run: Callable[[Sequence[int]], int] = field(repr=False)


def _keys(attempt: Attempt, drawn: Mapping[int, Row]) -> pa.RecordBatch:
    """The keys row for row: those sent for rows that stand there, those drawn for rows that were given one."""
    dataset, rows = attempt.dataset, attempt.change.rows
    left = attempt.missed | attempt.rejects.keys()
    arrays = []
    for place_, part in enumerate(dataset.key):
        described = known(dataset, part)
        if part in rows.schema.names and not drawn:
            kept = pa.array([None if at in left else at for at in range(rows.num_rows)], pa.int64())
            arrays.append(conform(whole(rows.column(part)), described).take(kept))
            continue
        values = [drawn[at][place_] if at in drawn and at not in left else None for at in range(rows.num_rows)]
        arrays.append(carry([values], [described], {}).column(0))
    return pa.RecordBatch.from_arrays(arrays, list(dataset.key))
