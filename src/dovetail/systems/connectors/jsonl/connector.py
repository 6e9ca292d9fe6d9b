"""The connector for JSON lines: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset
from dovetail.systems.connectors.jsonl.read import rows
from dovetail.systems.connectors.jsonl.shape import detect
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.folder import Folder
from dovetail.systems.files.known import Sign, known, sign_of

ENDINGS = (".jsonl", ".ndjson")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads the files of JSON lines of a folder, or one file; each is a dataset that is named by its stem.

    Numbers keep every digit; a name that is missing is null; nested values are carried as JSON text. A field has the
    type that all its values have; values of several kinds are carried as JSON. A line that is no object, or that names
    something twice, is held.
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
    def _folder(self) -> Folder:
        return Folder(Path(self.path), ENDINGS)

    @cached_property
    def _known(self) -> dict[str, tuple[Sign, Dataset]]:
        return {}

    def describe(self) -> Catalog:
        """One dataset a file, by name; types are detected again where a file is another than it was."""
        return Catalog(tuple(self._look(name, path) for name, path in self._folder.files().items()))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in the order of the file."""
        path = self._folder.file(dataset.name)
        yield from rows(path, [known(dataset, name) for name in fields], rows_max=self.batch_rows)

    def close(self) -> None:
        """Nothing is kept open."""

    def _look(self, name: str, path: Path) -> Dataset:
        sign = sign_of(path)
        found = self._known.get(name)
        if found is None or found[0] != sign:
            dataset = detect(path, self.datasets.get(name, NOTHING), self.sample_rows)
            self._known[name] = found = (sign, dataset)
        return found[1]
