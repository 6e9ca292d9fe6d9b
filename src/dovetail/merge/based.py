"""Which mappings need a base: where rules alone say who wins, what was last agreed on changes nothing."""

from __future__ import annotations

from dovetail.merge.deletes import CARRIED
from dovetail.model.mapping import Mapping, SharedField


def needs_base(mapping: Mapping) -> bool:
    """Whether any decision about the mapping could come out otherwise without what its members last agreed on.

    A shared field of one owner, who also wins the first meeting, takes the owner's value whatever was agreed on before;
    every other rule must know who edited. A delete that is carried on must know whether the row was edited elsewhere,
    unless nobody there may set a field; and a row that is deleted softly, whether it was there before."""
    return any(_is_merged(field) for field in mapping.fields) or any(
        member.gone is not None
        or (
            member.deletes in CARRIED
            and any(field.owner != member.name for field in mapping.fields if len(field.cells) > 1)
        )
        for member in mapping.members
    )


def _is_merged(field: SharedField) -> bool:
    """Whether several members share the field, and more than an owner's name says whose value counts."""
    if len(field.cells) < 2 or field.value is not None:
        return False
    is_owned = isinstance(field.owner, str) and field.first in (None, field.owner)
    return not is_owned or field.elsewhere == "keep"
