"""dlt: a pipeline over a query that is computed by the source, by its default way and by its quickest one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.performance.measure import Command
from tests.performance.ways import home, staged
from tests.performance.ways.task import Steps, Task, Way

_DEFAULT = """\
import os
import dlt
import sqlalchemy

COLUMNS = __COLUMNS__ | {name: {"nullable": True, "data_type": "text"} for name in ("_dlt_id", "_dlt_load_id")}

@dlt.resource(name="__TARGET__", primary_key=__KEY__, write_disposition="__MODE__", columns=COLUMNS)
def rows():
    engine = sqlalchemy.create_engine(os.environ["SHOP"])
    with engine.connect() as connection:
        answer = connection.execution_options(stream_results=True).execute(sqlalchemy.text(QUERY))
        while batch := answer.fetchmany(50_000):
            yield [dict(row._mapping) for row in batch]

QUERY = "__SELECT__"
stock = dlt.destinations.postgres(os.environ["STOCK"])
dlt.pipeline("bench", destination=stock, dataset_name="public", pipelines_dir="pipelines").run(rows())
"""

_QUICK = """\
import os
import connectorx
import dlt

@dlt.resource(
    name="__TARGET__", primary_key=__KEY__, write_disposition="__MODE__", columns=__COLUMNS__, file_format="parquet"
)
def rows():
    yield from __EXACT__(connectorx.read_sql(os.environ["SHOP"], QUERY, return_type="arrow_stream", batch_size=50_000))

QUERY = "__SELECT__"
stock = dlt.destinations.postgres(os.environ["STOCK"])
dlt.pipeline("bench", destination=stock, dataset_name="public", pipelines_dir="pipelines").run(rows())
"""

_EXACT = """\
def exact(batches):
    for batch in batches:
        for name, kind in TYPES.items():
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, name, batch.column(at).cast(kind))
        yield batch

TYPES = __TYPES__
"""
"""Decimals of SQLite come as floating point and small integers as large ones, which the loader refuses."""

_FILES = """\
import os
import dlt
from pyarrow import csv

def rows(table):
    null = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    yield from csv.open_csv(
        os.path.join(os.environ["FILES"], table + ".csv"),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=null,
    )

stock = dlt.destinations.postgres(os.environ["STOCK"])
pipeline = dlt.pipeline("bench", destination=stock, dataset_name="public", pipelines_dir="pipelines")
pipeline.run([
    dlt.resource(rows(table), name="stage_" + table, write_disposition="replace", file_format="parquet")
    for table in __TABLES__
])
"""


def _way(name: str, script: str, *, slow: bool) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.work == "csv-pg":
            return None if slow else _files(task)
        shape = task.shape
        columns = {column: _hint(said) for column, said in shape.exact.items()}
        filled = {
            "__TARGET__": shape.target,
            "__KEY__": str(list(shape.key)),
            "__MODE__": "append" if task.load == "first" else "merge",
            "__COLUMNS__": str(columns),
            "__SELECT__": shape.select(),
        }
        text = script.replace("__EXACT__", "")
        exact = _exact(task)
        if exact:
            text = script.replace("__EXACT__", "exact").replace("\n@dlt", f"\n{exact}\n@dlt")
        for mark, value in filled.items():
            text = text.replace(mark, value)
        if task.work == "sqlite-pg":
            source = f"sqlite:///{task.lite}" if slow else f"sqlite://{task.lite}"
        else:
            source = task.server.url(task.source)
            source = source.replace("postgresql:", "postgresql+psycopg2:") if slow else source
        return Steps([_run(task, text, SHOP=source)], {"load.py": text})

    return Way(name, "dlt", steps, _missing, slow=slow)


def _files(task: Task) -> Steps:
    after, put = staged.after(task)
    text = _FILES.replace("__TABLES__", str(list(task.shape.tables)))
    return Steps([_run(task, text, FILES=str(task.files)), after], {"load.py": text, "put.sql": put})


def _run(task: Task, text: str, **named: str) -> Command:
    if task.load in ("first", "upsert"):
        shutil.rmtree(task.folder / "pipelines", ignore_errors=True)
    task.folder.joinpath("load.py").write_text(text)
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(task.folder / "dlt")}
    program = home.program(task.homes, "dlt", "bin", "python")
    return task.command(program, "load.py", STOCK=task.server.url(task.target), **quiet, **named)


def _exact(task: Task) -> str:
    """The part of the script that gives Arrow's columns the types of the table; empty where they have them."""
    types = {column: "pyarrow.int32()" for column, said in task.shape.exact.items() if said == "int"}
    if task.work == "sqlite-pg":
        decimals = {column: said for column, said in task.shape.exact.items() if said.startswith("decimal")}
        types |= {column: f"pyarrow.decimal128{said.removeprefix('decimal')}" for column, said in decimals.items()}
    told = ", ".join(f'"{column}": {kind}' for column, kind in types.items())
    return "import pyarrow\n" + _EXACT.replace("__TYPES__", f"{{{told}}}") if types else ""


def _hint(said: str) -> dict[str, object]:
    """A type as dlt wants to hear it."""
    if said == "timestamp_ntz":
        return {"data_type": "timestamp", "timezone": False}
    plain: dict[str, dict[str, object]] = {
        "boolean": {"data_type": "bool"},
        "date": {"data_type": "date"},
        "int": {"data_type": "bigint", "precision": 32},
    }
    if said in plain:
        return plain[said]
    digits, places = said.removeprefix("decimal(").removesuffix(")").split(",")
    return {"data_type": "decimal", "precision": int(digits), "scale": int(places)}


def _missing(homes: Path) -> str:
    return home.made(homes, "dlt")


WAYS = (_way("dlt, connectorx + parquet", _QUICK, slow=False), _way("dlt, default", _DEFAULT, slow=True))
