"""Finds secrets that a person wrote out where a placeholder belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dovetail.model.placeholder import blanked, malformed, placeholders
from dovetail.project.locate import Mistakes
from dovetail.project.node import Listing, Node, Scalar, Table

_SECRET_KEY = re.compile(
    r"(?i)(?:.*[_-])?(?:ssl)?(?:password|passwd|passphrase|pwd|secret|token|credentials?|authorization"
    r"|(?:api|access|private|secret)[_-]?key)"
)
_IN_TEXT = re.compile(
    r"(?i)(?:^|[?&;,\s])(?:ssl)?(?:password|passwd|passphrase|pwd|secret|token|(?:api|access)[_-]?key)"
    r"\s*=\s*('[^']*'|[^&;\s]*)"
)
_HOST_AND_PORT = re.compile(r"[\w.\-\[\]]*:[0-9]*")


def check_text(
    mistakes: Mistakes, node: Node | None, *, variables: Mapping[str, str] | None, key: str, system: str = ""
) -> None:
    """Tell secrets written out, placeholders that cannot be read, and variables that are not set (`variables` given).

    Neither secrets nor values of variables are repeated in messages.
    """
    for name, scalar in _scalars(node, key):
        text = blanked(scalar.text)
        is_secret = _SECRET_KEY.fullmatch(name) and scalar.value is not None and text.strip("\x00 ")
        if is_secret or holds_secret(text):
            _tell(mistakes, scalar, f"{system}_{name}" if system else f"{name}_url", whole=not is_secret)
        for _ in malformed(scalar.text):
            hint = "write ${NAME} for a variable of the environment, ${secret:name} for a secret"
            mistakes.add("this placeholder cannot be read", scalar.at, code="DV-151", hint=hint)
            break
        for found in placeholders(scalar.text):
            if variables is not None and not found.is_secret and found.name not in variables:
                hint = f"export {found.name}=... before the command"
                mistakes.add(f"the environment variable {found.name} is not set", scalar.at, code="DV-152", hint=hint)


def no_placeholder(mistakes: Mistakes, node: Node | None, what: str) -> None:
    """Tell placeholders where none is filled in."""
    for _, scalar in _scalars(node, ""):
        if placeholders(scalar.text):
            hint = (
                "placeholders stand in settings of systems and in `state`; for expressions use `vars` of an environment"
            )
            mistakes.add(f"{what} takes no placeholder", scalar.at, code="DV-151", hint=hint)


def holds_secret(text: str) -> bool:
    r"""Whether a text such as a URL holds a password that was written out (placeholders are blanked).

    >>> [holds_secret(text) for text in ("db://u:p@h/d", "db://u:\x00@h/d", "host=h password=p", "http://h:80/a@b")]
    [True, False, True, False]
    """
    if any(found[1].strip("'\x00") for found in _IN_TEXT.finditer(text)):
        return True
    _, sign, rest = text.partition("://")
    user, at, _ = rest.rpartition("@")
    if not sign or not at:
        return False
    name, colon, password = user.partition(":")
    first, slash, _ = user.partition("/")
    if slash and _HOST_AND_PORT.fullmatch(first):
        return False
    return bool(colon and password.strip("\x00") and "/" not in name)


def _scalars(node: Node | None, key: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(node, Scalar):
        yield key, node
    elif isinstance(node, Listing):
        for item in node:
            yield from _scalars(item, key)
    elif isinstance(node, Table):
        for entry in node:
            yield from _scalars(entry.value, entry.name)


def _tell(mistakes: Mistakes, scalar: Scalar, name: str, *, whole: bool) -> None:
    wanted = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "password"
    what = "the whole text" if whole else "the secret"
    places = f".dovetail/secrets/{wanted} or DOVETAIL_SECRET_{wanted.upper()}"
    hint = f"write ${{secret:{wanted}}}, and put {what} into {places}"
    mistakes.add("a secret is written out here, for everybody who reads the file", scalar.at, code="DV-150", hint=hint)
