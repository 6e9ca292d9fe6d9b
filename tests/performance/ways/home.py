"""The peers' programs: each in an environment of its own, outside the repository, with pinned versions."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

_PINNED = Path(__file__).resolve().parents[3] / "requirements"


def made(homes: Path, *names: str) -> str:
    """Make the environments; the answer tells why one could not be made, and is empty where all are there."""
    return next(filter(None, (_made(homes / name, _PINNED / f"bench-{name}.txt") for name in names)), "")


def program(homes: Path, name: str, *parts: str) -> Path:
    """A program of an environment."""
    return (homes / name).joinpath(*(parts or ("bin", name)))


def versions(*names: str) -> str:
    """The pinned version of each peer."""
    texts = {name: (_PINNED / f"bench-{name}.txt").read_text() for name in names}
    wanted = {name: (_PINNED / f"bench-{name}.in").read_text().split()[0] for name in names}
    found = []
    for name, text in texts.items():
        package = wanted[name].partition("==")[0].partition("[")[0]
        pinned = next(line for line in text.splitlines() if line.startswith(f"{package}=="))
        found.append(f"{name} {pinned.split()[0].partition('==')[2]}")
    return ", ".join(found)


def _made(home: Path, pinned: Path) -> str:
    mark = sha256(pinned.read_bytes()).hexdigest()
    said = home / "made"
    if said.exists() and said.read_text() == mark:
        return ""
    print(f"installing {pinned.stem} into {home} (once)", file=sys.stderr, flush=True)
    python = home / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    quick = [[str(uv), "pip", "install", "--quiet", "--system-certs", "--python", str(python)]] if uv.exists() else []
    plain = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, text=True)
        for install in (*quick, plain):
            done = subprocess.run([*install, "--require-hashes", "-r", str(pinned)], capture_output=True, text=True)
            if not done.returncode:
                said.write_text(mark)
                return ""
    except subprocess.CalledProcessError as error:
        return f"no environment: {error.stderr.strip()[-200:]}"
    return f"not installed: {done.stderr.strip()[-200:]}"
