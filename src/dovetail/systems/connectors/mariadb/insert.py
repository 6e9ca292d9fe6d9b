"""Creating rows: in bulk where their keys are known beforehand, else by a statement each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pymysql

from dovetail.failpoints import Point, failpoint
from dovetail.model.change import Receipt
from dovetail.systems.connectors.mariadb import faults
from dovetail.systems.connectors.mariadb.attempt import Attempt, held, standing
from dovetail.systems.connectors.mariadb.bind import bind_one
from dovetail.systems.connectors.mariadb.draw import draw
from dovetail.systems.connectors.mariadb.pipe import Answer, load
from dovetail.systems.connectors.mariadb.read import Reader
from dovetail.systems.connectors.mariadb.rowwise import carry_out, heavy
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.stream import lines, loading
from dovetail.systems.sql import refusal, statements
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.fields import known

LOAD_LEAST = 400
"""Rows from which on `LOAD DATA` is worth its while; fewer travel as statements."""

_PARTS = 8
"""Into how many parts rows are cut of which the server refuses some."""

_ROOM = 4
"""A row whose texts fill more than this part of a statement's bound does not travel as one."""

_NO_FILES = frozenset({1148, 3948, 4166})
"""The server takes no `LOAD DATA LOCAL`."""


def create(session: Session, reader: Reader, attempt: Attempt) -> Receipt:
    """Insert the rows that are still to be written; a row whose key is taken is a reject."""
    dataset = attempt.dataset
    if dataset.key and not _complete(session, attempt):
        _insert_drawn(session, attempt)
        return attempt.receipt(held(session, reader, attempt))
    if dataset.key and not attempt.facts.is_unique(dataset.key):
        _refuse_taken(session, reader, attempt)
    if attempt.facts.may_rewrite("INSERT") or not session.takes_files:
        _insert(session, attempt, attempt.todo())
    elif not _loads(session, attempt, attempt.todo()):
        _refuse_taken(session, reader, attempt)
        _load_parts(session, attempt, attempt.todo())
    _retry_orphans(session, attempt)
    return attempt.receipt(held(session, reader, attempt))


def _complete(session: Session, attempt: Attempt) -> bool:
    """Give rows without a key the next ones, as the system would; false where only the insert itself can tell the
    keys."""
    is_whole = True
    for part in attempt.dataset.key:
        given = attempt.keys.get(part)
        if given is not None and not given.null_count:
            continue
        column = attempt.facts.columns[part]
        drawn = draw(session, column, attempt.size)
        if column.is_drawn:
            is_whole = False
        elif drawn is not None:
            kind = known(attempt.dataset, part).type
            fresh = bind_one(pa.array(drawn, pa.string()).cast(kind.arrow()), column, kind)[0].carried
            whole = fresh if given is None else pc.coalesce(given, fresh)
            attempt.keys[part] = whole
            attempt.columns[part] = bind_one(whole, column, kind)[0]
        else:
            empty = [at for at in attempt.todo() if given is None or not given[at].is_valid]
            attempt.refuse(empty, refusal.MISSING, field=part, detail=part)
            attempt.keys.setdefault(part, pa.nulls(attempt.size, known(attempt.dataset, part).type.arrow()))
    return is_whole


def _insert_drawn(session: Session, attempt: Attempt) -> None:
    """Insert rows of which the server draws a part of the key, and tells it."""
    answered = _insert(session, attempt, attempt.todo())
    for part in attempt.dataset.key:
        kind = known(attempt.dataset, part).type.arrow()
        given = attempt.keys.get(part, pa.nulls(attempt.size, kind))
        if attempt.facts.columns[part].is_drawn:
            fresh = pa.array([answered.get(at) for at in range(attempt.size)], pa.int64()).cast(kind)
            given = pc.coalesce(given, fresh)
        attempt.keys[part] = given


