"""The expressions of the golden files beside this module, and the fields that they read."""

from __future__ import annotations

from pathlib import Path

from dovetail.expression.invert import Inverse, invert
from dovetail.expression.parse import parse
from dovetail.model.type import Kind, Type

SCOPE = {
    "n": Type(Kind.INTEGER),
    "d": Type(Kind.DECIMAL, precision=10, scale=2),
    "kg": Type(Kind.DECIMAL, precision=8, scale=3),
    "r": Type(Kind.DECIMAL),
    "f": Type(Kind.FLOAT),
    "b": Type(Kind.BOOLEAN),
    "t": Type(Kind.TEXT),
    "first": Type(Kind.TEXT),
    "last": Type(Kind.TEXT),
    "a b": Type(Kind.TEXT),
    "mail": Type(Kind.TEXT),
    "day": Type(Kind.DATE),
    "clock": Type(Kind.TIME),
    "ts": Type(Kind.TIMESTAMP),
    "moment": Type(Kind.INSTANT),
    "u": Type(Kind.UUID),
    "j": Type(Kind.JSON),
}
"""The member's fields."""

FILES = sorted(Path(__file__).parent.glob("*.txt"))


def expressions(path: Path) -> list[str]:
    """The expressions of one file: the lines that are neither indented nor comments."""
    return [line for line in path.read_text().splitlines() if line and line[0] not in " #"]


def every() -> list[str]:
    """The expressions of all files."""
    return [text for path in FILES for text in expressions(path)]


def inverse(text: str) -> Inverse:
    """The inverse of an expression over the fields of `SCOPE`, for a shared field named `s`."""
    return invert(parse(text), shared="s", scope=SCOPE)


def shown(path: Path) -> str:
    """The file as it should be: its comments, and under every expression what the code says of it."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("#")]
    for text in expressions(path):
        found = inverse(text)
        lines += ["", text, f"    {found.kind}: {found.reason}"]
        lines += [f"    {name} <- {write}" for name, write in found.writes]
        lines += [f"    {name} <+ {write}" for name, write in found.creates if (name, write) not in found.writes]
        lines += [f"    ? rows that {asked.meaning}: {asked.test}" for asked in found.profile]
    return "\n".join(lines) + "\n"
