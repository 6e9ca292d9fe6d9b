"""One reconcile over whole mappings: read, pair, merge, and either stop before the first write or carry it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Mapping as Bindings
from dataclasses import dataclass, field
from functools import partial

from dovetail.engine.again import Again, Watched, keep_seen, keep_watched, look_again, watch
from dovetail.engine.agreed import Agreed
from dovetail.engine.attempt import persist
from dovetail.engine.clocks import Clocks
from dovetail.engine.decide import decide, refresh
from dovetail.engine.decision import Decision, Surroundings, Work
from dovetail.engine.deliver import Desk
from dovetail.engine.due import Due
from dovetail.engine.gone import look_for_vanished
from dovetail.engine.guard import RollingGuard
from dovetail.engine.links import Links
from dovetail.engine.load import Load, Loaded
from dovetail.engine.loadable import Loadable, looked_up_by, streams
from dovetail.engine.onlooker import Onlooker
from dovetail.engine.partition import Partition
from dovetail.engine.pingpong import PingPong
from dovetail.engine.pour import Channel, channel
from dovetail.engine.progress import Progress, Silent
from dovetail.engine.quiet import keep_quiet
from dovetail.engine.rows import MemberRows, read_member
from dovetail.engine.standing import Standing
from dovetail.engine.survey import Survey, follow_references, take_survey
from dovetail.engine.unmoved import NOTHING_NOTED, Moved, moved
from dovetail.engine.workspace import Workspace
from dovetail.engine.write import Writer, Written
from dovetail.errors import DeclarationError, Declarations, UnknownName
from dovetail.mapping.arrive import only_read, unwritable
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.mapping.ring import rings
from dovetail.merge.deletes import CARRIED
from dovetail.model.mapping import Mapping
from dovetail.plan.guard import Blast
from dovetail.plan.manifest import PlannedRow
from dovetail.plan.route import routes
from dovetail.systems.protocol import Target

MOVED_ONLY = "only rows that moved"
"""The path of a mapping whose other rows are known to stand as they stood."""


@dataclass(slots=True)
class Pass:
    """One reconcile: all decisions in the order of writing, what was written, and rows left out because they moved
    since the plan."""

    decisions: list[Decision]
    written: dict[str, Written] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    moved: list[PlannedRow] = field(default_factory=list)


class Reconcile:
    """The one path. `durable` draws shared row numbers from the state; a plan or a comparison draws provisional
    ones."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        only: Sequence[str] = (),
        durable: bool,
        progress: Progress | None = None,
        for_sync: bool = False,
        mappings: Bindings[str, CompiledMapping] | None = None,
    ) -> None:
        self.workspace = workspace
        self.durable = durable
        self.progress: Progress = progress or Silent()
        self.clocks = Clocks(workspace)
        compiled = mappings if mappings is not None else compile_all(workspace)
        self._reading = _reading(workspace, compiled.values())
        mistakes = [mistake for mapping in compiled.values() for mistake in unwritable(mapping, self._reading)]
        self.mappings = {name: only_read(mapping, self._reading) for name, mapping in compiled.items()}
        mistakes += rings(self.mappings.values())
        if mistakes:
            raise Declarations(mistakes)
        chosen = set(only) or set(self.mappings)
        for name in chosen - set(self.mappings):
            raise UnknownName(f"no mapping is named {name!r}", hint="declared mappings: " + ", ".join(self.mappings))
        groups = routes([compiled.mapping for compiled in self.mappings.values()])
        picked = [[self.mappings[mapping.name] for mapping in group if mapping.name in chosen] for group in groups]
        self.groups = [group for group in picked if group]
        self.partitions: dict[tuple[str, str], Partition] = {}
        self.standing = Standing(workspace.store)
        self.streams: dict[str, Loadable] = {}
        self.moved: dict[str, Moved] = {}
        self.again: dict[str, Again] = {}
        self.watched: dict[str, Watched] = {}
        self.for_sync = for_sync
        self.guard: RollingGuard | None = None
        self.pingpong: PingPong | None = None
        self.onlookers: Sequence[Onlooker] = ()
        self.loaded: dict[str, Loaded] = {}
        self.paths: dict[str, str] = {}

    def adopt(self, mapping: CompiledMapping) -> None:
        """Go on with a mapping as it was compiled anew."""
        self.mappings[mapping.name] = only_read(mapping, self._reading)
        self.groups = [[self.mappings[one.name] for one in group] for group in self.groups]

    @property
    def order(self) -> list[str]:
        """The chosen mappings in the order in which they are written."""
        return [mapping.name for group in self.groups for mapping in group]

    def choose(self) -> None:
        """Look only at what moved where the systems can tell, and stream what can be streamed; everything else is
        decided whole. Only streams are decided while they are written."""
        told = {mapping.name: self._moved(mapping, group) for group in self.groups for mapping in group}
        looked_up = {name for group in self.groups for mapping in group for name in looked_up_by(mapping)}
        self.moved = {name: found for name, found in told.items() if isinstance(found, Moved) and name not in looked_up}
        known = self.moved.keys() | {name for name in self.order if self.standing.doubts(name)}
        self.streams, reasons = streams(self.workspace, self.groups, known, durable=self.durable)
        for name in self.order:
            found = told[name]
            if name in self.moved:
                self.paths[name] = MOVED_ONLY
            elif name in self.streams:
                self.paths[name] = self._path(self.streams[name])
            elif isinstance(found, str) and found != NOTHING_NOTED:
                self.paths[name] = f"whole: {found}"
            else:
                self.paths[name] = f"whole: {reasons[name]}"

    def _path(self, way: Loadable) -> str:
        """How a stream will flow, as far as that can be told before what it refers to is there."""
        ends = (self.workspace.connector(way.giver.member.system), self.workspace.connector(way.taker.member.system))
        members = {name: [member.name for member in one.members] for name, one in self.mappings.items()}
        links = Links(self.workspace.store, members, durable=False)
        found = channel(way, ends, links, self.mappings, is_based=self.for_sync)
        return flowing(way, is_poured=isinstance(found, Channel))

    def _moved(self, mapping: CompiledMapping, group: Sequence[CompiledMapping]) -> Moved | str:
        store = self.workspace.store
        if self.standing.doubts(mapping.name):
            return "something was put back from a backup"
        if self.for_sync and store.base.count(mapping.name) < store.crossref.count(mapping.name):
            return "not all of its agreed values are kept yet"
        return moved(mapping, group, self.workspace)

    def foresee(self) -> None:
        """Name the path that a run would take, and take none of them."""
        self.choose()
        self.streams, self.moved = {}, {}

    def look(self) -> Pass:
        """Read and decide everything; nothing is written."""
        members = {name: [member.name for member in one.members] for name, one in self.mappings.items()}
        asked = self.streams.keys() | self.moved.keys()
        links = Links(self.workspace.store, members, durable=self.durable, asked=asked)
        seed, doubted = self.workspace.store.meta.seed, self.standing.doubts
        around = Surroundings(links, self.mappings, seed, clocks=self.clocks.of, doubted=doubted)
        decisions: list[Decision] = []
        for group in self.groups:
            name = group[0].name
            if name in self.moved:
                if len(self.moved[name].keys) and name not in self.again:
                    again = look_again(self.moved[name], around, self.workspace, for_sync=self.for_sync)
                    self.again[name] = again
                    decisions.append(again.decision)
            elif name not in self.streams:
                decisions += self._decide_group(group, around)
        self._around = around
        return Pass(decisions, loaded=self.loaded)

    def _decide_group(self, group: Sequence[CompiledMapping], around: Surroundings) -> list[Decision]:
        surveys: list[Survey] = []
        for mapping in group:
            watched = watch(mapping, group, self.workspace) if self.durable else None
            if watched is not None:
                self.watched[mapping.name] = watched
            sides = [
                watched.rows if watched is not None and member is watched.way.giver else self._read(mapping, member)
                for member in mapping.members
            ]
            surveys.append(take_survey(mapping, sides, around.links, self.mappings))
            look_for_vanished(surveys[-1], around.links, self.workspace)
        decisions = []
        for survey in surveys:
            follow_references(survey, around.links, self.mappings)
            agreed = Agreed(survey.mapping, survey.numbers, for_sync=self.for_sync)
            agreed.load(self.workspace.store)
            decision = decide(survey, agreed, around)
            around.decided[survey.mapping.name] = decision
            decisions.append(decision)
        return decisions

    def _read(self, mapping: CompiledMapping, member: CompiledMember) -> MemberRows:
        source = self.workspace.connector(member.member.system)
        return persist(lambda: read_member(source, mapping, member, self.progress), self.progress)

    def recover(self, names: Sequence[str] | None = None) -> int:
        """Take over every partition of all mappings, or of these, that may be written, and bring into the state what a
        crash left in the targets' ledgers; how many chunks that were."""
        recovered = 0
        for name in self.order if names is None else names:
            mapping = self.mappings[name]
            for member in mapping.members:
                target = self.workspace.connector(member.member.system)
                if not isinstance(target, Target) or not _may_be_written(mapping, member):
                    continue
                partition = Partition(
                    f"{self.workspace.project.name}/{member.member.system}/{name}",
                    target,
                    self.workspace.store,
                    doubt=partial(self.standing.doubt, name, member.name),
                )
                recovered += persist(partition.open, self.progress)
                self.partitions[name, member.name] = partition
        return recovered

    def met(self, allowed: int | None) -> Iterator[Blast]:
        """What streams would change of rows that stood before; read and decided once for that alone, unless all of them
        are `allowed` to change."""
        store = self.workspace.store
        desk = Desk(store, store.meta.installation, "", self._around.seed)
        for way in self.streams.values():
            if way.meets:
                load = self._stream(way, desk, is_dry=True)
                existing = load.existing()
                if allowed is None or allowed < existing:
                    yield Blast(way.mapping.name, way.taker.name, load.changes(), 0, existing)

    def write(self, looked: Pass, run: str, due: Due) -> None:
        """Carry decisions out, as far as they are due: create and change rows mapping by mapping, parents first, then
        delete rows, children first."""
        store = self.workspace.store
        desk = Desk(store, store.meta.installation, run, self._around.seed, onlookers=self.onlookers)
        whole = {decision.survey.mapping.name: decision for decision in looked.decisions}
        writers: list[Writer] = []
        for mapping in [mapping for group in self.groups for mapping in group]:
            way = self.streams.get(mapping.name)
            if mapping.name in whole:
                writers.append(self._fill(whole[mapping.name], looked, desk, due))
            elif way is None:
                continue
            elif mapping.name not in self.loaded:
                load = self._stream(way, desk)
                self.loaded[mapping.name] = load.carry_out()
                self.paths[mapping.name] = flowing(way, is_poured=load.is_poured)
            self._finish(looked)
        for writer in reversed(writers):
            self._remove(writer)

    def _fill(self, decision: Decision, looked: Pass, desk: Desk, due: Due) -> Writer:
        """Create and change what was decided about a whole mapping."""
        looked.moved += due.admit(decision)
        refresh(decision, self._around)
        writer = Writer(decision, self._around, desk, progress=self.progress)
        for work, partition in self._places_of(decision):
            writer.fill(work, partition)
        looked.written[decision.survey.mapping.name] = writer.written
        return writer

    def _remove(self, writer: Writer) -> None:
        """Delete what was decided about a whole mapping, and note what became of its rows."""
        decision = writer.decision
        for work, partition in self._places_of(decision):
            writer.remove(work, partition)
        self._settle_quiet(decision)
        if self.durable and decision.beyond is None:
            self.standing.reconsider(decision)
        if self.for_sync:
            self._beat(decision.survey.mapping.name)
        if not self.durable:
            return
        with self.workspace.store.transaction():
            name = decision.survey.mapping.name
            self._hold(name)
            self._note_seen(name, decision, writer.written)

    def _places_of(self, decision: Decision) -> Iterator[tuple[Work, Partition]]:
        """What is to be written at each member, and where."""
        for work in decision.work:
            member = decision.survey.sides[work.side].member.name
            partition = self.partitions.get((decision.survey.mapping.name, member))
            if partition is not None:
                yield work, partition

    def _note_seen(self, name: str, decision: Decision, written: Written) -> None:
        """Leave behind what the next run needs to tell what moved."""
        if name in self.again:
            keep_seen(self.again[name], written, self.workspace)
        elif name in self.watched:
            keep_watched(self.watched[name], decision, written, self.workspace)
        else:
            self.workspace.store.digests.forget(name)

    def _beat(self, name: str) -> None:
        """Let every target of the mapping hold how far we are: all of its rows were agreed on."""
        for (mapping, _), partition in self.partitions.items():
            if mapping == name:
                persist(partition.beat, self.progress)

    def _hold(self, name: str) -> None:
        """Raise `Fenced` when another worker has taken a partition of the mapping over."""
        for (mapping, _), partition in self.partitions.items():
            if mapping == name:
                partition.hold()

    def _stream(self, way: Loadable, desk: Desk, *, is_dry: bool = False) -> Load:
        return Load(
            way,
            self._around,
            desk,
            workspace=self.workspace,
            partition=self.partitions[way.mapping.name, way.taker.name],
            progress=self.progress,
            for_sync=self.for_sync,
            is_dry=is_dry,
        )

    def _finish(self, looked: Pass) -> None:
        """Note the mappings that no later one of their cycle can still give keys."""
        for group in self.groups:
            names = {mapping.name for mapping in group}
            if names <= looked.written.keys() | looked.loaded.keys():
                self._around.links.finished |= names

    def _settle_quiet(self, decision: Decision) -> None:
        """Bring into the state what needed no write: new pairs that agree, and rows that are gone everywhere."""
        survey, store = decision.survey, self.workspace.store
        if not self.durable:
            return
        with store.transaction():
            self._hold(survey.mapping.name)
            keep_quiet(store, decision)


