"""`conflicts`: what no rule could settle, who holds what, and a person's word on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from dovetail.engine.agreement import Kept, last_agreed, last_written
from dovetail.engine.decree import row_digest
from dovetail.engine.glance import Seen, compiled, glance
from dovetail.engine.workspace import Workspace
from dovetail.errors import DeclarationError, DovetailError, UnknownName
from dovetail.mapping.compiled import CompiledMapping
from dovetail.model.key import decode
from dovetail.model.mapping import SharedField
from dovetail.model.type import Kind as TypeKind
from dovetail.model.type import Type
from dovetail.state.conflicts import Conflict, Sought
from dovetail.state.decrees import Decree, Kind, Ruling
from dovetail.state.journal import Journaled


@dataclass(frozen=True, slots=True)
class Shown:
    """A conflict with all that is known of it: the declared rule, what was last agreed on, what each member holds right
    now (empty where nobody could ask), when each was written last, and what was ordered about it."""

    conflict: Conflict
    rule: str
    base: Kept | None = None
    now: Mapping[str, Seen] = field(default_factory=dict)
    written: Mapping[str, Journaled] = field(default_factory=dict)
    decrees: Sequence[Decree] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """How conflicts shall be settled: by what a member holds, or by a value as a person writes it (`None`: by null);
    and who says so."""

    member: str = ""
    text: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a choice means for one conflict: the value at each member before, and after; or why it cannot be done."""

    conflict: Conflict
    ruling: Ruling | None = None
    after: object = None
    refused: str = ""


def standing(workspace: Workspace, sought: Sought) -> list[Conflict]:
    """The open conflicts that are meant, by number."""
    if sought.mapping and workspace.project.mapping(sought.mapping) is None:
        known = ", ".join(one.name for one in workspace.project.mappings)
        raise UnknownName(f"no mapping is named {sought.mapping!r}", hint=f"declared mappings: {known}")
    return list(workspace.store.conflicts.find(sought))


def one(workspace: Workspace, number: int) -> Conflict:
    """The conflict of that number; raises `UnknownName`."""
    found = workspace.store.conflicts.get(number)
    if found is None:
        raise UnknownName(f"there is no conflict {number}", hint="list them: dovetail conflicts", code="DV-470")
    return found


def show(workspace: Workspace, number: int) -> Shown:
    """A conflict, its rule, the last agreement, and what stands at each member right now."""
    conflict = one(workspace, number)
    dispute = conflict.dispute
    declared = workspace.project.mapping(conflict.mapping)
    shared = declared.field(dispute.field) if declared is not None else None
    decrees = workspace.store.decrees.of_conflict(number)
    if declared is None:
        return Shown(conflict, "", decrees=decrees)
    rule = rule_of(shared) if shared is not None else "deletes"
    try:
        mapping = compiled(workspace, conflict.mapping)
    except DovetailError:  # what the state knows is told where a system is away, too
        return Shown(conflict, rule, decrees=decrees)
    now = glance(workspace, mapping, dispute.keys)
    if dispute.row is None:
        return Shown(conflict, rule, now=now, decrees=decrees)
    base = last_agreed(workspace.store, mapping, dispute.row, dispute.field, now)
    written = last_written(workspace.store, mapping, dispute.row, dispute.field)
    return Shown(conflict, rule, base, now, written, decrees)


def rule_of(shared: SharedField) -> str:
    """The declared rule of a field, as it is written."""
    parts = []
    if isinstance(shared.owner, str):
        parts.append(f"owner: {shared.owner}")
    elif shared.owner is not None:
        owners = ", ".join(f"{value}: {member}" for value, member in shared.owner)
        parts.append(f"owner: {{{owners}}}")
    if shared.policy is not None:
        words = [*shared.policy.members, *shared.policy.order]
        parts.append(f"policy: {shared.policy.rule}" + (f" [{', '.join(words)}]" if words else ""))
    return ", ".join(parts) or "policy: ask"


