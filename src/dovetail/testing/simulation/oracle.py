"""The oracle: it sees every commit of every system, knows who typed what, and says at once what must not be.

It knows nothing of the engine: no base, no agreement numbers, no plan. For every value it keeps which edits of people
that value may have seen. The engine may put one member's value over another's only where that value has seen what it
overwrites, or where the declared rule lets it win over an edit made at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dovetail.testing.simulation.cells import same
from dovetail.testing.simulation.database import Altered, Commit, Database
from dovetail.testing.simulation.rules import agrees, wins
from dovetail.testing.simulation.strand import NO_EDITS, Death, Strand, Thing, Version
from dovetail.testing.simulation.world import NOTE, PARENT, TAG, Joined, Shared, World

NOTHING = "refers to nothing"
"""What a reference shows that leads nowhere; only a system without constraints takes one."""
PEOPLE = "people"
"""The author of what people do."""


class Oracle:
    """What people typed and what the engine did about it, thing by thing."""

    def __init__(self, world: World, databases: dict[str, Database]) -> None:
        self.world = world
        self.databases = databases
        self.things: dict[tuple[str, str], Thing] = {}
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.overwritten: list[tuple[str, str, str, dict[str, object]]] = []
        """Mapping, member, key and columns of what the engine put something else over, though somebody had typed it."""
        self.engine_rows = 0
        self._time = 0
        self._edits = 0
        self._taken: set[int] = set()
        for database in databases.values():
            database.listeners.append(self.see)

    def wrong(self, words: str) -> None:
        """Note a violation."""
        self.violations.append(words)

    def see(self, commit: Commit) -> None:
        """One commit of one system."""
        self._time += 1
        member = commit.system
        for one in sorted(commit.altered, key=self._rank):
            joined = next(known for known in self.world.mappings if known.tables[member] == one.table)
            if commit.author == PEOPLE:
                self._typed(joined, member, one)
            else:
                self.engine_rows += 1
                self._written(joined, member, one)
        for one in commit.altered:
            joined = next(known for known in self.world.mappings if known.tables[member] == one.table)
            self._dangling(joined, member, one)
            thing = self.things.get((joined.name, self._tag(joined, member, one)))
            if thing is not None:
                self._may_be_settled(joined, thing)

    def _rank(self, one: Altered) -> int:
        """Parents before children."""
        return next(at for at, known in enumerate(self.world.mappings) if one.table in known.tables.values())

    def _tag(self, joined: Joined, member: str, one: Altered) -> str:
        row = one.after if one.after is not None else one.before
        assert row is not None
        return str(joined.field(TAG).spellings[member].view(row))

    def view(self, joined: Joined, shared: Shared, member: str, row: dict[str, object]) -> object:
        """What a member's row shows of a field; a reference is the tag of its parent."""
        spelling = shared.spellings[member]
        if not shared.ref:
            return spelling.view(row)
        key = tuple(row[name] for name in spelling.columns)
        parent = self.world.mapping(shared.ref)
        held = self.databases[member].rows[parent.tables[member]].get(key)
        if held is not None:
            return parent.field(TAG).spellings[member].view(held)
        for thing in self.things.values():
            if thing.keys.get(member) == key and (parent.name, thing.tag) in self.things:
                return thing.tag
        return None if None in key else NOTHING

    # ---------------------------------------------------------------------------------------------------------- people

    def _typed(self, joined: Joined, member: str, one: Altered) -> None:
        tag = self._tag(joined, member, one)
        thing = self.things.setdefault((joined.name, tag), Thing(tag))
        if one.after is None:
            self.counts["deletes"] += 1
            self._die(joined, thing, member, by_people=True)
            return
        if one.before is None:
            self.counts["inserts"] += 1
            thing.keys[member] = one.key
            thing.births[member] = self._time
            thing.deaths.pop(member, None)
        for shared in joined.fields:
            if member not in shared.spellings:
                continue
            value = self.view(joined, shared, member, one.after)
            strand = thing.strand(shared.name, member)
            if one.before is not None and strand.versions and same(strand.latest.value, value):
                continue
            self.counts["edits"] += 1
            self._edits += 1
            former = strand.latest if strand.versions else Version(None, NO_EDITS, NO_EDITS)
            mine = frozenset((self._edits,))
            sure = strand.sure_of(value, former.sure | mine)
            strand.versions.append(Version(value, former.seen | mine, sure, self._edits, before=former.value))

    def _die(self, joined: Joined, thing: Thing, member: str, *, by_people: bool) -> None:
        thing.keys.pop(member, None)
        seen = {
            shared.name: thing.strand(shared.name, member).latest.seen
            for shared in joined.fields
            if thing.strand(shared.name, member).versions
        }
        thing.deaths[member] = Death(self._time, by_people, seen, member in thing.known)
        thing.known.discard(member)

    # ---------------------------------------------------------------------------------------------------------- engine

    def _written(self, joined: Joined, member: str, one: Altered) -> None:
        tag = self._tag(joined, member, one)
        where = f"{joined.name} {tag} at {member}"
        thing = self.things.get((joined.name, tag))
        if thing is None:
            self.wrong(f"invented: {where} is a thing that nobody typed")
            return
        if one.after is None:
            self.counts["engine deletes"] += 1
            self._deleted(joined, thing, member, one)
            return
        if one.before is None:
            self.counts["engine creates"] += 1
            self._created(joined, thing, member, one)
        else:
            self.counts["engine updates"] += 1
            if one.before[NOTE] != one.after[NOTE]:
                self.wrong(f"touched: a column of {where} that nobody mapped")
            if tag != self._tag(joined, member, Altered(one.table, one.key, None, one.before)):
                self.wrong(f"swapped: {where} became another thing")
        for shared in joined.fields:
            if member in shared.spellings:
                self._put(joined, shared, thing, member, one)

    def _put(self, joined: Joined, shared: Shared, thing: Thing, member: str, one: Altered) -> None:
        """One field of a row that the engine wrote."""
        assert one.after is not None
        value = self.view(joined, shared, member, one.after)
        strand = thing.strand(shared.name, member)
        if one.before is not None and strand.versions and same(strand.latest.value, value):
            return
        if one.before is None and shared.ref and value is None:
            strand.versions.append(Version(None, NO_EDITS, NO_EDITS, before=None))
            return  # a reference may be filled in a second step
        where = f"{joined.name} {thing.tag}.{shared.name} at {member}"
        if value == NOTHING and not self.databases[member].tables[one.table].is_strict:
            self.counts["references to nothing"] += 1
            strand.versions.append(Version(value, NO_EDITS, NO_EDITS))
            return
        if one.before is None and value is None and not self._is_spelt_elsewhere(shared, thing, member):
            strand.versions.append(Version(None, NO_EDITS, NO_EDITS))
            return
        givers = self._givers(shared, thing, member, value)
        if shared.rule.kind == "delta" and one.before is not None:
            seen = NO_EDITS.union(*(known.versions[-1].seen for known in thing.strands.values() if known.versions))
            strand.versions.append(Version(value, seen, NO_EDITS))
            return
        if not givers:
            self.wrong(f"invented: {value!r} stands in {where}, and nobody gave it")
            strand.versions.append(Version(value, NO_EDITS, NO_EDITS))
            return
        former = strand.latest if strand.versions else Version(None, NO_EDITS, NO_EDITS)
        if one.before is not None:
            givers = self._lawful(shared, thing, former, givers, member)
            if not givers:
                self.wrong(f"lost: {former.value!r} in {where} was overwritten by {value!r}")
                return
            self._note_overwritten(joined, shared, member, former, one)
        seen = former.seen.union(*(version.seen for _, version in givers))
        sure = frozenset.intersection(*(version.sure for _, version in givers)) | former.sure
        if "SupportsTransaction" in self.world.hidden.get(member, ()):
            sure = NO_EDITS
        strand.versions.append(Version(value, seen, sure, before=former.value))
        self._taken |= seen
        self._teach(shared, thing, former, givers)

    def _is_spelt_elsewhere(self, shared: Shared, thing: Thing, member: str) -> bool:
        return any(other in thing.keys for other in shared.spellings if other != member)

    def _givers(self, shared: Shared, thing: Thing, member: str, value: object) -> list[tuple[str, Version]]:
        """The versions at other members that this value may come from."""
        norm = shared.spellings[member].form.norm
        return [
            (giver, version)
            for giver in shared.spellings
            if giver != member
            for version in thing.strand(shared.name, giver).versions
            if same(version.value if shared.ref else norm(version.value), value)
        ]

    def _lawful(
        self, shared: Shared, thing: Thing, former: Version, givers: Sequence[tuple[str, Version]], member: str
    ) -> list[tuple[str, Version]]:
        """Those that may be put over what stood there."""
        found = []
        for giver, version in givers:
            has_seen = former.sure <= version.seen
            is_news = bool(version.seen - former.sure) or thing.is_distrusted
            may_win = self._may_win(shared, thing, (giver, version), (member, former))
            is_owner = shared.rule.kind == "owner" and shared.rule.members[0] == giver
            has_met = thing.keys.keys() <= thing.known
            if is_owner and shared.rule.elsewhere == "keep" and not is_news and has_met:
                continue
            if has_seen or is_owner or (is_news and may_win):
                found.append((giver, version))
        return found

    def _may_win(self, shared: Shared, thing: Thing, given: tuple[str, Version], held: tuple[str, Version]) -> bool:
        """Whether a value, or one that it followed, wins by the declared rule over what stood there."""
        (giver, version), (member, former) = given, held
        if wins(shared, giver, version.value, member, former.value):
            return True
        return any(
            one.edit in version.seen - former.sure and wins(shared, other, one.value, member, former.value)
            for other in shared.spellings
            if other != member
            for one in thing.strand(shared.name, other).versions
            if one.edit
        )

    def _note_overwritten(self, joined: Joined, shared: Shared, member: str, former: Version, one: Altered) -> None:
        if not former.edit:
            return
        assert one.before is not None
        columns = {name: one.before[name] for name in shared.spellings[member].columns}
        self.overwritten.append((joined.name, member, str(one.key[0]), columns))

    def _teach(self, shared: Shared, thing: Thing, former: Version, givers: Sequence[tuple[str, Version]]) -> None:
        """Who gave its value knows from then on what lost."""
        names = {giver for giver, _ in givers}
        for giver, version in givers:
            versions = thing.strand(shared.name, giver).versions
            at = next(place for place, known in enumerate(versions) if known is version)
            for known in versions[at:]:
                known.seen |= former.seen
            if len(names) == 1 and len(versions) == at + 1 and not thing.is_distrusted:
                version.sure |= former.sure

    def _created(self, joined: Joined, thing: Thing, member: str, one: Altered) -> None:
        where = f"{joined.name} {thing.tag} at {member}"
        if member in thing.keys:
            self.wrong(f"doubled: {where} was created although it stood there")
        death = thing.deaths.get(member)
        if death is not None and not self._may_return(joined, thing):
            self.wrong(f"resurrected: {where}")
        if death is None and not thing.keys and not any(self._is_recent(one) for one in thing.deaths.values()):
            self.wrong(f"resurrected: {where}, which stood nowhere")
        thing.keys[member] = one.key
        thing.known.add(member)
        thing.deaths.pop(member, None)

    def _is_recent(self, death: Death) -> bool:
        return self._time - death.at < 40

    def _may_return(self, joined: Joined, thing: Thing) -> bool:
        """Whether a thing that vanished may be created again: a rule says so, an edit that the delete did not know
        beats it, or somebody typed it again."""
        if thing.is_distrusted:
            return True
        for member, death in thing.deaths.items():
            rule = joined.deletes[member]
            if not death.was_known or rule == "restore" or any(born > death.at for born in thing.births.values()):
                return True
            if rule == "propagate" and any(
                self._unseen(joined, thing, other, death, any_time=True) for other in thing.keys
            ):
                return True
        return False

    def _unseen(self, joined: Joined, thing: Thing, member: str, death: Death, *, any_time: bool) -> bool:
        """Whether somebody typed something at a member that the delete did not know, and that member may say so."""
        for shared in joined.fields:
            if member not in shared.spellings or (shared.rule.kind == "owner" and shared.rule.members[0] != member):
                continue
            versions = thing.strand(shared.name, member).versions
            fresh = [
                version
                for version in versions
                if version.edit and version.edit not in death.seen.get(shared.name, NO_EDITS)
                if any_time or version.edit not in self._taken
            ]
            if fresh and (any_time or not same(fresh[0].before, versions[-1].value)):
                return True
        return False

    def _deleted(self, joined: Joined, thing: Thing, member: str, one: Altered) -> None:
        where = f"{joined.name} {thing.tag} at {member}"
        causes = [
            death for other, death in thing.deaths.items() if other != member and joined.deletes[other] == "propagate"
        ]
        if not causes:
            self.wrong(f"deleted without a cause: {where}")
        elif not any(not self._unseen(joined, thing, member, death, any_time=False) for death in causes):
            self.wrong(f"deleted although it was edited: {where}")
        assert one.before is not None
        for shared in joined.fields:
            spelling = shared.spellings.get(member)
            if spelling is not None and thing.strand(shared.name, member).latest.edit:
                columns = {name: one.before[name] for name in spelling.columns}
                self.overwritten.append((joined.name, member, str(one.key[0]), columns))
        self._die(joined, thing, member, by_people=False)

    # --------------------------------------------------------------------------------------------------------- settled

    def _may_be_settled(self, joined: Joined, thing: Thing) -> None:
        """Where all agree, the engine may have noticed at any time that they do."""
        for shared in joined.fields:
            if len(thing.keys) > 1 and agrees(shared, thing):
                latest = self._latest(shared, thing)
                seen = NO_EDITS.union(*(version.seen for version in latest))
                for version in latest:
                    version.seen = seen

    def settle(self, held: set[tuple[str, str]]) -> None:
        """A pass without any mishap has ended: wherever all agree, they surely took part; not so for rows that are
        held."""
        for (mapping, tag), thing in self.things.items():
            if (mapping, tag) in held:
                continue
            thing.is_distrusted = False
            thing.known |= thing.keys.keys()
            for shared in self.world.mapping(mapping).fields:
                if thing.keys and agrees(shared, thing, plainly=True):
                    latest = self._latest(shared, thing)
                    seen = NO_EDITS.union(*(version.seen for version in latest))
                    for version in latest:
                        version.seen = version.sure = seen
                        version.is_settled = True
                    self._taken |= seen

    def redeclare(self, world: World) -> None:
        """The declarations changed: rows show other values from now on, though nobody typed anything."""
        self.world = world
        for (mapping, _), thing in self.things.items():
            joined = world.mapping(mapping)
            for shared in joined.fields:
                for member in thing.keys:
                    strand = thing.strand(shared.name, member)
                    row = self.databases[member].rows[joined.tables[member]].get(thing.keys[member])
                    if member in shared.spellings and row is not None and strand.versions:
                        strand.latest.value = self.view(joined, shared, member, row)

    def distrust(self) -> None:
        """The engine's memory is not what it was: what differs meets again, and its journal may be gone."""
        self.overwritten.clear()
        for thing in self.things.values():
            thing.is_distrusted = True
            thing.known.clear()

    def _latest(self, shared: Shared, thing: Thing) -> list[Version]:
        strands: list[Strand] = [
            thing.strand(shared.name, member) for member in thing.keys if member in shared.spellings
        ]
        return [strand.latest for strand in strands if strand.versions]

    def _dangling(self, joined: Joined, member: str, one: Altered) -> None:
        """References hold at every commit."""
        shared = next((known for known in joined.fields if known.name == PARENT), None)
        if shared is None or one.after is None:
            return
        key = tuple(one.after[name] for name in shared.spellings[member].columns)
        parents = self.databases[member].rows[self.world.mapping(shared.ref).tables[member]]
        if None not in key and key not in parents and self.databases[member].tables[one.table].is_strict:
            self.wrong(f"dangling: {joined.name} {one.key} at {member} refers to nothing")
