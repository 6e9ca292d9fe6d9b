"""Keys as one text: every type comes back exactly, and different keys never have one text."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.model.key import decode, encode, split, texts
from dovetail.model.type import Kind, Type

NOON = dt.datetime(2026, 3, 29, 12, 0, 0, 250)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Type(Kind.INTEGER), -(2**63), "-9223372036854775808"),
        (Type(Kind.BOOLEAN), True, "true"),
        (Type(Kind.BOOLEAN), False, "false"),
        (Type(Kind.DECIMAL, 12, 2), Decimal("1.50"), "1.5"),
        (Type(Kind.DECIMAL, 12, 2), Decimal("100.00"), "100"),
        (Type(Kind.DECIMAL, 12, 2), Decimal("0.00"), "0"),
        (Type(Kind.DECIMAL), Decimal("-0.000000000000000001"), "-0.000000000000000001"),
        (Type(Kind.FLOAT), 0.1, "0.1"),
        (Type(Kind.TEXT), "a|b\\c\0", "a\\|b\\\\c\\0"),
        (Type(Kind.TEXT), "N", "N"),
        (Type(Kind.TEXT), "", ""),
        (Type(Kind.BYTES), b"\x00\xff", "00ff"),
        (Type(Kind.DATE), dt.date(2026, 3, 29), "2026-03-29"),
        (Type(Kind.TIME), dt.time(12, 0, 0, 250), "12:00:00.000250"),
        (Type(Kind.TIMESTAMP), NOON, "2026-03-29 12:00:00.000250"),
        (Type(Kind.INSTANT), NOON.replace(tzinfo=dt.UTC), "2026-03-29 12:00:00.000250+00:00"),
        (Type(Kind.UUID), "0f0e", "0f0e"),
        (Type(Kind.TEXT), None, "\\N"),
    ],
)
def test_every_type_comes_back_exactly(kind, value, text):
    """These texts stand in the state and in targets' ledgers; they may never change."""
    keys = texts([pa.array([value], kind.arrow())])
    assert keys == [text]
    (again,) = decode(keys, [kind])
    assert again.type == kind.arrow()
    assert again.to_pylist() == [value]


parts = st.one_of(st.none(), st.text(alphabet='\\|N0\0a"', max_size=5))


@given(st.lists(st.tuples(parts, parts), min_size=1, max_size=5))
def test_different_keys_have_different_texts(rows):
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(2)]
    keys = encode(columns).to_pylist()
    assert [tuple(split(key)) for key in keys] == rows
    assert len(set(keys)) == len(set(rows))
    assert not any("\0" in key for key in keys)


def test_a_lone_backslash_at_the_end_is_itself():
    """Nothing that `encode` writes ends so; a text from elsewhere must not be an endless loop or an error."""
    assert split("a\\") == ["a\\"]


def test_times_that_python_cannot_hold_are_keys_too_and_change_no_other_key():
    far = pa.array([2**58, 0], pa.timestamp("us"))
    one, two = texts([far])
    assert (one, two) == ("11103-08-29 17:22:31.711744", "1970-01-01 00:00:00")
    assert texts([far.slice(1)]) == [two]
