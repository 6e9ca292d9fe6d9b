"""Statements with numbered parameters (`?1`) made into text, which is how values travel to the server."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

_PIECES = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|\?(\d+)", re.DOTALL)
_ESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"', "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


def filled(sql: str, parameters: Sequence[object]) -> str:
    r"""The statement with its parameters in their places; what stands in quotes is left alone.

    >>> filled("SELECT `a?1` FROM `t` WHERE `k` = ?1 AND `n` <=> ?2", ["o'clock", None])
    "SELECT `a?1` FROM `t` WHERE `k` = 'o\\'clock' AND `n` <=> NULL"
    """
    if not parameters:
        return sql
    literals = [literal(value) for value in parameters]
    return "".join(literals[piece - 1] if isinstance(piece, int) else piece for piece in pieces(sql))


def literal(value: object) -> str:
    r"""A value as the server reads it in strict mode, without `NO_BACKSLASH_ESCAPES`; floats keep every bit.

    >>> literal(b"\x00a"), literal(1e22), literal(dt.time(1, 2, 3)), literal(True)
    ("X'0061'", '1e+22', "'01:02:03'", '1')
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "1" if value else "0"
        case int():
            return str(value)
        case str():
            return f"'{value.translate(_ESCAPED)}'"
        case bytes() | bytearray() | memoryview():
            return f"X'{bytes(value).hex()}'"
        case Decimal():
            return f"{value:f}"
        case float():
            return _float(value)
        case dt.datetime():
            stamp = value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
            return f"'{stamp.isoformat(sep=' ')}'"
        case dt.date() | dt.time():
            return f"'{value.isoformat()}'"
    raise TypeError(f"{type(value).__name__} is no value of a statement")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("MariaDB has no number that is not finite")
    text = repr(value)
    return text if "e" in text else f"{text}e0"


@lru_cache(maxsize=1000)
def pieces(sql: str) -> tuple[str | int, ...]:
    """A statement taken apart: texts, and the numbers of the parameters between them."""
    parts: list[str | int] = []
    end = 0
    for found in _PIECES.finditer(sql):
        if found.group(1):
            parts += [sql[end : found.start()], int(found.group(1))]
            end = found.end()
    return (*parts, sql[end:])
