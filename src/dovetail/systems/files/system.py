"""The verbs that all connectors of files share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyarrow as pa

from dovetail.errors import Fenced, Refused, SchemaDrift
from dovetail.model.catalog import Catalog, Dataset, Field
from dovetail.model.change import UNREADABLE, Change, LedgerEntry, Receipt, Verb
from dovetail.systems.files.amend import Amendment, cast, ruled
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.format import Format, Several
from dovetail.systems.files.grow import Bed, Grows
from dovetail.systems.files.known import known
from dovetail.systems.files.manifest import Pinned
from dovetail.systems.files.parts import Parts, await_settled
from dovetail.systems.files.place import Disk
from dovetail.systems.files.plain import among, plain
from dovetail.systems.files.quiet import found_again, is_old
from dovetail.systems.files.steady import steady
from dovetail.systems.files.store import Store, Work


@dataclass(frozen=True, slots=True)
class Files:
    """A system of files of one format."""

    store: Store
    format: Format
    declared: Mapping[str, Declared] = field(default_factory=dict)
    _seen: dict[str, Pinned] = field(default_factory=dict)
    _parts: dict[str, Parts] = field(init=False, default_factory=dict)
    bed: Bed | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name, one in self.declared.items():
            if one.parts:
                self._parts[name] = Parts(name, one, self.store, self.format)
        if isinstance(self.format, Grows):
            object.__setattr__(self, "bed", Bed(self.format))

    def ripen(self) -> None:
        """Put files to which a load added rows in their places."""
        if isinstance(self.store.folder.place, Disk) and self.store.manifest().growing:
            with self.store.writing() as work:
                for name in list(work.manifest.growing):
                    self._ripen(work, name)

    def _ripen(self, work: Work, name: str) -> None:
        if self.bed is not None:
            self.bed.ripen(work, name)

    def describe(self) -> Catalog:
        """One dataset a file, by name."""
        self.ripen()
        found = self.store.manifest()
        holders = self.store.names(found, {self._holder(name) for name in found.pinned if name not in self._parts})
        names = [name for holder in sorted(holders) for name in self._names(holder) if name not in self._parts]
        names += [name for name, one in self._parts.items() if one.files(found)]
        names.sort()
        return Catalog(tuple(self._look(name, found.pinned.get(name)).dataset for name in names))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once."""
        wanted = [known(dataset, name) for name in fields]
        self.ripen()
        self._settle(dataset.name)
        found = self._known(dataset)
        holder = self._holder(dataset.name)
        if dataset.name in self._parts:
            yield from self._parts[dataset.name].rows(found, wanted)
            return
        yield from steady(lambda: self.store.file(holder), lambda path: self.format.rows(path, found, wanted))

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys: all are read, the others left out."""
        wanted = cast(dataset, keys)
        parts = wanted.schema.names
        keyed = set(zip(*map(plain, wanted.columns), strict=True))
        asked = list(dict.fromkeys([*fields, *parts]))
        for batch in self.read(dataset, asked):
            near = batch.take(among(batch.column(parts[0]), wanted.column(0)))
            rows = zip(*(plain(near.column(part)) for part in parts), strict=True)
            hits = near.filter(pa.array([None not in row and row in keyed for row in rows], pa.bool_()))
            names = [*fields, *([UNREADABLE] if UNREADABLE in hits.schema.names else [])]
            if len(hits):
                yield hits.select(names)

    def mark(self, dataset: Dataset) -> str | None:
        """The mark of the file that holds a dataset, once its time tells it from later ones."""
        if dataset.name in self._parts:
            return None
        self.ripen()
        found = self.store.manifest()
        file = self.store.current(found, self._holder(dataset.name))
        mark = self.store.mark(file)
        return mark if is_old(self.store.folder.place.near(file)) else None

    def create(self, dataset: Dataset) -> None:
        """The file, if it is not there yet."""
        plain_dataset = replace(dataset, fields=tuple(replace(one, drawn=False) for one in dataset.fields))
        holder = self._holder(dataset.name)
        with self.store.writing() as work:
            is_there = holder in self.store.folder.files()
            if is_there and dataset.name in self._names(holder):
                return
            if is_there and isinstance(self.format, Several):
                path, beside = work.file(holder), work.beside()
                pinned = self.format.add(path, beside, plain_dataset)
            else:
                self.store.folder.new(holder)
                beside = work.beside()
                pinned = self.format.make(beside, plain_dataset)
            work.manifest.pinned[dataset.name] = pinned
            work.stage(holder, beside)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what stands already as asked is counted as applied."""
        with self.store.writing() as work:
            return self.write(work, dataset, change, is_again=True)

    @contextmanager
    def transaction(self) -> Iterator[FileTransaction]:
        """The only writer until its end."""
        with self.store.writing() as work:
            yield FileTransaction(self, work)

    def raise_epoch(self, partition: str) -> int:
        """The next epoch, once no transaction is open."""
        with self.store.writing() as work:
            epoch = work.manifest.epochs.get(partition, 0) + 1
            work.manifest.epochs[partition] = epoch
            work.is_remembering = True
        return epoch

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        entries = self.store.manifest().entries.values()
        return sorted((one for one in entries if one.partition == partition), key=lambda one: one.chunk)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self.store.writing() as work:
            entries = work.manifest.entries
            gone = [key for key in entries if key[0] == partition and key[1] <= chunk]
            for key in gone:
                del entries[key]
            work.is_remembering = bool(gone)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What the place promises, and what was detected of each dataset."""
        place = self.store.folder.place
        lines = [("place", "ok", place.words), *place.promises()]
        catalog = self.describe()
        for asked in datasets:
            found = catalog.dataset(asked.name)
            if found is None:
                lines.append((asked.name, "bad", "there is no file for it"))
                continue
            kinds = ", ".join(f"{one.name} {one.type}" for one in found.fields)
            lines.append((asked.name, "ok", f"{found.comment}: {kinds}" if found.comment else kinds))
        return lines

    def close(self) -> None:
        """Give back connections and copies."""
        self.ripen()
        self.store.folder.place.close()

    def write(self, work: Work, dataset: Dataset, change: Change, *, is_again: bool) -> Receipt:
        """Carry a change out in a file beside the one there; nothing is written where nothing changes."""
        for name in change.rows.schema.names:
            known(dataset, name)
        if dataset.name in self._parts:
            return self._parts[dataset.name].append(work, dataset, change, is_again=is_again)
        if change.verb is not Verb.CREATE and self._is_append(dataset.name):
            words = f"{dataset.name} is declared `write: append`: new rows are added, nothing else changes"
            raise Refused(words, where=dataset.name)
        receipt = self.bed.add(work, dataset, change) if self.bed is not None and not is_again else None
        if receipt is not None:
            return receipt
        self._ripen(work, dataset.name)
        holder = self._holder(dataset.name)
        path = work.file(holder)
        found = self.format.look(dataset.name, path, work.manifest.pinned.get(dataset.name))
        for name in change.rows.schema.names:
            _field(found, name)
        rows = cast(dataset, change.rows)
        unfit = self.format.unfit(path, found, rows)
        amendment = Amendment(ruled(dataset, found), change, is_again=is_again, unfit=unfit)
        fields = [_field(found, name) for name in amendment.fields]
        if len(rows):
            amendment.see(self.format.ordered(path, found, fields))
        receipt = amendment.receipt()
        if amendment.edit:
            beside = work.beside()
            found = self.format.rewrite(path, beside, found, amendment.edit)
            work.stage(holder, beside)
            work.manifest.pinned[dataset.name] = found
            self._seen[dataset.name] = found
        return receipt

    def _is_append(self, name: str) -> bool:
        declared = self.declared.get(name)
        return declared is not None and declared.write == "append"

    def _settle(self, name: str) -> None:
        """Wait until the files of a dataset have been left alone for as long as is declared."""
        if self.store.folder.settle_s:
            found = self.store.manifest()
            parts = self._parts.get(name)
            file = None if parts is not None else self.store.folder.files().get(self._holder(name))
            await_settled(self.store, list(parts.files(found)) if parts is not None else [file] if file else [])

    def _holder(self, name: str) -> str:
        """The name of the file that holds a dataset."""
        return self.format.holder(name) if isinstance(self.format, Several) else name

    def _names(self, holder: str) -> list[str]:
        """The datasets of a file."""
        return self.format.names(holder, self.store.file(holder)) if isinstance(self.format, Several) else [holder]

    def _known(self, dataset: Dataset) -> Pinned:
        found = self._seen.get(dataset.name)
        if found is None:
            found = self._look(dataset.name, self.store.manifest().pinned.get(dataset.name))
        return found

    def _look(self, name: str, pinned: Pinned | None) -> Pinned:
        self._settle(name)
        if name in self._parts:
            self._seen[name] = whole = self._parts[name].look(self.store.manifest())
            return whole
        self._seen[name] = found = found_again(
            lambda: self.format.look(name, self.store.file(self._holder(name)), pinned)
        )
        return found


@dataclass(frozen=True, slots=True)
class FileTransaction:
    """Writes that become durable together: their files and their ledger entries, by one renaming."""

    files: Files
    work: Work

    def fence(self, partition: str, epoch: int) -> None:
        """Go on only where the partition's epoch is this one; nobody can raise it before the end."""
        if self.work.manifest.epochs.get(partition) != epoch:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change; a row whose key is taken is a reject."""
        return self.files.write(self.work, dataset, change, is_again=False)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        for entry in entries:
            self.work.manifest.entries[entry.partition, entry.chunk] = entry
            self.work.recorded.append((entry.partition, entry.chunk))
        self.work.is_remembering = self.work.is_remembering or bool(entries)


def _field(found: Pinned, name: str) -> Field:
    field_found = found.dataset.field(name)
    if field_found is None:
        raise SchemaDrift(f"the file has no field {name!r}", where=f"{found.dataset.name}.{name}")
    return field_found
