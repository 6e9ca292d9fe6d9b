"""The Excel connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.excel.format import Workbooks
from dovetail.systems.connectors.excel.shape import DeclaredSheet
from dovetail.systems.files.address import Whence, check
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.files.verbs import FileVerbs

ENDINGS = (".xlsx", ".xlsm")
"""The endings of files that are workbooks."""


@dataclass(frozen=True, kw_only=True)
class Connector(FileVerbs):
    """Reads and writes the sheets of a workbook, or of the workbooks of a folder; each sheet is a dataset.

    The row of the names is the one declared, or the first of texts that are all different with two thirds at least of
    the cells that any of the first rows has. A column without a name between others is called `column_C`. A field has
    the type that all cells of its column have; a column of texts stays one, whatever they look like. Days are those of
    the workbook's own calendar (1900 or 1904). Of a formula the value is read that Excel computed last. Errors such as
    `#N/A`, cells merged into others, durations, formulas never computed, and numbers of more than 15 digits are held
    with their cell.

    On writing, only the cells that change are written; all other parts of the workbook stay as they are. A column
    with formulas is computed and never written; a text is always written as text, never as a formula. A deleted row is
    left empty, so that nothing else moves. What formulas computed is forgotten, since it may be wrong now: Excel
    computes it when it opens the workbook.
    """

    path: Path | str
    """The workbook, or a folder of them, where a sheet is called `WORKBOOK.SHEET`. A relative path counts from the
    project's folder. Also `s3://bucket/folder` and `sftp://host/folder`."""
    datasets: Mapping[str, DeclaredSheet] = field(default_factory=dict)
    """What is declared about a sheet: `key` (its fields), `types` (by field, such as `decimal(12, 2)`), `header_row`,
    `write` (`replace`, or `append` where rows are only added)."""
    settle_s: float = 0.0
    """A file is read once it has not changed for so many seconds; for writers that do not rename what is whole."""
    ready: str = ""
    """The ending of marks, such as `.done`: a file counts once one of its name and this ending stands beside it."""
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How a folder of another machine is reached, as for `csv`."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timeout_s: float = 60.0
    """Seconds to wait at most for another writer."""

    def __post_init__(self) -> None:
        check(self.path, self.access)
        if self.batch_rows < 1 or self.timeout_s <= 0:
            words = "batch_rows and timeout_s must be above zero"
            raise DeclarationError(words, where=str(self.path), code="DV-315")

    @cached_property
    def _files(self) -> Files:
        name = PurePosixPath(str(self.path))
        only = name.stem if name.suffix.lower() in ENDINGS else ""
        whence = Whence(self.path, self.access, self.timeout_s, self.ready, self.settle_s)
        store = Store(whence.folder(ENDINGS), "excel", self.timeout_s)
        declared = {name: Declared(write=one.write) for name, one in self.datasets.items()}
        return Files(store, Workbooks(self.datasets, self.batch_rows, only), declared)
