"""One ordered pair of systems: every hostile value goes from one to the other through a real project, and is judged."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fidelity.meaning import NULL, agree
from tests.fidelity.stand import Column, Raw, Stand, Table, planted

from dovetail.engine.open import open_workspace
from dovetail.engine.workspace import Workspace
from dovetail.errors import DeclarationError, Declarations, Location
from dovetail.model.run import Summary
from dovetail.steps import migrate as steps
from dovetail.steps import rejects
from dovetail.steps.plan import plan
from dovetail.steps.sync import sync_once

EXACT, LOSSY, QUARANTINED, REFUSED, SILENT = "exact", "lossy", "quarantined", "refused", "silent"
OUTCOMES = (EXACT, LOSSY, QUARANTINED, REFUSED, SILENT)
WAYS = ("streamed", "plain")
NO_KEY = "\\N"
OWNER = "owner: a"
Refused = tuple[dict[str, str], Summary]
GUARD = "guard: {rows: 1000000, share: 100%}"


@dataclass(frozen=True, slots=True)
class Value:
    """One hostile value: its group, its name, and how it is planted."""

    group: str
    name: str
    planted: object


@dataclass(frozen=True, slots=True)
class Slot:
    """Values of one type on their way into a field of another; `rows` holds the value that stands in each row."""

    name: str
    family: str
    given: str
    native: str
    rows: dict[int, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one value."""

    group: str
    value: str
    source: str
    target: str
    outcome: str
    words: str = ""


