"""Fingerprints are part of the state's format: these vectors may never change."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from dovetail.merge.fingerprint import canonical, fingerprints, row_seeds
from dovetail.merge.packed import CELL, pack, unpack
from dovetail.merge.xxh3 import FEW, LANES_MAX, STRETCH, digests

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


def test_every_length_is_hashed_as_the_library_hashes_it():
    """Each length has its own way through the algorithm; contents differ, and so do the seeds."""
    random = np.random.default_rng(3)
    contents = [random.bytes(length) for length in [*range(LANES_MAX + 40)] * 3]
    seeds = random.integers(0, 2**64, len(contents), dtype=np.uint64)
    expected = [xxh3_64_intdigest(content, seed) for content, seed in zip(contents, seeds.tolist(), strict=True)]
    column = pa.array(contents, pa.binary())
    assert digests(column, seeds).tolist() == expected
    assert digests(column.slice(7, 100), seeds[7:107]).tolist() == expected[7:107]
    for at in range(LANES_MAX + 40):
        assert digests(column.slice(at, 1), seeds[at : at + 1]).tolist() == expected[at : at + 1]
        some = seeds[: FEW + 1]
        alike = pa.array([contents[at]] * len(some), pa.binary())
        assert digests(alike, some).tolist() == [xxh3_64_intdigest(contents[at], seed) for seed in some.tolist()]


def test_long_columns_are_hashed_in_stretches():
    contents = [f"{at}" * (at % 5 + 1) for at in range(3 * STRETCH + 1)]
    seeds = np.arange(len(contents), dtype=np.uint64)
    expected = [xxh3_64_intdigest(content.encode(), seed) for seed, content in enumerate(contents)]
    assert digests(pa.array(contents), seeds).tolist() == expected
    rows = np.array([1, 2**62, -1, -(2**63), 0], dtype=np.int64)
    assert row_seeds(rows, 2**64 - 1).tolist() == [xxh3_64_intdigest(row.tobytes(), 2**64 - 1) for row in rows]


COLUMNS = {
    pa.string(): st.text(max_size=40),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(max_size=20),
    pa.float64(): st.floats(),
    pa.date32(): st.dates(),
    pa.timestamp("us", tz="UTC"): st.datetimes(timezones=st.just(dt.UTC)),
    pa.decimal128(38, 18): st.integers(-(10**38) + 1, 10**38 - 1).map(lambda one: Decimal(f"{one}e-18")),
    pa.decimal128(38, 0): st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal),
}


@pytest.mark.parametrize("kind", COLUMNS, ids=str)
def test_a_fingerprint_is_the_digest_of_the_canonical_bytes(kind):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.none() | COLUMNS[kind], max_size=6), st.integers(0, 2), st.integers(0, 2**64 - 1))
    def law(values, cut, seed):
        column = pa.array(values, kind)
        seeds = row_seeds(np.arange(len(values)), seed)
        expected = [
            xxh3_64_intdigest(content, one) for content, one in zip(canonical(column), seeds.tolist(), strict=True)
        ]
        assert fingerprints(column, seeds).tolist() == expected
        assert fingerprints(column.slice(cut), seeds[cut:]).tolist() == expected[cut:]

    law()


def test_numbers_that_differ_in_the_last_of_38_digits_have_different_canonical_bytes():
    near = [Decimal(10**37 + 1), Decimal(10**37)]
    assert list(canonical(pa.array(near, pa.decimal128(38, 0)))) == [b"V1" + b"0" * 36 + b"1", b"V1" + b"0" * 37]
