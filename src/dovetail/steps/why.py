"""`why`: how a row, or one field of it, came to hold what it holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.engine.agreed import Agreed
from dovetail.engine.glance import Seen, compiled, glance
from dovetail.engine.workspace import Workspace
from dovetail.errors import DeclarationError, UnknownName
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import Verb
from dovetail.model.key import decode, encode
from dovetail.state.conflicts import Conflict
from dovetail.state.decrees import Decree
from dovetail.state.journal import Journaled
from dovetail.state.rejects import Looked, Reject


@dataclass(frozen=True, slots=True)
class Asked:
    """The row that is asked about: its mapping, the member by whose key it is named, its number (`None` where it was
    never linked), its keys at the members, and the shared field, empty for all of them."""

    mapping: CompiledMapping
    member: CompiledMember
    key: str
    row: int | None
    keys: Mapping[str, str]
    field: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known of it, the newest last: what was written, disputed and ordered, what stands at each member
    right now, which members are still owed a value, and why it is held."""

    asked: Asked
    written: Sequence[Journaled]
    decrees: Sequence[Decree]
    conflicts: Sequence[Conflict]
    now: Mapping[str, Seen]
    owed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    held: Sequence[Reject] = ()
    commands: Mapping[str, str] = field(default_factory=dict)


def why(workspace: Workspace, place: str, words: Sequence[str]) -> Answer:
    """How the row of a key came to hold what it holds: `place` is `member.mapping`, or a system and its dataset;
    `words` the parts of the key, then perhaps a field. Raises `UnknownName`."""
    asked = ask(workspace, place, words)
    store, name = workspace.store, asked.mapping.name
    now = glance(workspace, asked.mapping, asked.keys)
    if asked.row is None:
        if not any(seen.is_there or seen.fault for seen in now.values()):
            raise _unknown(asked)
        return Answer(asked, (), (), (), now, held=_held(workspace, asked))
    written = [told for told in reversed(store.journal.history(name, asked.row)) if is_about(asked, told)]
    decrees = [one for one in store.decrees.of_row(name, asked.row) if asked.field in ("", one.ruling.field)]
    conflicts = [one for one in store.conflicts.of_row(name, asked.row) if asked.field in ("", one.dispute.field)]
    runs = {run: store.runs.get(run) for run in {told.run for told in written}}
    return Answer(
        asked,
        written,
        decrees,
        conflicts,
        now,
        _owed(workspace, asked),
        _held(workspace, asked),
        {run: found.command for run, found in runs.items() if found is not None},
    )


def ask(workspace: Workspace, place: str, words: Sequence[str]) -> Asked:
    """The row that these words name."""
    mapping, member = _member(workspace, place)
    found = compiled(workspace, mapping)
    at = next(one for one in found.members if one.name == member)
    parts, rest = words[: len(at.key)], words[len(at.key) :]
    if len(parts) < len(at.key) or len(rest) > 1:
        raise DeclarationError(
            f"{member}.{mapping} is named by {', '.join(at.key)}, and then perhaps a field",
            hint=f"dovetail why {member}.{mapping} {' '.join(part.upper() for part in at.key)} [FIELD]",
            code="DV-472",
        )
    key = _key(at, parts)
    store = workspace.store
    row = store.crossref.rows(mapping, member, [key])[0].as_py()
    if row is None:
        row = store.journal.row_of_key(mapping, member, key)
    keys = {member: key}
    if row is not None:
        linked = {one.name: store.crossref.keys(mapping, one.name, [row])[0].as_py() for one in found.members}
        keys = {name: text for name, text in linked.items() if text is not None} or keys
    return Asked(found, at, key, row, keys, _field(found, at, rest[0]) if rest else "")


def _member(workspace: Workspace, place: str) -> tuple[str, str]:
    """The mapping and member of `member.mapping`, or of a system and its dataset."""
    first, _, second = place.partition(".")
    exact, loose = [], []
    for mapping in workspace.project.mappings:
        for member in mapping.members:
            if first not in (member.name, member.system):
                continue
            if second == mapping.name:
                exact.append((mapping.name, member.name))
            elif second == member.dataset:
                loose.append((mapping.name, member.name))
    found = [one for one in exact if one[1] == first] or exact or loose
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{name}.{mapping}" for mapping, name in found)
        raise UnknownName(f"{place!r} may be several members", hint=f"name one: {several}", code="DV-473")
    known = ", ".join(_places(workspace))
    raise UnknownName(f"no member of a mapping is {place!r}", hint=f"name one: {known}", code="DV-473")


def _places(workspace: Workspace) -> Iterator[str]:
    for mapping in workspace.project.mappings:
        for member in mapping.members:
            yield f"{member.name}.{mapping.name}"


def _key(member: CompiledMember, parts: Sequence[str]) -> str:
    """The key as the state knows it."""
    kinds = [member.scope[part] for part in member.key]
    raw = encode([pa.array([part], pa.string()) for part in parts])[0].as_py()
    try:
        return str(encode(decode([raw], kinds))[0].as_py())
    except (ValueError, ArithmeticError, pa.ArrowInvalid) as error:
        names = ", ".join(f"{name} ({kind})" for name, kind in zip(member.key, kinds, strict=True))
        raise DeclarationError(
            f"that is no key of {member.dataset.name}", hint=f"its key is {names}", code="DV-472"
        ) from error


def _field(mapping: CompiledMapping, member: CompiledMember, name: str) -> str:
    """The shared field of that name, or that the member's column of that name feeds."""
    if mapping.mapping.field(name) is not None:
        return name
    for cell in member.cells:
        if name in cell.columns:
            return cell.field
    known = ", ".join(shared.name for shared in mapping.mapping.fields)
    raise UnknownName(f"{mapping.name} has no field {name!r}", hint=f"its fields: {known}", code="DV-101")


