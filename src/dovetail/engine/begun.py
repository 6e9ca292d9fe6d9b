"""How far a load is, as the state keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dovetail.engine.agreed import Agreed
from dovetail.engine.deliver import Desk
from dovetail.engine.loadable import Loadable
from dovetail.engine.unmoved import Sight
from dovetail.model.key import decode
from dovetail.model.run import OUTCOMES, MappingCount
from dovetail.state.store import Store


def was_broken_off(store: Store, mapping: str, members: Sequence[str]) -> bool:
    """Whether a load of the mapping was begun and not ended: the next one goes on behind the last row dealt with."""
    loads = [store.loads.get(mapping, member) for member in members]
    return any(load is not None and load.is_open for load in loads)


@dataclass(slots=True)
class Begun:
    """How far a load is: the key of the last row that was dealt with, and what became of the rows up to there."""

    layout: str
    meets: bool
    place: str | None = None
    count: MappingCount = field(default_factory=MappingCount)
    sight: Sight = field(default_factory=Sight)
    is_resumed: bool = False
    was_broken_off: bool = False

    @classmethod
    def of(cls, way: Loadable, desk: Desk, *, is_dry: bool) -> Begun:
        """What the state knows of the load of this mapping."""
        layout = Agreed(way.mapping, np.zeros(0, dtype=np.int64)).layout
        begun = cls(layout, way.meets)
        broken = desk.store.loads.get(way.mapping.name, way.taker.name)
        if broken is not None and broken.is_open:
            begun.place = broken.document["place"]
            begun.count = MappingCount(**broken.document["count"])
            begun.sight = Sight.of(broken.document["sight"])
            begun.is_resumed = begun.was_broken_off = True
        elif not is_dry:
            desk.store.digests.forget(way.mapping.name)
            desk.store.loads.begin(way.mapping.name, way.taker.name, begun.document())
        return begun

    def document(self) -> dict[str, object]:
        """As the state keeps it."""
        counts = {name: getattr(self.count, name) for name in ("rows", *OUTCOMES)}
        return {
            "layout": self.layout,
            "meets": self.meets,
            "place": self.place,
            "count": counts,
            "sight": self.sight.document(),
        }

    def after(self, way: Loadable) -> pa.RecordBatch | None:
        """The last key, as a source is asked for what follows it."""
        if self.place is None:
            return None
        key = way.giver.key
        parts = decode([self.place], [way.giver.scope[name] for name in key])
        return pa.RecordBatch.from_arrays(parts, names=list(key))


def earlier(done: MappingCount) -> MappingCount:
    """What a later run says of rows that this one dealt with: what was written then is unchanged."""
    written = done.created + done.updated + done.deleted
    return MappingCount(
        rows=done.rows,
        unchanged=done.unchanged + written,
        filtered=done.filtered,
        quarantined=done.quarantined,
        conflicts=done.conflicts,
    )
