"""Pairing by natural key: what joins, what is disputed, and that nothing is paired twice."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dovetail.identity.pair import ABSENT, Side, pair


def side(naturals, linked=None, held=()):
    given = [[natural] if natural is not None else [] for natural in naturals]
    return Side(linked or [None] * len(naturals), given, frozenset(held))


def test_rows_with_one_natural_key_are_one_thing():
    answer = pair([side(["a", "b"]), side(["b", "c"])], [], by_natural_key=True)
    assert sorted(answer.fresh) == [[-1, 1], [0, -1], [1, 0]]
    assert answer.disputes == []


def test_the_cross_reference_outranks_the_natural_key():
    answer = pair([side(["a"], [7]), side(["b"], [7])], [7], by_natural_key=True)
    assert answer.known == {7: [0, 0]}
    assert answer.fresh == []


def test_a_double_key_is_disputed_with_all_candidates_named():
    answer = pair([side(["a", "a"]), side(["a"])], [], by_natural_key=True)
    (dispute,) = answer.disputes
    assert dispute.code == "DV-405"
    assert set(dispute.candidates) == {(0, 0), (0, 1), (1, 0)}
    assert answer.fresh == []


def test_a_null_key_is_disputed_and_nothing_is_created_for_it():
    answer = pair([side([None]), side([])], [], by_natural_key=True)
    assert [dispute.code for dispute in answer.disputes] == ["DV-404"]
    assert answer.fresh == []


def test_a_key_taken_by_another_pair_is_disputed():
    answer = pair([side(["a", "a"], [7, None]), side(["a"], [7])], [7], by_natural_key=True)
    (dispute,) = answer.disputes
    assert dispute.code == "DV-406"
    assert dispute.rows == ((0, 1),)


def test_a_row_whose_partner_is_gone_takes_the_new_one_with_its_natural_key():
    answer = pair([side(["a"], [7]), side(["a"])], [7], by_natural_key=True)
    assert answer.known == {7: [0, 0]}
    assert answer.attached == [(7, 1)]


def test_two_linked_rows_with_the_key_of_a_loose_one_are_disputed():
    answer = pair([side(["a", "a"], [7, 8]), side(["a"])], [7, 8], by_natural_key=True)
    assert [dispute.code for dispute in answer.disputes] == ["DV-405"]
    assert answer.attached == []


def test_any_of_several_keys_joins_through_a_third_row():
    left = Side([None, None], [["tax:1"], ["mail:x"]])
    right = Side([None], [["tax:1", "mail:x"]])
    (dispute,) = pair([left, right], [], by_natural_key=True).disputes
    assert set(dispute.rows) == {(0, 0), (0, 1), (1, 0)}


def test_without_a_natural_key_every_loose_row_stands_alone():
    answer = pair([side(["a"]), side(["a"])], [], by_natural_key=False)
    assert answer.fresh == [[0, ABSENT], [ABSENT, 0]]


def test_a_held_row_stands_alone_even_without_a_key():
    answer = pair([side([None], held={0}), side([])], [], by_natural_key=True)
    assert answer.fresh == [[0, ABSENT]]


def test_a_row_gone_everywhere_is_still_known():
    assert pair([side([]), side([])], [7], by_natural_key=True).known == {7: [ABSENT, ABSENT]}


keys = st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=6)


@given(keys, keys, keys)
def test_every_row_has_exactly_one_place(first, second, third):
    sides = [side(first), side(second), side(third)]
    answer = pair(sides, [], by_natural_key=True)
    places = Counter((at, position) for row in answer.fresh for at, position in enumerate(row) if position != ABSENT)
    places.update(row for dispute in answer.disputes for row in dispute.rows)
    assert set(places.values()) <= {1}
    assert len(places) == len(first) + len(second) + len(third)
    for row in answer.fresh:
        naturals = {sides[at].naturals[position][0] for at, position in enumerate(row) if position != ABSENT}
        assert len(naturals) == 1