def _insert(session: Session, attempt: Attempt, positions: Sequence[int]) -> dict[int, int]:
    """Insert rows by a statement each; the numbers that the server drew, by position. What is too long for a statement
    comes as `LOAD DATA`, which has no such bound."""
    tree = statements.insert(attempt.facts.place, list(attempt.columns), dialect=MARIADB)
    columns = list(attempt.columns.values())
    answers: dict[int, Answer] = {}
    for at in heavy(columns, positions, session.packet_bytes // _ROOM) if session.takes_files else []:
        answer = _load(session, attempt, [at])
        if answer is not None:
            ((drawn,),) = session.rows("SELECT last_insert_id()")
            answers[at] = replace(answer, drawn=drawn)
    light = [at for at in positions if at not in answers] if answers else positions
    answered, refused = carry_out(session, MARIADB.sql(tree), columns, light, attempt.refusals)
    answers |= answered
    attempt.written.update(answers)
    attempt.rejects |= refused
    attempt.is_odd |= any(answer.warnings for answer in answers.values())
    return {at: answer.drawn for at, answer in answers.items()}


def _refuse_taken(session: Session, reader: Reader, attempt: Attempt) -> None:
    """Look whether keys are taken: most often that is what keeps rows out, and one question tells which."""
    if attempt.dataset.key:
        taken = standing(session, reader, attempt, attempt.todo())
        attempt.refuse(taken, refusal.TAKEN, field=attempt.dataset.key[0])


def _load_parts(session: Session, attempt: Attempt, positions: Sequence[int]) -> None:
    """Rows of which the server refuses some: the parts that it takes in bulk, the others row by row."""
    if len(positions) <= LOAD_LEAST:
        _insert(session, attempt, positions)
        return
    step = max(-(-len(positions) // _PARTS), LOAD_LEAST)
    for first in range(0, len(positions), step):
        some = positions[first : first + step]
        if len(some) < LOAD_LEAST or not _loads(session, attempt, some):
            _load_parts(session, attempt, some)


def _loads(session: Session, attempt: Attempt, positions: Sequence[int]) -> bool:
    """Insert rows in bulk; false, and nothing is left, where the server has anything to say about any of them."""
    if len(positions) < LOAD_LEAST:
        _insert(session, attempt, positions)
        return True
    if _load(session, attempt, positions) is None:
        return False
    attempt.written.update(positions)
    return True


def _load(session: Session, attempt: Attempt, positions: Sequence[int]) -> Answer | None:
    """Insert rows in bulk; `None`, and nothing is left, where the server has anything to say about any of them."""
    columns = list(attempt.columns.values())
    session.run("SAVEPOINT dovetail_rows")
    failpoint(Point.MARIADB_LOAD_BEFORE)
    answer = None
    try:
        sql = loading(attempt.facts.place, columns).encode()
        answer = load(session.connection, sql, _watched(lines(columns, positions)))
    except pymysql.Error as error:
        if faults.number(error) in _NO_FILES:
            session.takes_files = False
        elif not faults.blames_row(error):
            raise
    if answer is None or answer.warnings or answer.found != len(positions):
        session.run("ROLLBACK TO SAVEPOINT dovetail_rows")
        return None
    session.run("RELEASE SAVEPOINT dovetail_rows")
    failpoint(Point.MARIADB_LOAD_AFTER)
    return answer


def _watched(blocks: Iterator[memoryview]) -> Iterator[memoryview]:
    yield from blocks
    failpoint(Point.MARIADB_LOAD_SENT)


def _retry_orphans(session: Session, attempt: Attempt) -> None:
    """Where rows refer to each other, try one again that was refused as an orphan: its parent may stand there now."""
    if not any(reference.dataset == attempt.dataset.name for reference in attempt.dataset.references):
        return
    while True:
        orphans = [at for at, words in attempt.rejects.items() if words.code == refusal.ORPHAN]
        for at in orphans:
            del attempt.rejects[at]
        _insert(session, attempt, orphans)
        left = sum(words.code == refusal.ORPHAN for words in attempt.rejects.values())
        if not left or left == len(orphans):
            return
