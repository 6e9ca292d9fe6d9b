"""The statements that every SQL connector needs, as trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.model.type import Kind
from dovetail.systems.sql.dialect import Dialect
from dovetail.systems.sql.quote import column, identifier, table

WANTED = "dovetail_wanted"
"""The name under which the keys of a look-up stand in its statement."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A field that must still hold what was read; `text` fields are compared byte by byte.

    With a `collation` (and its character set before the first `_`) values become texts of that kind before an index is
    asked for them; there may be none such, and no index knows others."""

    field: str
    text: bool = False
    collation: str = ""

    def sought(self, value: exp.Expression) -> exp.Expression:
        """A value as an index of the field has it."""
        if not self.collation:
            return value
        letters = exp.DataType(
            this=exp.DataType.Type.CHARACTER_SET, kind=exp.Var(this=self.collation.partition("_")[0])
        )
        return exp.Collate(this=exp.Cast(this=value, to=letters), expression=exp.Var(this=self.collation))


def guards(dataset: Dataset, fields: Sequence[str]) -> tuple[Guard, ...]:
    """The guards of those fields of a dataset."""
    texts = {field.name for field in dataset.fields if field.type.kind in (Kind.TEXT, Kind.JSON, Kind.OPAQUE)}
    return tuple(Guard(name, name in texts) for name in fields)


def select(source: exp.Table, fields: Sequence[str]) -> exp.Select:
    """All rows, those fields in that order.

    >>> select(table("t"), ["a", "b"]).sql("sqlite")
    'SELECT "t"."a", "t"."b" FROM "t"'
    """
    return exp.Select(expressions=[column(name, source) for name in fields]).from_(source.copy())


def select_by_keys(
    source: exp.Table, fields: Sequence[str], keys: Sequence[Guard], *, rows: int, dialect: Dialect
) -> exp.Select:
    """The rows of `rows` keys, given as parameters key by key and part by part; a key given twice counts once.

    >>> from dovetail.systems.sql.dialect import SQLITE
    >>> print(select_by_keys(table("t"), ["a"], [Guard("k")], rows=2, dialect=SQLITE).sql("sqlite"))
    WITH "dovetail_wanted"("k") AS (VALUES (?1), (?2)) SELECT "t"."a" FROM (SELECT DISTINCT * FROM "dovetail_wanted") \
