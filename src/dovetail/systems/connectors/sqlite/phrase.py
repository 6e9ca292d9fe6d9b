"""The statements that changes become, written in one place, for carrying out as for showing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.model.change import Verb
from dovetail.systems.sql import statements
from dovetail.systems.sql.dependants import Dependant, has_dependants
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import column, table


def insertion(dataset: Dataset, names: Sequence[str]) -> str:
    """One new row. `OR ABORT` outranks what the table declares: `ON CONFLICT REPLACE` would remove other rows."""
    return SQLITE.sql(_insert(dataset, names))


def insertion_returning(dataset: Dataset, names: Sequence[str], returned: Sequence[str]) -> str:
    """One new row, of which some fields come back."""
    tree = _insert(dataset, names)
    tree.set("returning", exp.Returning(expressions=[column(name) for name in returned]))
    return SQLITE.sql(tree)


def amendment(dataset: Dataset, names: Sequence[str]) -> str:
    """New values for one row; `OR ABORT` as for a new one."""
    keys = statements.guards(dataset, dataset.key)
    sql = SQLITE.sql(statements.update(table(dataset.name, "main"), names, keys=keys, dialect=SQLITE))
    return "UPDATE OR ABORT" + sql.removeprefix("UPDATE")


def removal(dataset: Dataset) -> str:
    """One row less."""
    keys = statements.guards(dataset, dataset.key)
    return SQLITE.sql(statements.delete(table(dataset.name, "main"), keys=keys, dialect=SQLITE))


def pointing(dataset: Dataset, dependants: Sequence[Dependant]) -> str:
    """Answers for one row that others point to."""
    place = table(dataset.name, "main")
    where = statements.delete(place, keys=statements.guards(dataset, dataset.key), dialect=SQLITE).args["where"]
    tests = [where.this, exp.Paren(this=has_dependants(table(dataset.name), dataset.key, dependants))]
    return SQLITE.sql(exp.Select(expressions=[exp.Literal.number(1)]).from_(place).where(*tests))


def shown(dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
    """What is carried out for one row: what must still hold is read first, under the file's write lock."""
    if verb is Verb.CREATE:
        return insertion(dataset, fields)
    guards = statements.guards(dataset, dataset.key)
    names = list(dict.fromkeys([*dataset.key, *expected]))
    looked = statements.select_by_keys(table(dataset.name, "main"), names, guards, rows=1, dialect=SQLITE)
    change = removal(dataset) if verb is Verb.DELETE else amendment(dataset, fields)
    return f"{SQLITE.sql(looked)};\n{change}"


def _insert(dataset: Dataset, names: Sequence[str]) -> exp.Insert:
    return statements.insert(table(dataset.name, "main"), names, dialect=SQLITE, alternative="ABORT")
