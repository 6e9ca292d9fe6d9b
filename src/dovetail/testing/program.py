"""The shipped command line over one project, run in processes of its own that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dovetail.failpoints import FAILPOINTS, TRACE

_MAIN = "from dovetail.cli.main import main; main()"
_DONE = (0, 1)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (negative where a signal ended it), its document and its other words."""

    code: int
    document: Mapping[str, Any]
    words: str

    @property
    def is_done(self) -> bool:
        """Whether it did its work; rows may stand in quarantine."""
        return self.code in _DONE

    @property
    def errors(self) -> list[str]:
        """The codes of the errors that ended it."""
        return [str(error["code"]) for error in self.document.get("errors", [])]

    @property
    def writes(self) -> int:
        """Rows written at any member."""
        mappings = self.document.get("mappings", {}).values()
        members = [member for mapping in mappings for member in mapping["members"].values()]
        return sum(int(member[verb]) for member in members for verb in ("created", "updated", "deleted"))


class Running:
    """A command on its way."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self._process = process
        self._out = out
        self._err = err

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, sign: int) -> None:
        """Send it a signal; nothing happens where it has ended."""
        self._process.send_signal(sign)

    def kill(self) -> None:
        """End it as `kill -9` does; nothing happens where it has ended."""
        self._process.kill()

    def wait(self, timeout_s: float | None = None) -> Ended:
        """How it ended; a command that outlives `timeout_s` is killed and raises `TimeoutError`."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(f"the command did not end within {timeout_s:g} s") from error
        out, err = (_text(file) for file in (self._out, self._err))
        try:
            document = json.loads(out)
        except ValueError:
            return Ended(code, {}, out + err)
        return Ended(code, document, err)


def _text(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Program:
    """The command line over the project in a folder."""

    folder: Path
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 600.0

    def start(
        self,
        command: str,
        *options: str,
        orders: str = "",
        trace: Path | None = None,
        under: Sequence[str] = (),
    ) -> Running:
        """The command, running; `orders` and `trace` are those of `dovetail.failpoints`. `under` is a program that
        starts it, such as a tracer of system calls."""
        chosen = ["--env", self.environment] if self.environment else []
        words = [command, *options, "--project", str(self.folder), "--json", *chosen]
        paths = os.pathsep.join(path for path in sys.path if path)
        surroundings = {**os.environ, "PYTHONPATH": paths, **self.variables, FAILPOINTS: orders}
        surroundings[TRACE] = str(trace) if trace is not None else ""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed when they are read
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*under, sys.executable, "-c", _MAIN, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=surroundings,
        )
        return Running(process, out, err)

    def run(self, command: str, *options: str, orders: str = "", trace: Path | None = None) -> Ended:
        """The command, ended."""
        return self.start(command, *options, orders=orders, trace=trace).wait(self.timeout_s)
