"""The Parquet connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset
from dovetail.systems.connectors.parquet.read import look, rows
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.folder import Folder
from dovetail.systems.files.known import known

ENDINGS = (".parquet", ".pq")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads the Parquet files of a folder, or one file; each is a dataset that is named by its stem.

    Types are those of the file. Nested values are carried as JSON text; a time that is finer than a microsecond is held.
    """

    path: Path
    """The folder, or the file. A relative path counts from the project's folder."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key`, the fields that identify a row."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timeout_s: float = 60.0
    """Seconds to wait at most for another writer."""

    def __post_init__(self) -> None:
        if self.batch_rows < 1 or self.timeout_s <= 0:
            words = "batch_rows and timeout_s must be above zero"
            raise DeclarationError(words, where=str(self.path), code="DV-315")

    @cached_property
    def _folder(self) -> Folder:
        return Folder(Path(self.path), ENDINGS)

    def describe(self) -> Catalog:
        """One dataset a file, by name."""
        found = (look(path, self.datasets.get(name, NOTHING)) for name, path in self._folder.files().items())
        return Catalog(tuple(found))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in the order of the file."""
        path = self._folder.file(dataset.name)
        yield from rows(path, [known(dataset, name) for name in fields], rows_max=self.batch_rows)

    def close(self) -> None:
        """Nothing is kept open."""
