"""What a source can be asked to compute where its rows are, so that they go straight into a target of the same wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dovetail.model.type import Type

if TYPE_CHECKING:
    from dovetail.expression.parse import Expression

DOUBT = "dovetail_doubt"
"""Column of a look ahead: true where a row must go the general way: a value may differ, fails or does not fit, or a
condition is false."""

WANTED = "dovetail_wanted"
"""Column of a look ahead: whether the row is wanted (`Asked.where`)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why rows cannot go straight from one system into another; the plan shows it."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Computed:
    """A value to compute. With `fit` it must fit that type unchanged, else the row is in doubt."""

    name: str
    expression: Expression
    fit: Type | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """How one column travels: the name of its built-in type, and the type of the field that it ends in."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Landing:
    """How rows arrive in a target: the `format` of the stream, and each field's wire in the order of the fields.

    Source and target fit together when both speak the format."""

    format: str
    wires: Mapping[str, Wire]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A reference that is followed by a list: `pairs` lead from the value of a shared field to the value at the target.

    A row whose value is not on the list is in doubt; null stays null."""

    name: str
    type: Type
    pairs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that is to be computed for each row of a dataset.

    `scope` holds the types of the dataset's fields, `reads` the fields of which every value must be readable.
    `shared` are computed over them; `asks` (conditions) and `outputs` (the target's fields, in order) over the shared
    ones.
    Only rows where `where` is true and no condition is false are poured out.
    """

    scope: Mapping[str, Type]
    reads: tuple[str, ...]
    shared: tuple[Computed, ...]
    outputs: tuple[Computed, ...]
    where: Expression | None = None
    asks: tuple[Computed, ...] = ()
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
