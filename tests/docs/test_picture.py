"""The picture of the README is what the product derives today."""

from docs import picture


def test_the_picture_is_current():
    assert picture.FILE.read_text(encoding="utf-8") == picture.picture(), "run: python -m docs.picture"


def test_a_derived_direction_is_drawn():
    assert "price_cents = price * 100" in picture.picture()
    assert "weight_kg = weight / 1000" in picture.picture()
