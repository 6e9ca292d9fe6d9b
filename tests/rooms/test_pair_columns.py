"""Pairing in columns says of every situation exactly what pairing row by row says."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.rooms.test_pair import situations

from dovetail.identity.columns import UNLINKED, Columns, from_pairing, pair_columns
from dovetail.identity.pair import Side, pair


def in_columns(sides):
    """The same rows in columns; natural keys numbered as they come."""
    every = dict.fromkeys(key for side in sides for naturals in side.naturals for key in naturals)
    number = {key: at for at, key in enumerate(every)}
    return [
        Columns(
            np.array([UNLINKED if row is None else row for row in side.linked], dtype=np.int64),
            np.array([number[naturals[0]] if naturals else -1 for naturals in side.naturals], dtype=np.int64),
            np.array([at in side.held for at in range(len(side.linked))], dtype=np.bool_),
        )
        for side in sides
    ]


def told(paired):
    return (paired.known.tolist(), paired.index.T.tolist(), paired.attached, paired.disputes)


DOUBLE = [Side([7, None, 7], [["a"], ["a"], []]), Side([9, None], [["b"], ["a"]])]
NOTHING = [Side([], []), Side([], [])]


@settings(max_examples=200, deadline=None)
@example((DOUBLE, [7]), True)
@example((NOTHING, [3]), True)
@given(st.tuples(situations(1), st.sampled_from([[], [1, 2], [1, 2, 3]])), st.booleans())
def test_columns_are_paired_as_rows_are(situation, by_natural_key):
    sides, known = situation
    paired = pair_columns(in_columns(sides), np.array(known, dtype=np.int64), by_natural_key=by_natural_key)
    if by_natural_key:
        assert told(paired) == told(from_pairing(sides, known))
    answer = pair(sides, known, by_natural_key=by_natural_key)
    assert paired.known.tolist() == list(answer.known)
    assert paired.index.T.tolist() == [*answer.known.values(), *answer.fresh]
    assert [(int(paired.known[place]), side) for place, side in paired.attached] == answer.attached
    assert paired.disputes == answer.disputes
