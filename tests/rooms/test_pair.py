"""Pairing by natural key: what joins, what is disputed, and that nothing is paired twice."""

from collections import Counter

from hypothesis import given, settings
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


def components(sides):
    """The loose rows that hang together by shared keys, each group once, in the order of their keys; no union-find."""
    loose = {
        (at, position): set(side.naturals[position])
        for at, side in enumerate(sides)
        for position, row in enumerate(side.linked)
        if row is None and position not in side.held
    }
    groups = []
    for key in dict.fromkeys(
        key
        for at, side in enumerate(sides)
        for position in range(len(side.linked))
        if (at, position) in loose
        for key in side.naturals[position]
    ):
        if any(key in reached for _, reached in groups):
            continue
        reached, grown = {key}, True
        while grown:
            more = set().union(*(keys for keys in loose.values() if keys & reached))
            grown, reached = not more <= reached, reached | more
        groups.append(({row for row, keys in loose.items() if keys & reached}, reached))
    return groups, [row for row, keys in loose.items() if not keys]


def expected(sides, rows):
    """What pairing must answer, told in plain words."""
    known = {row: [ABSENT] * len(sides) for row in rows}
    for at, given_side in enumerate(sides):
        for position, row in enumerate(given_side.linked):
            if row is not None:
                known[row][at] = position
    holders = {
        row: {key for at, position in enumerate(places) if position != ABSENT for key in sides[at].naturals[position]}
        for row, places in known.items()
    }
    groups, keyless = components(sides)
    fresh, disputes = [], [("DV-404", frozenset({row})) for row in keyless]
    for group, reached in groups:
        owners = [row for row, keys in holders.items() if keys & reached]
        if len(owners) > 1 or len({at for at, _ in group}) < len(group):
            disputes.append(("DV-405", frozenset(group)))
        elif not owners:
            fresh.append(tuple(dict(group).get(at, ABSENT) for at in range(len(sides))))
        else:
            for at, position in sorted(group):
                if known[owners[0]][at] == ABSENT:
                    known[owners[0]][at] = position
                else:
                    disputes.append(("DV-406", frozenset({(at, position)})))
    for at, given_side in enumerate(sides):
        fresh += [
            tuple(p if s == at else ABSENT for s in range(len(sides)))
            for p in given_side.held
            if given_side.linked[p] is None
        ]
    return known, sorted(fresh), in_order(disputes)


def in_order(disputes):
    """Codes and rows of disputes, in an order that does not depend on how they were found."""
    return sorted((code, sorted(rows)) for code, rows in disputes)


@st.composite
def situations(draw, most):
    """Two or three sides; some rows are linked already, some are held, and each has up to `most` natural keys."""
    sides = []
    for _ in range(draw(st.integers(2, 3))):
        size = draw(st.integers(0, 4))
        naturals = [draw(st.lists(st.sampled_from("abcde"), max_size=most, unique=True)) for _ in range(size)]
        linked, free = [], [1, 2, 3]
        for _ in range(size):
            row = draw(st.sampled_from([None, None, *free]))
            linked.append(row)
            free = [one for one in free if one != row]
        held = {at for at in range(size) if not naturals[at] and draw(st.booleans())}
        sides.append(Side(linked, naturals, frozenset(held)))
    return sides


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 3).flatmap(situations))
def test_pairing_agrees_with_an_oracle(sides):
    answer = pair(sides, [1, 2, 3], by_natural_key=True)
    known, fresh, disputes = expected(sides, [1, 2, 3])
    assert answer.known == known
    assert sorted(tuple(row) for row in answer.fresh) == fresh
    assert in_order((dispute.code, dispute.rows) for dispute in answer.disputes) == disputes
    was_linked = {(row, at) for at, one in enumerate(sides) for row in one.linked if row is not None}
    taken = {(row, at) for row, places in known.items() for at, position in enumerate(places) if position != ABSENT}
    assert sorted(answer.attached) == sorted(taken - was_linked)


def test_a_disputed_key_names_the_row_that_has_it():
    (dispute,) = pair([side(["a", "a"], [7, None]), side(["a"], [7])], [7], by_natural_key=True).disputes
    assert dispute.candidates == ((0, 1), (0, 0), (1, 0))
    (dispute,) = pair([side(["a"], [7]), side(["a", "a"])], [7], by_natural_key=True).disputes
    assert dispute.candidates == ((1, 0), (1, 1), (0, 0))


def test_a_link_that_the_state_did_not_list_counts_too():
    assert pair([side(["a"], [9]), side([])], [], by_natural_key=True).known == {9: [0, ABSENT]}
