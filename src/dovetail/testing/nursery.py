"""The shipped command in processes that begin at once: forked from one that has imported everything already."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from dovetail import failpoints
from dovetail.failpoints import FAILPOINTS, TRACE
from dovetail.testing.program import Program, Running

PRELOADED = (
    "dovetail.cli.execute",
    "dovetail.cli.sync",
    "dovetail.engine.open",
    "dovetail.state.postgres",
    "dovetail.steps.sync",
    "dovetail.steps.verify",
    "dovetail.systems.connectors.mariadb",
    "dovetail.systems.connectors.postgres",
    "dovetail.systems.connectors.sqlite",
    "duckdb",
    "psycopg",
)
"""What every process would import first."""


@dataclass(frozen=True, slots=True)
class Nursery(Program):
    """The command line over the project in a folder, as `Program`, but that a process costs next to nothing to begin.

    What the interpreter itself does at its start, such as a `sitecustomize`, happens once for all of them."""

    def start(
        self,
        command: str,
        *options: str,
        orders: str = "",
        trace: Path | None = None,
        under: Sequence[str] = (),
    ) -> Running:
        """The command, running; `under` another program it begins as ever."""
        if under:
            return Program.start(self, command, *options, orders=orders, trace=trace, under=under)
        chosen = ["--env", self.environment] if self.environment else []
        words = [command, *options, "--project", str(self.folder), "--json", *chosen]
        surroundings = {**os.environ, **self.variables, FAILPOINTS: orders, TRACE: str(trace or "")}
        out, err = (tempfile.NamedTemporaryFile() for _ in range(2))  # noqa: SIM115 - closed when they are read
        process = _server().Process(target=_live, args=(words, surroundings, (out.name, err.name)), daemon=True)
        process.start()
        return Running(_Forked(process), out, err)  # type: ignore[arg-type]


class _Forked:
    """A forked process, spoken to as one of `subprocess`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sign: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("dovetail", timeout or 0.0)
        return code


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _live(words: Sequence[str], surroundings: Mapping[str, str], files: tuple[str, str]) -> None:
    """One life of the command, in its own process."""
    for number, name in enumerate(files, start=1):
        file = os.open(name, os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(surroundings)
    failpoints.arm(os.environ)
    sys.argv = ["dovetail", *words]
    runpy.run_module("dovetail", run_name="__main__")
