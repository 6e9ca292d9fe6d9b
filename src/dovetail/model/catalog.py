"""What a system says that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dovetail.model.type import Type


class DatasetKind(StrEnum):
    """Where a dataset's rows come from; only a table can be written."""

    TABLE = "table"
    VIEW = "view"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a dataset's rows.

    `computed` fields are filled by the system from others and can never be written; `drawn` ones get their value from
    the system when a row is created without one (serial, identity, rowid). `labels` are all values that an enumeration
    takes; empty where the type takes others. `rewrites` says in words what the system makes otherwise of values that
    are written here, and is empty where it keeps each as it is, or refuses it.
    """

    name: str
    type: Type
    nullable: bool = True
    default: str | None = None
    computed: bool = False
    drawn: bool = False
    comment: str = ""
    labels: tuple[str, ...] = ()
    rewrites: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `fields` of this dataset name the `key` of `dataset`, part by part."""

    fields: tuple[str, ...]
    dataset: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows of one shape in a system. `rows` is the system's own estimate, `None` where it has none."""

    name: str
    kind: DatasetKind
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    rows: int | None = None
    comment: str = ""

    def field(self, name: str) -> Field | None:
        """The field of that exact name, or `None`."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields in the system's order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All datasets of one system, in the system's order."""

    datasets: tuple[Dataset, ...]

    def dataset(self, name: str) -> Dataset | None:
        """The dataset of that exact name, or `None`."""
        return next((dataset for dataset in self.datasets if dataset.name == name), None)
