"""The key of the state, which lives outside of it: in a file that only its owner can read, or in the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from dovetail.state.faults import key_file
from dovetail.state.seal import KEY_BYTES, new_key

VARIABLE = "DOVETAIL_KEY"
"""Environment variable that holds the key (64 hexadecimal digits); it outranks the file."""

FILE = "key"
"""Name of the key file in the project's `.dovetail` folder."""


def read_or_create(folder: Path, environment: Mapping[str, str]) -> bytes:
    """The key of a project's state: from `environment`, else from `folder`/key, which is made when it is missing."""
    if environment.get(VARIABLE):
        return _parsed(environment[VARIABLE], VARIABLE)
    path = folder / FILE
    if not path.exists():
        _create(path)
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise key_file(str(path), "the key file can be read by other accounts", f"chmod 600 {path}")
        return _parsed(path.read_text(encoding="ascii", errors="replace"), str(path))
    except OSError as error:
        raise key_file(str(path), f"the key file cannot be read ({error.strerror})", "look at its rights") from error


def _parsed(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise key_file(
            place, f"a key is {2 * KEY_BYTES} hexadecimal digits", "put back the key that belongs to this state"
        )
    return key


def _create(path: Path) -> None:
    """Write a whole new key file, or leave the one that another process was quicker to write."""
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(new_key().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        raise key_file(
            str(path), f"the key file cannot be made ({error.strerror})", "look at the folder's rights"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
