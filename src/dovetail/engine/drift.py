"""Looking whether systems are still what was mapped: safe changes are taken in, others hold the mappings they are
about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

import pyarrow as pa

from dovetail.analysis.drift import Change, Drifted, Use, Weight, drifted
from dovetail.engine.scope import rows_of_keys
from dovetail.engine.shape import SAMPLE_MIN, Shape, is_same, read_shape, sampled, some_keys
from dovetail.engine.workspace import Workspace
from dovetail.errors import DeclarationError, Declarations, DovetailError, SchemaDrift
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.finding import Finding
from dovetail.model.mapping import Mapping as Declared
from dovetail.project.patch import Patch, Patches

LOOK_S = 60.0
"""Seconds between two looks at what systems hold, while nothing seems wrong."""
ALIKE_MAX = 0.2
"""The part of sampled rows that must still be as they were, or their dataset was put in another's place."""

CHOICE = "DV-481"
"""A system's owner changed a dataset in a way that needs a choice; its mapping waits."""
STOP = "DV-482"
"""A system's owner changed a dataset so that its mapping cannot go on."""
SAFE = "DV-483"
"""A system's owner changed a dataset in a way that was taken in."""


@dataclass(frozen=True, slots=True)
class Told:
    """One change, where it was seen, and what to write."""

    member: CompiledMember
    change: Drifted
    patches: tuple[Patch, ...] = ()


