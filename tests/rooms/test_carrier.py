"""Exact numbers keep their value from one carrier into another, or are refused; Arrow's own cast does neither."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.expression.parse import parse
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.carrier import recast
from dovetail.model.type import Kind, Type

HUGE = Decimal(329211991165250083874877563307990)


def test_arrow_itself_would_change_this_value():
    """When this fails, Arrow has mended it and the detour may go."""
    wrapped = pa.array([HUGE], pa.decimal128(38, 0)).cast(pa.decimal128(38, 18))
    assert wrapped[0].as_py() != HUGE


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 38), st.integers(0, 38))
def test_a_number_is_kept_or_refused(number, source, target):
    value = Decimal(f"{number}E-{source}")
    column = pa.array([value], pa.decimal128(38, source))
    try:
        kept = recast(column, pa.decimal128(38, target))
    except pa.ArrowInvalid:
        return
    assert kept[0].as_py() == value


@pytest.mark.parametrize("backend", ["rows", "duckdb"])
def test_the_kernel_refuses_what_does_not_fit(backend):
    scope = {"x": Type(Kind.DECIMAL, precision=38, scale=0)}
    table = pa.table({"x": pa.array([HUGE, Decimal(5)], pa.decimal128(38, 0))})
    answer = evaluate([Output("y", parse("x"), Type(Kind.DECIMAL))], scope, table, backend=backend)
    assert answer.table.column("y").to_pylist() == [None, Decimal(5)]
    assert [failure.position for failure in answer.failures] == [0]