def _reading(workspace: Workspace, mappings: Iterable[CompiledMapping]) -> Collection[str]:
    """The systems whose connectors only read."""
    systems = {member.member.system for mapping in mappings for member in mapping.members}
    return {name for name in systems if not isinstance(workspace.connector(name), Target)}


def _may_be_written(mapping: CompiledMapping, member: CompiledMember) -> bool:
    """Whether rows may be created, changed or, where another member's deletes are carried here, removed."""
    others = {other.member.deletes for other in mapping.members if other is not member}
    return member.receives or (member.writable and bool(CARRIED & others))


def compile_all(workspace: Workspace) -> dict[str, CompiledMapping]:
    """Every mapping of the project, compiled against the systems' catalogs; raises `Declarations` with all mistakes."""
    compiled: dict[str, CompiledMapping] = {}
    mistakes: list[DeclarationError] = []
    systems = {member.system for mapping in workspace.project.mappings for member in mapping.members}
    catalogs = workspace.catalogs(sorted(systems))
    for mapping in workspace.project.mappings:
        _attempt(mapping, lambda one: compile_mapping(one, catalogs, workspace.vars()), compiled, mistakes)
    if mistakes:
        raise Declarations(mistakes)
    return compiled


def _attempt(
    mapping: Mapping,
    work: Callable[[Mapping], CompiledMapping],
    compiled: dict[str, CompiledMapping],
    mistakes: list[DeclarationError],
) -> None:
    try:
        compiled[mapping.name] = work(mapping)
    except Declarations as several:
        mistakes += several.mistakes
    except DeclarationError as mistake:
        mistakes.append(mistake)


def flowing(way: Loadable, *, is_poured: bool) -> str:
    """The path of a stream, in words."""
    verb = "poured" if is_poured else "streamed"
    return f"{verb} from {way.giver.name} to {way.taker.name}"
