"""Creating rows: in one statement where their keys are known beforehand, else one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from dovetail.model.change import Receipt
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres import wire
from dovetail.systems.connectors.postgres.attempt import Attempt, held
from dovetail.systems.connectors.postgres.bind import check, csv_text
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.draw import draw
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.sift import Sieve
from dovetail.systems.connectors.postgres.staged import copying
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dialect import POSTGRES

_LEFT_OUT = "a trigger left the row out"


def create(session: Session, reader: Reader, attempt: Attempt) -> Receipt:
    """Insert the rows that are still to be written; a row whose key is taken is a reject."""
    dataset, has_triggers = attempt.dataset, attempt.habits.has_insert_triggers
    if dataset.key and not _complete(session, attempt):
        _insert_each(session, attempt)
        return attempt.receipt(held(session, reader, attempt, is_rewritten=has_triggers))
    if dataset.key and frozenset(dataset.key) not in attempt.habits.uniques:
        _refuse_taken(session, attempt)
    if not has_triggers or not dataset.key:
        _load(session, attempt, is_binary=reader.is_binary)
        return attempt.receipt(held(session, reader, attempt, is_rewritten=False))
    before = dict(attempt.rejects)
    session.rows("SAVEPOINT dovetail_rows")
    _load(session, attempt, is_binary=reader.is_binary)
    if attempt.written and len(_standing(session, attempt, sorted(attempt.written))) < len(attempt.written):
        # A trigger left rows out, or gave them other keys: only one at a time tells which.
        session.rows("ROLLBACK TO SAVEPOINT dovetail_rows")
        attempt.written, attempt.rejects = set(), before
        _insert_each(session, attempt)
    session.rows("RELEASE SAVEPOINT dovetail_rows")
    return attempt.receipt(held(session, reader, attempt, is_rewritten=True))


def _complete(session: Session, attempt: Attempt) -> bool:
    """Give rows without a key the next ones, as the system would; false where only the insert itself can tell the
    keys."""
    is_whole = True
    for part in attempt.dataset.key:
        given = attempt.keys.get(part)
        empty = [at for at in attempt.todo() if given is None or not given[at].is_valid] if _has_gaps(given) else []
        if not empty:
            continue
        stored = attempt.stored[part]
        drawn = draw(session, attempt.place, stored, attempt.size)
        if drawn is not None:
            attempt.keys[part] = drawn if given is None else pc.coalesce(given, drawn)
            attempt.columns.put(part, check(attempt.keys[part], stored)[0])
        elif given is not None and not attempt.habits.has_insert_triggers:
            attempt.refuse(empty, refusal.MISSING, field=part, detail=part)
        else:
            is_whole = False
    return is_whole


def _has_gaps(given: pa.Array | None) -> bool:
    return given is None or bool(given.null_count)


def _refuse_taken(session: Session, attempt: Attempt) -> None:
    """Where no constraint guards the key, look whether it is taken."""
    attempt.refuse(_standing(session, attempt, attempt.todo()), refusal.TAKEN, field=attempt.dataset.key[0])


def _standing(session: Session, attempt: Attempt, positions: Sequence[int]) -> set[int]:
    staged = attempt.staged(values=False)
    return {at for (at,) in session.rows(staged.standing(), staged.parameters(positions))} if positions else set()


def _load(session: Session, attempt: Attempt, *, is_binary: bool) -> None:
    """All rows by `COPY`; by `INSERT` where row security forbids that."""
    send = (
        _inserting(session, attempt)
        if attempt.habits.is_row_secured
        else _copying(session, attempt, is_binary=is_binary)
    )

    def write(positions: Sequence[int]) -> None:
        if not positions:
            return
        with session.savepoint():
            send(positions)
        attempt.written.update(positions)
        attempt.statements += 1

    refers_to_itself = any(reference.dataset == attempt.dataset.name for reference in attempt.dataset.references)
    sieve = Sieve(session, attempt.dataset.key, attempt.dataset.names, attempt.habits)
    try:
        write(attempt.todo())
    except psycopg.errors.UniqueViolation:
        # Most often the keys are taken, and one question tells which.
        if attempt.dataset.key:
            _refuse_taken(session, attempt)
    except psycopg.Error as error:
        if not sieve.blames_row(error):
            raise
    attempt.rejects |= sieve.sift(attempt.todo(), write, retry_orphans=refers_to_itself)


def _inserting(session: Session, attempt: Attempt) -> Callable[[Sequence[int]], None]:
    """How rows are sent with a statement of their own."""
    staged = attempt.staged()
    insert = POSTGRES.sql(staged.insert(()))

    def send(positions: Sequence[int]) -> None:
        session.rows(insert, staged.parameters(positions))

    return send


def _copying(session: Session, attempt: Attempt, *, is_binary: bool) -> Callable[[Sequence[int]], None]:
    """How rows are sent in bulk: in binary form where every column has one, else as text."""
    names = list(attempt.columns)
    columns = [attempt.stored[name] for name in names]
    is_binary = is_binary and attempt.habits.may_lock and bool(names) and all(map(wire.is_carried, columns))
    copy = copying(attempt.place, names, is_binary=is_binary)

    def send(positions: Sequence[int]) -> None:
        if is_binary:
            session.copy_in(
                copy, wire.rows(columns, [_taken(attempt.columns.carried[name], positions) for name in names])
            )
        else:
            session.copy_in(copy, [csv_text([_taken(attempt.columns[name], positions) for name in names])])

    return send


def _insert_each(session: Session, attempt: Attempt) -> None:
    """Row by row, where the keys are known only afterwards, or triggers may say no without an error."""
    key = attempt.dataset.key
    kinds = [logical(attempt.stored[part].stored) for part in key]
    staged = attempt.staged()
    sieve = Sieve(session, key, attempt.dataset.names, attempt.habits)
    tree = staged.insert(key)
    for answered, part in zip(tree.args["returning"].expressions, key, strict=True):
        if attempt.stored[part].stored.kind in (Kind.UUID, Kind.TEXT, Kind.OPAQUE, Kind.JSON):
            answered.replace(exp.Anonymous(this="format", expressions=[exp.Literal.string("%s"), answered.copy()]))
    sql = POSTGRES.sql(tree)
    drawn: list[tuple[object, ...]] = [(None,) * len(key)] * attempt.size
    for at in attempt.todo():
        try:
            with session.savepoint():
                rows = session.rows(sql, staged.parameters([at]))
        except psycopg.Error as error:
            if not sieve.blames_row(error):
                raise
            attempt.rejects[at] = sieve.reject(at, error)
            continue
        if rows:
            drawn[at] = rows[0]
            attempt.written.add(at)
        else:
            attempt.refuse([at], refusal.RULED_OUT, detail=_LEFT_OUT)
    for place, (part, kind) in enumerate(zip(key, kinds, strict=True)):
        fresh = pa.array([row[place] for row in drawn], kind.arrow())
        attempt.keys[part] = pc.coalesce(fresh, attempt.keys[part]) if part in attempt.keys else fresh


def _taken(column: pa.Array, positions: Sequence[int]) -> pa.Array:
    return column if len(positions) == len(column) else column.take(pa.array(positions, pa.int64()))
