"""What the shared verbs of file connectors ask of a format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.manifest import Pinned


@runtime_checkable
class Several(Protocol):
    """A format whose files hold several datasets."""

    def holder(self, name: str) -> str:
        """The name of the file, without its ending, that holds a dataset."""
        ...

    def names(self, holder: str, path: Path) -> list[str]:
        """The datasets of a file."""
        ...

    def add(self, path: Path, beside: Path, dataset: Dataset) -> Pinned:
        """Write the file anew beside it, with one more dataset, which is empty."""
        ...


@runtime_checkable
class Loose(Protocol):
    """A format in which a file may lack fields that others of its kind have: they are null there."""

    @property
    def lacking_is_null(self) -> bool:
        """It is so."""
        ...


class Format(Protocol):
    """How files of one kind are looked at, read and written."""

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """What a file holds: as it is pinned where it still has the same fields, else as it is detected."""
        ...

    def rows(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every row once, these fields of it; at least one batch, which may be empty."""
        ...

    def ordered(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """As `rows`, in the order of the file; raises where some record cannot be counted among them."""
        ...

    def unfit(self, path: Path, found: Pinned, rows: pa.RecordBatch) -> dict[int, str]:
        """The rows of which the file cannot hold some value exactly, with the name of its field."""
        ...

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """Write the file anew beside it, with the edit, and say what it holds now.

        What is not edited stays byte by byte where that is possible."""
        ...

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """Write an empty file for a dataset."""
        ...
