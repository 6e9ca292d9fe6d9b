"""Digests of rows, computed by the server over the exact bytes of their values.

The hash functions of single types are no use here: they take 5 and -5, or 0 and 4294967297, for the same, and give only
32 bits. A sum over fields would be no use either: two rows that swap a value would leave the sum of their digests as
it was. So each row is written out as the server would send it, and those bytes are hashed to 64 bits as one text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import DIGEST
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, found
from dovetail.systems.sql.quote import column

OLDEST = 140_000
"""The version of the server from which on it can hash a row."""

FIELD = Field(DIGEST, Type(Kind.INTEGER))
"""How a digest travels."""

_SEED = 0x646F7665
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
_UUID_BYTES = 16
_UUID_GROUPS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))


def is_able(session: Session) -> bool:
    """Whether the server can hash a row."""
    return session.connection.info.server_version >= OLDEST


def of_row(dataset: Dataset, stored: Mapping[str, Column], place: exp.Table, fields: Sequence[str]) -> exp.Expression:
    """The digest of a row: of its key and those fields, whatever order they are named in."""
    wanted = {*dataset.key, *fields}
    values = [_value(found(stored, dataset, name), column(name, place)) for name in dataset.names if name in wanted]
    sent = _call("record_send", _call("ROW", *values))
    return _call("hash_record_extended", _call("ROW", sent), exp.Literal.number(_SEED))


def total(digest: exp.Expression, place: exp.Table) -> exp.Select:
    """How many rows there are, and the exclusive-or of their digests."""
    both = _call("bit_xor", digest)
    return exp.Select(expressions=[exp.Count(this=exp.Star()), _call("coalesce", both, exp.Literal.number(0))]).from_(
        place
    )


def is_short(key: Sequence[Field]) -> bool:
    """Whether keys of these parts have a fixed width, so that many are taken in at once."""
    return bool(key) and all(part.type.kind in (Kind.INTEGER, Kind.UUID) and not part.nullable for part in key)


def short(part: Field, value: exp.Expression) -> exp.Expression:
    """A part of such a key as it is selected."""
    return cast(value, "int8") if part.type.kind is Kind.INTEGER else value


def unpack(parts: Iterator[bytes], key: Sequence[Field]) -> Iterator[pa.RecordBatch]:
    """The keys and digests in the answer to a binary `COPY`; whole rows in every part."""
    fields = [*key, FIELD]
    layout = _layout(fields)
    is_first = True
    for part in parts:
        skipped = _HEADER_BYTES if is_first else 0
        rows = np.frombuffer(part, layout, (len(part) - skipped) // layout.itemsize, skipped)
        if not np.all(rows["count"] == len(fields)) or any(np.any(rows[f"size{at}"] < 0) for at in range(len(fields))):
            raise SchemaDrift("a key is empty", where=key[0].name, hint="describe the system again")
        if is_first or len(rows):
            yield pa.RecordBatch.from_arrays(
                [_column(rows[f"v{at}"], one.type.kind) for at, one in enumerate(fields)], [one.name for one in fields]
            )
        is_first = False


def _layout(fields: Sequence[Field]) -> np.dtype[np.void]:
    """One row: the number of values, then for each its length and its bytes."""
    shape: list[tuple[str, str]] = [("count", ">i2")]
    for at, part in enumerate(fields):
        shape += [(f"size{at}", ">i4"), (f"v{at}", f"V{_UUID_BYTES}" if part.type.kind is Kind.UUID else ">i8")]
    return np.dtype(shape)


def _column(values: np.ndarray[Any, np.dtype[Any]], kind: Kind) -> pa.Array:
    if kind is not Kind.UUID:
        return pa.array(values.astype(np.int64))
    digits = np.frombuffer(values.tobytes().hex().encode(), np.uint8).reshape(len(values), 2 * _UUID_BYTES)
    texts = np.full((len(values), 2 * _UUID_BYTES + 4), ord("-"), np.uint8)
    for hyphens, (first, end) in enumerate(_UUID_GROUPS):
        texts[:, first + hyphens : end + hyphens] = digits[:, first:end]
    offsets = np.arange(0, texts.size + 1, texts.shape[1], dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(texts.tobytes()))


def _value(of: Column, held: exp.Expression) -> exp.Expression:
    """What a reader sees of a value: itself, or where a type may have no binary form, its text."""
    return cast(held, "text") if of.stored.kind is Kind.OPAQUE else held


def _call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))
