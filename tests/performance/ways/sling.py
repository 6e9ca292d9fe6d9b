"""sling: a replication whose query is computed by the source; CSV files go through stage tables."""

from __future__ import annotations

from pathlib import Path

from tests.performance.ways import home, staged
from tests.performance.ways.task import Steps, Task, Way

_QUERY = """\
source: SHOP
target: STOCK
defaults:
  mode: {mode}
  primary_key: [{key}]
  object: public.{target}
streams:
  rows:
    sql: |
      {select}
"""

_FILES = """\
source: LOCAL
target: STOCK
defaults:
  mode: truncate
  object: public.stage_{{stream_file_name}}
  source_options: {{empty_as_null: true}}
streams:
{streams}
"""


def _way(mode: str, *loads: str) -> Way:
    def steps(task: Task) -> Steps | None:
        if task.load not in loads:
            return None
        chosen = "truncate" if task.load == "first" else mode
        if task.work == "csv-pg":
            return _files(task) if mode == "incremental" else None
        text = _QUERY.format(
            mode=chosen, key=", ".join(task.shape.key), target=task.shape.target, select=task.shape.select()
        )
        task.folder.joinpath("replication.yaml").write_text(text)
        source = (
            f"sqlite://{task.lite}" if task.work == "sqlite-pg" else task.server.url(task.source) + "?sslmode=disable"
        )
        return Steps([task.command(*_sling(task), **_named(task, SHOP=source))], {"replication.yaml": text})

    return Way("sling" if mode == "incremental" else "sling, reload", "sling", steps, _missing)


def _files(task: Task) -> Steps:
    text = _FILES.format(streams="\n".join(f'  "file://{task.csv(table)}":' for table in task.shape.tables))
    task.folder.joinpath("replication.yaml").write_text(text)
    (before, ddl), (after, put) = staged.before(task), staged.after(task)
    commands = [before, task.command(*_sling(task), **_named(task)), after]
    return Steps(commands, {"stage.sql": ddl, "replication.yaml": text, "put.sql": put})


def _sling(task: Task) -> tuple[str, ...]:
    return (str(_program(task.homes)), "run", "-r", "replication.yaml")


def _named(task: Task, **others: str) -> dict[str, str]:
    target = task.server.url(task.target) + "?sslmode=disable"
    return {"STOCK": target, "SLING_DISABLE_TELEMETRY": "TRUE", "SLING_HOME_DIR": str(task.folder / "sling"), **others}


def _program(homes: Path) -> Path:
    found = sorted(homes.glob("sling/lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    return found[0] if found else homes / "sling" / "bin" / "sling"


def _missing(homes: Path) -> str:
    return home.made(homes, "sling")


WAYS = (_way("incremental", "first", "again", "changed", "upsert"), _way("truncate", "again", "changed"))
