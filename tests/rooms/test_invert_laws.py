"""What one trial of a law proves."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dovetail.expression.invert import Reversibility
from dovetail.mapping.laws import Law, Trial, Verdict, edited, example, verdict, words
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
    assert example(tried) == {"law": "PutGet", "before": {"x": "Ada"}, "shared": "100", "after": {"x": "Eva"}, "reads": None}
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
