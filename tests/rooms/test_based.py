"""A base is needed exactly where a decision could come out otherwise without it."""

from __future__ import annotations

import pytest

from dovetail.errors import Location
from dovetail.merge.based import needs_base
from dovetail.model.mapping import Cell, DeleteRule, Mapping, Member, SharedField

AT = Location("thing.yaml", 1, 1)


def shared(name="v", members=("left", "right"), **how):
    return SharedField(name, tuple((member, Cell("v", AT)) for member in members), AT, **how)


def mapping(*fields, **deletes):
    members = tuple(Member(name, name, "d", AT, deletes=deletes.get(name)) for name in ("left", "right"))
    return Mapping("thing", members, fields or (shared(owner="left"),), AT)


NEEDED = {
    "one owner": (mapping(), False),
    "one owner, who also wins the first meeting": (mapping(shared(owner="left", first="left")), False),
    "one owner, and another wins the first meeting": (mapping(shared(owner="left", first="right")), True),
    "edits elsewhere stay": (mapping(shared(owner="left", elsewhere="keep")), True),
    "nobody owns it": (mapping(shared()), True),
    "the owner depends on the value": (mapping(shared(owner=(("a", "left"), ("b", "right")))), True),
    "one member alone knows it": (mapping(shared(members=("left",))), False),
    "it is computed": (mapping(shared(value="v")), False),
    "one field of several": (mapping(shared("a", owner="left"), shared("b")), True),
    "deletes of the owner are carried on": (mapping(left=DeleteRule.PROPAGATE), False),
    "deletes of another are carried on": (mapping(right=DeleteRule.PROPAGATE), True),
    "soft deletes of another are carried on": (mapping(right=DeleteRule.SOFT), True),
    "deletes of another are asked about": (mapping(right=DeleteRule.ASK), False),
    "deletes are carried on of rows that nobody else edits": (
        mapping(shared(members=("left",), owner="left"), right=DeleteRule.PROPAGATE),
        False,
    ),
}


@pytest.mark.parametrize(("mapping", "is_needed"), NEEDED.values(), ids=NEEDED)
def test_a_base_is_needed(mapping, is_needed):
    assert needs_base(mapping) is is_needed