AS "dovetail_wanted" CROSS JOIN "t" WHERE "t"."k" = "dovetail_wanted"."k"
    """
    width = len(keys)
    numbers = [range(row * width + 1, (row + 1) * width + 1) for row in range(rows)]
    tuples = [exp.Tuple(expressions=[dialect.parameter(number) for number in row]) for row in numbers]
    names = exp.TableAlias(this=identifier(WANTED), columns=[identifier(key.field) for key in keys])
    wanted = table(WANTED)
    once = exp.Select(expressions=[exp.Star()]).from_(wanted.copy()).distinct()
    tests: list[exp.Expression] = []
    for key in keys:
        tests += _equal(column(key.field, source), column(key.field, wanted), key, dialect)
    query = exp.Select(expressions=[column(name, source) for name in fields])
    query = query.from_(exp.Subquery(this=once, alias=exp.TableAlias(this=identifier(WANTED))))
    query = query.join(source.copy(), join_type="CROSS").where(*tests)
    query.set("with_", exp.With(expressions=[exp.CTE(this=exp.Values(expressions=tuples), alias=names)]))
    return query


def insert(target: exp.Table, fields: Sequence[str], *, dialect: Dialect, alternative: str | None = None) -> exp.Insert:
    """One row, its values given as parameters in the order of `fields`; without fields, a row of defaults.

    >>> from dovetail.systems.sql.dialect import POSTGRES
    >>> insert(table("t"), ["a", "b"], dialect=POSTGRES).sql("postgres")
    'INSERT INTO "t" ("a", "b") VALUES ($1, $2)'
    """
    if not fields and dialect.has_defaults:
        return exp.Insert(this=target.copy(), default=True, alternative=alternative)
    values = exp.Tuple(expressions=[dialect.parameter(number) for number in range(1, len(fields) + 1)])
    into = exp.Schema(this=target.copy(), expressions=[identifier(name) for name in fields])
    return exp.Insert(this=into, expression=exp.Values(expressions=[values]), alternative=alternative)


def update(
    target: exp.Table, fields: Sequence[str], *, keys: Sequence[Guard], expected: Sequence[Guard] = (), dialect: Dialect
) -> exp.Update:
    """One row by its key, only where the expected fields still hold their values.

    Parameters: the new values in the order of `fields`, then the key, then the expected values.

    >>> from dovetail.systems.sql.dialect import POSTGRES
    >>> tree = update(table("t"), ["a"], keys=[Guard("k")], expected=[Guard("a", text=True)], dialect=POSTGRES)
    >>> print(tree.sql("postgres"))
    UPDATE "t" SET "a" = $1 WHERE "t"."k" = $2 AND "t"."a" COLLATE "C" IS NOT DISTINCT FROM $3
    """
    sets = [
        exp.EQ(this=exp.Column(this=identifier(name)), expression=dialect.parameter(number))
        for number, name in enumerate(fields, start=1)
    ]
    where = _where(target, keys=keys, expected=expected, first=len(sets) + 1, dialect=dialect)
    return exp.Update(this=target.copy(), expressions=sets, where=where)


def delete(target: exp.Table, *, keys: Sequence[Guard], expected: Sequence[Guard] = (), dialect: Dialect) -> exp.Delete:
    """One row by its key, only where the expected fields still hold their values.

    Parameters: the key, then those values.

    >>> from dovetail.systems.sql.dialect import SQLITE
    >>> delete(table("t"), keys=[Guard("k", text=True)], dialect=SQLITE).sql("sqlite")
    'DELETE FROM "t" WHERE "t"."k" = ?1 AND "t"."k" COLLATE BINARY = ?1'
    """
    where = _where(target, keys=keys, expected=expected, first=1, dialect=dialect)
    return exp.Delete(this=target.copy(), where=where)


def create(target: exp.Table, dataset: Dataset, *, dialect: Dialect) -> exp.Create:
    """The dataset with its fields, key and unique constraints, if it is not there yet."""
    parts: list[exp.Expression] = []
    for field in dataset.fields:
        rules: list[exp.Expression] = []
        if dialect.says_null or not field.nullable:
            rules.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint(allow_null=field.nullable)))
        indexes = [len(names) for names in (dataset.key, *dataset.uniques) if field.name in names]
        # as written: SQLGlot would call a BOOLEAN of SQLite INTEGER
        kind = exp.var(dialect.type(field.type, max(indexes, default=0)))
        parts.append(exp.ColumnDef(this=identifier(field.name), kind=kind, constraints=rules))
    if dataset.key:
        parts.append(exp.PrimaryKey(expressions=[identifier(name) for name in dataset.key]))
    for unique in dataset.uniques:
        names = exp.Schema(expressions=[identifier(name) for name in unique])
        parts.append(exp.UniqueColumnConstraint(this=names))
    tree = exp.Create(this=exp.Schema(this=target.copy(), expressions=parts), kind="TABLE", exists=True)
    if dialect.table:
        tree.set("properties", exp.Properties(expressions=[part.copy() for part in dialect.table]))
    return tree


def _where(
    target: exp.Table, *, keys: Sequence[Guard], expected: Sequence[Guard], first: int, dialect: Dialect
) -> exp.Where:
    tests: list[exp.Expression] = []
    number = first
    for key in keys:
        tests += _equal(column(key.field, target), dialect.parameter(number), key, dialect)
        number += 1
    for guard in expected:
        held: exp.Expression = column(guard.field, target)
        held = dialect.exact(held) if guard.text else held
        tests.append(exp.NullSafeEQ(this=held, expression=dialect.parameter(number)))
        number += 1
    return exp.Where(this=exp.and_(*tests, copy=False))


def _equal(held: exp.Expression, value: exp.Expression, key: Guard, dialect: Dialect) -> list[exp.Expression]:
    """Equality that can use the key's index and, for texts, a second look at the bytes."""
    tests: list[exp.Expression] = [exp.EQ(this=held, expression=key.sought(value.copy()))]
    if key.text:
        tests.append(exp.EQ(this=dialect.exact(held.copy()), expression=value.copy()))
    return tests
