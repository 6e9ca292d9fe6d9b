"""What a look ahead must know of many rows as one value, where every key has the same width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sqlglot import exp

from dovetail.model.catalog import Field
from dovetail.model.change import DIGEST
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.push_piece import SQL, binary, call, choice
from dovetail.systems.connectors.postgres.push_plan import Computing
from dovetail.systems.push import DOUBT, WANTED

_HEADER_BYTES = 19
_WANTED, _DOUBT = 2, 1


def is_able(fields: Sequence[Field]) -> bool:
    """Whether all that is told of a row are whole numbers that are never null."""
    return all(field.type.kind is Kind.INTEGER and not field.nullable for field in fields)


def select(keys: Sequence[SQL], computing: Computing, hashed: SQL | None) -> exp.Select:
    """For each row the parts of its key, its digest where wanted, and the two answers, behind one another."""
    flags = [
        choice([(condition.copy(), exp.Literal.number(value))], exp.Literal.number(0))
        for condition, value in ((computing.wanted, _WANTED), (computing.doubt, _DOUBT))
    ]
    row: SQL = call("int2send", cast(binary(exp.Add, *flags), "int2"))
    for part in reversed([*keys, *([hashed] if hashed is not None else [])]):
        row = binary(exp.DPipe, call("int8send", cast(part, "int8")), row)
    return exp.Select(expressions=[call("string_agg", row, cast(exp.Literal.string("\\x"), "bytea"))])


def unpack(answer: bytes, key: Sequence[str], *, is_hashed: bool) -> pa.RecordBatch:
    """The rows of such a value, which is the only one in the answer to a binary `COPY`."""
    size = int.from_bytes(answer[_HEADER_BYTES + 2 : _HEADER_BYTES + 6], "big", signed=True)
    start = _HEADER_BYTES + 6
    content = answer[start : start + size] if size > 0 else b""
    numbers = [*key, *([DIGEST] if is_hashed else [])]
    layout = np.dtype([*((f"n{at}", ">i8") for at in range(len(numbers))), ("flags", ">i2")])
    rows = np.frombuffer(content, layout)
    columns = {name: pa.array(rows[f"n{at}"].astype(np.int64)) for at, name in enumerate(numbers)}
    answers = {
        name: pa.array((rows["flags"] & flag).astype(np.bool_)) for name, flag in ((WANTED, _WANTED), (DOUBT, _DOUBT))
    }
    return pa.RecordBatch.from_pydict({**{name: columns[name] for name in key}, **answers, **columns})
