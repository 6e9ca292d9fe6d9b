"""The physical limit: what PostgreSQL's own COPY does, without checks, without memory, without a way back."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

from tests.performance.ways.task import EMPTY, Steps, Task, Way


def _shell(task: Task, script: str) -> Steps:
    """A script of the shell, with the programs and addresses that it names; psql reads no settings of the user's."""
    named = {
        "PSQL": task.server.program("psql"),
        "SOURCE_URL": task.server.url(task.source),
        "TARGET_URL": task.server.url(task.target),
    }
    command = task.command("bash", "-c", f"set -euo pipefail\n{script}", **named)
    return Steps([command], {"load.sh": script})


def _out(task: Task, form: str) -> str:
    """The part of the pipe that reads."""
    if task.work == "sqlite-pg":
        return f'sqlite3 -csv -readonly {task.lite} "{task.shape.select()}"'
    return f'"$PSQL" -qX "$SOURCE_URL" -c "COPY ({task.shape.select()}) TO STDOUT {form}"'


def _into(*statements: str) -> str:
    """The part of the pipe that writes, in one transaction."""
    return '"$PSQL" -qX1 -v ON_ERROR_STOP=1 "$TARGET_URL" ' + " ".join(f'-c "{statement}"' for statement in statements)


def _pipe(form: str, *loads: str) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.load not in loads or (task.work == "sqlite-pg" and form):
            return None
        shape, told = task.shape, "(FORMAT csv)" if task.work == "sqlite-pg" else form
        empty = () if task.load in EMPTY else (f"TRUNCATE {shape.target}",)
        copy = f"COPY {shape.target} ({', '.join(shape.columns)}) FROM STDIN {told}"
        return _shell(task, f"{_out(task, form)} \\\n  | {_into(*empty, copy)}")

    return Way("COPY pipe, binary" if form else "COPY pipe", "anchor", steps, works=("pg-pg", "sqlite-pg"))


def _staged(*, differing: bool) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.load in EMPTY:
            return None
        shape, told = task.shape, "(FORMAT csv)" if task.work == "sqlite-pg" else ""
        stage = f"CREATE TEMP TABLE stage (LIKE {shape.target})"
        copy = f"COPY stage ({', '.join(shape.columns)}) FROM STDIN {told}"
        put = shape.upsert(f"SELECT {', '.join(shape.columns)} FROM stage", differing=differing)
        return _shell(task, f"{_out(task, '')} \\\n  | {_into(stage, copy, put)}")

    name = "COPY stage + upsert" + (" of what differs" if differing else "")
    return Way(name, "anchor", steps, works=("pg-pg", "sqlite-pg"))


_TEXT = """\
import sys
import pyarrow.csv as pc
import pyarrow.parquet as pq
options = pc.WriteOptions(include_header=False)
for batch in pq.ParquetFile(sys.argv[1]).iter_batches():
    pc.write_csv(batch, sys.stdout.buffer, options)
"""
"""A Parquet file as CSV."""

_TYPED = """\
import sys
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
schema = pq.read_schema(sys.argv[1])
how = pc.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=True,
                        quoted_strings_can_be_null=False, true_values=["t"], false_values=["f"])
reader = pc.open_csv(sys.stdin.buffer, read_options=pc.ReadOptions(column_names=schema.names),
                     parse_options=pc.ParseOptions(newlines_in_values=True), convert_options=how)
with pq.ParquetWriter(sys.argv[1], schema) as writer:
    for batch in reader:
        writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
"""
"""CSV into a Parquet file that is there and empty."""


def _into_parquet(task: Task) -> Steps | None:
    if task.load == "upsert":
        return None
    task.folder.joinpath("typed.py").write_text(_TYPED)
    out = task.out / f"{task.shape.target}.parquet"
    script = f"""\
"$PSQL" -qX "$SOURCE_URL" -c "COPY ({task.shape.select()}) TO STDOUT (FORMAT csv)" \\
  | {shlex.join([sys.executable, "typed.py", str(out)])}"""
    return Steps(_shell(task, script).commands, {"load.sh": script, "typed.py": _TYPED})


