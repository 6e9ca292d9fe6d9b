"""Changing and removing rows that stand there, each only while it holds what is expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlglot import exp

from dovetail.model.change import Receipt, Verb
from dovetail.systems.connectors.postgres.attempt import Attempt, held
from dovetail.systems.connectors.postgres.pipe import Statement, texts
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.sift import Sieve
from dovetail.systems.connectors.postgres.staged import Staged
from dovetail.systems.connectors.postgres.untangle import Updates
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dependants import Dependant
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import table
from dovetail.systems.sql.untangle import untangle

_CARRIED = """
SELECT n.nspname::text, c.relname::text,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS p (number, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number ORDER BY p.place),
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS p (number, place)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number ORDER BY p.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace s ON s.oid = r.relnamespace
WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND s.nspname = $1 AND r.relname = $2 AND k.conparentid = 0
ORDER BY k.oid
"""


class _Ambiguous(Exception):
    """Several rows answered to one key; nothing was written."""

    def __init__(self, positions: set[int]) -> None:
        super().__init__("several rows have one key")
        self.positions = positions


def amend(session: Session, reader: Reader, attempt: Attempt) -> Receipt:
    """Update or delete the rows that are still to be written."""
    is_delete = attempt.change.verb is Verb.DELETE
    carried = _carried(session, attempt.place) if is_delete else []
    if carried:
        _delete_alone(session, attempt, carried)
        return attempt.receipt()
    while True:
        try:
            _run(session, attempt, is_delete=is_delete)
            break
        except _Ambiguous as found:
            attempt.refuse(found.positions, refusal.AMBIGUOUS, field=attempt.dataset.key[0])
    if is_delete:
        return attempt.receipt()
    return attempt.receipt(held(session, reader, attempt, is_rewritten=attempt.habits.has_update_triggers))


def _carried(session: Session, place: exp.Table) -> list[Dependant]:
    """The foreign keys by which the server would carry a delete on to other rows."""
    rows = session.rows(_CARRIED, [place.db, place.name])
    return [
        Dependant(table(child, schema), tuple(fields), tuple(parts), is_own=(schema, child) == (place.db, place.name))
        for schema, child, fields, parts in rows
    ]


def _delete_alone(session: Session, attempt: Attempt, carried: Sequence[Dependant]) -> None:
    """Delete rows to which no other row points, so that none goes, or is changed, without a decision of its own. The
    rows are locked first: then nobody can let a new row point to them. Where rows point to each other in one table,
    those that are free now are deleted, and the others looked at again."""
    staged = attempt.staged()
    locked = POSTGRES.sql(staged.standing(lock=True))
    positions = attempt.todo()
    hits = [at for (at,) in session.rows(locked, staged.parameters(positions))]
    double = {at for at, rows in Counter(hits).items() if rows > 1}
    attempt.refuse(double, refusal.AMBIGUOUS, field=attempt.dataset.key[0])
    standing = [at for at in hits if at not in double]
    sql = POSTGRES.sql(staged.delete(carried))
    sieve = Sieve(session, attempt.dataset.key, (), attempt.habits)

    def write(positions: Sequence[int]) -> None:
        with session.savepoint():
            found = {at for (at,) in session.rows(sql, staged.parameters(positions))}
        attempt.written.update(found)
        attempt.statements += bool(found)

    while standing:
        refused = sieve.sift(standing, write, retry_orphans=False)
        left = [at for at in standing if at not in attempt.written and at not in refused]
        attempt.rejects |= refused
        if len(left) == len(standing) or not any(one.is_own for one in carried):
            attempt.refuse(left, refusal.ORPHAN, detail="they would go, or be changed, with it")
            return
        standing = left


def _run(session: Session, attempt: Attempt, *, is_delete: bool) -> None:
    staged = attempt.staged()
    sql = _statement(attempt, staged, is_delete=is_delete)

    is_unique = frozenset(attempt.dataset.key) in attempt.habits.uniques

    def write(positions: Sequence[int]) -> None:
        statement = Statement(sql, staged.parameters(positions))
        if is_unique:
            answer = session.guarded(statement)
            hits = [int(row[0] or 0) for row in answer]
        else:
            with session.savepoint():
                answer = texts(session.send(statement)[0])
                hits = [int(row[0] or 0) for row in answer]
                if len(set(hits)) < len(hits):
                    raise _Ambiguous({at for at, rows in Counter(hits).items() if rows > 1})
        attempt.written.update(hits)
        attempt.statements += bool(hits)
        attempt.versions.update(row[1] for row in answer if len(row) > 1 and row[1] is not None)

    refers_to_itself = any(reference.dataset == attempt.dataset.name for reference in attempt.dataset.references)
    fields = () if is_delete else attempt.dataset.names  # what keeps a row from going stands in other rows
    sieve = Sieve(session, attempt.dataset.key, fields, attempt.habits)
    attempt.rejects |= sieve.sift(attempt.todo(), write, retry_orphans=is_delete and refers_to_itself)
    if any(words.code == refusal.DOUBLE for words in attempt.rejects.values()) and is_unique:
        attempt.rejects = untangle(attempt.rejects, Updates(session, attempt, sieve))


def _statement(attempt: Attempt, staged: Staged, *, is_delete: bool) -> str:
    """The statement for rows of this shape, made once a table."""
    shape = (is_delete, staged.is_binary, tuple(staged.key), tuple(staged.sets), tuple(staged.expected))
    known = attempt.facts.statements
    if shape not in known:
        if is_delete:
            tree: exp.Expression = staged.delete()
        elif staged.sets:
            tree = staged.update(is_versioned=attempt.habits.has_versions)
        else:
            tree = staged.standing(lock=True)
        known[shape] = POSTGRES.sql(tree)
    return str(known[shape])
