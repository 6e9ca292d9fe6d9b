"""Fills in placeholders at the moment a system is opened; what was filled in never shows in a repr.

The secret `name` is the environment variable `DOVETAIL_SECRET_NAME` or, without it, the file
`.dovetail/secrets/name` of the
project, which nobody but its owner may read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dovetail.errors import AccessDenied, DeclarationError
from dovetail.model.placeholder import Placeholder, filled, placeholders

BYTES_MAX = 65_536
"""Bytes of one secret at most."""
FOLDER = Path(".dovetail") / "secrets"
"""Where secrets are kept, relative to the project."""


class Filled(str):
    """A text whose placeholders were filled in: a text like any other, but its repr is `'***'`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def resolve(settings: Mapping[str, object], variables: Mapping[str, str], folder: Path) -> dict[str, object]:
    """The settings with every placeholder filled in, in nested tables and lists too.

    Values are filled in once: what a variable or a secret holds is never read again for placeholders.
    """
    return {name: _resolved(value, variables, folder) for name, value in settings.items()}


def expand(text: str, variables: Mapping[str, str], folder: Path) -> str:
    """One text with every placeholder filled in; raises `DeclarationError` for a variable or a secret that is not
    there."""
    if not placeholders(text):
        return text
    return Filled(filled(text, lambda found: _value(found, variables, folder)))


def variable_of(name: str) -> str:
    """The environment variable that holds a secret.

    >>> variable_of("warehouse-url")
    'DOVETAIL_SECRET_WAREHOUSE_URL'
    """
    return "DOVETAIL_SECRET_" + name.upper().replace("-", "_")


def _resolved(value: object, variables: Mapping[str, str], folder: Path) -> object:
    if isinstance(value, str):
        return expand(value, variables, folder)
    if isinstance(value, Mapping):
        return {name: _resolved(inner, variables, folder) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(inner, variables, folder) for inner in value]
    return value


def _value(found: Placeholder, variables: Mapping[str, str], folder: Path) -> str:
    if found.is_secret:
        return _secret(found.name, variables, folder)
    if found.name not in variables:
        raise DeclarationError(
            f"the environment variable {found.name} is not set",
            where=str(found),
            code="DV-152",
            hint=f"export {found.name}=... before the command",
        )
    return variables[found.name]


def _secret(name: str, variables: Mapping[str, str], folder: Path) -> str:
    variable = variable_of(name)
    if variable in variables:
        return variables[variable]
    place = FOLDER / name
    try:
        handle = os.open(folder / place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DeclarationError(
            f"the secret {name!r} is not in the store",
            where=f"${{secret:{name}}}",
            code="DV-153",
            hint=f"export {variable}=..., or write it into {place} of the project and run: chmod 600 {place}",
        ) from None
    except OSError as error:
        reason = "it is a link" if stat.S_ISLNK((folder / place).lstat().st_mode) else error.strerror
        raise AccessDenied(
            f"the secret in {place} cannot be read: {reason}", code="DV-154", hint=_only_owner(place)
        ) from None
    try:
        _private(os.fstat(handle), place)
        return _text(os.read(handle, BYTES_MAX + 1), place)
    finally:
        os.close(handle)


def _private(status: os.stat_result, place: Path) -> None:
    """Refuse a file that others may read, that another user owns, or that is no file."""
    if not stat.S_ISREG(status.st_mode):
        raise AccessDenied(
            f"{place} is no ordinary file", code="DV-154", hint="write the secret into a file of that name"
        )
    if status.st_uid != os.geteuid():
        raise AccessDenied(f"{place} belongs to another user", code="DV-154", hint=_only_owner(place))
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise AccessDenied(
            f"others may read the secret in {place} (mode {mode:04o})", code="DV-154", hint=_only_owner(place)
        )


def _text(content: bytes, place: Path) -> str:
    if len(content) > BYTES_MAX:
        raise DeclarationError(
            f"{place} has more than {BYTES_MAX} bytes", code="DV-154", hint="a secret stands alone in its file"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise DeclarationError(f"{place} is not UTF-8", code="DV-154", hint="save it as UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\x00" in text:
        raise DeclarationError(f"{place} holds no secret", code="DV-154", hint="write the secret into it, alone")
    return text


def _only_owner(place: Path) -> str:
    return f"run as its owner: chmod 600 {place}"
