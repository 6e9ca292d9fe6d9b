"""Reading large tables by ADBC: binary rows become Arrow columns in the driver's own code, ahead of whoever reads them.

The driver waits without a deadline. So it works in a thread of its own, which is left to itself when nothing came in
time. Where it cannot be used, rows come as text; nothing but the speed differs.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Overdue
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import DIGEST
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.carry import carry, finish
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column

ROWS_MIN = 50_000
"""Tables of fewer rows are read as text: another connection would cost more than it brings."""

_NATIVE = {
    Kind.BOOLEAN: "bool",
    Kind.INTEGER: "int8",
    Kind.FLOAT: "float8",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.INSTANT: "timestamptz",
}
_HINT_BYTES = "1048576"
_AHEAD = 2
_GOODBYE_S = 3.0
_LOOK_S = 0.2
_END = object()


_ROW_BYTES = 100
_SIZE = "SELECT pg_relation_size(to_regclass($1))"


def is_large(session: Session, dataset: Dataset, place: exp.Table) -> bool:
    """Whether it pays to read a table so: by the system's estimate of its rows, or where it has none, by its size."""
    if dataset.kind is not DatasetKind.TABLE:
        return False
    if dataset.rows is not None:
        return dataset.rows >= ROWS_MIN
    size = session.rows(_SIZE, [POSTGRES.sql(place)])[0][0]
    return size is not None and int(size) >= ROWS_MIN * _ROW_BYTES


class Unable(Exception):
    """The driver cannot give these rows; nothing has been read yet."""


