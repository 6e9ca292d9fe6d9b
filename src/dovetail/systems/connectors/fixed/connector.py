"""The fixed-width connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.fixed.format import Records
from dovetail.systems.connectors.fixed.layout import Layout
from dovetail.systems.connectors.fixed.layout import check as check_layout
from dovetail.systems.files.address import Whence, check
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.files.verbs import FileVerbs

ENDINGS = (".txt", ".dat", ".fix", ".prn")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector(FileVerbs):
    """Reads and writes the files of a folder, or one file, whose records have a fixed width; their layout is declared.

    A record of another length is held with its number, and so is a value that does not fit the type of its field. Blank
    fields are null. On writing, a value that does not fit into its field, or would be read back as another one, is
    rejected: nothing is cut. Records that are not edited stay byte by byte. Several datasets may share a file, where a
    mark tells their records apart. A dataset that is made here without a layout is given one that is wide enough.
    """

    path: Path | str
    """The folder, or the file. A relative path counts from the project's folder. Also `s3://bucket/folder` and
    `sftp://host/folder`."""
    datasets: Mapping[str, Layout] = field(default_factory=dict)
    """The layout of each dataset: `fields` (by name: `start`, `width` or `to`, and besides `type`, `decimals`, `pad`,
    `align`, `sign`, `form`, `nulls`), `key`, `length`, `encoding`, `line_end`, `short`, `file`, `only` (`start` and
    `value` of the mark), `filler`, `write`."""
    encoding: str | None = None
    """The encoding of files whose layout does not name one: `utf-8` without, or such as `cp1252`, `cp037`, `cp500`."""
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
        for name, layout in self._layouts.items():
            check_layout(name, layout)

    @property
    def _layouts(self) -> Mapping[str, Layout]:
        return {name: replace(one, encoding=one.encoding or self.encoding) for name, one in self.datasets.items()}

    @cached_property
    def _files(self) -> Files:
        whence = Whence(self.path, self.access, self.timeout_s, self.ready, self.settle_s)
        store = Store(whence.folder(ENDINGS), "fixed", self.timeout_s)
        declared = {name: Declared(write=one.write) for name, one in self.datasets.items()}
        return Files(store, Records(self._layouts, self.batch_rows), declared)