def _file(*, differing: bool) -> Way:
    """CSV or Parquet files copied into temporary tables, and computed there."""

    def steps(task: Task) -> Steps | None:
        if differing and task.load in EMPTY:
            return None
        shape = task.shape
        lines = shape.stage_ddl("TEMP").splitlines()
        lines += [f"\\copy stage_{table} FROM {_given(task, table)}" for table in shape.tables]
        select, names = shape.staged_select(), ", ".join(shape.columns)
        if task.load == "upsert" or differing:
            lines.append(shape.upsert(select + " WHERE true", differing=differing) + ";")
        else:
            lines += [f"TRUNCATE {shape.target};"] if task.load not in EMPTY else []
            lines.append(f"INSERT INTO {shape.target} ({names}) {select};")
        text = "\n".join(line for line in lines if line) + "\n"
        task.folder.joinpath("load.sql").write_text(text)
        script = '"$PSQL" -qX1 -v ON_ERROR_STOP=1 "$TARGET_URL" -f load.sql'
        return Steps(_shell(task, script).commands, {"load.sql": text, "load.sh": script})

    name = "COPY into temp + INSERT SELECT" + (" of what differs" if differing else "")
    return Way(name, "anchor", steps, works=("csv-pg", "parquet-pg"))


def _given(task: Task, table: str) -> str:
    """What psql reads a table from."""
    if task.work == "csv-pg":
        return f"'{task.csv(table)}' (FORMAT csv, HEADER)"
    task.folder.joinpath("text.py").write_text(_TEXT)
    program = shlex.join([sys.executable, "text.py", str(task.files / f"{table}.parquet")])
    return f"PROGRAM '{program}' (FORMAT csv)"


def _into_maria(task: Task) -> Steps | None:
    """COPY piped into LOAD DATA LOCAL; both know the same text."""
    if task.maria is None or task.load == "upsert":
        return None
    shape = task.shape
    empty = "" if task.load in EMPTY else f"TRUNCATE {shape.target}; "
    load = f"{empty}LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {shape.target} ({', '.join(shape.columns)})"
    script = f"""\
"$PSQL" -qX "$SOURCE_URL" -c "COPY ({shape.select(numbered=True)}) TO STDOUT" \\
  | {task.maria.client} {task.target} -e "{load}\""""
    return _with_maria(task, script)


def _from_maria(task: Task) -> Steps | None:
    """The client's own output into COPY; right as long as no text is the word NULL."""
    if task.maria is None or task.load == "upsert":
        return None
    shape = task.shape
    empty = () if task.load in EMPTY else (f"TRUNCATE {shape.target}",)
    copy = f"COPY {shape.target} ({', '.join(shape.columns)}) FROM STDIN (NULL 'NULL')"
    script = f"""\
{task.maria.client} --quick --batch --skip-column-names \\
  --init-command="SET sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT')" {task.source} -e "{shape.maria_select()}" \\
  | {_into(*empty, copy)}"""
    return _with_maria(task, script)


def _with_maria(task: Task, script: str) -> Steps:
    steps = _shell(task, script)
    assert task.maria is not None
    commands = [replace(one, environment={**one.environment, **task.maria.environment}) for one in steps.commands]
    return Steps(commands, steps.written)


WAYS = (
    _pipe("", "for-sync", "first", "again", "changed"),
    Way("COPY into a Parquet writer", "anchor", _into_parquet, works=("pg-parquet",)),
    Way("COPY pipe into LOAD DATA", "anchor", _into_maria, works=("pg-maria",)),
    Way("COPY from the client's output", "anchor", _from_maria, works=("maria-pg",)),
    _pipe("(FORMAT binary)", "first"),
    _file(differing=False),
    _staged(differing=False),
    _staged(differing=True),
    _file(differing=True),
)
"""The first of these that can do a load is the anchor of its block: its time counts as 1.00."""
