"""ingestr: a query that is computed by the source; CSV files go through stage tables."""

from __future__ import annotations

from pathlib import Path

from tests.performance.measure import Command
from tests.performance.ways import home, staged
from tests.performance.ways.task import Steps, Task, Way


def _way(strategy: str, *loads: str) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.load not in loads or (task.work == "csv-pg" and strategy != "merge"):
            return None
        if task.work == "csv-pg":
            return _files(task)
        chosen = "append" if task.load == "first" else strategy
        source = (
            f"sqlite:///{task.lite}" if task.work == "sqlite-pg" else task.server.url(task.source) + "?sslmode=disable"
        )
        keys = [word for name in task.shape.key for word in ("--primary-key", name)]
        types = ["--columns", ",".join(f"{name}:{said}" for name, said in task.shape.exact.items())]
        command = _ingest(task, source, f"query:{task.shape.select()}", task.shape.target, chosen, *keys, *types)
        return Steps([command], {}, options=_options(command))

    return Way("ingestr" if strategy == "merge" else "ingestr, reload", "ingestr", steps, _missing)


def _files(task: Task) -> Steps:
    (before, ddl), (after, put) = staged.before(task), staged.after(task)
    loads = [
        _ingest(task, f"csv://{task.csv(table)}", table, f"stage_{table}", "append") for table in task.shape.tables
    ]
    options = sum(_options(command) for command in loads)
    return Steps([before, *loads, after], {"stage.sql": ddl, "put.sql": put}, options=options)


def _ingest(task: Task, source: str, table: str, target: str, strategy: str, *others: str) -> Command:
    words = ["--source-uri", source, "--source-table", table, "--dest-table", f"public.{target}"]
    words += ["--dest-uri", task.server.url(task.target) + "?sslmode=disable", "--incremental-strategy", strategy]
    words += [
        "--schema-naming",
        "direct",
        "--pipelines-dir",
        str(task.folder / "pipelines"),
        "--progress",
        "log",
        "--yes",
    ]
    program = home.program(task.homes, "ingestr")
    return task.command(program, "ingest", *words, *others, INGESTR_DISABLE_TELEMETRY="true")


def _options(command: Command) -> int:
    return sum(1 for word in command.words if word.startswith("--"))


def _missing(homes: Path) -> str:
    return home.made(homes, "ingestr")


WAYS = (_way("merge", "first", "again", "changed", "upsert"), _way("truncate+insert", "again", "changed"))
