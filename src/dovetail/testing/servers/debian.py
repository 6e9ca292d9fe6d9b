"""Gets programs out of Debian's packages: installed as root, else unpacked into a folder of the account's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from dovetail.errors import MissingDriver

FETCH_S = 600.0
"""Seconds that one call of Debian's tools may take."""


def folder(*packages: str) -> Path:
    """Where these packages are unpacked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "dovetail" / "debian" / "-".join(packages)


def install(*packages: str) -> None:
    """Install the packages; `MissingDriver` where that cannot be done."""
    _must_have_tools(packages)
    command = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages)
    try:
        _told(*command)
    except MissingDriver:
        _told("apt-get", "update", "--quiet")
        _told(*command)


def fetch(*packages: str) -> None:
    """Unpack the packages, and what they need that is not installed; `MissingDriver` where that cannot be done."""
    _must_have_tools(packages)
    final = folder(*packages)
    if final.is_dir():
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent) as scratch:
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        planned = _told("apt-get", "--simulate", "--no-install-recommends", "install", *packages)
        wanted = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
        _told("apt-get", "download", *(wanted or packages), where=scratch)
        for archive in sorted(Path(scratch).glob("*.deb")):
            _told("dpkg", "--extract", str(archive), str(unpacked))
        if not final.is_dir():
            unpacked.rename(final)


def _must_have_tools(packages: tuple[str, ...]) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        words = f"{packages[0]} is not installed, and this machine has no apt-get that could get it"
        raise MissingDriver(words, hint="install it with this system's own tools")


def _told(*command: str, where: str | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(  # noqa: S603 - our own command, no text from outside
        command, cwd=where, capture_output=True, text=True, check=False, timeout=FETCH_S, env=environment
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).split("\n")[-1]
        hint = "install it by hand, as root: apt-get update && apt-get install mariadb-server-core"
        raise MissingDriver(f"{' '.join(command[:2])} did not get it: {said}", hint=hint)
    return done.stdout
