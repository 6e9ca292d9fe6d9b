"""Queries in the system's own SQL: one reading statement each, whose answer has the types of datasets."""

from __future__ import annotations

import psycopg
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Field
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.faults import DENIED, READ_ONLY
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, bases
from dovetail.systems.sql.quote import identifier, table

CALLED = "dovetail_query"
"""The name under which a query stands in the statement around it."""


def reading(sql: str) -> str:
    """The query without the semicolon that people end statements with."""
    return sql.strip().rstrip(";").rstrip()


def around(sql: str, tree: exp.Select) -> exp.Select:
    """A statement over the answer of a query, which stands in it under the name `CALLED`."""
    body = exp.Var(this=f"{reading(sql)}\n")
    named = exp.CTE(this=body, alias=exp.TableAlias(this=identifier(CALLED)))
    tree.set("with_", exp.With(expressions=[named]))
    return tree


def columns(session: Session, sql: str, where: str) -> dict[str, Column]:
    """The columns of a query's answer. The server must take it for one whole statement, so that nothing can follow it.

    Inside a transaction that only reads."""
    try:
        shape_of = session.shape(reading(sql))
        session.rows(around(sql, exp.select("1").from_(table(CALLED)).limit(0)))
    except psycopg.Error as error:
        if error.sqlstate in (None, DENIED):
            raise
        raise Refused(f"not one reading statement: {error.diag.message_primary}", where=where) from error
    names = [name for name, _, _ in shape_of]
    if not names or len(set(names)) < len(names):
        raise Refused("the query must give columns, each under a name of its own", where=where)
    found = bases(session, [(oid, modifier) for _, oid, modifier in shape_of])
    return {name: Column(name, found[oid, modifier][0]) for name, oid, modifier in shape_of}


def shape(session: Session, sql: str, where: str) -> tuple[Field, ...]:
    """The fields of a query's answer."""
    return tuple(Field(name, logical(one.stored)) for name, one in columns(session, sql, where).items())


def refused(error: psycopg.Error, where: str) -> Refused | None:
    """The refusal of a statement that would write, or that is none that answers; `None` for other errors."""
    state = error.sqlstate or ""
    if state in (READ_ONLY, "0A000") or (state.startswith("42") and state != DENIED):
        return Refused(f"not one reading statement: {error.diag.message_primary}", where=where)
    return None
