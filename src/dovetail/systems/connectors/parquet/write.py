"""Writes a Parquet file anew, with the schema and the compression that it has, row group by row group."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dovetail.model.carrier import recast
from dovetail.model.catalog import Dataset, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.parquet.read import opened
from dovetail.systems.connectors.parquet.types import carry
from dovetail.systems.files import carry as texts
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.folder import faults
from dovetail.systems.files.plain import plain

_COMPRESSION = "zstd"
_MAGIC = b"PAR1"
_GROUP_ROWS = 2**17
"""Rows of one row group, about, where many are added."""


def unfit(path: Path, rows: pa.RecordBatch, fields: Sequence[Field]) -> dict[int, str]:
    """The rows with a value that the file's type cannot hold exactly, and its field."""
    schema = schema_of(path)
    found: dict[int, str] = {}
    for one in fields:
        given = rows.column(one.name)
        held = carry(stored(given, schema.field(one.name).type), one.type).column
        if one.type.kind in (Kind.TEXT, Kind.UUID):
            held = texts.carry(held, Spelling(one.type)).column
        if held.equals(given):
            continue
        for at, (sent, read) in enumerate(zip(plain(given), plain(held), strict=True)):
            if sent != read or type(sent) is not type(read):
                found.setdefault(at, one.name)
    return found


def stored(given: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A column in the file's own type; what it cannot hold is null."""
    if given.type == wanted:
        return given
    if pa.types.is_dictionary(wanted):
        return stored(given, wanted.value_type).dictionary_encode().cast(wanted)
    if isinstance(wanted, pa.BaseExtensionType):
        inner = _uuids(given) if wanted.extension_name == "arrow.uuid" else stored(given, wanted.storage_type)
        return pa.ExtensionArray.from_storage(wanted, inner)
    if pa.types.is_nested(wanted):
        return pa.nulls(len(given), wanted)
    try:
        return _cast(given, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    values = []
    for at in range(len(given)):
        try:
            values.append(_cast(given.slice(at, 1), wanted)[0])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values.append(pa.scalar(None, wanted))
    return pa.array(values, wanted)


def rewrite(path: Path, beside: Path, edit: Edit) -> None:
    """The file anew, with the edit."""
    with opened(path) as parquet, faults(path.name):
        schema = parquet.schema_arrow
        groups = parquet.metadata.num_row_groups
        compression = parquet.metadata.row_group(0).column(0).compression if groups else _COMPRESSION
        fresh = {name: stored(edit.rows.column(name), schema.field(name).type) for name in edit.rows.schema.names}
        with pq.ParquetWriter(beside, schema, compression=_known(compression)) as writer:
            before = 0
            for group in range(groups):
                table = parquet.read_row_group(group, use_threads=False)
                writer.write_table(_edited(table, before, edit, fresh))
                before += len(table)
            if edit.added:
                writer.write_table(_added(schema, edit, fresh))


def schema_of(path: Path) -> pa.Schema:
    """The types of a file, or of streams that grow beside one."""
    with faults(path.name), path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            with pa.ipc.open_stream(file) as stream:
                return stream.schema
    with opened(path) as parquet:
        return parquet.schema_arrow


def seed(path: Path, beside: Path) -> None:
    """A stream without batches."""
    with faults(beside.name):
        beside.write_bytes(_stream(schema_of(path).empty_table()))


def more(beside: Path, rows: pa.RecordBatch) -> bytes:
    """A stream with these rows."""
    schema = schema_of(beside)
    fresh = {name: stored(rows.column(name), schema.field(name).type) for name in rows.schema.names}
    return _stream(_added(schema, Edit(rows, added=list(range(len(rows)))), fresh))


def added(beside: Path, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
    """The rows of all streams, in their carriers."""
    for batch in _streamed(beside):
        yield pa.RecordBatch.from_arrays(
            [carry(batch.column(one.name), one.type).column for one in fields], [one.name for one in fields]
        )


def ripen(path: Path, beside: Path, ripe: Path) -> None:
    """The file with further row groups; without it the rows of the streams alone."""
    schema = schema_of(beside)
    with ExitStack() as held:
        tables: Iterator[pa.Table] = iter(())
        compression = _COMPRESSION
        if path.exists():
            parquet = held.enter_context(opened(path))
            groups = range(parquet.metadata.num_row_groups)
            tables = (parquet.read_row_group(group, use_threads=False) for group in groups)
            compression = parquet.metadata.row_group(0).column(0).compression if groups else _COMPRESSION
        held.enter_context(faults(ripe.name))
        writer = held.enter_context(pq.ParquetWriter(ripe, schema, compression=_known(compression)))
        for table in tables:
            writer.write_table(table)
        waiting: list[pa.RecordBatch] = []
        for batch in _streamed(beside):
            waiting.append(batch)
            if sum(map(len, waiting)) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _streamed(beside: Path) -> Iterator[pa.RecordBatch]:
    """The batches of all streams that stand one behind the other in a file."""
    with faults(beside.name), beside.open("rb") as file:
        end = beside.stat().st_size
        while file.tell() < end:
            with pa.ipc.open_stream(pa.PythonFile(file, "r")) as stream:
                yield from stream


def make(beside: Path, dataset: Dataset) -> None:
    """A file without rows."""
    schema = pa.schema([pa.field(one.name, one.type.arrow(), nullable=one.nullable) for one in dataset.fields])
    with faults(beside.name):
        pq.write_table(schema.empty_table(), beside, compression=_COMPRESSION)


def _edited(table: pa.Table, before: int, edit: Edit, fresh: dict[str, pa.Array]) -> pa.Table:
    here = range(before, before + len(table))
    changed = {position - before: at for position, at in edit.changed.items() if position in here}
    removed = [position - before for position in edit.removed if position in here]
    if changed:
        places = np.arange(len(table))
        places[list(changed)] = len(table) + np.array(list(changed.values()))
        for name, column in fresh.items():
            at = table.schema.get_field_index(name)
            old = table.column(at)
            both = pa.chunked_array([*_decoded(old), *_decoded(pa.chunked_array([column]))])
            moved = both.take(pa.array(places)).combine_chunks()
            again = stored(moved, old.type) if pa.types.is_dictionary(old.type) else moved
            table = table.set_column(at, table.schema.field(at), pa.chunked_array([again], old.type))
    if removed:
        keep = np.ones(len(table), dtype=np.bool_)
        keep[removed] = False
        table = table.filter(pa.array(keep))
    return table


def _added(schema: pa.Schema, edit: Edit, fresh: dict[str, pa.Array]) -> pa.Table:
    places = pa.array(edit.added, pa.int64())
    arrays = [fresh[one.name].take(places) if one.name in fresh else pa.nulls(len(places), one.type) for one in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _decoded(column: pa.ChunkedArray) -> list[pa.Array]:
    is_coded = pa.types.is_dictionary(column.type)
    return [chunk.dictionary_decode() if is_coded else chunk for chunk in column.chunks]


def _cast(given: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(given.type) and pa.types.is_integer(wanted):
        return recast(given, pa.decimal128(38, 0)).cast(wanted)
    return recast(given, wanted)


def _uuids(given: pa.Array) -> pa.Array:
    values: list[bytes | None] = []
    for text in given.to_pylist():
        try:
            values.append(None if text is None else uuid.UUID(text).bytes)
        except ValueError:
            values.append(None)
    return pa.array(values, pa.binary(16))


def _known(compression: str) -> str:
    return "none" if compression == "UNCOMPRESSED" else compression.lower()
