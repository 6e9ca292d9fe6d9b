"""What must be true when nobody has typed for a while, and what the engine's own books must say about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dovetail.engine.feed import feed_name
from dovetail.model.run import Summary
from dovetail.state.store import Store
from dovetail.systems.protocol import SupportsCapture
from dovetail.testing.simulation import causes
from dovetail.testing.simulation.cells import same
from dovetail.testing.simulation.oracle import Oracle
from dovetail.testing.simulation.rules import agrees
from dovetail.testing.simulation.strand import Thing
from dovetail.testing.simulation.worker import Site, Worker
from dovetail.testing.simulation.world import PARENT, Joined, Shared

Place = tuple[str, str]
"""A mapping and the tag of a thing."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the engine left to people: rows in quarantine with their codes, conflicts of rows and of fields; the links
    that it keeps, and the values that its journal knows, by mapping, member and key."""

    held: dict[Place, str] = field(default_factory=dict)
    rows: set[Place] = field(default_factory=set)
    fields: set[tuple[str, str, str]] = field(default_factory=set)
    links: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    journaled: dict[tuple[str, str, str], list[Mapping[str, object]]] = field(default_factory=dict)


def uncounted(summary: Summary) -> list[str]:
    """Every shared row has one outcome in every summary."""
    return [
        f"uncounted: {name} has {count.rows} rows, and its outcomes are others: {count.document()}"
        for name, count in summary
        if not count.adds_up
    ]


def tags(oracle: Oracle) -> dict[tuple[str, str, str], str]:
    """The tag of each key that stands: by mapping, member and key."""
    return {
        (mapping, member, str(key[0])): tag
        for (mapping, tag), thing in oracle.things.items()
        for member, key in thing.keys.items()
    }


def held(store: Store, oracle: Oracle) -> set[Place]:
    """The things that are held, or whose rows are in conflict."""
    known = tags(oracle)
    found = {
        (reject.mapping, tag)
        for reject in store.rejects.list()
        if (tag := known.get((reject.mapping, reject.refusal.member, reject.refusal.key))) is not None
    }
    for conflict in store.conflicts.list():
        if not conflict.dispute.field:
            found |= {
                (conflict.mapping, tag)
                for member, key in conflict.dispute.keys.items()
                if (tag := known.get((conflict.mapping, member, key))) is not None
            }
    return found


def left(store: Store, oracle: Oracle) -> Left:
    """Read the engine's books."""
    known, answer = tags(oracle), Left()
    for reject in store.rejects.list():
        tag = known.get((reject.mapping, reject.refusal.member, reject.refusal.key))
        if tag is not None:
            answer.held[reject.mapping, tag] = reject.refusal.code
    for conflict in store.conflicts.list():
        for member, key in conflict.dispute.keys.items():
            tag = known.get((conflict.mapping, member, key))
            if tag is not None and conflict.dispute.field:
                answer.fields.add((conflict.mapping, tag, conflict.dispute.field))
            elif tag is not None:
                answer.rows.add((conflict.mapping, tag))
    for mapping in oracle.world.mappings:
        for numbers, keys in store.crossref.batches(mapping.name):
            columns = {member: column.to_pylist() for member, column in keys.items()}
            for at in range(len(numbers)):
                answer.links.append(
                    (mapping.name, {name: column[at] for name, column in columns.items() if column[at]})
                )
    if oracle.overwritten:
        for run in store.runs.last(100_000):
            for one in store.journal.of_run(run.id):
                if one.entry.before is not None:
                    place = (one.mapping, one.entry.member, one.entry.key)
                    answer.journaled.setdefault(place, []).append(one.entry.before)
    return answer


def at_rest(site: Site, oracle: Oracle, left: Left) -> list[str]:
    """Everything that is wrong once nobody types any more."""
    found: list[str] = []
    for (mapping, tag), thing in oracle.things.items():
        joined = site.world.mapping(mapping)
        if thing.keys:
            found += _standing(joined, thing, left, oracle)
            if (mapping, tag) not in left.held and (mapping, tag) not in left.rows:
                found += causes.miscounted(joined, thing)
        if (mapping, tag) in left.held:
            found += causes.unexplained(joined, thing, left.held, oracle, code=left.held[mapping, tag])
            oracle.counts["rows left in quarantine"] += 1
            oracle.counts[f"quarantined {left.held[mapping, tag]}"] += 1
    oracle.counts["conflicts left"] += len(left.fields) + len(left.rows)
    found += _linked(oracle, left)
    found += _journaled(oracle, left)
    return found


