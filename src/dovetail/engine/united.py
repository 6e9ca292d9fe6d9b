"""Sets of words that several members edited: what each added and took away, put together."""

from __future__ import annotations

from collections.abc import Iterator

from dovetail.engine.rivals import Contested, Made, Outcome
from dovetail.merge.reason import Reason
from dovetail.merge.wordset import Edited, merged, words_of


def unite(contested: Contested, rows: list[int]) -> Iterator[tuple[int, Outcome]]:
    """The words that stand at the member which holds the last agreement, with everybody else's edits."""
    agreed = contested.decision.agreed
    separator = contested.shared.policy.separator if contested.shared.policy is not None else ", "
    for at in rows:
        place = int(contested.places[at])
        cells = agreed.cells[place, contested.field]
        sides = contested.active_at(at)
        edited = {
            side: Edited(
                words_of(contested.values[side][at], separator),
                agreed.words.get((place, contested.field, side)) if cells["agreement"][side] else None,
            )
            for side in sides
        }
        standing = max(sides, key=lambda side: (int(cells["agreement"][side]), -side))
        others = [edited[side] for side in sides if side != standing]
        words = merged(edited[standing], others, agreed.word_seed(place))
        is_null = all(contested.values[side][at] is None for side in sides)
        yield at, Made(None if is_null else separator.join(words), Reason.UNION)
