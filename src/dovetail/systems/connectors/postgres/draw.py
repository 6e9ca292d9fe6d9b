"""Keys that the system draws: taken from its own defaults ahead of the rows, so that they are known before they are
written."""

from __future__ import annotations

import psycopg
import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import cast, draws, logical, selected
from dovetail.systems.connectors.postgres.faults import DENIED
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, columns, found
from dovetail.systems.sql.dialect import POSTGRES

_SEQUENCE = """
SELECT name, name IS NULL OR has_sequence_privilege(name, 'USAGE') OR has_sequence_privilege(name, 'UPDATE')
FROM pg_get_serial_sequence($1, $2) AS s (name)
"""


def reserve(session: Session, place: exp.Table, dataset: Dataset, count: int) -> pa.RecordBatch:
    """`count` new keys; `Refused` where not every part of the key is drawn by the system, or this account may not
    draw."""
    if not dataset.key:
        raise Refused(f"{dataset.name} has no key", where=dataset.name)
    stored = columns(session, place)
    drawn = [draw(session, place, found(stored, dataset, part), count) for part in dataset.key]
    missing = [part for part, array in zip(dataset.key, drawn, strict=True) if array is None]
    if missing:
        raise Refused(f"this account cannot draw values of {missing[0]!r}, a part of the key", where=dataset.name)
    return pa.RecordBatch.from_arrays([array for array in drawn if array is not None], list(dataset.key))


def draw(session: Session, place: exp.Table, of: Column, count: int) -> pa.Array | None:
    """That many new values of a column; `None` where its default gives none that are new, or this account may not ask
    for them.

    Inside a transaction, which goes on either way."""
    value = _value(session, place, of)
    if value is None:
        return None
    kind = logical(of.stored)
    rows = exp.Anonymous(
        this="generate_series", expressions=[exp.Literal.number(1), cast(POSTGRES.parameter(1), "int")]
    )
    tree = exp.Select(expressions=[selected(Field(of.name, kind), value)]).from_(rows)
    try:
        with session.savepoint():
            values = [value for (value,) in session.rows(tree, [count])]
    except psycopg.Error as error:
        if error.sqlstate == DENIED:
            return None
        raise
    return pa.array(values, kind.arrow())


def _value(session: Session, place: exp.Table, of: Column) -> exp.Expression | None:
    """What the system itself would take, as an expression."""
    if not of.is_identity and not draws(of.default):
        return None
    name, may_draw = session.rows(_SEQUENCE, [POSTGRES.sql(place), of.name])[0]
    if not may_draw:
        return None
    if of.is_identity:
        return exp.Anonymous(this="nextval", expressions=[cast(exp.Literal.string(name), "regclass")])
    return exp.Var(this=of.default)


def with_draws(tree: exp.Create, dataset: Dataset) -> exp.Create:
    """The statement that makes a table, with the fields that the system is to draw."""
    drawn = {field.name: field.type.kind for field in dataset.fields if field.drawn}
    for defined in tree.find_all(exp.ColumnDef):
        kind = drawn.get(defined.name)
        if kind is Kind.INTEGER:
            rule: exp.Expression = exp.GeneratedAsIdentityColumnConstraint(this=False)
        elif kind is Kind.UUID:
            rule = exp.DefaultColumnConstraint(this=exp.Anonymous(this="gen_random_uuid"))
        else:
            continue
        defined.append("constraints", exp.ColumnConstraint(kind=rule))
    return tree
