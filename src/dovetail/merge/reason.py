"""Which rule decided about a value, as small numbers that a column can hold."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Why a value counts; `NOTHING` where nobody's does, because there was nothing to decide."""

    NOTHING = 0
    ONLY_CHANGE = 1
    SAME_CHANGE = 2
    OWNER = 3
    OWNED_VALUE = 4
    PREFER = 5
    NEWEST = 6
    MIN = 7
    MAX = 8
    UNION = 9
    DELTA = 10
    RECOUNT = 11
    FIRST = 12
    OWED = 13
    DECREE = 14


WORDS = {
    Reason.NOTHING: "the value of {member}",
    Reason.ONLY_CHANGE: "only {member} changed it",
    Reason.SAME_CHANGE: "changed alike at several members",
    Reason.OWNER: "owner: {member}",
    Reason.OWNED_VALUE: "owner of this value: {member}",
    Reason.PREFER: "prefer: {member}",
    Reason.NEWEST: "newest: {member}",
    Reason.MIN: "min: {member}",
    Reason.MAX: "max: {member}",
    Reason.UNION: "union",
    Reason.DELTA: "delta",
    Reason.RECOUNT: "recount: {member}",
    Reason.FIRST: "first meeting: {member}",
    Reason.OWED: "owed since an earlier agreement: the value of {member}",
    Reason.DECREE: "a person's decision",
}
"""How each is told; `member` is the one whose value counts."""

CHOSEN = frozenset(
    {
        Reason.OWNER,
        Reason.OWNED_VALUE,
        Reason.PREFER,
        Reason.NEWEST,
        Reason.MIN,
        Reason.MAX,
        Reason.RECOUNT,
        Reason.FIRST,
        Reason.DECREE,
    }
)
"""Reasons by which one value was chosen among several, so that the others lost; what is added up or united goes in
whole."""
