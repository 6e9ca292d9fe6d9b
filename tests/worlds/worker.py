"""The shipped command in a process that is started quickly, so that it can be killed often."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from world import World

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["dovetail.cli.execute", "dovetail.steps.migrate", "dovetail.state.postgres", "dovetail.engine.open", "click.testing",
     "dovetail.systems.connectors.postgres", "dovetail.systems.connectors.sqlite", "dovetail.engine.reconcile"]
)  # fmt: skip


def command(arguments: list[str], variables: dict[str, str], out: str, chunk_rows: int) -> None:
    """Run the command here; its output goes to a file."""
    from dovetail.cli.main import main
    from dovetail.engine import write

    write.CHUNK_ROWS = write.CREATE_ROWS = chunk_rows
    os.environ.update(variables)
    with Path(out).open("w", encoding="utf-8") as file:
        sys.stdout = sys.stderr = file
        main(arguments)


def start(world: World, *, chunk_rows: int = 200, out: str = "out") -> BaseProcess:
    """`dovetail migrate`, running; `exitcode` is its exit code."""
    arguments: list[Any] = [world.command("migrate"), world.variables, str(world.folder / out), chunk_rows]
    process = _SERVER.Process(target=command, args=arguments, daemon=True)
    process.start()
    return process
