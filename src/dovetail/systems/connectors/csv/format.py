"""Files of delimited values, as the verbs that all connectors of files share want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.systems.connectors.csv import write
from dovetail.systems.connectors.csv.dialect import Dialect, Wish, look
from dovetail.systems.connectors.csv.shape import Habits, Shape, detect
from dovetail.systems.connectors.csv.values import ordered, rows, spelling_of
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.known import Sign, beyond, empty, sign_of
from dovetail.systems.files.manifest import Pinned


@dataclass(frozen=True, slots=True)
class CSV:
    """How files of delimited values are looked at, read and written."""

    wish: Wish
    habits: Habits
    declared: Mapping[str, Declared]
    rows_max: int
    _seen: dict[str, tuple[Sign, Pinned]] = field(default_factory=dict)

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """As it is pinned where it still has the same fields, else as its values say."""
        declared = self.declared.get(name, NOTHING)
        if pinned is not None:
            dialect = self._dialect(path, pinned)
            if dialect.names == pinned.dataset.names:
                key = declared.key or pinned.dataset.key
                return replace(pinned, dataset=replace(pinned.dataset, key=key, comment=f"{dialect.words}, types kept"))
        sign = sign_of(path)
        seen = self._seen.get(name)
        if seen is None or seen[0] != sign:
            dialect = look(path, self.wish)
            dataset, spellings = detect(path, dialect, self.habits, declared)
            found = Pinned(replace(dataset, name=name), spellings, _style(dialect))
            self._seen[name] = seen = (sign, found)
        return seen[1]

    def rows(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every record once."""
        return rows(self._shape(path, found), fields, self.habits, rows_max=self.rows_max)

    def ordered(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every record once, in the order of the file."""
        return ordered(self._shape(path, found), fields, self.habits, rows_max=self.rows_max)

    def unfit(self, path: Path, found: Pinned, given: pa.RecordBatch) -> dict[int, str]:
        """Rows with a value that has no text, or none in the encoding of the file."""
        return self._hand(path, found).unfit(given)

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """The file anew; records that are not edited stay byte by byte."""
        write.rewrite(path, beside, self._hand(path, found), edit)
        return replace(found, dataset=replace(found.dataset, rows=None))

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """A file with the names of the fields."""
        encoding = self.wish.encoding or "utf-8"
        delimiter = self.wish.delimiter or ","
        plain = Dialect(encoding, b"", delimiter, self.wish.quote, self.wish.escape, "\n", dataset.names, "")
        hand = write.Hand(plain, {})
        head = delimiter.join(map(hand.cell, dataset.names)) + "\n" if self.wish.has_header else ""
        write.make(beside, replace(plain, head=head))
        sign = self.habits.decimal or "."
        spellings = {one.name: Spelling(one.type, decimal=sign, is_strict=False) for one in dataset.fields}
        return Pinned(dataset, spellings, {"delimiter": delimiter, "encoding": encoding})

    def seed(self, path: Path, beside: Path, found: Pinned) -> None:
        """A copy whose last line has an end."""
        write.rewrite(path, beside, self._hand(path, found), Edit(_nothing(found)))

    def more(self, beside: Path, found: Pinned, given: pa.RecordBatch) -> bytes:
        """The records."""
        return self._hand(beside, found).lines(given)

    def added(self, beside: Path, found: Pinned, before: int) -> Iterator[pa.RecordBatch]:
        """The last records."""
        return beyond(self.ordered(beside, found, found.dataset.fields), before)

    def ripen(self, path: Path, beside: Path, ripe: Path, found: Pinned) -> Pinned:
        """It is ripe."""
        return replace(found, dataset=replace(found.dataset, rows=None))

    def _dialect(self, path: Path, found: Pinned) -> Dialect:
        wish = replace(self.wish, delimiter=found.style["delimiter"], encoding=found.style["encoding"])
        return look(path, wish)

    def _shape(self, path: Path, found: Pinned) -> Shape:
        return Shape(path, self._dialect(path, found), found.spellings)

    def _hand(self, path: Path, found: Pinned) -> write.Hand:
        shape = self._shape(path, found)
        spellings = {one.name: spelling_of(shape, one, self.habits) for one in found.dataset.fields}
        return write.Hand(shape.dialect, spellings, self.habits.nulls)


def _nothing(found: Pinned) -> pa.RecordBatch:
    return empty(found.dataset.fields)


def _style(dialect: Dialect) -> dict[str, str]:
    return {"delimiter": dialect.delimiter, "encoding": dialect.encoding}