def _unknown(asked: Asked) -> UnknownName:
    place = f"{asked.member.name}.{asked.mapping.name}"
    return UnknownName(
        f"no row of {place} with this key is known, here or there",
        hint="the key is what names the row at that member; dovetail status shows what is linked",
        code="DV-474",
    )


def columns_of(mapping: CompiledMapping, member: str, field: str) -> frozenset[str]:
    """The columns of a member that express a shared field, or (`field` empty) all that the mapping knows."""
    for one in mapping.members:
        if one.name == member:
            if not field:
                return frozenset(one.columns)
            cell = one.cell(field)
            return frozenset() if cell is None else frozenset((*cell.columns, *(name for name, _ in cell.writes)))
    return frozenset()


def is_about(asked: Asked, told: Journaled) -> bool:
    """Whether an entry says something about what was asked."""
    entry = told.entry
    if not asked.field or entry.verb is not Verb.UPDATE:
        return True
    return any(name in (entry.after or {}) for name in columns_of(asked.mapping, entry.member, asked.field))


def changes(asked: Asked, told: Journaled) -> dict[str, tuple[object, object]]:
    """What an entry changed, by column: before and after."""
    entry = told.entry
    before, after = entry.before or {}, entry.after or {}
    names = after if entry.verb is Verb.UPDATE else {**before, **after}
    meant = columns_of(asked.mapping, entry.member, asked.field) if asked.field else frozenset(names)
    key = frozenset(next((one.key for one in asked.mapping.members if one.name == entry.member), ()))
    if entry.verb is Verb.UPDATE:
        meant -= key
    return {name: (before.get(name), after.get(name)) for name in names if name in meant}


def _owed(workspace: Workspace, asked: Asked) -> dict[str, list[str]]:
    """The fields of which a member has not yet got what was agreed on."""
    agreed = Agreed(asked.mapping, pa.array([asked.row]).to_numpy())
    agreed.load(workspace.store, is_some=True)
    owed: dict[str, list[str]] = {}
    for at, name in enumerate(agreed.fields):
        numbers = agreed.cells["agreement"][0, at]
        for side, member in enumerate(agreed.members):
            is_behind = 0 < numbers[side] < numbers.max()
            if is_behind and member in asked.keys and asked.field in ("", name):
                owed.setdefault(member, []).append(name)
    return owed


def _held(workspace: Workspace, asked: Asked) -> list[Reject]:
    looked = Looked([] if asked.row is None else [asked.row], {member: [key] for member, key in asked.keys.items()})
    rejects = workspace.store.rejects
    found = [rejects.get(number) for number in sorted(set(rejects.standing(asked.mapping.name, looked).values()))]
    return [one for one in found if one is not None]


def document(answer: Answer) -> dict[str, object]:
    """The answer as `--json` prints it: values are what was asked for."""
    asked = answer.asked
    return {
        "command": "why",
        "ok": True,
        "mapping": asked.mapping.name,
        "member": asked.member.name,
        "key": asked.key,
        "field": asked.field,
        "chain": [step for _, step in sorted(_steps(answer), key=lambda one: one[0])],
        "now": {member: _now(asked, seen) for member, seen in answer.now.items()},
        "owed": {member: list(names) for member, names in answer.owed.items()},
        "held": [
            {"number": one.id, "code": one.refusal.code, "field": one.refusal.field, "reason": one.refusal.reason}
            for one in answer.held
        ],
        "conflicts": [one.id for one in answer.conflicts if one.status == "open"],
    }


def _steps(answer: Answer) -> Iterator[tuple[dt.datetime, dict[str, object]]]:
    for told in answer.written:
        entry = told.entry
        rules = entry.rules or {}
        yield (
            told.at,
            {
                "kind": str(entry.verb),
                "at": told.at.isoformat(),
                "run": told.run,
                "command": answer.commands.get(told.run, ""),
                "member": entry.member,
                "key": entry.key or answer.asked.keys.get(entry.member, ""),
                "sure": told.is_sure,
                "changes": {
                    name: {"before": old, "after": new} for name, (old, new) in changes(answer.asked, told).items()
                },
                "rules": {name: rule for name, rule in rules.items() if answer.asked.field in ("", name) or not name},
                "losing": {
                    name: dict(lost) for name, lost in (entry.losing or {}).items() if answer.asked.field in ("", name)
                },
            },
        )
    for conflict in answer.conflicts:
        at = dt.datetime.fromisoformat(conflict.opened_at)
        told_of = {"kind": "conflict", "at": at.isoformat(), "number": conflict.id, "field": conflict.dispute.field}
        held = dict(conflict.dispute.sides or {})
        yield at, {**told_of, "status": conflict.status, "how": conflict.how, "values": held}
    for decree in answer.decrees:
        ruling = decree.ruling
        told_of = {"kind": "order", "at": decree.issued.isoformat(), "number": decree.id, "field": ruling.field}
        what = {"order": str(ruling.kind), "member": ruling.member, "value": ruling.value, "by": ruling.by}
        yield decree.issued, {**told_of, **what, "why": decree.words, "status": str(decree.status), "how": decree.how}


def _now(asked: Asked, seen: Seen) -> dict[str, object]:
    if seen.fault:
        return {"key": seen.key, "fault": seen.fault}
    if not seen.is_there:
        return {"key": seen.key, "values": None}
    meant = [asked.field] if asked.field else list(seen.shared)
    return {"key": seen.key, "values": {name: seen.shared.get(name) for name in meant}, "changed": seen.changed}
