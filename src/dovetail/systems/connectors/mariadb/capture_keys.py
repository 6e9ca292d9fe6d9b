"""Keys as the server would send them as text, as a batch of the very values that reading the rows would give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from dovetail.model.catalog import Field
from dovetail.model.change import VERSION
from dovetail.systems.connectors.mariadb.capture_triggers import MISSING
from dovetail.systems.connectors.mariadb.capture_values import Part
from dovetail.systems.connectors.mariadb.declared import Declared, logical
from dovetail.systems.connectors.mariadb.gather import gather

Key = Sequence[bytes | None]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def batch(parts: Sequence[Part], keys: Sequence[Key], versions: Sequence[str | None], *, truth: bool) -> pa.RecordBatch:
    """The keys in the carriers of their types, and the version of each; what cannot be carried is null, as when it is
    read. `truth` where `TINYINT(1)` is a truth value."""
    fields = [Field(part.name, logical(Declared(part.declared), truth=truth)) for part in parts]
    columns = [pa.array([key[at] for key in keys], pa.binary()) for at in range(len(parts))]
    carried = gather(columns, fields).select([part.name for part in parts])
    return carried.append_column(VERSION, pa.array(versions, pa.string()))


def unfolded(text: str, parts: Sequence[Part]) -> Key:
    """The parts of a key from the digits that a trigger wrote."""
    found = []
    for part, digits in zip(parts, text.split(","), strict=True):
        held = None if digits == MISSING else bytes.fromhex(digits)
        found.append(_stamp(held) if held is not None and part.base == "timestamp" else held)
    return found


def _stamp(held: bytes) -> bytes:
    """Seconds since 1970, with all their decimals, as a time in UTC."""
    seconds, _, fraction = held.decode().partition(".")
    if not float(held):
        return b"0000-00-00 00:00:00"
    when = _EPOCH + dt.timedelta(seconds=int(seconds))
    return f"{when:%Y-%m-%d %H:%M:%S}{'.' if fraction else ''}{fraction}".encode()
