"""The value stands in a field of another mapping.

Written `check: {refers: [country, code]}`: some row of the mapping `country` has this value in its shared field
`code`. Values are compared exactly. For a foreign key between joined rows use `ref:` instead, which also translates
it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.mapping import Check
from dovetail.quality.question import Columns, Known, Need, Question, Scope, places

CODE = "DV-416"
"""A value does not stand where it is to be looked up."""


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes a mapping and one of its shared fields.

    >>> validate(("country",))
    'it takes a mapping and one of its shared fields: {refers: [country, code]}'
    """
    if len(arguments) == 2 and all(isinstance(name, str) and name for name in arguments):
        return None
    return "it takes a mapping and one of its shared fields: {refers: [country, code]}"


def question(check: Check, scope: Scope) -> Question:
    """Asks for the rows whose value is not known there."""
    mapping, field = (str(name) for name in check.arguments)
    reason = f"has a value that no row of {mapping} has in {field}"
    return Question(check, (check.field,), CODE, reason, failing=failing, needs=Need(mapping, field))


def failing(columns: Columns, known: Known) -> list[int]:
    """The positions of values that are not among the known ones.

    >>> failing([pa.array(["DE", "XX", None])], pa.array(["DE", "AT"]))
    [1]
    """
    values = columns[0]
    there = pa.nulls(0, values.type) if known is None else known.cast(values.type)
    missing = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=there)))
    return places(missing)
