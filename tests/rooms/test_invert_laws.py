"""What one trial of a law proves."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from dovetail.expression.invert import Reversibility
from dovetail.mapping.laws import Law, Trial, Verdict, edited, example, same, spelled, verdict, words
from dovetail.model.type import Kind, Type

LOSSLESS, RESTORE = Reversibility.LOSSLESS, Reversibility.RESTORE


def trial(law=Law.PUT_GET, **changes):
    given = {"position": 0, "before": {"x": "Ada"}, "value": "ada", "after": {"x": "Eva"}, "again": "eva"}
    return Trial(law, **{**given, **changes})


@pytest.mark.parametrize(
    ("tried", "kind", "in_range", "wanted"),
    [
        (trial(Law.GET_PUT, after={"x": "Ada"}), LOSSLESS, True, Verdict.HOLDS),
        (trial(Law.GET_PUT, after={"x": "ada"}), RESTORE, True, Verdict.BROKEN),
        (trial(Law.GET_PUT, after={"x": "Ada"}, refused="no"), RESTORE, True, Verdict.BROKEN),
        (trial(again="ada"), LOSSLESS, False, Verdict.HOLDS),
        (trial(), LOSSLESS, False, Verdict.BROKEN),
        (trial(), RESTORE, False, Verdict.COARSER),
        (trial(), RESTORE, True, Verdict.BROKEN),
        (trial(again=None, unread="no date"), RESTORE, False, Verdict.BROKEN),
        (trial(refused="too long"), LOSSLESS, False, Verdict.REFUSED),
        (trial(refused="too long"), LOSSLESS, True, Verdict.BROKEN),
        (trial(refused="too long"), RESTORE, True, Verdict.REFUSED),
        (trial(Law.CREATE_GET, value=Decimal("1.50"), again=Decimal("1.5")), LOSSLESS, True, Verdict.HOLDS),
        (trial(value=True, again=1), LOSSLESS, True, Verdict.BROKEN),
    ],
)
def test_verdicts(tried, kind, in_range, wanted):
    assert verdict(tried, kind, in_range=in_range) is wanted


def test_words_hold_no_value_and_examples_hold_all():
    tried = trial(value=Decimal("1E+2"), again=None)
    assert not any(value in words(tried) for value in ("Ada", "Eva", "100"))
    assert example(tried) == {
        "law": "PutGet",
        "before": {"x": "Ada"},
        "shared": "100",
        "after": {"x": "Eva"},
        "reads": None,
    }
    assert "before" not in example(trial(Law.CREATE_GET))
    assert example(trial(refused="too long"))["after"] == "too long"


@pytest.mark.parametrize("value", ["Ada", 5, 2**63 - 1, Decimal("99.99"), Decimal("-0.01"), 0.5, True])
def test_edits_stay_within_the_type(value):
    kinds = {bool: Kind.BOOLEAN, str: Kind.TEXT, int: Kind.INTEGER, float: Kind.FLOAT}
    given = Type(kinds[type(value)]) if type(value) in kinds else Type(Kind.DECIMAL, precision=4, scale=2)
    edits = [edited(value, given, turn) for turn in range(16)]
    assert None in edits
    assert len(set(edits)) > 1
    assert all(edit is None or type(edit) is type(value) for edit in edits)
    if given.kind is Kind.DECIMAL:
        assert all(edit is None or (abs(edit) < 100 and edit == round(edit, 2)) for edit in edits)
    if given.kind is Kind.INTEGER:
        assert all(edit is None or abs(edit) < 2**63 for edit in edits)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        (0.0, math.nan, False),
        (1, Decimal("1.00"), True),
        (True, True, True),
        (True, 1, False),
        (None, None, True),
        (None, "", False),
        ("e\u0301", "\u00e9", False),
    ],
)
def test_sameness_is_exact(one, two, alike):
    assert same(one, two) is alike


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (trial(Law.GET_PUT, before={"x": 1, "y": 2}, after={"x": 1, "y": 3}), "writing back what was read changes y"),
        (trial(Law.GET_PUT, refused="too long"), "a row cannot be written back as it was read: too long"),
        (trial(refused="too long"), "a value that a row has cannot be written into another: too long"),
        (trial(unread="no date"), "what is written cannot be read again: no date"),
        (trial(Law.PUT_GET), "a row reads differently from the value that was written"),
        (trial(Law.CREATE_GET), "a new row reads differently from the value that was written"),
    ],
)
def test_a_broken_law_is_told_in_its_own_words(tried, expected):
    assert words(tried) == expected


def test_an_example_says_what_could_not_be_read():
    assert example(trial(unread="no date"))["reads"] == "no date"
    assert "reads" not in example(trial(Law.GET_PUT))
    assert [spelled(value) for value in (None, True, Decimal("1E+3"), 1.5)] == [None, "true", "1000", "1.5"]


LAST = dt.date(9999, 12, 31)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (dt.date(2026, 3, 29), Kind.DATE),
        (LAST, Kind.DATE),
        (dt.datetime(2026, 3, 29, 2, 30), Kind.TIMESTAMP),
        (dt.datetime(9999, 12, 31, 23, 59, 59, 999999), Kind.TIMESTAMP),
    ],
)
def test_days_and_times_are_edited_and_stay_on_the_calendar(value, kind):
    edits = {edited(value, Type(kind), turn) for turn in range(16)}
    assert None in edits
    assert any(edit not in (None, value) for edit in edits)


def test_what_has_no_edit_is_left_as_it_is():
    """A UUID that somebody mistyped would be no UUID: nothing is learned from writing one."""
    assert [edited("0f", Type(Kind.UUID), turn) for turn in range(1, 8)] == ["0f"] * 7
    assert edited(b"x", Type(Kind.BYTES), 1) == b"x"
