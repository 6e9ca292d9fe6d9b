"""What all members of a mapping last agreed on: the base, loaded for the rows of a survey and kept up to date."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.based import needs_base
from dovetail.merge.packed import CELL, pack
from dovetail.merge.wordset import marks_of_words, words_of
from dovetail.state.base import Words
from dovetail.state.store import Store

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Former:
    """What was agreed on about one field at one member, as a cell that has changed since (`read`) saw it."""

    field: int
    side: int
    read: str
    places: Places
    cells: npt.NDArray[np.void]


class Agreed:
    """The base of every shared row of a mapping, as an array of the shape (rows, fields, members) and the type
    `CELL`; in memory the rows of each field and member lie together.

    `is_kept` is false where no decision needs a base; then none is made for rows that have none."""

    def __init__(self, mapping: CompiledMapping, numbers: npt.NDArray[np.int64], *, for_sync: bool = False) -> None:
        self.is_kept = for_sync or needs_base(mapping.mapping)
        self.mapping = mapping
        self.numbers = numbers
        self.fields = tuple(field.name for field in mapping.mapping.fields)
        self.members = tuple(member.name for member in mapping.members)
        # Plain zeros cost no memory until they are written; those of a compound type would.
        blank = np.zeros((len(self.fields), len(self.members), len(numbers) * CELL.itemsize), dtype=np.uint8)
        self.cells = blank.view(CELL).transpose(2, 0, 1)
        self._is_blank = True
        self.seed = 0
        self.unions = {at: field for at, field in enumerate(mapping.mapping.fields) if field.is_set}
        self.former: list[Former] = []
        self.words: dict[tuple[int, int, int], frozenset[int]] = {}
        """For `union` fields, by place, field and member, the marks of the words that were agreed on."""

    def latest(self) -> npt.NDArray[np.int64]:
        """The latest agreement on each field of each row, 0 where there is none."""
        if self._is_blank:
            return np.zeros((len(self.numbers), len(self.fields)), dtype=np.int64)
        found: npt.NDArray[np.int64] = self.cells["agreement"].max(axis=2, initial=0).astype(np.int64)
        return found

    @property
    def layout(self) -> str:
        """The document that says what the bytes mean: members, fields, and the digest of the cell that made each
        fingerprint."""
        digests = {
            field.name: {
                member.name: f"{cell.digest} number" if field.adds_up else cell.digest
                for member in self.mapping.members
                if (cell := member.cell(field.name))
            }
            for field in self.mapping.mapping.fields
        }
        reads = {
            field.name: {
                member.name: cell.read.text for member in self.mapping.members if (cell := member.cell(field.name))
            }
            for field in self.mapping.mapping.fields
            if not field.adds_up and not field.is_set
        }
        document = {"members": self.members, "fields": self.fields, "cells": digests, "reads": reads}
        return json.dumps(document, sort_keys=True)

    def load(self, store: Store, *, is_some: bool = False) -> None:
        """Read the base (`is_some`: few rows of many). What was made by another cell than today's is set apart
        (`former`), so those fields meet as if for the first time."""
        name = self.mapping.name
        table = store.base.load_rows(name, pa.array(self.numbers)) if is_some else store.base.load(name)
        if table.num_rows == 0:
            return
        if self.unions:
            self._load_words(store)
        today = json.loads(self.layout)
        layouts = table.column("layout").to_numpy()
        documents = store.base.layouts(self.mapping.name)
        for layout in np.unique(layouts):
            document = json.loads(documents[int(layout)])
            for part in table.filter(pa.array(layouts == layout)).to_batches():
                self._place(part, document, today)

    def _place(self, part: pa.RecordBatch, document: dict[str, object], today: dict[str, object]) -> None:
        fields, members = list(document["fields"]), list(document["members"])  # type: ignore[call-overload]
        cells = _unpacked(part.column("packed")).reshape(part.num_rows, len(fields), len(members))
        source, target = _met(part.column("row").to_numpy(), self.numbers)
        self._is_blank = False
        for at, field in enumerate(self.fields):
            for on, member in enumerate(self.members):
                then = _digest(document, field, member)
                if then is None:
                    continue
                kept = cells[source, fields.index(field), members.index(member)]
                if then == _digest(today, field, member):
                    self.cells[target, at, on] = kept
                elif read := document.get("reads", {}).get(field, {}).get(member):  # type: ignore[attr-defined]
                    self.former.append(Former(at, on, read, target, kept))

    def _load_words(self, store: Store) -> None:
        """Read which words of `union` fields were agreed on."""
        place_of = {number: place for place, number in enumerate(self.numbers.tolist())}
        field_of = {field.name: at for at, field in self.unions.items()}
        for one in store.base.words(self.mapping.name, self.numbers.tolist()):
            if one.field in field_of and one.member in self.members:
                self.words[place_of[one.row], field_of[one.field], self.members.index(one.member)] = one.marks

    def note_words(self, at: int, side: int, places: Places, values: pa.Array | pa.ChunkedArray) -> None:
        """Note which words a member holds at some places, where the field is a set of words; `values` row for row."""
        shared = self.unions.get(at)
        if shared is None or shared.policy is None:
            return
        for place, text in zip(places.tolist(), values.to_pylist(), strict=True):
            words = words_of(text, shared.policy.separator)
            self.words[place, at, side] = marks_of_words(words, self.word_seed(place))

    def word_seed(self, place: int) -> int:
        """The seed under which the words of a row are marked."""
        return self.seed ^ int(self.numbers[place]) & (1 << 63) - 1

    def words_at(self, places: Places) -> tuple[Words, ...]:
        """What is kept of the words of some rows."""
        if not self.unions:
            return ()
        wanted = set(places.tolist())
        return tuple(
            Words(int(self.numbers[place]), self.members[side], self.fields[at], marks)
            for (place, at, side), marks in self.words.items()
            if place in wanted
        )

    def packed(self, places: npt.NDArray[np.int64]) -> list[bytes]:
        """The bytes of some rows."""
        return pack(self.cells[places])


def _digest(document: dict[str, object], field: str, member: str) -> object:
    return document["cells"].get(field, {}).get(member)  # type: ignore[attr-defined]


def _unpacked(packed: pa.Array) -> npt.NDArray[np.void]:
    """The cells of all rows, one after the other."""
    _, offsets, content = packed.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[packed.offset : packed.offset + len(packed) + 1]
    return np.frombuffer(content, dtype=np.uint8)[ends[0] : ends[-1]].view(CELL)


def _met(rows: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], Places]:
    """The places of the rows that stand among the numbers, and their places there."""
    order = np.argsort(numbers, kind="stable")
    at = np.minimum(np.searchsorted(numbers[order], rows), max(len(numbers) - 1, 0))
    source = np.flatnonzero(numbers[order[at]] == rows) if len(numbers) else np.array([], dtype=np.intp)
    return source, order[at[source]]
