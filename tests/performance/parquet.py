"""Tables of the server as Parquet files, and back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from tests.performance.server import Server

_ARROW = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "numeric(14,2)": pa.decimal128(14, 2),
}
"""What carries a column of that type, in files."""


def write_parquet(server: Server, database: str, table: str, path: Path) -> None:
    """A table as a Parquet file."""
    query = f"SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = '{table}'"
    with psycopg.connect(server.url(database)) as reader:
        told = reader.execute(f"{query}::regclass AND attnum > 0 ORDER BY attnum".encode()).fetchall()
        types = {name: _ARROW[said.replace(" without time zone", "")] for name, said, _ in told}
        schema = pa.schema([pa.field(name, types[name], nullable=not must) for name, _, must in told])
        beside = path.with_suffix(".csv")
        with beside.open("wb") as file, reader.cursor().copy(f"COPY {table} TO STDOUT (FORMAT csv)".encode()) as copy:
            for block in copy:
                file.write(block)
    read = pc.ReadOptions(column_names=list(types))
    how = pc.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    parse = pc.ParseOptions(newlines_in_values=True)
    if not beside.stat().st_size:
        pq.write_table(schema.empty_table(), path)
    else:
        with pq.ParquetWriter(path, schema) as writer:
            for batch in pc.open_csv(beside, read_options=read, parse_options=parse, convert_options=how):
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    beside.unlink()


def read_parquet(server: Server, database: str, table: str, path: Path) -> None:
    """A Parquet file into a table that is there and empty."""
    file = pq.ParquetFile(path)
    names = ", ".join(file.schema_arrow.names)
    into = f"COPY {table} ({names}) FROM STDIN (FORMAT csv)"
    options = pc.WriteOptions(include_header=False)
    with psycopg.connect(server.url(database)) as connection, connection.cursor().copy(into.encode()) as copy:
        for batch in file.iter_batches():
            sink = pa.BufferOutputStream()
            pc.write_csv(batch, sink, options)
            copy.write(sink.getvalue().to_pybytes())