def settle(workspace: Workspace, conflicts: Sequence[Conflict], choice: Choice) -> list[Outcome]:
    """What a choice would mean for each conflict; nothing is ordered yet."""
    mappings: dict[str, CompiledMapping] = {}
    outcomes = []
    for conflict in conflicts:
        if workspace.project.mapping(conflict.mapping) is None:
            outcomes.append(Outcome(conflict, refused=f"the mapping {conflict.mapping} is no longer declared"))
            continue
        if conflict.mapping not in mappings:
            mappings[conflict.mapping] = compiled(workspace, conflict.mapping)
        outcomes.append(_outcome(mappings[conflict.mapping], conflict, choice))
    return outcomes


def _outcome(mapping: CompiledMapping, conflict: Conflict, choice: Choice) -> Outcome:
    dispute = conflict.dispute
    sides = dispute.sides or {}
    if conflict.status != "open":
        return Outcome(conflict, refused="it is not open any more")
    if dispute.row is None or not sides:
        return Outcome(conflict, refused="it is about no value that could be chosen")
    if choice.member and choice.member not in sides:
        return Outcome(conflict, refused=f"{choice.member} has no part in it; its members: {', '.join(sides)}")
    about = {"row": dispute.row, "field": dispute.field, "seen": sides, "conflict": conflict.id, "by": choice.by}
    if not dispute.field:
        return _row_outcome(conflict, choice, about)
    stuck = _stuck(mapping, dispute.field, sides, choice.member)
    if stuck:
        return Outcome(conflict, refused=f"{stuck} cannot be written, so its value is the only one that all can hold")
    if choice.member:
        ruling = Ruling(kind=Kind.TAKE, member=choice.member, **about)  # type: ignore[arg-type]
        return Outcome(conflict, ruling, sides[choice.member])
    if dispute.field not in mapping.types:
        return Outcome(conflict, refused="it is a reference: take the one of a member")
    value = parsed(choice.text, mapping.types[dispute.field], dispute.field)
    return Outcome(conflict, Ruling(kind=Kind.VALUE, value=value, **about), value)  # type: ignore[arg-type]


def _row_outcome(conflict: Conflict, choice: Choice, about: Mapping[str, object]) -> Outcome:
    if not choice.member:
        return Outcome(
            conflict, refused="it is about the whole row: take a member that holds it, or one where it is gone"
        )
    sides = conflict.dispute.sides or {}
    kind = Kind.GONE if sides[choice.member] is None else Kind.THERE
    seen = {member: row_digest(values) for member, values in sides.items()}
    ruling = Ruling(kind=kind, member=choice.member, **{**about, "seen": seen})  # type: ignore[arg-type]
    return Outcome(conflict, ruling, sides[choice.member])


def _stuck(mapping: CompiledMapping, field: str, sides: Mapping[str, object], taken: str) -> str:
    """The members that cannot be written, and whose value is not the one that is taken."""
    cells = {member.name: (member.writable, member.cell(field)) for member in mapping.members}
    names = []
    for member in sides:
        writable, cell = cells.get(member, (False, None))
        if member != taken and (not writable or cell is None or not cell.writes):
            names.append(member)
    return " and ".join(names)


def parsed(text: str | None, kind: Type, field: str) -> object:
    """A value as a person writes it, as one of the field's type; raises `DeclarationError` where it is none."""
    if text is None:
        return None
    try:
        if kind.kind is TypeKind.BOOLEAN:
            return {"true": True, "false": False}[text]
        if kind.kind is TypeKind.DECIMAL:
            exact: object = pa.scalar(Decimal(text), kind.arrow()).as_py()
            return exact
        if kind.kind in _AS_WRITTEN:
            return text
        (column,) = decode([text.replace("\\", "\\\\").replace("|", "\\|")], [kind])
        value: object = column[0].as_py()
    except (KeyError, ValueError, InvalidOperation, pa.ArrowInvalid, OverflowError) as error:
        raise DeclarationError(
            f"the value is none of type {kind}", where=field, hint="write it as the reports show it", code="DV-471"
        ) from error
    return value


_AS_WRITTEN = (TypeKind.TEXT, TypeKind.UUID, TypeKind.JSON, TypeKind.OPAQUE)


