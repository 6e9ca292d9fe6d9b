"""The verbs of every connector of files, whatever their format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa

from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt
from dovetail.systems.files.system import Files
from dovetail.systems.protocol import Transaction


class FileVerbs(ABC):
    """What a connector can do whose rows stand in files; its settings say which files, and of which format."""

    @property
    @abstractmethod
    def _files(self) -> Files:
        """The files, made once."""

    def describe(self) -> Catalog:
        """One dataset a file, by name; types are detected again where a file is another than it was."""
        return self._files.describe()

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, as the file was when the first batch was asked for."""
        return self._files.read(dataset, fields)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys; the whole file is read for them."""
        return self._files.lookup(dataset, fields, keys)

    def mark(self, dataset: Dataset) -> str | None:
        """Identity, size and time of the file; `None` for as long as another change could bear the same time."""
        return self._files.mark(dataset)

    def create(self, dataset: Dataset) -> None:
        """A file without rows, if there is none yet; its types and rules are remembered beside it."""
        self._files.create(dataset)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change; the file is replaced as a whole, and no other writer is let in."""
        return self._files.apply(dataset, change)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """The only writer until its end; files and ledger are committed by one renaming."""
        return self._files.transaction()

    def raise_epoch(self, partition: str) -> int:
        """The next epoch, once no transaction is open."""
        return self._files.raise_epoch(partition)

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        return self._files.ledger(partition)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        self._files.forget(partition, chunk)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What the place promises, and how each file is written."""
        return self._files.examine(datasets)

    def close(self) -> None:
        """Give back connections and copies of a place that is far; on a disk nothing is kept open."""
        self._files.close()
