"""Reads a file as it is at one moment, although others may replace it, or write into it, meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from dovetail.errors import Unreachable
from dovetail.systems.files.known import sign_of
from dovetail.systems.files.place import faults

_TRIES = 20


def steady(find: Callable[[], Path], rows: Callable[[Path], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """The batches of a file, all of one state of it.

    Where it is replaced before the first batch, it is found and read anew; later that does no harm, since the old one
    stays open. Where somebody writes into it, the reading ends with `Unreachable` (DV-351).
    """
    path = Path()
    for _ in range(_TRIES):
        try:
            path = find()
            before = sign_of(path)
            batches = rows(path)
            first = next(batches, None)
            held = _held(path, before)
        except Unreachable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            continue
        if held is None:
            continue
        try:
            if first is not None:
                yield first
            yield from batches
            status = os.fstat(held)
            if (status.st_size, status.st_mtime_ns) != before[2:]:
                raise _restless(path.name)
        finally:
            os.close(held)
        return
    raise _restless(path.name)


def _held(path: Path, sign: tuple[int, ...]) -> int | None:
    """The file, open, if it still is the one of that sign."""
    with faults(path.name):
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    status = os.fstat(number)
    if (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) == sign:
        return number
    os.close(number)
    return None


def _restless(where: str) -> Unreachable:
    return Unreachable(
        "the file was changed while it was read",
        where=where,
        hint="let its writer write under another name and rename it when it is whole, or declare `settle_s`",
        code="DV-351",
    )