def read(
    session: Session, tree: exp.Select, fields: Sequence[Field], *, settings: Mapping[str, str], sizes: tuple[int, int]
) -> Iterator[pa.RecordBatch]:
    """The answer of a statement over one table, whose columns are those fields, in batches of that many rows and bytes.

    The driver has a connection of its own, settled like the session. Until it holds the table, the session keeps its
    columns as they are."""
    session.rows(tree.limit(0))
    swift, place = tree.copy(), tree.args["from_"].this
    chosen = [_selected(one, each, place) for one, each in zip(fields, tree.expressions, strict=True)]
    swift.set("expressions", chosen)
    asked = Asked(session.address, _settled(session.settings, settings), POSTGRES.sql(swift), _schema(fields), *sizes)
    is_first = True
    for batch in stream(asked, session.timeout_s):
        session.renew()
        if is_first:
            session.rows("COMMIT")
        is_first = False
        yield finish(batch.columns, fields)
        session.renew()
    if is_first:
        yield carry(b"", fields)


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, the columns that its answer must have, and how many of its rows make one batch."""

    address: str
    settings: tuple[str, ...]
    sql: str
    schema: pa.Schema
    rows_max: int
    bytes_max: int


def _selected(field: Field, chosen: exp.Expression, place: exp.Table) -> exp.Expression:
    """What is selected so that a field comes exactly: decimals and what has no binary carrier as texts; a digest as it
    was chosen."""
    if field.name == DIGEST:
        return chosen.copy()
    return cast(column(field.name, place), _NATIVE.get(field.type.kind, "text"))


def _schema(fields: Sequence[Field]) -> pa.Schema:
    """The columns in which those fields come."""
    return pa.schema([(one.name, pa.string() if one.type.kind is Kind.DECIMAL else one.type.arrow()) for one in fields])


def _settled(fixed: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """The statements that settle a connection: what changes the meaning of texts first, then what was given."""
    limits = {"statement_timeout": "0", "default_transaction_read_only": "on"}
    return tuple(_setting(part) for part in ({**fixed, **limits}, given) if part)


def _setting(values: Mapping[str, str]) -> str:
    calls = [
        exp.Anonymous(this="set_config", expressions=[exp.Literal.string(name), exp.Literal.string(value), exp.false()])
        for name, value in values.items()
    ]
    return POSTGRES.sql(exp.Select(expressions=[exp.alias_(one, f"s{at}") for at, one in enumerate(calls)]))


def stream(asked: Asked, timeout_s: float) -> Iterator[pa.RecordBatch]:
    """The answer. `Unable` may come instead of the first batch, the driver's errors as psycopg's after it."""
    box: queue.Queue[object] = queue.Queue(_AHEAD)
    stopped = threading.Event()
    worker = threading.Thread(target=_work, args=(asked, box, stopped), name="dovetail-read", daemon=True)
    worker.start()
    is_first, is_stuck = True, False
    try:
        while True:
            try:
                came = box.get(timeout=timeout_s)
            except queue.Empty:
                is_stuck = True
                hint = "timeout_s gives more time"
                raise Overdue(f"no answer within {timeout_s:g} s; the connection was left", hint=hint) from None
            if isinstance(came, Exception):
                if is_first:
                    raise Unable from came
                raise _translated(came) from came
            if came is _END:
                return
            assert isinstance(came, pa.RecordBatch)
            yield came
            is_first = False
    finally:
        stopped.set()
        if not is_stuck:
            worker.join(_GOODBYE_S)


def _translated(error: Exception) -> Exception:
    """The driver's error as one of psycopg's, which the session around knows how to tell."""
    state = getattr(error, "sqlstate", None)
    if not state:
        return psycopg.OperationalError("the connection was lost")
    try:
        return psycopg.errors.lookup(state)("the reading broke off")
    except KeyError:
        return psycopg.DatabaseError("the reading broke off")


def _work(asked: Asked, box: queue.Queue[object], stopped: threading.Event) -> None:
    """Read ahead until the end, or until nobody listens."""
    try:
        with contextlib.closing(_rows(asked)) as rows:
            for batch in rows:
                if not _put(box, batch, stopped):
                    return
    except Exception as error:  # noqa: BLE001 - told to the reader
        _put(box, error, stopped)
    else:
        _put(box, _END, stopped)


def _put(box: queue.Queue[object], thing: object, stopped: threading.Event) -> bool:
    while not stopped.is_set():
        with contextlib.suppress(queue.Full):
            box.put(thing, timeout=_LOOK_S)
            return True
    return False


def _rows(asked: Asked) -> Generator[pa.RecordBatch]:
    """The rows in batches of the size asked for."""
    import adbc_driver_manager as driver
    import adbc_driver_postgresql  # type: ignore[import-untyped]

    path = adbc_driver_postgresql._driver_path()  # noqa: SLF001 - the other way in loads pandas where it is installed
    with driver.AdbcDatabase(driver=path, uri=asked.address) as database, driver.AdbcConnection(database) as connection:
        with driver.AdbcStatement(connection) as statement:
            for setting in asked.settings:
                _answer(statement, setting).read_all()
        with driver.AdbcStatement(connection) as statement:
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _HINT_BYTES})
            with _answer(statement, asked.sql) as reader:
                if reader.schema.types != asked.schema.types:
                    raise Unable
                yield from _gathered(reader, asked)


def _answer(statement: Any, sql: str) -> pa.RecordBatchReader:
    statement.set_sql_query(sql)
    handle, _ = statement.execute_query()
    return pa.RecordBatchReader._import_from_c(handle.address)  # noqa: SLF001 - how the driver hands answers over


def _gathered(reader: pa.RecordBatchReader, asked: Asked) -> Iterator[pa.RecordBatch]:
    """The driver's small batches in larger ones."""
    held = asked.schema.empty_table()
    for part in reader:
        named = pa.Table.from_arrays(part.columns, schema=asked.schema)
        held = pa.concat_tables([held, named])
        while held.num_rows >= asked.rows_max or (held.num_rows and held.nbytes >= asked.bytes_max):
            yield _whole(held.slice(0, asked.rows_max))
            held = held.slice(asked.rows_max)
    if held.num_rows:
        yield _whole(held)


def _whole(table: pa.Table) -> pa.RecordBatch:
    batches: list[pa.RecordBatch] = table.combine_chunks().to_batches()
    return batches[0]
