"""Singer: tap-postgres reads a view of the source, target-postgres puts the rows; the two speak JSON lines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.performance.ways import home, view
from tests.performance.ways.task import Steps, Task, Way


def _steps(task: Task) -> Steps | None:
    if task.work != "pg-pg":
        return None
    ddl = view.made(task)
    stream = f"public-{task.shape.target}"
    files = {
        "tap.json": _json(sqlalchemy_url=task.server.url(task.source), filter_schemas=["public"]),
        "target.json": _json(
            sqlalchemy_url=task.server.url(task.target).replace("postgresql:", "postgresql+psycopg:"),
            default_target_schema="public",
            add_record_metadata=False,
            activate_version=False,
            load_method="upsert",
            use_copy=True,
        ),
        "choice.json": _json(stream=stream, key=list(task.shape.key), method="FULL_TABLE"),
    }
    for name, text in files.items():
        task.folder.joinpath(name).write_text(text)
    tap = home.program(task.homes, "tap-postgres")
    target = home.program(task.homes, "target-postgres")
    _discover(task, tap, stream)
    script = f"set -euo pipefail\n{tap} --config tap.json --catalog catalog.json | {target} --config target.json"
    return Steps([task.command("bash", "-c", script)], files | {"view.sql": ddl, "run.sh": script})


def _discover(task: Task, tap: Path, stream: str) -> None:
    """Ask the tap for its catalog, and choose the stream in it, as a person does once."""
    words = [str(tap), "--config", "tap.json", "--discover"]
    done = subprocess.run(words, cwd=task.folder, check=True, capture_output=True, text=True)
    catalog = json.loads(done.stdout)
    for entry in catalog["streams"]:
        wanted = entry["tap_stream_id"] == stream
        whole = next(part["metadata"] for part in entry["metadata"] if not part["breadcrumb"])
        whole["selected"] = wanted
        if wanted:
            key = list(task.shape.key)
            entry |= {"key_properties": key, "replication_method": "FULL_TABLE"}
            whole |= {"table-key-properties": key, "view-key-properties": key, "replication-method": "FULL_TABLE"}
    task.folder.joinpath("catalog.json").write_text(json.dumps(catalog))


def _json(**settings: object) -> str:
    return json.dumps(settings, indent=2) + "\n"


def _missing(homes: Path) -> str:
    return home.made(homes, "tap-postgres", "target-postgres")


WAYS = (Way("Singer tap and target", "singer", _steps, _missing, slow=True),)
