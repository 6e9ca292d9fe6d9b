"""Nested values as JSON text, exactly: numbers keep their digits, nothing becomes a float."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal


def dump(value: object) -> str:
    """The value as JSON; raises `ValueError` where JSON has no words for it.

    >>> dump({"a": [Decimal("1.10"), None, True], "é": 2**70})
    '{"a": [1.10, null, true], "é": 1180591620717411303424}'
    """
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, str):
        value.encode()
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is infinite, or none")
        return repr(value)
    if isinstance(value, Mapping):
        inner = (f"{_name(name)}: {dump(part)}" for name, part in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, bytes):
        return json.dumps(f"\\x{value.hex()}")
    if isinstance(value, dt.date | dt.time):
        return json.dumps(value.isoformat())
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(dump, value)) + "]"
    raise ValueError("a value that JSON has no words for")


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError("a name that is no text")  # noqa: TRY004 - as for every other value
    return dump(name)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("a number that is infinite, or none")
    return str(value).replace("E", "e")
