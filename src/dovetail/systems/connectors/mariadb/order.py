"""Keys in statements: which rows have one of these keys, which come after one, and by what rows are sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.declared import declared, selected
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.spell import literals, sought, spell
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.fields import conform, known
from dovetail.systems.sql.quote import column

_SPREAD_MAX = 3
"""Whole numbers that stand between the keys of a look-up for each of them at most, if all that stands there is read."""

_YEAR_MAX = 9999
_TEXTS = (Kind.TEXT, Kind.JSON, Kind.OPAQUE)
_BY_NUMBER = ("enum", "set")
"""Types that are sorted by a number which no one sees, but compared with texts as texts."""

_SERVED = ("inet4", "inet6")
"""Opaque types whose texts an index serves."""

_UNIQUE = """
SELECT index_name, column_name, nullable FROM information_schema.statistics
WHERE table_schema = ?1 AND table_name = ?2 AND non_unique = 0 ORDER BY index_name, seq_in_index
"""


@dataclass(frozen=True, slots=True)
class Term:
    """What rows are sorted by: a part of the key as the server keeps it (so that an index serves), or its bytes."""

    part: str
    held: exp.Expression
    is_bytes: bool = False


def terms(session: Session, dataset: Dataset, place: exp.Table) -> list[Term]:
    """By what the rows of a dataset are sorted; by bytes besides where keys that the server calls equal may differ."""
    is_told_apart = dataset.kind is DatasetKind.TABLE and _is_unique(session, dataset)
    found: list[Term] = []
    for part in dataset.key:
        field, held = known(dataset, part), column(part, place)
        is_text = field.type.kind in _TEXTS
        is_served = not is_text or (field.type.kind is Kind.TEXT and declared(field.type.native).base not in _BY_NUMBER)
        if is_served:
            found.append(Term(part, held))
        if not is_served or (is_text and not is_told_apart):
            found.append(Term(part, _exact(field, held), is_bytes=True))
    return found


def after_key(dataset: Dataset, ordering: Sequence[Term], after: pa.RecordBatch) -> exp.Condition:
    """The test that a row comes after a key: greater part by part, in a form that an index serves."""
    marks = []
    for term in ordering:
        given = after.column(term.part)
        if len(given) != 1 or given.null_count:
            raise Refused("a key with an empty part marks no place", where=f"{dataset.name}.{term.part}")
        marks.append(exp.Var(this=_marks(known(dataset, term.part), given, is_bytes=term.is_bytes)[0].as_py()))
    test: exp.Condition | None = None
    for term, mark in zip(reversed(ordering), reversed(marks), strict=True):
        is_beyond: exp.Condition = exp.GT(this=term.held.copy(), expression=mark)
        if test is not None:
            is_same = exp.and_(exp.EQ(this=term.held.copy(), expression=mark), test, copy=False)
            is_beyond = exp.or_(is_beyond, is_same, copy=False)
        test = is_beyond
    return exp.and_(exp.GTE(this=ordering[0].held.copy(), expression=marks[0]), test, copy=False)


def by_keys(dataset: Dataset, place: exp.Table, keys: pa.RecordBatch) -> exp.Condition | None:
    """The test that a row has one of these keys, to the byte; `None` where no key is whole."""
    keys = keys.select(list(dataset.key)).drop_null()
    for part in dataset.key:
        keys = keys.filter(_is_possible(keys.column(part)))
    if not keys.num_rows:
        return None
    sides = [
        (held, _marks(known(dataset, part), keys.column(part), is_bytes=is_bytes))
        for part in dataset.key
        for held, is_bytes in _sides(known(dataset, part), column(part, place))
    ]
    if len(dataset.key) == 1:
        tests = [exp.In(this=held, expressions=[exp.Var(this=", ".join(marks.to_pylist()))]) for held, marks in sides]
        return exp.and_(*tests, copy=False)
    return exp.Paren(this=exp.Var(this=" OR ".join(_rowwise(sides).to_pylist())))


def _rowwise(sides: Sequence[tuple[exp.Expression, pa.Array]]) -> pa.Array:
    """For each key the test that a row has it; whole columns of literals are put together at once."""
    pieces: list[pa.Scalar | pa.Array] = []
    for held, marks in sides:
        pieces += [pa.scalar(f"{' AND ' if pieces else '('}{MARIADB.sql(held)} = "), marks]
    return pc.binary_join_element_wise(*pieces, pa.scalar(")"), pa.scalar(""))


def dense(dataset: Dataset, keys: pa.RecordBatch) -> tuple[int, int] | None:
    """The least and the greatest of the keys, if they are whole numbers that lie close together: then the system had
    better give all rows between them."""
    if len(dataset.key) > 1 or known(dataset, dataset.key[0]).type.kind is not Kind.INTEGER:
        return None
    least, greatest = pc.min_max(keys.column(dataset.key[0])).as_py().values()
    is_dense = least is not None and keys.num_rows > 1 and greatest - least < _SPREAD_MAX * keys.num_rows
    return (least, greatest) if is_dense else None


def _is_unique(session: Session, dataset: Dataset) -> bool:
    """Whether an index keeps the key unique by the server's own comparison."""
    indexes: dict[str, list[tuple[str, str]]] = {}
    for index, part, nullable in session.rows(_UNIQUE, [session.schema, dataset.name]):
        indexes.setdefault(index, []).append((part, nullable))
    wanted = sorted(dataset.key)
    return any(sorted(part or "" for part, _ in parts) == wanted for parts in indexes.values())


def _is_possible(values: pa.Array) -> pa.Array:
    """Which values the server could hold at all: no literal can be written for the others."""
    if pa.types.is_floating(values.type):
        return pc.is_finite(values)
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        years = pc.year(values)
        return pc.and_(pc.greater_equal(years, 1), pc.less_equal(years, _YEAR_MAX))
    return pa.repeat(pa.scalar(value=True), len(values))


def _sides(field: Field, held: exp.Expression) -> list[tuple[exp.Expression, bool]]:
    """What a part of a key is compared with: itself, so that an index serves, and its bytes where it is a text."""
    exact = [(_exact(field, held), True)] if field.type.kind in _TEXTS else []
    return [(held, False), *exact] if _is_indexed(field) else exact


def _is_indexed(field: Field) -> bool:
    """Whether a comparison with a literal is right, and served by an index."""
    return field.type.kind is not Kind.OPAQUE or declared(field.type.native).base in _SERVED


def _exact(field: Field, held: exp.Expression) -> exp.Expression:
    """The bytes of a text in UTF-8."""
    return MARIADB.exact(selected(field, held.copy()))


def _marks(field: Field, values: pa.Array, *, is_bytes: bool) -> pa.Array:
    """The values as literals; or, as bytes, those of their UTF-8."""
    carried, kind = conform(values, field), field.type.kind
    if is_bytes:
        carried, kind = carried.cast(pa.binary()), Kind.BYTES
    written = literals(spell(carried, kind), kind)
    return written if is_bytes else sought(written, declared(field.type.native).collation)
