"""The CSV connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset
from dovetail.systems.connectors.csv.dialect import Wish, look
from dovetail.systems.connectors.csv.shape import Habits, Shape, detect
from dovetail.systems.connectors.csv.values import rows
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.folder import Folder
from dovetail.systems.files.known import Sign, known, sign_of

ENDINGS = (".csv", ".tsv", ".txt")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads the files of a folder, or one file, of delimited values; each is a dataset that is named by its stem.

    Delimiter, encoding (by its mark, else UTF-8), decimal sign and types are detected; what is declared comes first. A
    field has the type that all its values have in their usual spelling: one code such as 007 makes a text of its field.
    A value that does not fit, and a record with too many or too few cells, is held with its line.
    """

    path: Path
    """The folder, or the file. A relative path counts from the project's folder."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key` (its fields) and `types` (by field, such as `decimal(12, 2)`)."""
    encoding: str | None = None
    """The encoding of files that are neither UTF-8 nor marked as UTF-16, such as `cp1252`."""
    delimiter: str | None = None
    """The character between cells; detected among comma, semicolon, tab and bar."""
    quote: str = '"'
    """The character around cells that hold delimiters or line ends; it is written twice to stand for itself."""
    escape: str | None = None
    """The character before a quote that stands for itself, where files have one, such as a backslash."""
    header: bool = True
    """Whether the first record names the fields; without, they are called `field_1` and so on."""
    decimal: str | None = None
    """The decimal sign, `.` or `,`; detected where some field is a number by one of them alone."""
    nulls: tuple[str, ...] = ()
    """Texts that mean null in every field, besides the bare empty cell."""
    quoted_empty: str = "text"
    """What an empty cell in quotes is in a field of texts: the empty `text`, or `null`."""
    sample_rows: int | None = None
    """Types are detected from so many first rows; without, from all."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timeout_s: float = 60.0
    """Seconds to wait at most for another writer."""

    def __post_init__(self) -> None:
        where = str(self.path)
        if self.batch_rows < 1 or self.timeout_s <= 0 or (self.sample_rows is not None and self.sample_rows < 1):
            words = "batch_rows, sample_rows and timeout_s must be above zero"
            raise DeclarationError(words, where=where, code="DV-315")
        for name, text in (("delimiter", self.delimiter), ("quote", self.quote), ("escape", self.escape)):
            if text is not None and (len(text) != 1 or not text.isascii() or text in "\r\n\x02\0"):
                raise DeclarationError(f"`{name}` must be one ASCII character", where=where, code="DV-315")
        if self.decimal not in (None, ".", ",") or self.quoted_empty not in ("text", "null"):
            words = "`decimal` is . or a comma, `quoted_empty` is text or null"
            raise DeclarationError(words, where=where, code="DV-315")

    @cached_property
    def _folder(self) -> Folder:
        return Folder(Path(self.path), ENDINGS)

    @cached_property
    def _shapes(self) -> dict[str, tuple[Sign, Shape]]:
        return {}

    @property
    def _habits(self) -> Habits:
        return Habits(self.decimal, tuple(self.nulls), self.quoted_empty == "null", self.sample_rows)

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """One dataset a file, by name; types are detected again where a file is another than it was."""
        return Catalog(tuple(self._look(name, path).dataset for name, path in self._folder.files().items()))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every record once, in the order of the file."""
        path = self._folder.file(dataset.name)
        seen = self._shapes.get(dataset.name)
        shape = seen[1] if seen is not None else self._look(dataset.name, path)
        wanted = [known(dataset, name) for name in fields]
        yield from rows(shape, wanted, self._habits, rows_max=self.batch_rows)

    def close(self) -> None:
        """Nothing is kept open."""

    def _look(self, name: str, path: Path) -> Shape:
        sign = sign_of(path)
        seen = self._shapes.get(name)
        if seen is None or seen[0] != sign:
            wish = Wish(self.encoding, self.delimiter, self.quote, self.escape, self.header)
            found = detect(path, look(path, wish), self._habits, self.datasets.get(name, NOTHING))
            self._shapes[name] = seen = (sign, found)
        return seen[1]
