"""Changing and removing rows that stand there, each only while it holds what is expected."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.model.change import Receipt, Verb
from dovetail.systems.connectors.mariadb.attempt import Attempt, held
from dovetail.systems.connectors.mariadb.guarded import Guarded
from dovetail.systems.connectors.mariadb.read import Reader
from dovetail.systems.connectors.mariadb.rowwise import carry_out
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.stored import carried
from dovetail.systems.connectors.mariadb.untangle import Updates
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dependants import Dependant
from dovetail.systems.sql.untangle import untangle


def amend(session: Session, reader: Reader, attempt: Attempt) -> Receipt:
    """Update or delete the rows that are still to be written."""
    if not attempt.facts.is_unique(attempt.dataset.key):
        _refuse_ambiguous(session, attempt)
    if attempt.change.verb is Verb.DELETE:
        dependants = carried(session, attempt.dataset)
        if dependants:
            _delete_alone(session, attempt, dependants)
        else:
            _delete(session, attempt, attempt.todo())
        return attempt.receipt()
    if attempt.names:
        _update(session, attempt)
    else:
        attempt.written.update(_locked(session, attempt, attempt.todo()))
    return attempt.receipt(held(session, reader, attempt))


def lock(session: Session, attempt: Attempt) -> None:
    """Keep the rows as they are until the transaction ends."""
    _locked(session, attempt, attempt.todo())


def guarded(attempt: Attempt) -> Guarded:
    """The statements for the rows of a change."""
    key = {part: attempt.columns[part] for part in attempt.dataset.key}
    return Guarded(attempt.facts.place, key, {name: attempt.columns[name] for name in attempt.names}, attempt.expected)


def _update(session: Session, attempt: Attempt) -> None:
    sql, columns = guarded(attempt).update()
    answered, refused = carry_out(session, sql, columns, attempt.todo(), attempt.refusals)
    attempt.written.update(at for at, answer in answered.items() if answer.found)
    attempt.is_odd |= any(answer.warnings for answer in answered.values())
    attempt.rejects |= refused
    if any(words.code == refusal.DOUBLE for words in refused.values()):
        attempt.rejects = untangle(attempt.rejects, Updates(session, attempt, guarded(attempt)))


def _delete(session: Session, attempt: Attempt, positions: Sequence[int]) -> None:
    """Delete rows; where rows refer to each other in one table, one again to which none points any more."""
    sql, columns = guarded(attempt).delete()
    refers_to_itself = any(reference.dataset == attempt.dataset.name for reference in attempt.dataset.references)
    while positions:
        answered, refused = carry_out(session, sql, columns, positions, attempt.refusals)
        attempt.written.update(at for at, answer in answered.items() if answer.found)
        orphans = [at for at, words in refused.items() if words.code == refusal.ORPHAN]
        if not refers_to_itself or not orphans or len(orphans) == len(positions):
            attempt.rejects |= refused
            return
        attempt.rejects |= {at: words for at, words in refused.items() if at not in set(orphans)}
        positions = orphans


def _delete_alone(session: Session, attempt: Attempt, dependants: Sequence[Dependant]) -> None:
    """Delete rows to which no other row points, so that none goes, or is changed, without a decision of its own. The
    rows are locked first: then nobody can let a new row point to them. Where rows point to each other in one table,
    those that are free now are deleted, and the others looked at again."""
    left = _locked(session, attempt, attempt.todo())
    while left:
        free = _locked(session, attempt, left, dependants)
        _delete(session, attempt, free)
        left = [at for at in left if at not in attempt.written and at not in attempt.rejects]
        if not free or not any(one.is_own for one in dependants):
            break
    attempt.refuse(left, refusal.ORPHAN, detail="they would go, or be changed, with it")


def _locked(
    session: Session, attempt: Attempt, positions: Sequence[int], dependants: Sequence[Dependant] = ()
) -> list[int]:
    sql, columns = guarded(attempt).lock(dependants)
    answered, _ = carry_out(session, sql, columns, positions, attempt.refusals)
    return [at for at, answer in answered.items() if answer.rows]


def _refuse_ambiguous(session: Session, attempt: Attempt) -> None:
    """Where no index keeps the key unique, look whether several rows have it."""
    sql, columns = guarded(attempt).rows()
    answered, _ = carry_out(session, sql, columns, attempt.todo(), attempt.refusals)
    double = [at for at, answer in answered.items() if int(answer.rows[0][0]) > 1]
    attempt.refuse(double, refusal.AMBIGUOUS, field=attempt.dataset.key[0])
