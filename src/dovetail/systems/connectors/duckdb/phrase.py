"""The statements that changes become, for many rows at once and, to be shown, for one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.model.change import Verb
from dovetail.systems.connectors.duckdb.declared import fits, reading, same, written
from dovetail.systems.connectors.duckdb.read import AT, GIVEN, matching
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import DUCKDB
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import column, identifier, table


def insertion(place: exp.Table, dataset: Dataset, names: Sequence[str]) -> str:
    """All rows of `GIVEN`, whose columns are `names`."""
    if not names:
        return DUCKDB.sql(exp.Insert(this=place.copy(), default=True))
    values = [written(known(dataset, name), _given(at)) for at, name in enumerate(names)]
    into = exp.Schema(this=place.copy(), expressions=[identifier(name) for name in names])
    rows = exp.Select(expressions=values).from_(table(GIVEN)).order_by(_at())
    return DUCKDB.sql(exp.Insert(this=into, expression=rows))


def amendment(place: exp.Table, dataset: Dataset, names: Sequence[str]) -> str:
    """New values for the rows of `GIVEN`: its columns are `names`, then the key."""
    sets = [
        exp.EQ(this=exp.Column(this=identifier(name)), expression=written(known(dataset, name), _given(at)))
        for at, name in enumerate(names)
    ]
    where = exp.Where(this=exp.and_(*matching(dataset, place, dataset.key, first=len(names)), copy=False))
    return DUCKDB.sql(exp.Update(this=place.copy(), expressions=sets, from_=exp.From(this=table(GIVEN)), where=where))


def removal(place: exp.Table, dataset: Dataset) -> str:
    """The rows of `GIVEN` less: its columns are the key."""
    where = exp.Where(this=exp.and_(*matching(dataset, place, dataset.key), copy=False))
    return DUCKDB.sql(exp.Delete(this=place.copy(), using=[table(GIVEN)], where=where))


def unfit(dataset: Dataset, names: Sequence[str]) -> exp.Select | None:
    """Which rows of `GIVEN` hold which value that its column's type cannot hold exactly; `None` where there is none."""
    tests = [(at, fits(known(dataset, name), _given(at))) for at, name in enumerate(names)]
    risky = [
        exp.Alias(this=exp.Not(this=exp.Paren(this=test)), alias=identifier(f"t{at}"))
        for at, test in tests
        if test is not None
    ]
    if not risky:
        return None
    wrong = exp.or_(*[exp.column(one.alias) for one in risky], copy=False)
    inner = exp.Select(expressions=[_at(), *risky]).from_(table(GIVEN))
    return exp.Select(expressions=[exp.Star()]).from_(inner.subquery("dovetail_fits")).where(wrong)


def standing(place: exp.Table, dataset: Dataset, keys: Sequence[str], compared: Sequence[str]) -> exp.Select:
    """For each row of `GIVEN` that stands there: its number, how many rows have its key, and whether the fields
    compared hold the same. Its columns are the keys, then what is expected."""
    tests: list[exp.Expression] = [exp.true()]
    for at, name in enumerate(compared, start=len(keys)):
        field = known(dataset, name)
        found = reading(field, column(name, place))
        tests.append(same(field, exp.Paren(this=found.value), _given(at)))
        if found.proof is not None:
            tests.append(found.proof)
    every = exp.Anonymous(this="bool_and", expressions=[exp.and_(*tests, copy=False)])
    count = exp.Count(this=exp.Star())
    tree = exp.Select(expressions=[_at(), count, every]).from_(table(GIVEN)).join(place.copy(), join_type="CROSS")
    return tree.where(*matching(dataset, place, keys)).group_by(_at())


def doubles(place: exp.Table, dataset: Dataset, unique: Sequence[str], names: Sequence[str]) -> exp.Select:
    """The rows of `GIVEN` whose value another row holds, there or before them, as DuckDB itself compares."""
    parts = [(name, names.index(name)) for name in unique]
    here = exp.and_(
        *[exp.EQ(this=column(name, place), expression=written(known(dataset, name), _given(at))) for name, at in parts],
        copy=False,
    )
    tests: list[exp.Expression | exp.Condition] = [here]
    if all(part in names for part in dataset.key) and set(unique) != set(dataset.key):
        own = exp.and_(*matching_at(dataset, place, dataset.key, names), copy=False)
        tests.append(exp.Not(this=exp.Paren(this=own)))
    one = exp.Select(expressions=[exp.Literal.number(1)]).from_(place.copy()).where(*tests)
    filled = exp.and_(*[exp.Not(this=exp.Is(this=_given(at), expression=exp.Null())) for _, at in parts], copy=False)
    window = exp.Window(
        this=exp.Anonymous(this="row_number", expressions=[]),
        partition_by=[written(known(dataset, name), _given(at)) for name, at in parts],
        order=exp.Order(expressions=[_at()]),
    )
    ranked = exp.Select(
        expressions=[
            _at(),
            exp.Alias(this=window, alias=identifier("place")),
            exp.Alias(this=exp.Exists(this=one), alias=identifier("taken")),
        ]
    )
    inner = ranked.from_(table(GIVEN)).where(filled)
    outer = exp.Select(expressions=[exp.column(AT), exp.column("taken")]).from_(inner.subquery("dovetail_doubles"))
    return outer.where(exp.Or(this=exp.column("taken"), expression=exp.column("place") > 1))


def matching_at(dataset: Dataset, place: exp.Table, key: Sequence[str], names: Sequence[str]) -> list[exp.Expression]:
    """As `matching`, for a key whose parts stand anywhere among the columns."""
    return [test for part in key for test in matching(dataset, place, [part], first=names.index(part))]


def shown(place: exp.Table, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
    """The statement for one row, with numbered parameters in place of values."""
    keys = statements.guards(dataset, dataset.key)
    if verb is Verb.CREATE:
        return DUCKDB.sql(statements.insert(place, fields, dialect=DUCKDB))
    guards = statements.guards(dataset, expected)
    if verb is Verb.DELETE:
        return DUCKDB.sql(statements.delete(place, keys=keys, expected=guards, dialect=DUCKDB))
    return DUCKDB.sql(statements.update(place, fields, keys=keys, expected=guards, dialect=DUCKDB))


def _given(at: int) -> exp.Column:
    return column(f"c{at}", table(GIVEN))


def _at() -> exp.Column:
    return column(AT, table(GIVEN))
