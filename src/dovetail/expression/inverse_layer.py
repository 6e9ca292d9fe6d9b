"""What taking one function off an expression gives: the values of undoing, and the words for what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp

from dovetail.expression.calls import Call, call_of
from dovetail.expression.inverse_build import as_expression, old, unwrapped
from dovetail.expression.parse import Expression
from dovetail.expression.types import infer
from dovetail.model.type import Kind, Type


class Reversibility(StrEnum):
    """How a cell can be written."""

    LOSSLESS = "lossless"
    """The shared value says all: reading and writing undo each other."""
    RESTORE = "lossy-with-restore"
    """The shared value says less than the member's own; what it does not say is kept from the member's own row."""
    ONE_WAY = "one-way"
    """The cell can only be read."""


@dataclass(frozen=True, slots=True)
class Profiling:
    """A question to the whole column: `test` is true in the rows of which the inverse has to guess, or cannot be
    computed.

    `meaning` completes the sentence "3 of 1,000 rows ...". Values that a `code_map` does not list cannot be read.
    """

    columns: tuple[str, ...]
    test: Expression
    meaning: str
    code_map: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A function to undo: `tree` shall give `wanted`. `scope` holds the types of the member's columns.

    With `soft`, an outer function rounds to so many places: a value near enough will do, and is checked further out.
    """

    tree: exp.Expression
    wanted: Expression
    scope: Mapping[str, Type]
    soft: int | None = None

    @property
    def call(self) -> Call:
        """The function's name and its arguments; no name where the tree is no function."""
        return call_of(self.tree) or ("", ())

    def type_of(self, tree: exp.Expression) -> Type:
        """The type of a part of the tree."""
        return infer(as_expression(tree), self.scope)

    def kind_of(self, tree: exp.Expression) -> Kind:
        """The kind of a part of the tree."""
        return self.type_of(tree).kind

    def old(self, tree: exp.Expression) -> Expression:
        """A part of the tree as the member's own row gives it."""
        return old(as_expression(tree))


@dataclass(frozen=True, slots=True)
class Layer:
    """A function undone: `parts` are its arguments that hold fields, each with what it must give.

    `lost` says what the function forgets, empty where it forgets nothing; `refused` why it cannot be undone. An answer
    that is
    `owed` a check is only a candidate: the function of it must equal `expected` (if not given, what was wanted), else
    the row fails.
    `soft` says to how many places the arguments may be rounded; then their checks are left to this function.
    """

    parts: tuple[tuple[exp.Expression, Expression], ...] = ()
    lost: str = ""
    refused: str = ""
    owed: bool = False
    expected: Expression | None = None
    soft: int | None = None
    profile: tuple[Profiling, ...] = ()


def refused(reason: str) -> Layer:
    """The layer of a function that cannot be undone."""
    return Layer(refused=reason)


def through(inner: exp.Expression, wanted: Expression, *, lost: str = "", owed: bool = False) -> Layer:
    """The layer of a function with one argument that holds fields."""
    return Layer(((unwrapped(inner), wanted),), lost, owed=owed)
