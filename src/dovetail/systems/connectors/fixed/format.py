"""Files of fixed-width records, as the verbs that all connectors of files share want them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from dovetail.errors import SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.fixed import values
from dovetail.systems.connectors.fixed.layout import Layout, Mark, dataset_of, dumped, loaded, made_for
from dovetail.systems.connectors.fixed.records import look, records
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.known import empty, known
from dovetail.systems.files.manifest import Pinned
from dovetail.systems.files.place import faults


@dataclass(frozen=True, slots=True)
class Records:
    """How files of fixed-width records are looked at, read and written; `layouts` are the declared ones."""

    layouts: Mapping[str, Layout]
    rows_max: int
    _made: dict[str, Layout] = field(default_factory=dict)

    def holder(self, name: str) -> str:
        """The file that holds a dataset."""
        declared = self.layouts.get(name)
        return declared.file if declared is not None and declared.file is not None else name

    def names(self, holder: str, _: Path) -> list[str]:
        """The datasets of a file: those whose layout is declared, or that were made here."""
        found = [name for name in sorted(self.layouts) if self.holder(name) == holder]
        return found or [holder]

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """As it is declared, else as it was made here."""
        layout = self._layout(name, pinned)
        if pinned is not None and name not in self.layouts:
            return pinned
        writing = look(path, layout)
        ends = {"\n": "LF", "\r\n": "CRLF", "\x85": "NEL", "": ""}[writing.end]
        words = f", each ends in {ends}" if ends else ", without line ends"
        found = dataset_of(name, layout)
        return Pinned(replace(found, comment=f"{found.comment}{words}"), style={"layout": dumped(layout)})

    def rows(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every record of the dataset's type once, in the order of the file; at least one batch. One of another length
        is a row of nulls that says so."""
        layout = loaded(found.style["layout"])
        for one in fields:
            if one.name not in layout.fields:
                raise SchemaDrift(f"the layout has no field {one.name!r}", where=f"{found.dataset.name}.{one.name}")
        part: list[tuple[int, str]] = []
        is_empty = True
        for number, record, _ in self._own(path, found.dataset.name, layout):
            part.append((number, record))
            if len(part) == self.rows_max:
                yield _batch(part, fields, layout, path.name)
                part, is_empty = [], False
        if part or is_empty:
            yield _batch(part, fields, layout, path.name) if part else empty(fields)

    def ordered(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """The same."""
        return self.rows(path, found, fields)

    def unfit(self, path: Path, found: Pinned, given: pa.RecordBatch) -> dict[int, str]:
        """Rows with a value that does not fit into its field."""
        layout = loaded(found.style["layout"])
        encoding = look(path, layout).encoding
        rejected: dict[int, str] = {}
        for name in given.schema.names:
            kind = known(found.dataset, name).type
            for at in values.unfit(given.column(name), layout.fields[name], kind, encoding):
                rejected.setdefault(at, name)
        return rejected

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """The file anew; records that are not edited stay byte by byte, those of other types too."""
        layout = loaded(found.style["layout"])
        writing = look(path, layout)
        cuts = {
            name: values.written(edit.rows.column(name), layout.fields[name], known(found.dataset, name).type)
            for name in edit.rows.schema.names
        }
        with faults(beside.name), beside.open("wb") as file:
            last, is_first = writing.end, True
            for record, end in self._edited(path, found.dataset.name, layout, edit, cuts):
                file.write(_start(path) if is_first else b"")
                file.write((record + end).encode(writing.encoding, writing.errors))
                last, is_first = end, False
            blank = (layout.filler * layout.size)[: layout.size]
            for at in edit.added:
                given = {name: cut[at] for name, cut in cuts.items()}
                record = _put(blank, layout, given, is_new=True)
                ending = "" if last == writing.end else writing.end
                file.write((ending + record + writing.end).encode(writing.encoding, writing.errors))
                last = writing.end
        return replace(found, dataset=replace(found.dataset, rows=None))

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """An empty file."""
        layout = self.layouts.get(dataset.name) or made_for(dataset)
        for name in dataset.names:
            if name not in layout.fields:
                raise SystemFault(f"the layout of {dataset.name} has no field {name!r}", where=name, code="DV-338")
        with faults(beside.name):
            beside.touch()
        self._made[dataset.name] = layout
        made = dataset if dataset.name not in self.layouts else dataset_of(dataset.name, layout)
        return Pinned(made, style={"layout": dumped(layout)})

    def add(self, path: Path, beside: Path, dataset: Dataset) -> Pinned:
        """No dataset is added to a file: its records need a layout of their own."""
        words = f"no layout of {dataset.name} is declared for the file {path.name}, to be made at {beside.name}"
        raise SystemFault(words, where=dataset.name, hint="declare it under `datasets:`", code="DV-338")

    def _layout(self, name: str, pinned: Pinned | None) -> Layout:
        if name in self.layouts:
            return self.layouts[name]
        if pinned is not None and "layout" in pinned.style:
            return loaded(pinned.style["layout"])
        if name in self._made:
            return self._made[name]
        hint = f"declare it: `datasets: {{{name}: {{fields: {{...}}}}}}`"
        raise SystemFault(f"the layout of {name} is not declared", where=name, hint=hint, code="DV-356")

    def _own(self, path: Path, name: str, layout: Layout) -> Iterator[tuple[int, str, str]]:
        """The records of a dataset's type: their numbers, counted from 1, the records, and their ends. One that is of
        no type is given to the first dataset of the file, so that somebody hears of it."""
        others = [one for one in self.names(self.holder(name), path) if one != name]
        marks = [mark for one in others if (mark := self._only(one)) is not None]
        is_first = all(name < one for one in others)
        writing = look(path, layout)
        for number, (record, end) in enumerate(records(path, layout, writing), 1):
            if layout.only is None or layout.only.is_on(record):
                is_ours = True
            else:
                is_ours = is_first and not any(mark.is_on(record) for mark in marks)
            if is_ours:
                yield number, record, end

    def _only(self, name: str) -> Mark | None:
        declared = self.layouts.get(name)
        return declared.only if declared is not None else None

    def _edited(
        self, path: Path, name: str, layout: Layout, edit: Edit, cuts: Mapping[str, list[str | None]]
    ) -> Iterator[tuple[str, str]]:
        own = self._own(path, name, layout)
        ours = next(own, None)
        position = 0
        for number, (record, end) in enumerate(records(path, layout, look(path, layout)), 1):
            if ours is None or ours[0] != number:
                yield record, end
                continue
            if position in edit.changed:
                at = edit.changed[position]
                whole = record.ljust(layout.size) if layout.short == "pad" else record
                yield _put(whole, layout, {name: cut[at] for name, cut in cuts.items()}, is_new=False), end
            elif position not in edit.removed:
                yield record, end
            position += 1
            ours = next(own, None)


def _batch(part: Sequence[tuple[int, str]], fields: Sequence[Field], layout: Layout, where: str) -> pa.RecordBatch:
    reasons: dict[int, list[str]] = defaultdict(list)
    lines = [record.ljust(layout.size) if layout.short == "pad" else record for _, record in part]
    first = fields[0].name if fields else "record"
    for at, line in enumerate(lines):
        if len(line) != layout.size:
            reasons[at].append(f"{first}: the record has {len(line)} characters instead of {layout.size}")
        elif layout.only is not None and not layout.only.is_on(line):
            reasons[at].append(f"{first}: the record is of no type that is declared")
    wrong = set(reasons)
    arrays = []
    for one in fields:
        span = layout.fields[one.name]
        cuts = ["" if at in wrong else span.cut(line) for at, line in enumerate(lines)]
        carried = values.read(cuts, span, one.type)
        arrays.append(carried.column)
        for at in carried.failed:
            reasons[at].append(f"{one.name}: {carried.words}")
    names = [one.name for one in fields]
    if reasons:
        names.append(UNREADABLE)
        whole = {at: f"{'; '.join(words)} ({where}:{part[at][0]})" for at, words in reasons.items()}
        told = [whole.get(at) for at in range(len(part))]
        arrays.append(pa.array(told, pa.string()))
    if not arrays:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(part), pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, names)


def _put(record: str, layout: Layout, cuts: Mapping[str, str | None], *, is_new: bool) -> str:
    """The record with other characters in some fields; in a new one all other fields are blank."""
    given = {name: cut or "" for name, cut in cuts.items()}
    for name, span in layout.fields.items():
        if name in given or is_new:
            cut = given.get(name, "").ljust(span.size)
            record = record[: span.start - 1] + cut + record[span.end :]
    return record if not is_new else _marked(record, layout)


def _marked(record: str, layout: Layout) -> str:
    only = layout.only
    if only is None:
        return record
    start = only.start - 1
    return record[:start] + only.value + record[start + len(only.value) :]


def _start(path: Path) -> bytes:
    """The mark of UTF-8 at the start of the file, where there is one."""
    bom = b"\xef\xbb\xbf"
    with faults(path.name), path.open("rb") as file:
        return bom if file.read(3) == bom else b""

