"""Who is told of every chunk that was written, while the state takes it in."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.model.change import Receipt

Places = npt.NDArray[np.int64]


class Onlooker(Protocol):
    """Looks on; called inside the state's transaction that confirms the chunk."""

    def wrote(self, decision: Decision, work: Work, chunk: Chunk, places: Places) -> None:
        """The rows at these places were written as the chunk says, at the member of the work."""
        ...


def written(chunk: Chunk, receipt: Receipt) -> Places:
    """The places of a chunk whose rows were written."""
    failed = {reject.position for reject in receipt.rejects} | set(receipt.missed)
    if not failed:
        return chunk.places
    done = np.ones(len(chunk.places), dtype=np.bool_)
    done[list(failed)] = False
    return chunk.places[done]
