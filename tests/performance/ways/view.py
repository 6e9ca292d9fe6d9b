"""A view of the source, for ways that read tables and views but no queries."""

from __future__ import annotations

from tests.performance.ways.task import Task


def made(task: Task) -> str:
    """Make the view, under the name of the target's table; the answer is its SQL."""
    ddl = f"CREATE OR REPLACE VIEW {task.shape.target} AS\n{task.shape.select()};\n"
    task.server.run(ddl, task.source)
    return ddl
