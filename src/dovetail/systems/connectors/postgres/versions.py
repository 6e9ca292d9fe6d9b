"""Versions of rows: the transaction that last wrote them, which PostgreSQL keeps with every row (`xmin`).

A part of a transaction that can be undone by itself has a number of its own; so the version of rows that were written
is read off one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from dovetail.systems.connectors.postgres.attempt import Attempt
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import habits
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column

VERSIONS_MAX = 100_000
"""With more versions than this, nobody would be helped by counting."""


def versions(session: Session, place: exp.Table) -> Mapping[str, int]:
    """How many rows there are of each version; empty where versions say nothing, or there are too many."""
    if not habits(session, place).has_versions:
        return {}
    version = column("xmin", place)
    counted = exp.Select(expressions=[_text(version), exp.Count(this=exp.Star())]).from_(place.copy())
    rows = session.rows(counted.group_by(version.copy()).limit(VERSIONS_MAX + 1))
    return dict(rows) if len(rows) <= VERSIONS_MAX else {}


def other_than(place: exp.Table, versions: Sequence[str]) -> exp.Condition:
    """That the version of a row is none of these."""
    known = cast(exp.Literal.string("{" + ",".join(str(int(version)) for version in versions) + "}"), "xid[]")
    return exp.Not(this=exp.EQ(this=column("xmin", place), expression=exp.Anonymous(this="ANY", expressions=[known])))


def written(session: Session, attempt: Attempt) -> str | None:
    """The version of the rows that one statement wrote; `None` where there were several, or it cannot be told."""
    if len(attempt.versions) == 1 and not attempt.done:
        return next(iter(attempt.versions))
    is_one = attempt.statements == 1 and attempt.written and not attempt.done
    is_found = attempt.habits.has_versions and frozenset(attempt.dataset.key) in attempt.habits.uniques
    if not is_one or not is_found or not all(part in attempt.columns for part in attempt.dataset.key):
        return None
    return version_of(session, attempt, min(attempt.written))


def version_of(session: Session, attempt: Attempt, position: int = 0) -> str | None:
    """The version of one row of an attempt, found by its key; `None` where versions say nothing."""
    if not attempt.habits.has_versions:
        return None
    staged = attempt.staged(values=False)
    tree = staged.standing()
    tree.set("expressions", [_text(column("xmin", attempt.place))])
    rows = session.rows(POSTGRES.sql(tree), staged.parameters([position]))
    return str(rows[0][0]) if len(rows) == 1 else None


def _text(version: exp.Expression) -> exp.Expression:
    return exp.Cast(this=version.copy(), to=exp.DataType.build("text"))
