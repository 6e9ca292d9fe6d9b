"""The statements that touch one row, only while it holds what is expected; texts are compared byte by byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.model.change import Verb
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.bind import Values
from dovetail.systems.connectors.mariadb.spell import sought_as
from dovetail.systems.sql import statements
from dovetail.systems.sql.dependants import Dependant, has_dependants
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import table
from dovetail.systems.sql.statements import Guard

_TEXTS = (Kind.TEXT, Kind.JSON, Kind.OPAQUE)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Rows of a table by their `key`, of which the `expected` fields must hold their values, and what is `set`."""

    place: exp.Table
    key: Mapping[str, Values]
    sets: Mapping[str, Values]
    expected: Mapping[str, Values]

    @property
    def named(self) -> list[Values]:
        """The columns that find a row, in the order of the parameters."""
        return [*self.key.values(), *self.expected.values()]

    def update(self) -> tuple[str, list[Values]]:
        """Set the fields."""
        tree = statements.update(
            self.place, list(self.sets), keys=_guards(self.key), expected=_guards(self.expected), dialect=MARIADB
        )
        return MARIADB.sql(tree), [*self.sets.values(), *self.named]

    def delete(self) -> tuple[str, list[Values]]:
        """Remove the row."""
        tree = statements.delete(self.place, keys=_guards(self.key), expected=_guards(self.expected), dialect=MARIADB)
        return MARIADB.sql(tree), self.named

    def lock(self, dependants: Sequence[Dependant] = ()) -> tuple[str, list[Values]]:
        """Answer a row, and keep it as it is, if no such rows point to it."""
        tree = exp.Select(expressions=[exp.Literal.number(1)]).from_(self.place.copy())
        found = statements.delete(
            self.place, keys=_guards(self.key), expected=_guards(self.expected), dialect=MARIADB
        ).args["where"]
        tree = tree.where(found.this)
        if dependants:
            tree = tree.where(exp.Not(this=exp.Paren(this=has_dependants(self.place, list(self.key), dependants))))
        return MARIADB.sql(tree.lock()), self.named

    def rows(self) -> tuple[str, list[Values]]:
        """How many rows have the key."""
        tree = exp.Select(expressions=[exp.Count(this=exp.Star())]).from_(self.place.copy())
        found = statements.delete(self.place, keys=_guards(self.key), dialect=MARIADB).args["where"]
        return MARIADB.sql(tree.where(found.this).lock()), list(self.key.values())


def _guards(columns: Mapping[str, Values]) -> list[Guard]:
    return [
        Guard(name, values.kind in _TEXTS, sought_as(values.column.collation)) for name, values in columns.items()
    ]


def shown(dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
    """What is carried out for one row, with numbered parameters in place of values."""
    place = table(dataset.name)
    if verb is Verb.CREATE:
        return MARIADB.sql(statements.insert(place, fields, dialect=MARIADB))
    key, guards = (statements.guards(dataset, names) for names in (dataset.key, expected))
    if verb is Verb.DELETE:
        return MARIADB.sql(statements.delete(place, keys=key, expected=guards, dialect=MARIADB))
    sets = [name for name in fields if name not in dataset.key]
    return MARIADB.sql(statements.update(place, sets, keys=key, expected=guards, dialect=MARIADB))
