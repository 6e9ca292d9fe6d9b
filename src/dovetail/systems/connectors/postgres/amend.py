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
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dialect import POSTGRES


class _Ambiguous(Exception):
    """Several rows answered to one key; nothing was written."""

    def __init__(self, positions: set[int]) -> None:
        super().__init__("several rows have one key")
        self.positions = positions


def amend(session: Session, reader: Reader, attempt: Attempt) -> Receipt:
    """Update or delete the rows that are still to be written."""
    is_delete = attempt.change.verb is Verb.DELETE
    while True:
        try:
            _run(session, attempt, is_delete=is_delete)
            break
        except _Ambiguous as found:
            attempt.refuse(found.positions, refusal.AMBIGUOUS, field=attempt.dataset.key[0])
    if is_delete:
        return attempt.receipt()
    return attempt.receipt(held(session, reader, attempt, is_rewritten=attempt.habits.has_update_triggers))


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
