"""Whole tables that go from one system to another: keys, references, odd names, nothing at all; judged row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tests.fidelity.meaning import NULL, Meaning, agree
from tests.fidelity.pair import EXACT, GUARD, QUARANTINED, SILENT, Judged, Project, Verdict
from tests.fidelity.stand import Cannot, Stand, Table

from dovetail.steps import migrate as steps
from dovetail.steps import rejects

Row = Mapping[str, str | None]
CODES = ("abc", "ABC", "abc ", "ab\u0107", "\u00e9", "e\u0301", "007", "7", " 7", "a|b", "a\\b", "it's", "0", "p\u0430y")
CODES += ("0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07", "0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07")
NAMES = ('a"b', "a.b", "a b", "select", "\U0001f600", "n" * 63, "Ä", "it's", "1", "a`b", "x-y", "%s", "?", ":p", "a,b", "[x]")
BIG = 1_000_000
KEYS: Mapping[str, tuple[str, str]] = {
    "mariadb": (
        "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    )
}
"""By connector the types of keys that are texts, where values come from and where they go; else the first for texts."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A table by plain values: its key, its fields with their families, and its rows. `ref` is a field that refers to
    the table itself."""

    group: str
    name: str
    fields: Mapping[str, str]
    rows: Sequence[Row]
    key: tuple[str, ...] = ("id",)
    ref: str = ""


def scenes(width: int, *, is_narrow: bool = False) -> Iterator[Scene]:
    """Everything that is played between two systems; `width` fields in the widest row. MariaDB's names are narrow: they
    have no characters of four bytes."""
    yield Scene("V19", "keyed", {"code": "key", "v": "integer"}, _numbered(CODES), ("code",))
    pairs = [("x|1", 1), ("x", 1), ("x", 11), ("x1", 1), ("x\\", 2), ("x", 2)]
    rows = [{"a": one, "b": str(two), "v": str(at)} for at, (one, two) in enumerate(pairs, 1)]
    yield Scene("V31", "composite", {"a": "key", "b": "integer", "v": "integer"}, rows, ("a", "b"))
    parents = {1: None, 2: "1", 3: "3", 4: "5", 5: "4", 6: "99", 7: "8", 8: "2"}
    tree: list[Row] = [{"id": str(at), "parent": parent} for at, parent in parents.items()]
    yield Scene("V32", "tree", {"id": "integer", "parent": "integer"}, tree, ref="parent")
    yield Scene("V33", "single", {"id": "integer", "t": "text"}, [{"id": "1", "t": "x"}])
    yield Scene("V33", "none", {"id": "integer", "t": "text"}, [])
    kinds = {"t": "text", "n": "integer", "d": "date", "f": "float", "b": "boolean"}
    nulls: list[Row] = [{"id": str(at), **dict.fromkeys(kinds)} for at in (1, 2, 3)]
    yield Scene("V33", "nulls", {"id": "integer", **kinds}, nulls)
    names = [name for name in NAMES if not is_narrow or max(name) <= "\uffff"]
    names = [*names, *(f"w{at}" for at in range(width - len(NAMES)))]
    wide: list[Row] = [{"id": str(at), **{name: str(at * place) for place, name in enumerate(names)}} for at in (1, 2)]
    yield Scene("V29", "wide", {"id": "integer", **dict.fromkeys(names, "integer")}, wide)
    large: list[Row] = [{"id": "1", "t": "x" * BIG}, {"id": "2", "t": "é\n" * (BIG // 3)}, {"id": "3", "t": "small"}]
    yield Scene("V28", "big", {"id": "integer", "t": "text"}, large)


def _numbered(codes: Sequence[str]) -> list[Row]:
    return [{"code": code, "v": str(at)} for at, code in enumerate(codes, 1)]


def play(source: Stand, target: Stand, folder: Path, *, width: int = 40) -> Judged:
    """All scenes between two systems in one run, and a second one that writes nothing."""
    judged = Judged((source.connector, target.connector))
    project = Project(folder, source, target)
    tables = {}
    for scene in scenes(width, is_narrow="mariadb" in judged.pair):
        given = _table(scene, source, is_given=True)
        taken = replace(_table(scene, target, is_given=False), name=f"{scene.name}_2", rows=[])
        source.plant(given)
        target.plant(taken)
        tables[scene.name] = scene, given, taken
        (project.folder / "mappings" / f"{scene.name}.yaml").write_text(_mapping(scene), encoding="utf-8")
    project.declare()
    with project.open() as workspace:
        first, second = steps.migrate(workspace), steps.migrate(workspace)
        held = {name: rejects.standing(workspace, mapping=name) for name in tables}
        disputes = {name: workspace.store.conflicts.list(name) for name in tables}
    for name, (scene, given, taken) in tables.items():
        count, again = first.mappings[name], second.mappings[name]
        reasons = [one.refusal.reason for one in held[name]] + [one.dispute.reason for one in disputes[name]]
        found = list(_verdicts(scene, _rows(source, given), _rows(target, taken), all(reasons) and reasons))
        missing = sum(one.outcome != EXACT for one in found)
        if not count.adds_up or missing != count.quarantined + count.conflicts:
            judged.faults.append(f"{name}: {missing} rows are missing, {count}")
        if again.created or again.updated or again.deleted:
            judged.faults.append(f"{name}: the second run wrote {again}")
        judged.verdicts += found
    return judged


def _table(scene: Scene, stand: Stand, *, is_given: bool) -> Table:
    text = stand.targets["text"][0]
    keys = KEYS.get(stand.connector, (text, text))
    natives = {"key": keys[0 if is_given else 1], "text": text, "integer": stand.key}
    kinds = {family: natives.get(family) or stand.targets[family][0] for family in scene.fields.values()}
    rows = []
    for row in scene.rows if is_given else ():
        try:
            rows.append({name: _literal(stand, scene.fields[name], kinds, value) for name, value in row.items() if value})
        except Cannot:
            continue
    return Table(scene.name, {name: kinds[family] for name, family in scene.fields.items()}, rows, scene.key)


def _literal(stand: Stand, family: str, kinds: Mapping[str, str], plain: str) -> object:
    return stand.literal("text" if family == "key" else family, kinds[family], plain)


def _mapping(scene: Scene) -> str:
    lines = [
        f"mapping: {scene.name}",
        f"members: {{a: {{dataset: {scene.name}, creates: never}}, b: {{dataset: {scene.name}_2}}}}",
        f"match: {{together: [{', '.join(_shared(scene, part) for part in scene.key)}]}}",
        GUARD,
        "fields:",
    ]
    for name in scene.fields:
        cell = f"{{field: {json.dumps(name, ensure_ascii=False)}}}"
        ref = f", ref: {scene.name}" if name == scene.ref else ""
        lines.append(f"  {_shared(scene, name)}: {{a: {cell}, b: {cell}{ref}, owner: a}}")
    return "\n".join(lines) + "\n"


def _shared(scene: Scene, name: str) -> str:
    return f"s{list(scene.fields).index(name)}"


def _rows(stand: Stand, table: Table) -> list[tuple[Meaning, ...]]:
    """The rows of a table as tuples; a row of nothing but noughts that a stand needs is left out."""
    rows = [tuple(row[name] for name in table.fields) for row in stand.raw(table).values()]
    return [row for row in rows if any(value not in (NULL, Meaning("number", Decimal())) for value in row)]


def _verdicts(
    scene: Scene, given: Sequence[tuple[Meaning, ...]], taken: Sequence[tuple[Meaning, ...]], held: object
) -> Iterator[Verdict]:
    left = list(taken)
    for row in given:
        found = next((one for one in left if all(map(agree, row, one))), None)
        if found is not None:
            left.remove(found)
        outcome = EXACT if found is not None else QUARANTINED if held else SILENT
        yield Verdict(scene.group, scene.name, "row", "row", outcome, "" if found else str(row)[:200])
    for row in left:
        yield Verdict(scene.group, scene.name, "row", "row", SILENT, f"nobody gave {str(row)[:200]}")
