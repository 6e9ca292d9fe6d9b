"""The CSV connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dovetail.errors import DeclarationError
from dovetail.systems.connectors.csv.dialect import Wish
from dovetail.systems.connectors.csv.format import CSV
from dovetail.systems.connectors.csv.shape import Habits
from dovetail.systems.files.address import Whence, check
from dovetail.systems.files.carry import TRUTH
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.store import Store
from dovetail.systems.files.system import Files
from dovetail.systems.files.verbs import FileVerbs

ENDINGS = (".csv", ".tsv", ".txt")
"""The endings of files that are datasets."""


@dataclass(frozen=True, kw_only=True)
class Connector(FileVerbs):
    """Reads the files of a folder, or one file, of delimited values; each is a dataset that is named by its stem.

    Delimiter, encoding (by its mark, else UTF-8), decimal sign and types are detected; what is declared comes first. A
    field has the type that all its values have in their usual spelling: one code such as 007 makes a text of its field.
    A value that does not fit, and a record with too many or too few cells, is held with its line.

    A target's file is replaced as a whole, and what is not touched stays byte by byte. To be written, a dataset
    needs a key. Beside the files stand `.dovetail-csv.json`, which holds fences, ledger and the types of files that
    were written here, and a file for locking. Writers exclude each other; a reader has the file as it was when it
    began.
    """

    path: Path | str
    """The folder, or the file. A relative path counts from the project's folder. Also `s3://bucket/folder` and
    `sftp://host/folder`."""
    datasets: Mapping[str, Declared] = field(default_factory=dict)
    """What is declared about a dataset: `key` (its fields), `types` (by field, such as `decimal(12, 2)` or
    `date DD.MM.YYYY`), `parts` (a pattern of many files that are one dataset), `file_field`, `write`."""
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
    booleans: tuple[str, str] = TRUTH
    """The texts for true and false, such as `[t, f]`; a field of these alone is boolean."""
    formulas: str = "keep"
    """What becomes of a text that a spreadsheet would take for a formula, since it begins with `=`, `+`, `-`, `@`, a
    tab or a carriage return: `keep` writes it as it is; `escape` writes an apostrophe before it, and takes it away when
    it reads. Numbers are never touched."""
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
        if self.formulas not in ("keep", "escape") or len({*self.booleans, ""}) != 3:
            words = "`formulas` is keep or escape, `booleans` are two texts"
            raise DeclarationError(words, where=where, code="DV-315")

    @cached_property
    def _files(self) -> Files:
        wish = Wish(self.encoding, self.delimiter, self.quote, self.escape, self.header)
        truth = (self.booleans[0], self.booleans[1])
        is_null = self.quoted_empty == "null"
        is_guarded = self.formulas == "escape"
        nulls = tuple(self.nulls)
        habits = Habits(self.decimal, nulls, is_null, self.sample_rows, truth=truth, is_guarded=is_guarded)
        patterns = tuple(one.parts for one in self.datasets.values() if one.parts)
        whence = Whence(self.path, self.access, self.timeout_s, self.ready, self.settle_s, patterns)
        store = Store(whence.folder(ENDINGS), "csv", self.timeout_s)
        return Files(store, CSV(wish, habits, self.datasets, self.batch_rows), self.datasets)
