"""Values as JSON text and back, without losing their type, scale or precision."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

_TAG = "$"


def written(value: object) -> str:
    """The value as JSON text; what JSON has no word for is tagged.

    >>> written({"price": Decimal("1.50"), "day": dt.date(2026, 11, 21)})
    '{"price":{"$":"decimal","v":"1.50"},"day":{"$":"date","v":"2026-11-21"}}'
    """
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)


def read(text: str) -> Any:
    """The value that `written` was given (a tuple comes back as a list).

    >>> read(written([Decimal("1.50"), b"ab", None]))
    [Decimal('1.50'), b'ab', None]
    """
    return _value(json.loads(text))


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | bool | int):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_TAG: "float", "v": repr(value)}
    if isinstance(value, Mapping):
        if _TAG in value or not all(isinstance(name, str) for name in value):
            return {_TAG: "map", "v": [[_plain(name), _plain(part)] for name, part in value.items()]}
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    for kind, name, write in _WRITERS:
        if isinstance(value, kind):
            return {_TAG: name, "v": write(value)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept")


def _value(plain: object) -> object:
    if isinstance(plain, list):
        return [_value(part) for part in plain]
    if not isinstance(plain, dict):
        return plain
    if _TAG not in plain:
        return {name: _value(part) for name, part in plain.items()}
    if plain[_TAG] == "map":
        return {_value(name): _value(part) for name, part in plain["v"]}
    return _READERS[plain[_TAG]](plain["v"])


def _delta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_WRITERS: tuple[tuple[type, str, Callable[..., object]], ...] = (
    (Decimal, "decimal", str),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode()),
    (dt.datetime, "datetime", dt.datetime.isoformat),
    (dt.date, "date", dt.date.isoformat),
    (dt.time, "time", dt.time.isoformat),
    (dt.timedelta, "duration", _delta),
    (UUID, "uuid", str),
)
_READERS: dict[str, Callable[..., object]] = {
    "float": float,
    "decimal": Decimal,
    "bytes": base64.b64decode,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "duration": lambda parts: dt.timedelta(*parts),
    "uuid": UUID,
}
