"""Two members are told apart by value exactly where their fingerprints would tell them apart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from dovetail.engine.arrays import differs
from dovetail.engine.marks import to_one_scale
from dovetail.merge.fingerprint import fingerprints

_VALUES = {
    pa.string(): ["", "a", "A", "a ", "é", "e\u0301", "1", "1.0", None],
    pa.binary(): [b"", b"a", b"\0", None],
    pa.int64(): [0, 1, -1, 2**63 - 1, -(2**63), None],
    pa.float64(): [0.0, -0.0, 1.0, 0.1, 0.1 + 2**-56, float("nan"), float("inf"), -float("inf"), None],
    pa.bool_(): [True, False, None],
    pa.date32(): [dt.date(1, 1, 1), dt.date(2024, 2, 29), None],
    pa.timestamp("us"): [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 0, 1), None],
    pa.decimal128(14, 2): [Decimal("1.50"), Decimal("1.5"), Decimal("-0.00"), Decimal(0), Decimal("999999999999.99"), None],
}  # fmt: skip
_WIDE = pa.decimal128(38, 18)
_FINE = [Decimal("1.5"), Decimal("1.500000000000000001"), Decimal(0), Decimal(99999999999999999999), None]


def all_pairs(left: pa.Array, right: pa.Array) -> tuple[pa.Array, pa.Array]:
    at = np.arange(len(left) * len(right))
    return left.take(pa.array(at // len(right))), right.take(pa.array(at % len(right)))


def marked(values: pa.Array) -> np.ndarray:
    return fingerprints(values, np.zeros(len(values), dtype=np.uint64))


@pytest.mark.parametrize("kind", list(_VALUES), ids=str)
def test_values_differ_where_their_fingerprints_do(kind: pa.DataType) -> None:
    values = pa.array(_VALUES[kind], kind)
    left, right = all_pairs(values, values)
    assert differs(left, right).tolist() == (marked(left) != marked(right)).tolist()


def test_exact_numbers_of_other_decimal_places_are_compared_by_value() -> None:
    narrow = pa.array(_VALUES[pa.decimal128(14, 2)], pa.decimal128(14, 2))
    given = all_pairs(narrow, pa.array(_FINE, _WIDE))
    for left, right in (given, given[::-1]):
        found = differs(*to_one_scale(left, right))
        assert found.tolist() == (marked(left) != marked(right)).tolist()
        assert not found.all()
