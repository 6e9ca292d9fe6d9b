"""Dovetail: the shipped command in a project's folder, with checks, cross-reference, ledger and journal on."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from tests.performance.ways.task import Steps, Task, Way

from dovetail.systems import registry

_LAUNCH = "import sys; from dovetail.cli.main import main; sys.exit(main())"

_SYSTEMS = {
    "pg-pg": "    connector: postgres\n    url: ${SOURCE_URL}\n",
    "sqlite-pg": "    connector: sqlite\n    path: ${SOURCE_FILE}\n",
    "csv-pg": "    connector: csv\n    path: ${SOURCE_FOLDER}\n    datasets:\n",
}

_PROJECT = """\
dovetail: 1
project: benchmark
systems:
  shop:
__SHOP__  stock:
    connector: postgres
    url: ${TARGET_URL}
"""


def _launcher() -> list[str]:
    """The installed command; in a tree without installation, the same by its function."""
    shipped = Path(sys.executable).with_name("dovetail")
    return [str(shipped)] if shipped.exists() else [sys.executable, "-c", _LAUNCH]


def _steps(task: Task) -> Steps | None:
    if task.work == "csv-pg" and "csv" not in registry.names():
        return None
    project = task.folder / "project"
    if task.load in ("first", "upsert"):
        shutil.rmtree(project, ignore_errors=True)
    (project / "mappings").mkdir(parents=True, exist_ok=True)
    files = {"dovetail.yaml": _PROJECT.replace("__SHOP__", _system(task))}
    files |= {f"mappings/{name}": text for name, text in task.shape.mappings.items()}
    for name, text in files.items():
        project.joinpath(name).write_text(text)
    allow = ["--allow", str(task.rows)] if task.load in ("changed", "upsert") else []
    environment = {
        "SOURCE_URL": task.server.url(task.source),
        "TARGET_URL": task.server.url(task.target),
        "SOURCE_FILE": str(task.lite),
        "SOURCE_FOLDER": str(task.files),
    }
    launcher = _launcher()
    if len(launcher) > 1:
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    command = task.command(*launcher, "migrate", "--project", project, "--json", *allow, **environment)
    _scripts(task, project, [*launcher, "migrate"], environment)
    return Steps([command], files, options=len(allow) // 2)


def _system(task: Task) -> str:
    """The source; of files, the keys are declared."""
    keys = task.shape.keys.items() if task.work == "csv-pg" else ()
    return _SYSTEMS[task.work] + "".join(f"      {name}: {{key: [{', '.join(key)}]}}\n" for name, key in keys)


def _scripts(task: Task, project: Path, words: list[str], environment: dict[str, str]) -> None:
    """What a person who looks for the time needs: the same command again, and the state before the first load."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    run = f'cd "$(dirname "$0")"\n{exports}exec ${{WITH:-}} {shlex.join(words)} "$@"\n'
    empty = f"TRUNCATE {task.shape.target}"
    psql = shlex.join([task.server.program("psql"), environment["TARGET_URL"], "-qXc", empty])
    project.joinpath("run.sh").write_text(run)
    project.joinpath("fresh.sh").write_text(f'cd "$(dirname "$0")" && rm -rf .dovetail\n{psql}\n')


WAYS = (Way("Dovetail", "dovetail", _steps),)
