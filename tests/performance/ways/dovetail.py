"""Dovetail: the shipped command in a project's folder, with checks, cross-reference, ledger and journal on."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.performance.ways.task import EMPTY, WORKS, Steps, Task, Way

_LAUNCH = "import sys; from dovetail.cli.main import main; sys.exit(main())"

_SOURCES = {
    "pg": "    connector: postgres\n    url: ${SOURCE_URL}\n",
    "maria": "    connector: mariadb\n    url: ${SOURCE_URL}\n",
    "sqlite": "    connector: sqlite\n    path: ${SOURCE_FILE}\n",
    "csv": "    connector: csv\n    path: ${SOURCE_FOLDER}\n    datasets:\n",
    "parquet": "    connector: parquet\n    path: ${SOURCE_FOLDER}\n    datasets:\n",
}
_TARGETS = {
    "pg": "    connector: postgres\n    url: ${TARGET_URL}\n",
    "maria": "    connector: mariadb\n    url: ${TARGET_URL}\n",
    "parquet": "    connector: parquet\n    path: ${TARGET_FOLDER}\n    datasets:\n",
}

_PROJECT = """\
dovetail: 1
project: benchmark
systems:
  shop:
__SHOP__  stock:
__STOCK__"""


def _launcher() -> list[str]:
    """The installed command; in a tree without installation, the same by its function."""
    shipped = Path(sys.executable).with_name("dovetail")
    return [str(shipped)] if shipped.exists() else [sys.executable, "-c", _LAUNCH]


def _steps(task: Task) -> Steps | None:
    source, target = task.ends
    project = task.folder / "project"
    if task.load in (*EMPTY, "upsert"):
        shutil.rmtree(project, ignore_errors=True)
    (project / "mappings").mkdir(parents=True, exist_ok=True)
    shop = _SOURCES[source] + _keys(task.shape.keys if source in ("csv", "parquet") else {})
    stock = _TARGETS[target] + _keys(task.shape.files if target == "parquet" else {})
    files = {"dovetail.yaml": _PROJECT.replace("__SHOP__", shop).replace("__STOCK__", stock)}
    files |= {f"mappings/{name}": text for name, text in task.shape.mappings.items()}
    for name, text in files.items():
        project.joinpath(name).write_text(text)
    allow = ["--allow", str(task.rows)] if task.load in ("changed", "upsert") else []
    allow += ["--for-sync"] if task.load == "for-sync" else []
    servers = {"maria": task.maria}
    environment = {
        "SOURCE_URL": (servers.get(source) or task.server).url(task.source),
        "TARGET_URL": (servers.get(target) or task.server).url(task.target),
        "TARGET_FOLDER": str(task.out),
        "SOURCE_FILE": str(task.lite),
        "SOURCE_FOLDER": str(task.files),
    }
    launcher = _launcher()
    if len(launcher) > 1:
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    command = task.command(*launcher, "migrate", "--project", project, "--json", *allow, **environment)
    _scripts(task, project, [*launcher, "migrate"], environment)
    return Steps([command], files, options=sum(word.startswith("--") for word in allow))


def _keys(declared: Mapping[str, tuple[str, ...]]) -> str:
    """The keys of files, which are declared."""
    return "".join(f"      {name}: {{key: [{', '.join(key)}]}}\n" for name, key in declared.items())


def _scripts(task: Task, project: Path, words: list[str], environment: dict[str, str]) -> None:
    """What a person who looks for the time needs: the same command again, and the state before the first load."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    run = f'cd "$(dirname "$0")"\n{exports}exec ${{WITH:-}} {shlex.join(words)} "$@"\n'
    empty = f"TRUNCATE {task.shape.target}"
    project.joinpath("run.sh").write_text(run)
    if task.ends[1] != "pg":
        return
    psql = shlex.join([task.server.program("psql"), environment["TARGET_URL"], "-qXc", empty])
    project.joinpath("fresh.sh").write_text(f'cd "$(dirname "$0")" && rm -rf .dovetail\n{psql}\n')


def _kept(task: Task) -> Path:
    return task.folder / "project" / ".dovetail"


WAYS = (Way("Dovetail", "dovetail", _steps, works=WORKS, kept=_kept),)