class Lookout:
    """What the systems of a workspace looked like when its mappings were compiled, and look like now. `adopt` is given
    a mapping that a safe change let be compiled anew; `aside` does something beside all else."""

    def __init__(
        self,
        workspace: Workspace,
        adopt: Callable[[CompiledMapping], None],
        *,
        aside: Callable[[Callable[[], None]], None],
    ) -> None:
        self._workspace = workspace
        self._adopt = adopt
        self._aside = aside
        self._seen: dict[str, Catalog] = {}
        self._looked: dict[str, float] = {}
        self._answers: SimpleQueue[tuple[str, Catalog]] = SimpleQueue()
        self._heard = 0
        self._considered: dict[str, int] = {}
        self._held: dict[str, SchemaDrift] = {}
        self.notes: list[Finding] = []
        """Safe changes that were taken in and not yet told."""

    def compile(self) -> dict[str, CompiledMapping]:
        """Every mapping, compiled against what the systems hold; one that must wait because of what changed while
        nobody was here, against what they held. Raises `Declarations` with all mistakes of the others."""
        project = self._workspace.project
        compiled: dict[str, CompiledMapping] = {}
        mistakes: list[DeclarationError] = []
        catalogs = self._workspace.catalogs(sorted({one.system for each in project.mappings for one in each.members}))
        self._seen |= catalogs
        for mapping in project.mappings:
            try:
                compiled[mapping.name] = self._compiled(mapping, catalogs)
            except Declarations as several:
                mistakes += several.mistakes
            except DeclarationError as mistake:
                mistakes.append(mistake)
        if mistakes:
            raise Declarations(mistakes)
        return compiled

    def _compiled(self, mapping: Declared, catalogs: Mapping[str, Catalog]) -> CompiledMapping:
        known = {one.name: self._shape(mapping.name, one.name) for one in mapping.members}
        before = {
            name: shape.dataset
            for name, shape in known.items()
            if shape is not None and shape.declared == self._workspace.project.digest
        }
        if before:
            was = compile_mapping(mapping, _with(catalogs, mapping, before), self._workspace.vars())
            told = list(self._told(was))
            if any(one.change.weight is not Weight.SAFE for one in told):
                self._held[mapping.name] = _error(mapping.name, told)
                return was
        return compile_mapping(mapping, catalogs, self._workspace.vars())

    def _shape(self, mapping: str, member: str) -> Shape | None:
        document = self._workspace.store.shapes.get(mapping, member)
        return read_shape(document) if document is not None else None

    def remember(self, compiled: CompiledMapping) -> None:
        """Agree with the datasets of a mapping that was joined, unless that is known."""
        shapes = {member.name: self._shape(compiled.name, member.name) for member in compiled.members}
        digest = self._workspace.project.digest
        known = [shape for shape in shapes.values() if shape is not None and shape.declared == digest]
        telling = [len(self._linked(compiled.name, name, shape)) >= SAMPLE_MIN for name, shape in shapes.items()]
        if len(known) < len(shapes) or not all(telling):
            self.agree(compiled)

    def agree(self, compiled: CompiledMapping) -> None:
        """Let the state know how the datasets of a mapping look that is worked on."""
        store, declared = self._workspace.store, self._workspace.project.digest
        for member in compiled.members:
            keys = some_keys(store, compiled.name, member.name)
            rows = sampled(self._rows(member, keys), member, store.meta.seed) if len(keys) else {}
            store.shapes.put(compiled.name, member.name, Shape(declared, member.dataset, rows).document())

    def look(self, systems: Collection[str]) -> None:
        """Ask systems what they hold, now."""
        for system in systems:
            self._describe(system)
        self._hear()

    def _describe(self, system: str) -> None:
        source = self._workspace.connect_anew(system)
        try:
            self._answers.put((system, source.describe()))
        finally:
            source.close()

    def _hear(self) -> None:
        while True:
            try:
                system, catalog = self._answers.get_nowait()
            except Empty:
                return
            self._seen[system] = catalog
            self._heard += 1

    def admit(self, compiled: CompiledMapping) -> None:
        """Raise `SchemaDrift` where a mapping must wait. Systems are asked aside, now and then; at once while it
        waits."""
        systems = {member.member.system for member in compiled.members}
        if compiled.name in self._held:
            self.look(systems)
            self.consider(compiled)
            return
        now_s = time.monotonic()
        for system in systems:
            if now_s - self._looked.setdefault(system, now_s) >= LOOK_S:
                self._looked[system] = now_s
                self._aside(partial(self._ask, system))
        self._hear()
        if self._considered.setdefault(compiled.name, self._heard) != self._heard:
            self.consider(compiled)

    @contextmanager
    def watching(self, compiled: CompiledMapping) -> Iterator[None]:
        """As `admit`; an error of the block that smells of another schema is told in the words of what changed."""
        self.admit(compiled)
        try:
            yield
        except SchemaDrift as error:
            raise self.explained(compiled, error) from error

    def explained(self, compiled: CompiledMapping, error: DovetailError) -> DovetailError:
        """The error, or what changed in the systems, where it smells of that."""
        if not isinstance(error, SchemaDrift) or compiled.name in self._held:
            return error
        try:
            self.look({member.member.system for member in compiled.members})
            self.consider(compiled)
        except DovetailError as known:
            return known if isinstance(known, SchemaDrift) else error
        return error

    def _ask(self, system: str) -> None:
        """Ask a system; whether it answers is found out elsewhere."""
        try:
            self._describe(system)
        except DovetailError:
            return

    def consider(self, compiled: CompiledMapping) -> None:
        """By what was last seen: raise `SchemaDrift` where the mapping must wait, else take in what changed."""
        name = compiled.name
        self._considered[name] = self._heard
        told = list(self._told(compiled))
        if any(one.change.weight is not Weight.SAFE for one in told) and not self._is_accepted(compiled):
            self._held[name] = _error(name, told)
            raise self._held[name]
        if told:
            try:
                anew = compile_mapping(compiled.mapping, self._seen, self._workspace.vars())
            except DeclarationError as mistake:
                self._held[name] = _stopped(name, told, mistake)
                raise self._held[name] from mistake
            self.notes += [_note(name, one) for one in told]
            self._adopt(anew)
        self._held.pop(name, None)
        self.agree(compiled if not told else anew)

    def _is_accepted(self, compiled: CompiledMapping) -> bool:
        """Whether a person agreed with the datasets as they are: then the state knows none of their shapes."""
        return all(self._shape(compiled.name, member.name) is None for member in compiled.members)

    def _told(self, compiled: CompiledMapping) -> Iterator[Told]:
        """What changed about the datasets of a mapping."""
        folder = self._workspace.folder
        for member in compiled.members:
            catalog = self._seen.get(member.member.system)
            now = catalog.dataset(member.dataset.name) if catalog is not None else member.dataset
            changes: Sequence[Drifted] = ()
            if not is_same(member.dataset, now):
                changes = drifted(member.dataset, now, _use(member))
            if not changes and self._is_swapped(compiled, member):
                words = f"{member.dataset.name} holds other rows than before: was another put in its place?"
                changes = (Drifted(Change.SWAPPED, Weight.CHOICE, "", words),)
            patches = Patches(Path(folder), compiled.mapping, member.member)
            for change in changes:
                sure = self._surely(compiled, member, change, now)
                yield Told(member, sure, tuple(_proposed(patches, member, sure)))

    def _surely(
        self, compiled: CompiledMapping, member: CompiledMember, change: Drifted, now: Dataset | None
    ) -> Drifted:
        """A renaming with the proof of the values, where rows are known that tell."""
        shape = self._shape(compiled.name, member.name)
        if change.change is not Change.RENAMED or shape is None or not shape.rows or now is None:
            return change
        seen = replace(member, dataset=now)
        keys = pa.array(shape.rows.keys(), pa.string())
        found = sampled(self._rows(seen, keys, [change.to]), member, self._workspace.store.meta.seed)
        same = sum(rows[change.to] == shape.rows[key].get(change.field) for key, rows in found.items())
        return replace(change, words=f"{change.words} ({same} of {len(found)} known rows hold the same value there)")

    def _is_swapped(self, compiled: CompiledMapping, member: CompiledMember) -> bool:
        """Whether hardly any of the rows that are known is there and as it was."""
        shape = self._shape(compiled.name, member.name)
        keys = self._linked(compiled.name, member.name, shape)
        if shape is None or len(keys) < SAMPLE_MIN:
            return False
        found = sampled(self._rows(member, keys), member, self._workspace.store.meta.seed)
        alike = sum(
            any(marks.get(name) == mark for name, mark in shape.rows[key].items()) for key, marks in found.items()
        )
        return alike < ALIKE_MAX * len(keys)

    def _linked(self, mapping: str, member: str, shape: Shape | None) -> pa.Array:
        """The keys of the sampled rows that were not deleted since, as far as we know: where rows come and go, all
        of them would be other ones before long."""
        keys = pa.array(shape.rows.keys() if shape is not None else [], pa.string())
        return keys.filter(self._workspace.store.crossref.rows(mapping, member, keys).is_valid()) if len(keys) else keys

    def _rows(
        self, member: CompiledMember, keys: pa.Array, fields: Sequence[str] | None = None
    ) -> list[pa.RecordBatch]:
        source = self._workspace.connector(member.member.system)
        names = tuple(dict.fromkeys([*member.key, *(fields or member.columns)]))
        return [batch.select(list(names)) for batch in rows_of_keys(source, member, keys, names) if batch.num_rows]


