"""pgloader: a view of the source, or CSV files into stage tables; it knows no upsert."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.performance.measure import Command
from tests.performance.ways import staged, view
from tests.performance.ways.task import Steps, Task, Way

_QUERY = """\
LOAD DATABASE
  FROM {source}
  INTO {stock}
  WITH data only, {truncate} create no tables, create no indexes, reset no sequences, no foreign keys
  MATERIALIZE VIEWS public.{target}
  INCLUDING ONLY TABLE NAMES MATCHING '{target}' IN SCHEMA 'public'
;
"""

_FILE = """\
LOAD CSV
  FROM '{file}' ({fields})
  INTO {stock}
  TARGET TABLE public.stage_{table} ({columns})
  WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '"', fields escaped by double-quote
;
"""


def version() -> str:
    """The version that is installed, or `-`."""
    if not shutil.which("pgloader"):
        return "-"
    said = subprocess.run(["pgloader", "--version"], capture_output=True, text=True).stdout
    found = re.search(r'version "([^"]+)"', said)
    return found[1] if found else "-"


def _steps(task: Task) -> Steps | None:
    if task.work == "csv-pg":
        return _files(task)
    if task.work != "pg-pg" or task.load == "upsert":
        return None
    ddl = view.made(task)
    text = _QUERY.format(
        source=task.server.url(task.source),
        stock=task.server.url(task.target),
        truncate="truncate," if task.load != "first" else "",
        target=task.shape.target,
    )
    task.folder.joinpath("rows.load").write_text(text)
    return Steps([_run(task, "rows.load")], {"view.sql": ddl, "rows.load": text})


def _files(task: Task) -> Steps:
    (before, ddl), (after, put) = staged.before(task), staged.after(task)
    written, commands = {"stage.sql": ddl, "put.sql": put}, [before]
    for table, columns in task.shape.tables.items():
        text = _FILE.format(
            file=task.csv(table),
            fields=", ".join(columns),
            columns=", ".join(columns),
            stock=task.server.url(task.target),
            table=table,
        )
        written[f"{table}.load"] = text
        task.folder.joinpath(f"{table}.load").write_text(text)
        commands.append(_run(task, f"{table}.load"))
    return Steps([*commands, after], written)


def _run(task: Task, file: str) -> Command:
    return task.command("pgloader", "--no-ssl-cert-verification", "--root-dir", task.folder / "root", file)


def _missing(homes: Path) -> str:
    return "" if shutil.which("pgloader") else "not installed: apt-get install pgloader"


WAYS = (Way("pgloader", "pgloader", _steps, _missing),)
