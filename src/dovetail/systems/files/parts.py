"""A dataset whose rows stand in many files: every file of a pattern is a part of it."""

from __future__ import annotations

import fnmatch
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path, PurePosixPath

import pyarrow as pa

from dovetail.errors import Refused, SchemaDrift, Unreachable
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.files.amend import Amendment, Edit, cast, ruled
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.format import Format, Loose
from dovetail.systems.files.known import empty, known
from dovetail.systems.files.manifest import Manifest, Pinned
from dovetail.systems.files.steady import steady
from dovetail.systems.files.store import Store, Work

BLANK = "null"
"""The native name of the type of a field in which every value is null: another part says what it is."""

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Parts:
    """One dataset of many files."""

    name: str
    declared: Declared
    store: Store
    format: Format
    _seen: dict[str, tuple[str, Pinned]] = field(default_factory=dict)

    def files(self, found: Manifest) -> dict[str, str]:
        """Its files, in the order of their names, each with the file that holds its content now."""
        there = self.store.folder.matching(self.declared.parts)
        waiting = {one.place: one.beside for one in found.pending.values() if self._is_ours(one.place)}
        place = self.store.folder.place
        waiting = {
            name: beside for name, beside in waiting.items() if name not in there and place.entry(beside) is not None
        }
        return dict(sorted({**{name: name for name in there}, **waiting}.items()))

    def look(self, found: Manifest) -> Pinned:
        """What its files hold together; a field has a type that the values of all of them fit."""
        pins = list(self._pins(self.files(found)).items())
        if not pins:
            raise SchemaDrift(f"no file is called {self.declared.parts}", where=self.name)
        if not isinstance(self.format, Loose):
            for name, pin in pins[1:]:
                if set(pin.dataset.names) != set(pins[0][1].dataset.names):
                    odd = sorted(set(pin.dataset.names) ^ set(pins[0][1].dataset.names))
                    words = f"{name} and {pins[0][0]} have other fields: {', '.join(odd)} stands in one of them alone"
                    raise SchemaDrift(words, where=self.name)
        whole = reduce(_joined, (pin for _, pin in pins))
        counts = [pin.dataset.rows for _, pin in pins]
        count = None if None in counts else sum(one or 0 for one in counts)
        words = f"{len(pins)} {'file' if len(pins) == 1 else 'files'} {self.declared.parts}; {whole.dataset.comment}"
        fields = whole.dataset.fields
        if self.declared.file_field is not None:
            kind = Type(Kind.TEXT, native="text")
            fields = (*fields, Field(self.declared.file_field, kind, nullable=False, computed=True))
        dataset = replace(whole.dataset, name=self.name, fields=fields, rows=count, comment=words)
        return replace(whole, dataset=dataset)

    def rows(self, whole: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every row of every file once, the files as they were at the beginning: one that arrives meanwhile is left for
        the next time, one that changes or goes away ends the reading with `Unreachable` (DV-351)."""
        found = self.store.manifest()
        files = self.files(found)
        before = self._marks(files)
        asked = [one for one in fields if one.name != self.declared.file_field]
        is_empty = True
        for name, pin in self._pins(files).items():
            own = _as(pin, whole)
            here = asked if isinstance(self.format, Loose) else [one for one in asked if one.name in pin.dataset.names]
            for batch in steady(self._near(files[name]), self._reading(own, here)):
                is_empty = is_empty and not len(batch)
                if len(batch):
                    yield self._with_name(batch, fields, name)
        if self._marks(files) != before:
            words = "a file was changed or taken away while the others were read"
            raise Unreachable(words, where=self.name, hint="nothing to do: it is read again", code="DV-351")
        if is_empty:
            yield empty(fields)

    def append(self, work: Work, dataset: Dataset, change: Change, *, is_again: bool) -> Receipt:
        """New rows as a file of their own; other changes are refused."""
        if change.verb is not Verb.CREATE or self.declared.write != "append":
            words = f"the rows of {self.name} stand in many files: new ones can be added (`write: append`), no others"
            raise Refused(words, where=self.name)
        whole = self.look(work.manifest)
        plain = [one for one in whole.dataset.fields if one.name != self.declared.file_field]
        made = replace(whole.dataset, fields=tuple(plain), rows=None)
        key = f"{self.name} {work.manifest.generation + 1}"
        rows = cast(dataset, change.rows)
        beside = work.beside()
        pin = self.format.make(beside, made)
        unfit = self.format.unfit(beside, pin, rows)
        given = replace(dataset, fields=tuple(one for one in dataset.fields if one.name != self.declared.file_field))
        amendment = Amendment(ruled(given, whole), change, is_again=is_again, unfit=unfit)
        amendment.see(self._standing(work, whole, key, [known(whole.dataset, name) for name in amendment.fields]))
        receipt = amendment.receipt()
        if amendment.edit:
            old = work.staged.get(key)
            start = beside if old is None else self.store.folder.place.beside(old)
            fresh = work.beside()
            self.format.rewrite(start, fresh, pin, Edit(amendment.edit.rows, added=amendment.edit.added))
            work.stage(key, fresh)
            work.places[key] = self._fresh_name(work)
        return receipt

    def _standing(self, work: Work, whole: Pinned, key: str, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """The rows that stand already, those of this transaction included."""
        yield from self.rows(whole, fields)
        if key in work.staged:
            path = self.store.folder.place.beside(work.staged[key])
            pin = self.format.look(self.name, path, None)
            yield from self.format.ordered(path, _as(pin, whole), fields)

    def _fresh_name(self, work: Work) -> str:
        """The name of a new part: a number in the place of the first star."""
        for number in itertools.count(work.manifest.generation + 1):
            name = self.declared.parts.replace("*", f"{number:08d}", 1).replace("*", "").replace("?", "0")
            if self.store.folder.place.entry(name) is None:
                return name
        raise AssertionError

    def _is_ours(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self.declared.parts)

    def _pins(self, files: Mapping[str, str]) -> dict[str, Pinned]:
        found: dict[str, Pinned] = {}
        for name, content in files.items():
            entry = self.store.folder.place.entry(content)
            seen = self._seen.get(name)
            if entry is None or seen is None or seen[0] != entry.mark:
                pin = self.format.look(self.name, self.store.folder.place.near(content), None)
                self._seen[name] = seen = ("" if entry is None else entry.mark, pin)
            found[name] = seen[1]
        return found

    def _marks(self, files: Mapping[str, str]) -> list[str]:
        """The marks of the files; one that was put in its place meanwhile is the same still."""
        place = self.store.folder.place
        entries = (place.entry(content) or place.entry(name) for name, content in files.items())
        return ["" if one is None else one.mark for one in entries]

    def _near(self, content: str) -> Finder:
        return Finder(self.store, content)

    def _reading(self, pin: Pinned, fields: Sequence[Field]) -> Reader:
        return Reader(self.format, pin, fields)

    def _with_name(self, batch: pa.RecordBatch, fields: Sequence[Field], name: str) -> pa.RecordBatch:
        names = batch.schema.names
        arrays: list[pa.Array] = []
        titles = [one.name for one in fields]
        for one in fields:
            if one.name == self.declared.file_field:
                arrays.append(pa.repeat(pa.scalar(PurePosixPath(name).name, pa.string()), len(batch)))
            elif one.name in names:
                arrays.append(batch.column(one.name))
            else:
                arrays.append(pa.nulls(len(batch), one.type.arrow()))
        extra = [title for title in names if title not in titles]
        arrays += [batch.column(title) for title in extra]
        if not arrays:
            return batch
        return pa.RecordBatch.from_arrays(arrays, [*titles, *extra])


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the content of one file."""

    store: Store
    content: str

    def __call__(self) -> Path:
        """Where it is now."""
        return self.store.folder.place.near(self.content)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads some fields of one file."""

    format: Format
    pin: Pinned
    fields: Sequence[Field]

    def __call__(self, path: Path) -> Iterator[pa.RecordBatch]:
        """Every row once."""
        return self.format.rows(path, self.pin, self.fields)


def await_settled(store: Store, names: Sequence[str]) -> None:
    """Return once none of these files has changed for as long as is declared; `Unreachable` (DV-350) where some goes on
    changing."""
    folder = store.folder
    if not folder.settle_s:
        return
    until = time.monotonic() + max(store.timeout_s, 2 * folder.settle_s)
    while True:
        now = time.monotonic()
        waits = [name for name in names if folder.unsettled_s(name, now) > 0]
        if not waits:
            return
        if now > until:
            words = f"the file has not been left alone for {folder.settle_s:g} s"
            raise Unreachable(words, where=waits[0], hint="it is read once its writer is done", code="DV-351")
        time.sleep(max(_PAUSE_S, folder.settle_s / 20))


def _joined(one: Pinned, other: Pinned) -> Pinned:
    """What two parts hold together."""
    fields = {field_one.name: field_one for field_one in one.dataset.fields}
    for more in other.dataset.fields:
        known_one = fields.get(more.name)
        if known_one is None:
            fields[more.name] = replace(more, nullable=more.name not in one.dataset.key)
        else:
            kind = joined_type(known_one.type, more.type)
            fields[more.name] = replace(known_one, type=kind, nullable=known_one.nullable or more.nullable)
    return replace(one, dataset=replace(one.dataset, fields=tuple(fields.values())))


def joined_type(one: Type, other: Type) -> Type:
    """The type that values of both fit.

    >>> str(joined_type(Type(Kind.INTEGER), Type(Kind.DECIMAL, precision=38, scale=2)))
    'decimal(38, 2)'
    >>> str(joined_type(Type(Kind.INTEGER), Type(Kind.DATE)))
    'text'
    """
    if one == other or other.native == BLANK:
        return one
    if one.native == BLANK:
        return other
    kinds = {one.kind, other.kind}
    if kinds <= {Kind.INTEGER, Kind.DECIMAL}:
        scale = max(one.scale or 0, other.scale or 0)
        return Type(Kind.DECIMAL, precision=DECIMAL_PRECISION_MAX, scale=scale, native="decimal")
    if kinds == {Kind.DATE, Kind.TIMESTAMP}:
        return Type(Kind.TIMESTAMP, native="timestamp")
    return one if len(kinds) == 1 and one.kind is not Kind.TEXT else Type(Kind.TEXT, native="text")


def _as(pin: Pinned, whole: Pinned) -> Pinned:
    """One part, its values read as those of the whole."""
    spellings: dict[str, Spelling] = {}
    for name, spelling in pin.spellings.items():
        found = whole.dataset.field(name)
        if found is None or found.type == spelling.type:
            spellings[name] = spelling
        elif found.type.kind is Kind.TEXT:
            spellings[name] = Spelling(found.type)
        else:
            spellings[name] = replace(spelling, type=found.type, is_strict=False)
    return replace(pin, spellings=spellings)
