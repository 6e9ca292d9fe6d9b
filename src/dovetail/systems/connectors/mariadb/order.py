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
from dovetail.systems.connectors.mariadb.spell import literals, spell
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.fields import conform, known
from dovetail.systems.sql.quote import column

_SPREAD_MAX = 3
"""Whole numbers that stand between the keys of a look-up for each of them at most, if all that stands there is read."""

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
        (mark,) = _marks(known(dataset, term.part), after.column(term.part), is_bytes=term.is_bytes)
        if mark is None:
            raise Refused("a key with an empty part marks no place", where=f"{dataset.name}.{term.part}")
        marks.append(mark)
    test: exp.Condition = exp.false()
    for term, mark in zip(reversed(ordering), reversed(marks), strict=True):
        is_same = exp.and_(exp.EQ(this=term.held.copy(), expression=mark), test, copy=False)
        test = exp.or_(exp.GT(this=term.held.copy(), expression=mark), is_same, copy=False)
    if len(ordering) == 1:
        return exp.GT(this=ordering[0].held.copy(), expression=marks[0])
    return exp.and_(exp.GTE(this=ordering[0].held.copy(), expression=marks[0]), test, copy=False)


def by_keys(dataset: Dataset, place: exp.Table, keys: pa.RecordBatch) -> exp.Condition | None:
    """The test that a row has one of these keys, to the byte; `None` where no key is whole."""
    parts = [_tests(known(dataset, part), column(part, place), keys.column(part)) for part in dataset.key]
    rows = [row for row in zip(*parts, strict=True) if None not in row]
    if not rows:
        return None
    if len(parts) == 1:
        return _one_of(known(dataset, dataset.key[0]), column(dataset.key[0], place), keys.column(dataset.key[0]))
    return exp.or_(*(exp.and_(*(test for test in row if test is not None), copy=False) for row in rows), copy=False)


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


def _one_of(field: Field, held: exp.Expression, values: pa.Array) -> exp.Condition:
    tests: list[exp.Expression] = []
    if _is_indexed(field):
        marks = [mark for mark in _marks(field, values, is_bytes=False) if mark is not None]
        tests.append(exp.In(this=held, expressions=marks))
    if field.type.kind in _TEXTS:
        marks = [mark for mark in _marks(field, values, is_bytes=True) if mark is not None]
        tests.append(exp.In(this=_exact(field, held), expressions=marks))
    return exp.and_(*tests, copy=False)


def _tests(field: Field, held: exp.Expression, values: pa.Array) -> list[exp.Condition | None]:
    """For each value the test that a row holds it; none for a null."""
    served = _marks(field, values, is_bytes=False) if _is_indexed(field) else None
    exact = _marks(field, values, is_bytes=True) if field.type.kind in _TEXTS else None
    found: list[exp.Condition | None] = []
    for at in range(len(values)):
        tests: list[exp.Expression] = []
        for marks, side in ((served, held), (exact, _exact(field, held) if exact else held)):
            mark = marks[at] if marks is not None else None
            if mark is not None:
                tests.append(exp.EQ(this=side.copy(), expression=mark))
        found.append(exp.and_(*tests, copy=False) if tests else None)
    return found


def _is_indexed(field: Field) -> bool:
    """Whether a comparison with a literal is right, and served by an index."""
    return field.type.kind is not Kind.OPAQUE or declared(field.type.native).base in _SERVED


def _exact(field: Field, held: exp.Expression) -> exp.Expression:
    """The bytes of a text in UTF-8."""
    return MARIADB.exact(selected(field, held.copy()))


def _marks(field: Field, values: pa.Array, *, is_bytes: bool) -> list[exp.Expression | None]:
    """The values as literals; `None` for a null."""
    carried = conform(values, field)
    if is_bytes:
        texts = literals(spell(carried.cast(pa.binary()), Kind.BYTES), Kind.BYTES)
    else:
        texts = literals(spell(carried, field.type.kind), field.type.kind)
    absent = carried.is_null().to_pylist()
    return [None if null else exp.Var(this=text) for text, null in zip(texts.to_pylist(), absent, strict=True)]
