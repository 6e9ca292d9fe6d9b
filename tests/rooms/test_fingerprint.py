"""Fingerprints are part of the state's format: these vectors may never change."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa

from dovetail.merge.fingerprint import canonical, fingerprints, row_seeds
from dovetail.merge.packed import CELL, pack, unpack

VALUES = {
    "integer": (pa.array([0, -1, None]), [b"V0", b"V-1", b"N"]),
    "decimal": (pa.array([Decimal("1.50"), Decimal("100.00"), Decimal("0.00")]), [b"V1.5", b"V100", b"V0"]),
    "text": (pa.array(["", "é", "e\u0301"]), [b"V", "Vé".encode(), "Ve\u0301".encode()]),
    "bytes": (pa.array([b"\xff", b""]), [b"V\xff", b"V"]),
    "float": (pa.array([float("nan"), -0.0, 1e300]), [b"VNaN", b"V0.0", b"V1e+300"]),
    "boolean": (pa.array([True, False]), [b"Vtrue", b"Vfalse"]),
    "date": (pa.array([dt.date(2026, 3, 29)]), [b"V2026-03-29"]),
    "timestamp": (pa.array([dt.datetime(2026, 3, 29, 2, 30)], pa.timestamp("us")), [b"V2026-03-29 02:30:00.000000"]),
}


def test_canonical_bytes_are_pinned():
    for name, (values, expected) in VALUES.items():
        assert list(canonical(values)) == expected, name


def test_golden_vectors():
    seeds = row_seeds(np.array([1, 2, -1], dtype=np.int64), 42)
    assert seeds.tolist() == GOLDEN_SEEDS
    assert fingerprints(pa.array(["a", "a", None]), seeds).tolist() == GOLDEN


GOLDEN_SEEDS = [16405722695416140795, 12446905736735408773, 4695856486794948766]
GOLDEN = [16501987929768260050, 1334590415274961737, 7789660082115791085]


def test_equal_values_of_different_rows_have_different_fingerprints():
    marks = fingerprints(pa.array(["x", "x"]), row_seeds(np.array([1, 2], dtype=np.int64), 7))
    assert marks[0] != marks[1]


def test_the_scale_of_a_number_is_not_its_value():
    seeds = row_seeds(np.array([1], dtype=np.int64), 7)
    one = fingerprints(pa.array([Decimal("1.5")]), seeds)
    assert one == fingerprints(pa.array([Decimal("1.500")]), seeds)


def test_packing_is_reversible():
    cells = np.zeros((3, 2, 2), dtype=CELL)
    cells["mark"] = np.arange(12, dtype=np.uint64).reshape(3, 2, 2) * 2**60
    cells["agreement"] = 9
    assert (unpack(pack(cells), 2, 2) == cells).all()
    assert len(pack(cells)[0]) == 48
