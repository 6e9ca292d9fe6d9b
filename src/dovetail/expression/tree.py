"""The typed tree: what an expression computes, step by step, with the type of every step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dovetail.model.type import Type


class Op(StrEnum):
    """What a step does.

    Steps are strict (null in, null out, and nothing behind a null is looked at) but for those that say otherwise.
    """

    COLUMN = "column"
    """`value` is the name in the scope."""
    LITERAL = "literal"
    """`value` is the constant."""
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    NEG = "neg"
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    SAME = "same"
    """Equal, null being equal to null; never null."""
    AND = "and"
    """Three-valued; the second operand is not looked at when the first is false."""
    OR = "or"
    """Three-valued; the second operand is not looked at when the first is true."""
    NOT = "not"
    IS_NULL = "is null"
    """Never null."""
    IS = "is"
    """`value` is true or false; never null."""
    IN = "in"
    """Three-valued, as a chain of `=` and `or`."""
    CASE = "case"
    """Conditions and values in turn, the default last; nothing is looked at that is not needed."""
    SWITCH = "switch"
    """The subject, keys and values in turn, the default last."""
    COALESCE = "coalesce"
    """The first that is not null; nothing behind it is looked at."""
    NULLIF = "nullif"
    """The first; null where it equals the second."""
    PIPE = "pipe"
    """Texts behind one another; null when one is."""
    CONCAT = "concat"
    """Texts behind one another; a null counts as empty."""
    CAST = "cast"
    """To `type`."""
    CALL = "call"
    """`value` is the `Function`."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step. `type` is `None` for a null that has no type of its own; that step's value is always null, or
    a failure."""

    op: Op
    type: Type | None
    parts: tuple[Node, ...] = ()
    value: object = None

    @property
    def column(self) -> str | None:
        """The name of the column that this step is nothing but, else `None`."""
        return str(self.value) if self.op is Op.COLUMN else None