def order(workspace: Workspace, outcomes: Sequence[Outcome]) -> int:
    """Order what was chosen, in the order of the conflicts: continuous sync takes it up at once, any other pass when it
    comes by. How many orders there are."""
    store = workspace.store
    rulings: dict[str, list[tuple[Conflict, Ruling]]] = {}
    for outcome in outcomes:
        if outcome.ruling is not None:
            rulings.setdefault(outcome.conflict.mapping, []).append((outcome.conflict, outcome.ruling))
    with store.transaction():
        for mapping, ordered in rulings.items():
            store.decrees.issue(mapping, [ruling for _, ruling in ordered])
            for member in {name for conflict, _ in ordered for name in conflict.dispute.keys}:
                keys = [keys[member] for conflict, _ in ordered if member in (keys := conflict.dispute.keys)]
                store.queue.push(mapping, member, keys)
    return sum(map(len, rulings.values()))


def document(conflict: Conflict) -> dict[str, object]:
    """A conflict as `--json` lists it, without values."""
    dispute = conflict.dispute
    return {
        "number": conflict.id,
        "mapping": conflict.mapping,
        "field": dispute.field,
        "keys": dict(dispute.keys),
        "code": dispute.code,
        "reason": dispute.reason,
        "status": conflict.status,
        "how": conflict.how,
        "opened": conflict.opened_at,
        "times": conflict.times,
        "first_run": conflict.first_run,
        "last_run": conflict.last_run,
    }


def shown_document(shown: Shown) -> dict[str, object]:
    """A conflict as `show` prints it, with values."""
    dispute = shown.conflict.dispute
    return document(shown.conflict) | {
        "rule": shown.rule,
        "base": None
        if shown.base is None
        else {"value": shown.base.value, "member": shown.base.member, "run": shown.base.run, "at": _iso(shown.base.at)},
        "sides": {member: {"value": value} | _now(shown, member) for member, value in (dispute.sides or {}).items()},
        "orders": [decree_document(decree) for decree in shown.decrees],
    }


def _now(shown: Shown, member: str) -> dict[str, object]:
    told = shown.written.get(member)
    written: dict[str, object] = {"written": {"run": told.run, "at": _iso(told.at)}} if told is not None else {}
    seen = shown.now.get(member)
    if seen is None:
        return written
    if seen.fault:
        return written | {"fault": seen.fault}
    field = shown.conflict.dispute.field
    held = seen.shared.get(field) if field else (dict(seen.shared) if seen.is_there else None)
    return written | {"now": held, "changed": seen.changed}


def decree_document(decree: Decree) -> dict[str, object]:
    """An order as `--json` prints it."""
    ruling = decree.ruling
    return {
        "number": decree.id,
        "kind": str(ruling.kind),
        "field": ruling.field,
        "member": ruling.member,
        "value": ruling.value,
        "at": _iso(decree.issued),
        "by": ruling.by,
        "why": decree.words,
        "status": str(decree.status),
        "how": decree.how,
    }


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """What a choice means for one conflict, as `--json` prints it."""
    dispute = outcome.conflict.dispute
    told: dict[str, object] = {
        "number": outcome.conflict.id,
        "mapping": outcome.conflict.mapping,
        "field": dispute.field,
        "keys": dict(dispute.keys),
    }
    if outcome.ruling is None:
        return told | {"refused": outcome.refused}
    return told | {"kind": str(outcome.ruling.kind), "before": dict(dispute.sides or {}), "after": outcome.after}


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")


def counted(conflicts: Sequence[Conflict]) -> dict[str, int]:
    """How many of them there are of each mapping."""
    found: dict[str, int] = {}
    for conflict in conflicts:
        found[conflict.mapping] = found.get(conflict.mapping, 0) + 1
    return found


def kinds(conflicts: Sequence[Conflict]) -> Iterator[tuple[str, str, int, int]]:
    """The kinds of conflicts: where, why, how many, and the number of the first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for conflict in conflicts:
        path = ".".join(part for part in (conflict.mapping, conflict.dispute.field) if part)
        groups.setdefault((path, f"{conflict.dispute.code} {conflict.dispute.reason}"), []).append(conflict.id)
    for (path, why), numbers in sorted(groups.items(), key=lambda group: -len(group[1])):
        yield path, why, len(numbers), numbers[0]
