"""Which keys and unique values a file holds, as hashes: enough to know that new rows meet none of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.merge.fingerprint import fingerprints

Numbers = npt.NDArray[np.uint64]


class Keys:
    """The hashes of values of some fields together; rows with a null among them count for nothing."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._runs: list[Numbers] = []

    def meets(self, rows: pa.RecordBatch) -> bool:
        """Whether some of these rows may hold what another one holds, or one that was added; `False` is sure."""
        found = self._hashes(rows)
        if len(np.unique(found)) < len(found):
            return True
        places = ((run, np.minimum(np.searchsorted(run, found), len(run) - 1)) for run in self._runs)
        return any(bool((run[at] == found).any()) for run, at in places)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count these rows in."""
        found = np.sort(self._hashes(rows))
        if not len(found):
            return
        self._runs.append(found)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]

    def _hashes(self, rows: pa.RecordBatch) -> Numbers:
        made = np.zeros(len(rows), dtype=np.uint64)
        whole = np.ones(len(rows), dtype=np.bool_)
        for at, name in enumerate(self.names):
            column = rows.column(name)
            made ^= fingerprints(column, np.full(len(rows), at + 1, dtype=np.uint64))
            if column.null_count:
                whole &= np.asarray(pc.is_valid(column))
        return made[whole]