def _with(catalogs: Mapping[str, Catalog], mapping: Declared, before: Mapping[str, Dataset]) -> dict[str, Catalog]:
    """The catalogs with datasets as they were."""
    found = dict(catalogs)
    for member in mapping.members:
        if member.name in before:
            others = [one for one in found[member.system].datasets if one.name != member.dataset]
            found[member.system] = Catalog((*others, before[member.name]))
    return found


def _use(member: CompiledMember) -> Use:
    written = {column for cell in member.cells for column, _ in cell.writes} | {fill.column for fill in member.fills}
    return Use(
        fields=member.columns,
        written=written,
        key=member.key,
        coded={name for cell in member.cells for asked in cell.profile if asked.code_map for name in asked.columns},
        creates=member.receives and member.member.creates != "never",
    )


def _proposed(patches: Patches, member: CompiledMember, change: Drifted) -> list[Patch]:
    """What may be written about a change."""
    before = member.dataset.field(change.field)
    match change.change:
        case Change.RENAMED:
            return patches.renamed(change.field, change.to)
        case Change.DROPPED if change.weight is not Weight.SAFE:
            return patches.dropped(change.field)
        case Change.RETYPED if before is not None:
            return patches.retyped(change.field, before.type)
        case Change.LABEL:
            return patches.coded(change.field, change.to)
        case Change.REQUIRED if change.weight is not Weight.SAFE:
            return patches.filled(change.field)
    return []


def _error(mapping: str, told: Sequence[Told]) -> SchemaDrift:
    """Why a mapping waits, the gravest first, and what may be written."""
    weights = [Weight.STOP, Weight.CHOICE, Weight.SAFE]
    told = sorted(told, key=lambda one: weights.index(one.change.weight))
    lines = [f"{_place(one)}: {one.change.words} ({one.change.change}: {one.change.weight})" for one in told]
    patches = list(dict.fromkeys(str(patch) for one in told for patch in one.patches))
    hint = "\n  ".join(["write, if that is meant:", *patches, ""]) if patches else ""
    agree = f"to agree with the datasets as they are now: dovetail status --accept {mapping}"
    code = STOP if told[0].change.weight is Weight.STOP else CHOICE
    return SchemaDrift("\n  ".join(lines), where=mapping, hint=f"{hint}{agree}", code=code)


def _stopped(mapping: str, told: Sequence[Told], mistake: DeclarationError) -> SchemaDrift:
    """A mapping that cannot be compiled any more."""
    known = _error(mapping, told)
    return SchemaDrift(f"{known.message}\n  {mistake}", where=mapping, hint=known.hint, code=STOP)


def _place(told: Told) -> str:
    parts = [told.member.member.system, told.member.dataset.name, told.change.field]
    return ".".join(part for part in parts if part)


def _note(mapping: str, told: Told) -> Finding:
    """A safe change as a finding."""
    words = f"{_place(told)}: {told.change.words} ({told.change.change}: {told.change.weight})"
    patch = f"write, if that is meant: {told.patches[0]}" if told.patches else ""
    return Finding(SAFE, words, mapping=mapping, member=told.member.name, next=patch, severity="note")


def aside(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, which keeps no process alive."""
    threading.Thread(target=work, daemon=True).start()
