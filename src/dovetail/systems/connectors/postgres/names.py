"""Datasets' names: a table's own name in the first schema, `schema.table` in the others."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from dovetail.systems.sql.quote import table

NAME_BYTES_MAX = 63
"""A longer name is cut by the server, with a mere notice."""


@dataclass(frozen=True, slots=True)
class Names:
    """The schemas whose tables are datasets, the default first."""

    schemas: tuple[str, ...]

    def name(self, schema: str, relation: str) -> str:
        """What the dataset of a table is called.

        >>> Names(("public", "sales")).name("sales", "order"), Names(("public",)).name("public", "a.b")
        ('sales.order', 'a.b')
        """
        is_plain = schema == self.schemas[0] and not self._prefix(relation)
        return relation if is_plain else f"{schema}.{relation}"

    def table(self, dataset: str) -> exp.Table:
        """The table of a dataset.

        >>> Names(("public", "sales")).table("sales.order").sql("postgres")
        '"sales"."order"'
        """
        schema = self._prefix(dataset)
        return table(dataset.removeprefix(f"{schema}."), schema) if schema else table(dataset, self.schemas[0])

    def _prefix(self, name: str) -> str:
        others = self.schemas if len(self.schemas) > 1 else ()
        return max((schema for schema in others if name.startswith(f"{schema}.")), key=len, default="")
