"""The public names: few, listed, and really there."""

from __future__ import annotations

import dovetail

NAMES_MAX = 25


def test_public_names_are_few() -> None:
    assert len(dovetail.__all__) <= NAMES_MAX


def test_public_names_are_there() -> None:
    assert [name for name in dovetail.__all__ if not hasattr(dovetail, name)] == []


def test_public_names_are_sorted_and_listed_once() -> None:
    assert list(dovetail.__all__) == sorted(set(dovetail.__all__))


def test_public_names_say_what_they_are() -> None:
    silent = [name for name in dovetail.__all__ if not getattr(getattr(dovetail, name), "__doc__", None)]
    assert silent == []
