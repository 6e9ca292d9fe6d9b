"""Keys as one text: every type comes back exactly, and different keys never have one text."""

import datetime as dt
from decimal import Context, Decimal

import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.model.key import decode, decode_first, encode, split, texts
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


def written(part):
    """The definition of a part's text, value by value."""
    if part is None:
        return "\\N"
    if isinstance(part, str):
        return part.replace("\\", "\\\\").replace("|", "\\|").replace("\0", "\\0")
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, bytes):
        return part.hex()
    if isinstance(part, dt.datetime):
        return part.isoformat(sep=" ")
    if isinstance(part, Decimal):
        whole, _, places = format(part, "f").partition(".")
        return whole + ("." + places.rstrip("0")).rstrip(".")
    return str(part)


def numbers(precision, scale):
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda value: Decimal(value).scaleb(-scale, Context(prec=80)))


VALUES = {
    pa.string(): st.text(st.sampled_from('a|\\\0é"N'), max_size=6),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(max_size=4),
    pa.float64(): st.floats(allow_nan=False),
    pa.date32(): st.dates(),
    pa.time64("us"): st.times() | st.times().map(lambda time: time.replace(microsecond=0)),
    pa.timestamp("us"): st.datetimes() | st.datetimes().map(lambda time: time.replace(microsecond=0)),
    pa.timestamp("us", tz="UTC"): st.datetimes(timezones=st.just(dt.UTC)),
    pa.timestamp("s"): st.datetimes().map(lambda time: time.replace(microsecond=0)),
    pa.decimal128(38, 0): numbers(38, 0),
    pa.decimal128(12, 2): numbers(12, 2),
    pa.decimal128(38, 18): numbers(38, 18) | numbers(3, 18),
    pa.decimal256(60, 30): numbers(60, 30),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_whole_columns_have_the_texts_of_their_values(kind):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.none() | VALUES[kind], max_size=6), st.integers(0, 2))
    def law(values, cut):
        column = pa.array(values, kind)
        expected = [written(value) for value in values]
        assert encode([column]).to_pylist() == expected
        assert encode([column.slice(cut)]).to_pylist() == expected[cut:]
        assert encode([pa.chunked_array([column.slice(0, cut), column.slice(cut)])]).to_pylist() == expected
        assert texts([column, column]) == [f"{text}|{text}" for text in expected]

    law()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Type(Kind.INTEGER), [1, -(2**63), None, 7]),
        (Type(Kind.TEXT), ["a", "b|c", None, ""]),
        (Type(Kind.TEXT), ["a", "b", None]),
        (Type(Kind.UUID), [None, "0f0e"]),
        (Type(Kind.DECIMAL, 38, 18), [Decimal("12345678901234567890.000000000000000001"), None]),
        (Type(Kind.DATE), [dt.date(2026, 3, 29), None]),
        (Type(Kind.TEXT), []),
    ],
    ids=str,
)
def test_the_first_part_comes_back_alone(kind, values):
    column = pa.array(values, kind.arrow())
    for columns in ([column], [column, pa.array(["x|"] * len(values), pa.string())]):
        keys = encode(columns)
        nothing = pa.array([value is None for value in values], pa.bool_())
        told = decode_first(pa.compute.if_else(nothing, pa.scalar(None, pa.string()), keys), kind)
        assert told.type == kind.arrow()
        assert told.to_pylist() == values
        assert decode_first(keys, kind).to_pylist() == values
