"""Columns as Python values: one value that Python cannot hold changes none of the others."""

import datetime as dt

import pyarrow as pa
import pytest

from dovetail.engine.arrays import listed, rows_of, value_at

DAY = dt.date(2026, 3, 29)


@pytest.mark.parametrize(
    ("far", "near"),
    [
        (pa.array([10_000_000, None], pa.date32()), DAY),
        (pa.array([2**58, None], pa.timestamp("us")), dt.datetime(2026, 3, 29, 2, 30)),
        (pa.array([-(2**58), None], pa.timestamp("us", tz="UTC")), dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.UTC)),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_a_time_out_of_reach_is_a_text_and_the_others_stay_what_they_are(far, near):
    """Rows are paired by these values: if all became texts on one side only, every row would be created twice."""
    column = pa.concat_arrays([far, pa.array([near], far.type)])
    strange, nothing, same = listed(column)
    assert isinstance(strange, str)
    assert (nothing, same) == (None, near)
    assert value_at(column, 2) == near
    assert [row["at"] for row in rows_of(pa.record_batch({"at": column}))] == [strange, None, near]


def test_a_natural_key_pairs_beside_one_that_cannot_be_held():
    ours = pa.array([10_000_000, (DAY - dt.date(1970, 1, 1)).days], pa.date32())
    theirs = pa.array([DAY], pa.date32())
    assert set(listed(ours)) & set(listed(theirs)) == {DAY}
