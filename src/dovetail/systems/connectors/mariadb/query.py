"""Queries in the system's own SQL: one reading statement each, whose answer has the types of datasets."""

from __future__ import annotations

import pymysql
from pymysql.constants import FIELD_TYPE, FLAG
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Field
from dovetail.systems.connectors.mariadb import faults
from dovetail.systems.connectors.mariadb.declared import Declared, logical, sql
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.wire import Column
from dovetail.systems.sql.quote import identifier, table

CALLED = "dovetail_query"
"""The name under which a query stands in the statement around it."""

_BINARY = 63
"""The number of the character set of bytes."""

_NAMES = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
}
_REFUSED = frozenset({1064, 1060, 1146, 1054, 1792, 1149, 1248, 1305, 1327, 1052, 1055, 1140, 1349, 1351, 1421, 1415})


def around(text: str, tree: exp.Select) -> exp.Select:
    """A statement over the answer of a query, which stands in it under the name `CALLED`."""
    body = exp.Var(this=f"({text.strip().rstrip(';').rstrip()}\n)")
    named = exp.Alias(this=body, alias=identifier(CALLED))
    return tree.from_(named, copy=False)


def shape(session: Session, text: str, where: str, *, truth: bool = True) -> tuple[Field, ...]:
    """The fields of a query's answer. The server must take it for one whole statement, so that nothing can follow it.

    Inside a transaction that only reads."""
    try:
        answer = session.answer(sql(around(text, exp.select("*").limit(0))))
        for _ in answer.blocks(rows_max=1, bytes_max=1):
            pass
    except pymysql.Error as error:
        raise refused(error, where) or error from error
    names = [one.name for one in answer.columns]
    if not names or len(set(names)) < len(names):
        raise Refused("the query must give columns, each under a name of its own", where=where)
    return tuple(_field(one, truth=truth) for one in answer.columns)


def refused(error: pymysql.Error, where: str) -> Refused | None:
    """The refusal of a statement that would write, or that is none that answers; `None` for other errors."""
    if faults.number(error) in _REFUSED:
        return Refused(f"not one reading statement: {faults.named(error)}", where=where)
    return None


def place() -> exp.Table:
    """Where a query's rows are selected from, inside `around`."""
    return table(CALLED)


def _field(column: Column, *, truth: bool) -> Field:
    return Field(column.name, logical(_declared(column), truth=truth), nullable=not column.flags & FLAG.NOT_NULL)


def _declared(column: Column) -> Declared:
    """The type of a column of an answer, as it would have been declared."""
    unsigned = " unsigned" if column.flags & FLAG.UNSIGNED else ""
    match column.code:
        case FIELD_TYPE.BIT:
            return Declared(f"bit({column.length})")
        case FIELD_TYPE.NEWDECIMAL | FIELD_TYPE.DECIMAL:
            digits = column.length - bool(column.decimals) - (not unsigned)
            return Declared(f"decimal({digits},{column.decimals}){unsigned}")
        case FIELD_TYPE.TINY if column.length == 1 and not unsigned:
            return Declared("tinyint(1)")
        case code if code in _NAMES:
            return Declared(_NAMES[code] + unsigned)
    if column.charset == _BINARY:
        return Declared("longblob")
    return Declared("longtext")
