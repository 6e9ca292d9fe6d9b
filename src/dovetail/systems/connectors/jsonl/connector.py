"""The connector for JSON lines: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt
from dovetail.systems.connectors.jsonl.format import JSONLines
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.folder import Folder
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.protocol import Transaction

ENDINGS = (".jsonl", ".ndjson")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads the files of JSON lines of a folder, or one file; each is a dataset that is named by its stem.

    Numbers keep every digit; a name that is missing is null; nested values are carried as JSON text. A field has the
    type that all its values have; values of several kinds are carried as JSON. A line that is no object, or that names
    something twice, is held.

    A target's file is replaced as a whole, and lines that are not touched stay byte by byte. To be written, a
    dataset needs a key. Beside the files stand `.dovetail-jsonl.json`, which holds fences, ledger and the types of
    files that were written here, and a file for locking. Writers exclude each other; a reader has the file as it
    was when it began.
    """

    path: Path
    """The folder, or the file. A relative path counts from the project's folder."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key` (its fields) and `types` (by field, such as `decimal(12, 2)`)."""
    sample_rows: int | None = None
    """Types are detected from so many first rows; without, from all."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timeout_s: float = 60.0
    """Seconds to wait at most for another writer."""

    def __post_init__(self) -> None:
        if self.batch_rows < 1 or self.timeout_s <= 0 or (self.sample_rows is not None and self.sample_rows < 1):
            words = "batch_rows, sample_rows and timeout_s must be above zero"
            raise DeclarationError(words, where=str(self.path), code="DV-315")

    @cached_property
    def _files(self) -> Files:
        store = Store(Folder(Path(self.path), ENDINGS), "jsonl", self.timeout_s)
        return Files(store, JSONLines(self.datasets, self.sample_rows, self.batch_rows))

    def describe(self) -> Catalog:
        """One dataset a file, by name; types are detected again where a file is another than it was."""
        return self._files.describe()

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, as the file was when the first batch was asked for."""
        return self._files.read(dataset, fields)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys; the whole file is read for them."""
        return self._files.lookup(dataset, fields, keys)

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

    def close(self) -> None:
        """Nothing is kept open."""
