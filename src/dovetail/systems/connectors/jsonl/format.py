"""Files of JSON lines, as the verbs that all connectors of files share want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.systems.connectors.jsonl import write
from dovetail.systems.connectors.jsonl.read import rows
from dovetail.systems.connectors.jsonl.shape import detect
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.folder import faults
from dovetail.systems.files.known import Sign, beyond, empty, known, sign_of
from dovetail.systems.files.manifest import Pinned


@dataclass(frozen=True, slots=True)
class JSONLines:
    """How files of JSON lines are looked at, read and written."""

    declared: Mapping[str, Declared]
    sample_rows: int | None
    rows_max: int
    _seen: dict[str, tuple[Sign, Pinned | None, Pinned]] = field(default_factory=dict)

    @property
    def lacking_is_null(self) -> bool:
        """A line may lack a field."""
        return True

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """As it is pinned where nobody else has written it since, else as its values say, the pinned fields first."""
        declared = self.declared.get(name, NOTHING)
        sign = sign_of(path)
        if pinned is not None and pinned.style.get("sign") == _words(sign):
            return replace(pinned, dataset=replace(pinned.dataset, key=declared.key or pinned.dataset.key))
        seen = self._seen.get(name)
        if seen is None or seen[:2] != (sign, pinned):
            made = None if pinned is None else pinned.dataset
            dataset = detect(path, declared, self.sample_rows, made)
            self._seen[name] = seen = (sign, pinned, Pinned(replace(dataset, name=name)))
        return seen[2]

    def rows(self, path: Path, _: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every line that is not empty, once."""
        return rows(path, fields, rows_max=self.rows_max)

    def ordered(self, path: Path, _: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every line that is not empty, in the order of the file."""
        return rows(path, fields, rows_max=self.rows_max)

    def unfit(self, _: Path, found: Pinned, given: pa.RecordBatch) -> dict[int, str]:
        """Rows with a value that would not be read back as the same."""
        return write.unfit(given, _fields(found, given))

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """The file anew; lines that are not edited stay byte by byte."""
        write.rewrite(path, beside, _fields(found, edit.rows), edit)
        return self._signed(beside, found.dataset)

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """An empty file."""
        with faults(beside.name):
            beside.touch()
        return self._signed(beside, dataset)

    def seed(self, path: Path, beside: Path, found: Pinned) -> None:
        """A copy whose last line has an end."""
        write.rewrite(path, beside, [], Edit(empty([])))

    def more(self, beside: Path, found: Pinned, given: pa.RecordBatch) -> bytes:
        """The lines."""
        return write.lines(given, _fields(found, given))

    def added(self, beside: Path, found: Pinned, before: int) -> Iterator[pa.RecordBatch]:
        """The last lines."""
        return beyond(self.ordered(beside, found, found.dataset.fields), before)

    def ripen(self, path: Path, beside: Path, ripe: Path, found: Pinned) -> Pinned:
        """It is ripe."""
        return self._signed(beside, found.dataset)

    def _signed(self, beside: Path, dataset: Dataset) -> Pinned:
        return Pinned(replace(dataset, rows=None), style={"sign": _words(sign_of(beside))})


def _fields(found: Pinned, given: pa.RecordBatch) -> list[Field]:
    return [known(found.dataset, name) for name in given.schema.names]


def _words(sign: Sign) -> str:
    return " ".join(map(str, sign))
