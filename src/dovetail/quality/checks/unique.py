"""No two rows have the same value.

Written `check: unique` on a field, or `check: {unique: [order, product]}` on a mapping for several fields together.
Values are compared exactly; a row in which one of the fields is null passes. All rows that share a value fail, because
none of them is the right one by itself.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.mapping import Check
from dovetail.quality.question import Columns, Known, Question, Scope, mistake

CODE = "DV-411"
"""Several rows share a value that is to be unique."""

_AT = "position"


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes nothing on a field, and the names of fields on a mapping.

    >>> validate((7,))
    'on a mapping it takes the names of shared fields: {unique: [order, product]}'
    """
    if all(isinstance(name, str) for name in arguments) and len(set(arguments)) == len(arguments):
        return None
    return "on a mapping it takes the names of shared fields: {unique: [order, product]}"


def question(check: Check, scope: Scope) -> Question:
    """Asks for the rows whose values stand in other rows too."""
    if check.field and check.arguments:
        raise mistake(check, "on a field it takes no arguments; write it on the mapping for several fields together")
    if not check.field and not check.arguments:
        raise mistake(check, "on a mapping it takes the names of shared fields: {unique: [order, product]}")
    fields = (check.field,) if check.field else tuple(str(name) for name in check.arguments)
    return Question(check, fields, CODE, "has a value that several rows have", failing=failing)


def failing(columns: Columns, known: Known) -> list[int]:
    """The positions of rows that share their values with others.

    >>> failing([pa.array(["a", "b", "a", None, None])], None)
    [0, 2]
    """
    names = [str(at) for at in range(len(columns))]
    table = pa.table([*columns, pa.array(np.arange(len(columns[0])))], names=[*names, _AT])
    known = table.drop_null()
    counts = known.group_by(names).aggregate([(_AT, "count")])
    if counts.num_rows == known.num_rows:
        return []
    groups = known.group_by(names).aggregate([(_AT, "count"), (_AT, "list")])
    shared = groups.filter(pc.greater(groups.column(f"{_AT}_count"), pa.scalar(1)))
    return sorted(at for group in shared.column(f"{_AT}_list").to_pylist() for at in group or ())
