"""The base of one shared row as bytes: for each field and member a fingerprint and an agreement number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CELL = np.dtype([("mark", "<u8"), ("agreement", "<u4")])
"""One field at one member: the fingerprint of the value last agreed on, and the number of that agreement (0: none
yet)."""


def pack(base: npt.NDArray[np.void]) -> list[bytes]:
    """The bytes of each row; `base` has the shape (rows, fields, members) and the type `CELL`."""
    width = base.shape[1] * base.shape[2] * CELL.itemsize
    content = np.ascontiguousarray(base).tobytes()
    return [content[at : at + width] for at in range(0, len(content), width)] if width else [b""] * base.shape[0]


def unpack(rows: Sequence[bytes], fields: int, members: int) -> npt.NDArray[np.void]:
    """The cells again, in the shape (rows, fields, members)."""
    return np.frombuffer(b"".join(rows), dtype=CELL).reshape(len(rows), fields, members).copy()
