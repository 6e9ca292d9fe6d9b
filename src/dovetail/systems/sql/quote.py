"""The one way in which names become SQL: quoted SQLGlot identifiers, never text joined by hand."""

from __future__ import annotations

from sqlglot import exp


def identifier(name: str) -> exp.Identifier:
    """The name as a quoted identifier, whatever signs it holds.

    >>> identifier('a"b.c').sql("sqlite")
    '"a""b.c"'
    """
    return exp.Identifier(this=name, quoted=True)


def table(name: str, schema: str | None = None) -> exp.Table:
    """A table, view or query by its exact name.

    >>> table("order", "sales").sql("postgres")
    '"sales"."order"'
    """
    return exp.Table(this=identifier(name), db=None if schema is None else identifier(schema))


def column(name: str, of: exp.Table | None = None) -> exp.Column:
    """A column, qualified by the table's own name.

    SQLite reads an unqualified quoted name that does not exist as a text; a qualified one is an error, as it should be.

    >>> column("x", table("order", "sales")).sql("postgres")
    '"order"."x"'
    """
    return exp.Column(this=identifier(name), table=None if of is None else identifier(of.name))
