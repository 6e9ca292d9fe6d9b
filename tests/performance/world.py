"""The source in its three forms, and the targets; everything here happens outside the measured time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from tests.performance.parquet import write_parquet
from tests.performance.server import Server
from tests.performance.shape import Shape

_BATCH = 10_000


def make_source(server: Server, shape: Shape, database: str, rows: int) -> None:
    """The source's tables on the server, filled."""
    server.create(database)
    server.run(shape.source_ddl, database)
    server.run(shape.fill.format(rows=rows), database)
    server.settle(database, *shape.tables)


def make_files(server: Server, shape: Shape, database: str, folder: Path, work: str) -> None:
    """The source's tables as the files that the work reads."""
    if work == "csv-pg":
        _write_csv(server, shape, database, folder)
    if work == "sqlite-pg":
        _write_lite(server, shape, database, folder)
    if work == "parquet-pg":
        for table in shape.tables:
            write_parquet(server, database, table, folder / f"{table}.parquet")


def change(server: Server, shape: Shape, database: str, *, folder: Path, work: str, part: int) -> None:
    """Change one row in a hundred of the source, in the form that the work reads, too."""
    statement = shape.change.format(part=part)
    server.run(statement, database)
    server.settle(database, shape.source)
    if work == "csv-pg":
        _write_csv(server, shape, database, folder)
    if work == "parquet-pg":
        write_parquet(server, database, shape.source, folder / f"{shape.source}.parquet")
    if work == "sqlite-pg":
        with closing(sqlite3.connect(folder / f"{shape.name}.db")) as lite:
            lite.execute(statement)
            lite.commit()


def make_target(server: Server, shape: Shape, database: str) -> None:
    """An empty target."""
    server.create(database)
    server.run(shape.target_ddl, database)
    server.settle(database, shape.target)


def make_filled(server: Server, shape: Shape, source: str, target: str, *, older: bool) -> None:
    """A target that holds all rows; with `older`, every second one in an older version."""
    make_target(server, shape, target)
    names = ", ".join(shape.columns)
    with psycopg.connect(server.url(source)) as reader, psycopg.connect(server.url(target)) as writer:
        out = f"COPY ({shape.select(older=older)}) TO STDOUT (FORMAT binary)"
        into = f"COPY {shape.target} ({names}) FROM STDIN (FORMAT binary)"
        with reader.cursor().copy(out.encode()) as read, writer.cursor().copy(into.encode()) as write:
            for block in read:
                write.write(block)
    server.settle(target, shape.target)


def _write_csv(server: Server, shape: Shape, database: str, folder: Path) -> None:
    with psycopg.connect(server.url(database)) as reader:
        for table, fields in shape.tables.items():
            order = ", ".join(shape.keys[table])
            # Truths in words: `t` and `f` are PostgreSQL's own, and other programs take them for texts.
            cells = ", ".join(f"{name}::text" if said == "boolean" else name for name, said in fields.items())
            query = f"COPY (SELECT {cells} FROM {table} ORDER BY {order}) TO STDOUT (FORMAT csv, HEADER)"
            with (folder / f"{table}.csv").open("wb") as file, reader.cursor().copy(query.encode()) as copy:
                for block in copy:
                    file.write(block)


def _write_lite(server: Server, shape: Shape, database: str, folder: Path) -> None:
    file = folder / f"{shape.name}.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as lite, psycopg.connect(server.url(database)) as reader:
        lite.executescript(shape.lite_ddl)
        for table, fields in shape.tables.items():
            order = ", ".join(shape.keys[table])
            marks = ", ".join("?" for _ in fields)
            with reader.cursor(name="whole") as cursor:
                cursor.execute(f"SELECT {', '.join(fields)} FROM {table} ORDER BY {order}".encode())
                while batch := cursor.fetchmany(_BATCH):
                    rows = [tuple(map(_plain, row)) for row in batch]
                    lite.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        lite.commit()


def _plain(value: Any) -> Any:
    """A value as SQLite keeps it: dates and times as ISO text."""
    return value if value is None or isinstance(value, int | float | str) else str(value)
