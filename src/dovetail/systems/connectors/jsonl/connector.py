"""The connector for JSON lines: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.jsonl.format import JSONLines
from dovetail.systems.files.address import Whence, check
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.files.verbs import FileVerbs

ENDINGS = (".jsonl", ".ndjson")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector(FileVerbs):
    """Reads the files of JSON lines of a folder, or one file; each is a dataset that is named by its stem.

    Numbers keep every digit; a name that is missing is null; nested values are carried as JSON text. A field has the
    type that all its values have; values of several kinds are carried as JSON. A line that is no object, or that names
    something twice, is held.

    A target's file is replaced as a whole, and lines that are not touched stay byte by byte. To be written, a
    dataset needs a key. Beside the files stand `.dovetail-jsonl.json`, which holds fences, ledger and the types of
    files that were written here, and a file for locking. Writers exclude each other; a reader has the file as it
    was when it began.
    """

    path: Path | str
    """The folder, or the file. A relative path counts from the project's folder. Also `s3://bucket/folder` and
    `sftp://host/folder`."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key` (its fields), `types` (by field, such as `decimal(12, 2)`), `parts`
    (a pattern of many files that are one dataset), `file_field`, `write`."""
    sample_rows: int | None = None
    """Types are detected from so many first rows; without, from all."""
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
        if self.batch_rows < 1 or self.timeout_s <= 0 or (self.sample_rows is not None and self.sample_rows < 1):
            words = "batch_rows, sample_rows and timeout_s must be above zero"
            raise DeclarationError(words, where=str(self.path), code="DV-315")

    @cached_property
    def _files(self) -> Files:
        patterns = tuple(one.parts for one in self.datasets.values() if one.parts)
        whence = Whence(self.path, self.access, self.timeout_s, self.ready, self.settle_s, patterns)
        store = Store(whence.folder(ENDINGS), "jsonl", self.timeout_s)
        return Files(store, JSONLines(self.datasets, self.sample_rows, self.batch_rows), self.datasets)
