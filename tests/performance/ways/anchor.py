"""The physical limit: what PostgreSQL's own COPY does, without checks, without memory, without a way back."""

from __future__ import annotations

from tests.performance.ways.task import Steps, Task, Way


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
        if task.work == "csv-pg" or task.load not in loads or (task.work == "sqlite-pg" and form):
            return None
        shape, told = task.shape, "(FORMAT csv)" if task.work == "sqlite-pg" else form
        empty = () if task.load == "first" else (f"TRUNCATE {shape.target}",)
        copy = f"COPY {shape.target} ({', '.join(shape.columns)}) FROM STDIN {told}"
        return _shell(task, f"{_out(task, form)} \\\n  | {_into(*empty, copy)}")

    return Way("COPY pipe, binary" if form else "COPY pipe", "anchor", steps)


def _staged(*, differing: bool) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.work == "csv-pg" or task.load == "first":
            return None
        shape, told = task.shape, "(FORMAT csv)" if task.work == "sqlite-pg" else ""
        stage = f"CREATE TEMP TABLE stage (LIKE {shape.target})"
        copy = f"COPY stage ({', '.join(shape.columns)}) FROM STDIN {told}"
        put = shape.upsert(f"SELECT {', '.join(shape.columns)} FROM stage", differing=differing)
        return _shell(task, f"{_out(task, '')} \\\n  | {_into(stage, copy, put)}")

    return Way("COPY stage + upsert" + (" of what differs" if differing else ""), "anchor", steps)


def _file(*, differing: bool) -> Way:
    """CSV files copied into temporary tables, and computed there."""

    def steps(task: Task) -> Steps | None:
        if task.work != "csv-pg" or (differing and task.load == "first"):
            return None
        shape = task.shape
        lines = shape.stage_ddl("TEMP").splitlines()
        lines += [f"\\copy stage_{table} FROM '{task.csv(table)}' (FORMAT csv, HEADER)" for table in shape.tables]
        select, names = shape.staged_select(), ", ".join(shape.columns)
        if task.load == "upsert" or differing:
            lines.append(shape.upsert(select + " WHERE true", differing=differing) + ";")
        else:
            lines += [f"TRUNCATE {shape.target};"] if task.load != "first" else []
            lines.append(f"INSERT INTO {shape.target} ({names}) {select};")
        text = "\n".join(line for line in lines if line) + "\n"
        task.folder.joinpath("load.sql").write_text(text)
        script = '"$PSQL" -qX1 -v ON_ERROR_STOP=1 "$TARGET_URL" -f load.sql'
        return Steps(_shell(task, script).commands, {"load.sql": text, "load.sh": script})

    return Way("COPY into temp + INSERT SELECT" + (" of what differs" if differing else ""), "anchor", steps)


WAYS = (
    _pipe("", "first", "again", "changed"),
    _pipe("(FORMAT binary)", "first"),
    _file(differing=False),
    _staged(differing=False),
    _staged(differing=True),
    _file(differing=True),
)
"""The first of these that can do a load is the anchor of its block: its time counts as 1.00."""
