"""Which members stand apart from which shared rows."""

from __future__ import annotations

import pytest

from dovetail.state.store import open_state

KEY = bytes(range(32))


@pytest.fixture
def detached(tmp_path, clock):
    with open_state(tmp_path / "state.db", key=KEY, clock=clock) as store:
        yield store.detached


def test_nobody_stands_apart_at_first(detached):
    assert not detached.among("thing", ["left", "right"], [1, 2]).any()
    assert detached.among("thing", ["left"], []).shape == (1, 0)


def test_each_member_and_row_is_told_apart(detached):
    detached.add("thing", "left", [2, 9])
    detached.add("thing", "right", [1])
    detached.add("other", "left", [1])
    assert detached.among("thing", ["left", "right"], [1, 2, 3]).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    assert detached.count("thing") == 3


def test_twice_is_once_and_a_row_may_come_back(detached):
    detached.add("thing", "left", [2])
    detached.add("thing", "left", [2])
    assert detached.count("thing") == 1
    assert detached.back("thing", "left", [2, 3]) == 1
    assert not detached.among("thing", ["left"], [2]).any()


def test_a_row_that_is_no_more_is_forgotten_at_every_member(detached):
    detached.add("thing", "left", [2])
    detached.add("thing", "right", [2, 3])
    assert detached.forget("thing", [2]) == 2
    assert detached.among("thing", ["left", "right"], [2, 3]).tolist() == [[False, False], [False, True]]
