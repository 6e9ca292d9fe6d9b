"""Which rows of a member changed since it was last looked over, where no feed tells: by the digest of every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.unmoved import among, marks
from dovetail.mapping.compiled import CompiledMember
from dovetail.merge.fingerprint import fingerprints
from dovetail.model.catalog import Dataset
from dovetail.model.change import DIGEST, UNREADABLE
from dovetail.model.key import encode
from dovetail.state.store import Store
from dovetail.systems.protocol import Source, SupportsDigest, SupportsMark

Numbers = npt.NDArray[np.uint64]


class Census:
    """What the rows of one member looked like when they were last looked over; kept in memory only, so the first look
    of a process tells nothing."""

    def __init__(self, mapping: str, member: CompiledMember, source: Source, store: Store) -> None:
        self._mapping = mapping
        self._member = member
        self._source = source
        self._store = store
        self._total: tuple[int, int] | None = None
        self._mark: str | None = None
        self._marks: Numbers | None = None
        self._digests = np.zeros(0, dtype=np.uint64)

    def look(self) -> pa.Array | None:
        """The keys of rows that are new, gone, or not as they were at the last look; `None` at the first one, when
        that cannot be told.

        A row that was deleted is named by its key if it is linked; nobody knew the others."""
        mark = self._source.mark(self._dataset) if isinstance(self._source, SupportsMark) else None
        if mark is not None and mark == self._mark and self._marks is not None:
            return pa.array([], pa.string())
        server = self._server()
        total = None
        if server is not None:
            total = server.digest_total(self._dataset, self._member.columns)
            if total == self._total and self._marks is not None:
                return pa.array([], pa.string())
        keys, digests = self._by_server(server) if server is not None else self._by_reading()
        known, self._total = self._marks, total
        own = marks(keys)
        order = np.argsort(own, kind="stable")
        answer = None if known is None else self._differing(keys, own, digests)
        self._marks, self._digests, self._mark = own[order], digests[order], mark
        return answer

    @property
    def _dataset(self) -> Dataset:
        return replace(self._member.dataset, key=self._member.key)

    def _server(self) -> SupportsDigest | None:
        source = self._source
        is_able = isinstance(source, SupportsDigest) and source.digestible(self._dataset, self._member.columns)
        return source if is_able and isinstance(source, SupportsDigest) else None

    def _by_server(self, server: SupportsDigest) -> tuple[pa.Array, Numbers]:
        batches = list(server.digest_rows(self._dataset, self._member.columns))
        keys = [encode([batch.column(part) for part in self._member.key]) for batch in batches]
        digests = [batch.column(DIGEST).to_numpy().view(np.uint64) for batch in batches]
        return _joined(keys, digests)

    def _by_reading(self) -> tuple[pa.Array, Numbers]:
        keys, digests = [], []
        for batch in self._source.read(self._member.dataset, self._member.columns):
            keys.append(encode([batch.column(part) for part in self._member.key]))
            digests.append(_digests(batch))
        return _joined(keys, digests)

    def _differing(self, keys: pa.Array, own: Numbers, digests: Numbers) -> pa.Array:
        assert self._marks is not None
        at = np.minimum(np.searchsorted(self._marks, own), max(len(self._marks) - 1, 0))
        same = np.zeros(len(own), dtype=np.bool_)
        if len(self._marks):
            same = (self._marks[at] == own) & (self._digests[at] == digests)
        found = [keys.filter(pa.array(~same))]
        gone = self._marks[~among(self._marks, np.sort(own))]
        if len(gone):
            found += [keys.filter(pa.array(among(marks(keys), gone))) for keys in self._linked()]
        return pa.concat_arrays([pa.array([], pa.string()), *found]).unique()

    def _linked(self) -> list[pa.Array]:
        batches = self._store.crossref.batches(self._mapping)
        return [keys[self._member.name].drop_null() for _, keys in batches if self._member.name in keys]


def _digests(batch: pa.RecordBatch) -> Numbers:
    """One number for each row, by all of its values; what cannot be read counts by the words that say so."""
    made = np.zeros(batch.num_rows, dtype=np.uint64)
    for at, name in enumerate(batch.schema.names):
        if name != UNREADABLE or batch.column(name).null_count < batch.num_rows:
            made ^= fingerprints(batch.column(name), np.full(batch.num_rows, at + 1, dtype=np.uint64))
    return made


def _joined(keys: list[pa.Array], digests: list[Numbers]) -> tuple[pa.Array, Numbers]:
    return (
        pa.concat_arrays([pa.array([], pa.string()), *keys]),
        np.concatenate([np.zeros(0, dtype=np.uint64), *digests]),
    )
