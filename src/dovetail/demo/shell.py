"""Runs the shipped commands as a person would: a process each, its answer read from `--json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from dovetail.demo.folder import Place
from dovetail.errors import DovetailError

TIMEOUT_S = 3600.0
"""A command of the demo that takes longer is given up."""

_PROGRAM = "import sys; from dovetail.cli.main import main; sys.exit(main())"


@dataclass(frozen=True)
class Answer:
    """What a command answered: exit code, JSON document (empty where it gave none), and what it wrote for people."""

    command: str
    code: int
    document: dict[str, Any]
    seconds: float
    words: str

    @property
    def writes(self) -> int:
        """Rows that the run wrote, or would write, at any member."""
        return sum(
            count
            for mapping in self.document.get("mappings", {}).values()
            for member in mapping["members"].values()
            for count in member.values()
        )

    def total(self, outcome: str) -> int:
        """Shared rows of all mappings that ended that way."""
        return sum(mapping[outcome] for mapping in self.document.get("mappings", {}).values())


def dovetail(place: Place, *arguments: str, accept: tuple[int, ...] = (0,)) -> Answer:
    """Run one command on the project; raises `DovetailError` where its exit code is none of `accept`."""
    started = perf_counter()
    done = subprocess.run(  # noqa: S603 -- our own program, no shell
        [sys.executable, "-c", _PROGRAM, *arguments, "--project", str(place.folder), "--json"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=os.environ | dict(place.environment),
    )
    seconds = perf_counter() - started
    command = f"dovetail {' '.join(arguments)}"
    if done.returncode not in accept:
        words = (done.stderr or done.stdout).strip()
        raise DovetailError(f"{command} ended with exit code {done.returncode}: {words}", code="DV-791")
    document = json.loads(done.stdout) if done.stdout.lstrip()[:1] in ("{", "[") else {}
    return Answer(command, done.returncode, document, seconds, done.stderr)
