"""The Parquet connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.parquet.format import Parquet
from dovetail.systems.files.address import Whence, check
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.files.verbs import FileVerbs

ENDINGS = (".parquet", ".pq")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector(FileVerbs):
    """Reads the Parquet files of a folder, or one file; each is a dataset that is named by its stem.

    Types are those of the file. Nested values are carried as JSON text; a time finer than a microsecond is held.

    A target's file is replaced as a whole, with its schema and its compression. To be written, a dataset needs a key.
    Beside the files stand `.dovetail-parquet.json`, which holds fences, ledger and the types of files that were written
    here, and a file for locking. Writers exclude each other; a reader has the file as it was when it began.
    """

    path: Path | str
    """The folder, or the file. A relative path counts from the project's folder. Also `s3://bucket/folder` and
    `sftp://host/folder`."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key`, the fields that identify a row; `parts` (a pattern of many files that
    are one dataset), `file_field`, `write`."""
    settle_s: float = 0.0
    """A file is read once it has not changed for so many seconds; for writers that do not rename what is whole."""
    ready: str = ""
    """The ending of marks, such as `.done`: a file counts once one of its name and this ending stands beside it."""
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How a folder of another machine is reached. For S3: `endpoint`, `region`, `key`, `secret`, `token`; for SFTP:
    `user`, `password` or `key_file` and `passphrase`, and the server's key: `host_key` or `known_hosts`. For both:
    `lease_s`, after which a lock that is not renewed counts no more, and `sole_writer: "yes"` where nobody else writes
    there and the place cannot keep writers apart. Write secrets as `${secret:NAME}`."""
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
        patterns = tuple(one.parts for one in self.datasets.values() if one.parts)
        whence = Whence(self.path, self.access, self.timeout_s, self.ready, self.settle_s, patterns)
        store = Store(whence.folder(ENDINGS), "parquet", self.timeout_s)
        return Files(store, Parquet(self.datasets, self.batch_rows), self.datasets)