@dataclass(slots=True)
class Judged:
    """What became of all values of a pair, and what else was wrong."""

    pair: tuple[str, str]
    verdicts: list[Verdict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def counts(self) -> Counter[tuple[str, str]]:
        """How many values of each group had each outcome."""
        return Counter((one.group, one.outcome) for one in self.verdicts)

    def silent(self) -> list[Verdict]:
        """The values that were changed without a word."""
        return [one for one in self.verdicts if one.outcome == SILENT]


def slots(source: Stand, target: Stand, *, best_only: bool = False) -> list[Slot]:
    """Every type of the source with every type of the target that its values are to be tried with."""
    found: dict[tuple[str, str, str], Slot] = {}
    row = 1
    for column in planted(source).columns:
        natives = _natives(column, source, target)
        for native in natives[:1] if best_only else natives:
            kinds = column.family, column.native, native
            slot = found.setdefault(kinds, Slot(f"f{len(found)}", *kinds))
            for name, literal in column.values.items():
                slot.rows[row] = Value(column.group, name, literal)
                row += 1
    return list(found.values())


def _natives(column: Column, source: Stand, target: Stand) -> list[str]:
    same = [column.native] if source.connector == target.connector else []
    listed = target.targets.get(f"{column.group}/{column.family}") or target.targets.get(column.family)
    return list(dict.fromkeys([*same, *(listed or target.targets["text"][:1])]))


class Project:
    """A project over two stands, `a` and `b`, and the tables that it maps."""

    def __init__(self, folder: Path, a: Stand, b: Stand) -> None:
        self.folder, self.stands = folder, {"a": a, "b": b}
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        for name, secret in {**a.secrets(), **b.secrets()}.items():
            path = folder / ".dovetail" / "secrets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(secret)
            path.chmod(0o600)

    def declare(self) -> None:
        """Write the systems as they are declared now."""
        lines = ["dovetail: 1", "project: fidelity", "systems:"]
        lines += [f"  {name}: {stand.settings()}" for name, stand in self.stands.items()]
        (self.folder / "dovetail.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def map(self, name: str, table: str, fields: Iterable[str], head: str = "", rule: str = OWNER) -> None:
        """Map two tables field by field, one field a line."""
        lines = [f"mapping: {name}", f"members: {{a: {{dataset: {table}, creates: never}}, b: {{dataset: {name}}}}}"]
        lines += [head] if head else []
        lines += ["match: id", GUARD, "fields:", f"  id: {{a: id, b: id, {rule}}}"]
        lines += [f"  {one}: {{a: {one}, b: {one}, {rule}}}" for one in fields]
        (self.folder / "mappings" / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def open(self) -> Workspace:
        """The project, opened."""
        return open_workspace(self.folder, variables={})


def mistakes(error: DeclarationError) -> Sequence[DeclarationError]:
    """All mistakes that an error tells."""
    return error.mistakes if isinstance(error, Declarations) else (error,)


def refusals(project: Project, name: str, error: DeclarationError) -> dict[str, str]:
    """The fields that a plan refuses, with the words for each; raises where it refuses anything else."""
    lines = (project.folder / "mappings" / f"{name}.yaml").read_text(encoding="utf-8").split("\n")
    found = {}
    for mistake in mistakes(error):
        if not isinstance(mistake.where, Location):
            raise error
        named = re.match(r"  (\w+): ", lines[mistake.where.line - 1])
        if named is None or not mistake.message:
            raise error
        found[named[1]] = f"{mistake.code} {mistake.message}"
    return found


def judge(source: Stand, target: Stand, folder: Path, *, ways: Sequence[str] = WAYS) -> Judged:
    """Send all values of a source into a target in each of these ways, and say what became of each."""
    judged = Judged((source.connector, target.connector))
    open_slots = slots(source, target)
    table = Table("given", {"id": source.key} | {slot.name: slot.given for slot in open_slots}, _rows(open_slots))
    source.plant(table)
    made = {way: Table(way, {"id": target.key} | {slot.name: slot.native for slot in open_slots}) for way in ways}
    for one in made.values():
        target.plant(one)
    projects = {way: Project(folder / way, source, target) for way in ways}
    refused, told = _refused(projects[ways[0]], ways[0], [slot.name for slot in open_slots])
    asked = [slot for slot in open_slots if slot.name not in refused]
    judged.verdicts += [
        Verdict(value.group, value.name, slot.given, slot.native, REFUSED, refused[slot.name])
        for slot in open_slots
        if slot.name in refused
        for value in slot.rows.values()
    ]
    before = source.raw(table)
    runs, held = {}, {}
    for way, project in projects.items():
        project.declare()
        project.map(way, "given", [slot.name for slot in asked])
        with project.open() as workspace:
            runs[way] = steps.migrate(workspace, plain=way == "plain")
            held[way] = _held(workspace, way)
    after = {way: target.raw(one) for way, one in made.items()}
    if source.raw(table) != before:
        judged.faults.append("the source was changed")
    for way in ways:
        named = _lossy(told, ways[0]), _lossy(runs[way], way)
        found = list(_judged(asked, before, after[way], held[way], named))
        judged.verdicts += found if way == ways[0] else [one for one in found if one.outcome == SILENT]
        judged.faults += [f"{way}: {words}" for words in _left(asked, before, after[way], runs[way])]
    judged.faults += list(_differences(ways, after, held))
    return judged


def _rows(open_slots: Sequence[Slot]) -> list[dict[str, object]]:
    """The rows to be planted, in the order of their keys, so that a row's line is known."""
    found = {row: {"id": row, slot.name: value.planted} for slot in open_slots for row, value in slot.rows.items()}
    return [found[row] for row in sorted(found)]


def _refused(project: Project, name: str, names: Sequence[str], head: str = "", rule: str = OWNER) -> Refused:
    """Leave out what a plan refuses, until it refuses nothing: those fields, and what the plan says of the others."""
    project.declare()
    refused: dict[str, str] = {}
    while True:
        project.map(name, "given", [one for one in names if one not in refused], head, rule)
        try:
            with project.open() as workspace:
                return refused, plan(workspace).summary
        except DeclarationError as error:
            more = refusals(project, name, error)
            if more.keys() <= refused.keys():
                raise
            refused |= more


def _held(workspace: Workspace, mapping: str) -> dict[str, tuple[str, str]]:
    """By key what stands in quarantine: its field and the reason; where the key is lost too, by the line."""
    found = {}
    for reject in rejects.standing(workspace, mapping=mapping):
        line = re.search(r":(\d+)\)$", reject.refusal.reason)
        lost = reject.refusal.key == NO_KEY and line is not None
        found[line[1] if lost and line else reject.refusal.key] = (reject.refusal.field, reject.refusal.reason)
    return found


def _lossy(summary: Summary, mapping: str) -> Mapping[str, int]:
    """By field how many rows a plan said, or a run counted, may be, or were, changed on writing."""
    found: Counter[str] = Counter()
    for one in json.loads(json.dumps(summary.document())).get("lossy", []):
        if one["mapping"] == mapping:
            found[one["field"]] += one["rows"]
    return found


def _judged(
    asked: Sequence[Slot],
    before: Raw,
    after: Raw,
    held: Mapping[str, tuple[str, str]],
    named: tuple[Mapping[str, int], Mapping[str, int]],
) -> Iterator[Verdict]:
    planned, counted = named
    for slot in asked:
        for row, value in slot.rows.items():
            key = str(row)
            given, found = before[key][slot.name], after.get(key)
            outcome, words = SILENT, f"{given} became {found and found[slot.name]}"
            if found is None:
                if key in held and held[key][1]:
                    outcome, words = QUARANTINED, held[key][1]
            elif agree(given, found[slot.name]):
                outcome, words = EXACT, ""
            elif planned.get(slot.name) and counted.get(slot.name):
                outcome = LOSSY
            yield Verdict(value.group, value.name, slot.given, slot.native, outcome, words)


def _left(asked: Sequence[Slot], before: Raw, after: Raw, run: Summary) -> Iterator[str]:
    """Other fields of a row stay null, and nothing is there that nobody gave."""
    wanted = {str(row): slot.name for slot in asked for row in slot.rows}
    for key, row in after.items():
        if key not in before:
            yield f"a row {key} that nobody gave"
            continue
        for name, value in row.items():
            if name not in ("id", wanted.get(key)) and value != NULL:
                yield f"row {key}: {name} is {value}, and was null"
    for name, count in run:
        if not count.adds_up:
            yield f"the counts of {name} do not add up: {count}"


def _differences(ways: Sequence[str], after: Mapping[str, Raw], held: Mapping[str, Any]) -> Iterator[str]:
    """Where two ways end differently."""
    first = ways[0]
    for way in ways[1:]:
        if held[way].keys() != held[first].keys():
            yield f"{first} and {way} hold other rows: {sorted(held[way].keys() ^ held[first].keys())}"
        for key in after[way].keys() | after[first].keys():
            one, other = after[first].get(key), after[way].get(key)
            if one != other:
                yield f"row {key}: {first} wrote {_filled(one)}, {way} wrote {_filled(other)}"


def _filled(row: Mapping[str, object] | None) -> object:
    return row and {name: value for name, value in row.items() if value != NULL}


def rest(source: Stand, target: Stand, folder: Path) -> list[str]:
    """Two-way: three passes after the first meeting, and after an edit on either side; what is wrong, in words."""
    open_slots = slots(source, target, best_only=True)
    given = Table("given", {"id": source.key} | {slot.name: slot.given for slot in open_slots}, _rows(open_slots))
    source.plant(given)
    taken = Table("two", {"id": target.key} | {slot.name: slot.native for slot in open_slots})
    target.plant(taken)
    project = Project(folder, source, target)
    head, rule = "deletes: {a: restore, b: restore}", "policy: {prefer: a}"
    names = [slot.name for slot in open_slots]
    refused, told = _refused(project, "two", names, head, rule)
    lossy = set(_lossy(told, "two"))
    wrong = [f"first meeting, {words}" for words in _passes(project)]
    kept = [slot for slot in open_slots if slot.name not in refused]
    for side, stand, table in (("a", source, given), ("b", target, taken)):
        _edit(stand, table, kept, target.raw(taken), is_left=side == "a")
        wrong += [f"edit at {side}, {words}" for words in _passes(project)]
        wrong += [f"edit at {side}, {words}" for words in _apart(project, [one for one in kept if one.name not in lossy], source.raw(given), target.raw(taken))]
    return wrong


def _passes(project: Project) -> Iterator[str]:
    """Three passes; the second and the third write nothing and hold what the first held."""
    told = []
    for _ in range(3):
        with project.open() as workspace:
            summary = sync_once(workspace)
            told.append((_writes(summary), len(rejects.standing(workspace)), len(workspace.store.conflicts.list())))
    for number, one in enumerate(told[1:], 2):
        if one[0] or one[1:] != told[0][1:]:
            yield f"pass {number} wrote {one[0]} rows, held {one[1]} after {told[0][1]}, conflicts {one[2]} after {told[0][2]}"


def _writes(summary: Summary) -> int:
    return sum(
        member.created + member.updated + member.deleted for _, count in summary for member in count.members.values()
    )


def _edit(stand: Stand, table: Table, kept: Sequence[Slot], there: Raw, *, is_left: bool) -> None:
    """In each column one row gets the value of another row, in the system's own notation."""
    own: dict[tuple[str, str], list[object]] = {}
    for column in planted(stand).columns:
        own.setdefault((column.family, column.native), []).extend(column.values.values())
    for slot in kept:
        rows = [row for row in slot.rows if str(row) in there]
        values = [one.planted for one in slot.rows.values()] if is_left else own.get((slot.family, slot.native))
        if rows and values:
            allowed = [value for value in values if value not in stand.fixed]
            stand.put(table, str(rows[-1 if is_left else 0]), slot.name, allowed[0 if is_left else -1])


def _apart(project: Project, kept: Sequence[Slot], left: Raw, right: Raw) -> Iterator[str]:
    """Rows that stand on both sides, are not held, and do not say the same."""
    with project.open() as workspace:
        held = {reject.refusal.key for reject in rejects.standing(workspace)}
    for slot in kept:
        for row in map(str, slot.rows):
            if row in right and row not in held:
                one, other = left[row][slot.name], right[row][slot.name]
                if not agree(one, other):
                    yield f"{slot.rows[int(row)].group} {slot.given} and {slot.native}: row {row} is {one} and {other}"
