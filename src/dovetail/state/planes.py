"""Columns of numbers, texts and base cells as compressed bytes, and back."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.merge.packed import CELL

PLANE_BYTES_MAX = 512 * 1024 * 1024
"""Bytes at most that one plane may unpack to."""

_CODEC = pa.Codec("zstd", compression_level=1)
_HEAD = struct.Struct("<I")
_WIDTHS = ("<i1", "<i2", "<i4", "<i8")

Numbers = npt.NDArray[np.int64]
"""Whole numbers of eight bytes."""

Flags = npt.NDArray[np.bool_]
"""Yes or no for each place."""

Cells = npt.NDArray[np.void]
"""Base cells in the shape (rows, fields, members)."""


class Packing:
    """Planes that are put one after the other, and then written as one text of bytes that ends in a head which says
    where each is. What comes first is as good as random, so PostgreSQL does not try to compress it again."""

    def __init__(self) -> None:
        self._bodies: list[bytes | memoryview] = []
        self._head: dict[str, Any] = {}

    def numbers(self, name: str, values: Numbers) -> None:
        """Whole numbers, by their differences; a sequence of equal steps takes no room."""
        self._head[name] = self._numbers(values)

    def plain(self, name: str, values: Numbers) -> None:
        """Whole numbers as they are."""
        self._head[name] = self._body(_bytes_of(values.astype("<i8", copy=False)), squeeze=False)

    def texts(self, name: str, values: pa.Array) -> None:
        """Texts without nulls."""
        offsets, content = text_buffers(values)
        self._head[name] = {
            "lengths": self._numbers(np.diff(offsets).astype(np.int64)),
            "content": self._body(content, squeeze=True),
        }

    def holes(self, name: str, values: pa.Array) -> None:
        """Where an array has values and where it has none."""
        present = np.asarray(values.is_valid())
        self._head[name] = None if present.all() else self._body(np.packbits(present).tobytes(), squeeze=True)

    def cells(self, name: str, cells: Cells) -> None:
        """Base cells: one plane for each field, member and part; a plane that another of its field repeats is stored
        once."""
        planes: list[dict[str, Any]] = []
        for part in ("mark", "agreement"):
            for field in range(cells.shape[1]):
                seen: list[tuple[npt.NDArray[Any], int]] = []
                for member in range(cells.shape[2]):
                    plane = np.ascontiguousarray(cells[part][:, field, member])
                    planes.append(self._plane(plane, seen, len(planes), squeeze=part == "agreement"))
        self._head[name] = {"shape": list(cells.shape), "planes": planes}

    def written(self) -> bytes:
        """Everything put so far."""
        sizes = [len(body) for body in self._bodies]
        head = json.dumps({"sizes": sizes, "planes": self._head}, separators=(",", ":")).encode()
        return b"".join([*self._bodies, head, _HEAD.pack(len(head))])

    def _numbers(self, values: Numbers) -> dict[str, Any]:
        steps = np.diff(values)
        spec: dict[str, Any] = {"count": len(values), "first": int(values[0]) if len(values) else 0}
        if not len(steps) or (steps == steps[0]).all():
            return {**spec, "step": int(steps[0]) if len(steps) else 0}
        low, high = int(steps.min()), int(steps.max())
        width = next(one for one in _WIDTHS if np.iinfo(one).min <= low and high <= np.iinfo(one).max)
        return {**spec, "width": width, "steps": self._body(steps.astype(width).tobytes(), squeeze=True)}

    def _plane(
        self, plane: npt.NDArray[Any], seen: list[tuple[npt.NDArray[Any], int]], at: int, *, squeeze: bool
    ) -> dict[str, Any]:
        """One plane of cells: one value, the same as an earlier one, or all of it. Fingerprints are not squeezed: they
        are as good as random."""
        if not len(plane) or (plane == plane[0]).all():
            return {"value": int(plane[0]) if len(plane) else 0}
        for other, number in seen:
            if np.array_equal(other, plane):
                return {"as": number}
        seen.append((plane, at))
        return {"body": self._body(_bytes_of(plane), squeeze=squeeze)}

    def _body(self, raw: bytes | memoryview, *, squeeze: bool) -> list[Any]:
        """The place of a body in the list, its size unpacked, and whether it is squeezed."""
        self._bodies.append(_CODEC.compress(raw, asbytes=True) if squeeze and raw else raw)
        return [len(self._bodies) - 1, len(raw), int(squeeze and bool(raw))]


class Unpacking:
    """What `Packing` wrote, plane by plane. Anything that cannot be is a `ValueError`."""

    def __init__(self, content: bytes) -> None:
        try:
            (size,) = _HEAD.unpack(content[-_HEAD.size :])
            head = json.loads(content[-size - _HEAD.size : -_HEAD.size])
            ends = np.cumsum([0, *head["sizes"]]).tolist()
            self._planes = head["planes"]
        except (struct.error, KeyError, TypeError) as error:
            raise ValueError("no head") from error
        if ends[-1] + size + _HEAD.size != len(content):
            raise ValueError("not as long as its head says")
        view = memoryview(content)
        self._bodies = [view[start:end] for start, end in pairwise(ends)]

    def holds(self, name: str) -> bool:
        """Whether a plane of that name is there."""
        return name in self._planes

    def numbers(self, name: str) -> Numbers:
        """The numbers that `Packing.numbers` was given."""
        return self._numbers(self._planes[name])

    def plain(self, name: str) -> Numbers:
        """The numbers that `Packing.plain` was given."""
        return np.frombuffer(self._body(self._planes[name]), "<i8")

    def texts(self, name: str) -> pa.Array:
        """The texts that `Packing.texts` was given."""
        spec = self._planes[name]
        lengths = self._numbers(spec["lengths"])
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        content = self._body(spec["content"])
        if offsets[-1] != len(content) or (len(lengths) and lengths.min() < 0):
            raise ValueError("texts of another length")
        buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
        return pa.Array.from_buffers(pa.string(), len(lengths), buffers)

    def present(self, name: str, count: int) -> npt.NDArray[np.bool_] | None:
        """Which of `count` places have a value; `None` where all have."""
        if self._planes[name] is None:
            return None
        bits = np.frombuffer(self._body(self._planes[name]), np.uint8)
        return np.unpackbits(bits, count=count).astype(np.bool_)

    def cells(self, name: str) -> Cells:
        """The cells that `Packing.cells` was given."""
        rows, fields, members = self._planes[name]["shape"]
        if rows * fields * members * CELL.itemsize > PLANE_BYTES_MAX:
            raise ValueError("more cells than may be")
        cells = np.zeros((rows, fields, members), dtype=CELL)
        planes = self._planes[name]["planes"]
        for at, spec in enumerate(planes):
            part = "mark" if at < fields * members else "agreement"
            field, member = divmod(at % (fields * members), members)
            if "value" in spec:
                cells[part][:, field, member] = spec["value"]
            else:
                body = self._body(planes[spec["as"]]["body"] if "as" in spec else spec["body"])
                cells[part][:, field, member] = np.frombuffer(body, CELL[part])
        return cells

    def _numbers(self, spec: dict[str, Any]) -> Numbers:
        first, count = spec["first"], spec["count"]
        if count * 8 > PLANE_BYTES_MAX:
            raise ValueError("more numbers than may be")
        if "step" in spec:
            return np.asarray(first + spec["step"] * np.arange(count, dtype=np.int64))
        steps = np.frombuffer(self._body(spec["steps"]), spec["width"])
        if len(steps) != count - 1:
            raise ValueError("numbers of another count")
        values = np.empty(count, dtype=np.int64)
        values[0] = first
        values[1:] = steps
        return np.cumsum(values)

    def _body(self, spec: list[Any]) -> memoryview:
        at, size, squeezed = spec
        if size > PLANE_BYTES_MAX:
            raise ValueError("larger than may be")
        body = self._bodies[at]
        unpacked = memoryview(_CODEC.decompress(body, size)) if squeezed else body
        if len(unpacked) != size:
            raise ValueError("of another size")
        return unpacked


def _bytes_of(plane: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(plane).data.cast("B") if plane.size else memoryview(b"")


def text_buffers(values: pa.Array) -> tuple[npt.NDArray[np.int32], memoryview]:
    """Where each text begins and ends, and the bytes of all; `values` has no nulls."""
    if not len(values):
        return np.zeros(1, dtype=np.int32), memoryview(b"")
    _, offsets, content = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    whole = memoryview(content) if content is not None else memoryview(b"")
    return ends - ends[0], whole[ends[0] : ends[-1]]


def spread(values: pa.Array, present: npt.NDArray[np.bool_] | None) -> pa.Array:
    """The values at the places that have one, null elsewhere."""
    if present is None:
        return values
    places = np.cumsum(present) - 1
    return pc.take(values, pa.array(places, pa.int64(), mask=~present))