def _standing(joined: Joined, thing: Thing, left: Left, oracle: Oracle) -> list[str]:
    """One thing stands everywhere, and alike everywhere, unless the books say why not."""
    place, where = (joined.name, thing.tag), f"{joined.name} {thing.tag}"
    if place in left.held or place in left.rows:
        return []
    found = []
    missing = [member for member in joined.tables if member not in thing.keys]
    is_disputed = any((*place, shared.name) in left.fields for shared in joined.fields)
    is_detached = any(joined.deletes[member] == "detach" for member in missing if member in thing.deaths)
    if missing and not is_detached and not is_disputed and not _waits_for_parent(joined, thing, left, oracle):
        found.append(f"missing: {where} stands at {sorted(thing.keys)} only, and nothing says why")
    for shared in joined.fields:
        is_alike = agrees(shared, thing)
        is_open = (*place, shared.name) in left.fields
        if is_open and agrees(shared, thing, plainly=True):
            found.append(f"stale: a conflict about {where}.{shared.name} is open, and all agree")
        if not is_alike and not is_open and not _may_differ(shared, thing):
            values = {
                name: thing.strand(shared.name, name).latest.value for name in thing.keys if name in shared.spellings
            }
            found.append(f"diverged: {where}.{shared.name} holds {values}, and nothing says why")
        if not is_alike and is_open and causes.is_decided(shared, thing):
            found.append(f"undecided: a conflict about {where}.{shared.name}, which its rule decides")
        if not is_alike and is_open and _is_clear(shared, thing):
            found.append(f"needless: a conflict about {where}.{shared.name}, of which one value has seen all others")
    return found


def _waits_for_parent(joined: Joined, thing: Thing, left: Left, oracle: Oracle) -> bool:
    shared = next((one for one in joined.fields if one.name == PARENT), None)
    if shared is None:
        return False
    parents = {str(thing.strand(PARENT, member).latest.value) for member in thing.keys}
    return any((shared.ref, tag) in left.held or (shared.ref, tag) in left.rows for tag in parents)


def _may_differ(shared: Shared, thing: Thing) -> bool:
    return shared.rule.kind == "owner" and shared.rule.elsewhere == "keep"


def _is_clear(shared: Shared, thing: Thing) -> bool:
    """Whether one member's value has surely seen whatever the others may have seen, and none of them has seen it."""
    if thing.is_distrusted:
        return False
    latest = [thing.strand(shared.name, member).latest for member in thing.keys if member in shared.spellings]
    return any(
        all(other is one or (other.seen <= one.sure and not one.sure <= other.seen) for other in latest)
        for one in latest
    )


def _linked(oracle: Oracle, left: Left) -> list[str]:
    """The cross-reference is one-to-one, and links nothing but one thing with itself."""
    known, found = tags(oracle), []
    owners: dict[tuple[str, str, str], int] = {}
    for at, (mapping, keys) in enumerate(left.links):
        here = {known.get((mapping, member, key)) for member, key in keys.items()} - {None}
        if len(here) > 1:
            found.append(f"confused: {sorted(map(str, here))} of {mapping} are linked with each other")
        for member, key in keys.items():
            if owners.setdefault((mapping, member, key), at) != at:
                found.append(f"linked twice: {key} of {mapping} at {member}")
    return found


def _journaled(oracle: Oracle, left: Left) -> list[str]:
    """Whatever somebody typed and the engine put something else over can be found in the journal."""
    found = []
    for mapping, member, key, columns in oracle.overwritten:
        entries = left.journaled.get((mapping, member, key), [])
        if not any(all(name in one and one[name] == value for name, value in columns.items()) for one in entries):
            found.append(f"unjournaled: {columns} of {mapping} {key} at {member} was overwritten")
    return found


def resolve(site: Site, oracle: Oracle, left: Left) -> bool:
    """People settle every open conflict about a field by typing one value everywhere; whether there was any."""
    is_any = False
    for mapping, tag, name in sorted(left.fields):
        joined = site.world.mapping(mapping)
        thing, shared = oracle.things[mapping, tag], joined.field(name)
        if shared.ref or name == "code":
            continue
        holders = [member for member in thing.keys if member in shared.spellings]
        forms = [shared.spellings[member].form for member in holders]
        values = [thing.strand(name, member).latest.value for member in holders]
        plain = [one for one in values if all(same(form.norm(one), form.declared(one)) for form in forms)]
        if not plain:
            continue
        value = plain[0]
        for member in holders:
            if same(thing.strand(name, member).latest.value, value):
                continue
            table = joined.tables[member]
            row = dict(site.databases[member].rows[table][thing.keys[member]])
            spelling = shared.spellings[member]
            row.update(zip(spelling.columns, spelling.form.put(value), strict=True))
            site.databases[member].edit([(table, thing.keys[member], row)])
            is_any = True
    return is_any


def capture(worker: Worker) -> None:
    """Make the feeds of all systems that can have one."""
    workspace, project = worker.workspace, worker.site.project
    name = feed_name(project.name, project.environment, workspace.store.meta.installation)
    for system in worker.site.world.members:
        source = workspace.connector(system)
        if isinstance(source, SupportsCapture):
            source.capture(name, source.describe().datasets)
