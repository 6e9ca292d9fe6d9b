"""CSV files for ways that load a file only as it is: into stage tables first, then computed by the server."""

from __future__ import annotations

from tests.performance.measure import Command
from tests.performance.ways.task import Task


def before(task: Task) -> tuple[Command, str]:
    """Make the stage tables, as the first command; and the SQL that was written for it."""
    stages = ", ".join(f"stage_{table}" for table in task.shape.tables)
    return _psql(task, "stage.sql", f"DROP TABLE IF EXISTS {stages};\n{task.shape.stage_ddl('UNLOGGED')}")


def after(task: Task) -> tuple[Command, str]:
    """Compute the target's rows from the stage tables, as the last command; and its SQL."""
    shape = task.shape
    if task.load == "first":
        text = f"INSERT INTO {shape.target} ({', '.join(shape.columns)})\n{shape.staged_select()};\n"
    else:
        text = shape.upsert(f"\n{shape.staged_select()} WHERE true\n", differing=True) + ";\n"
    return _psql(task, "put.sql", text)


def _psql(task: Task, name: str, text: str) -> tuple[Command, str]:
    task.folder.joinpath(name).write_text(text)
    words = (task.server.program("psql"), "-qX1", "-v", "ON_ERROR_STOP=1", task.server.url(task.target), "-f", name)
    return task.command(*words), text
