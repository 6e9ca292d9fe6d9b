"""What Dovetail remembers against what was typed: its links, what it left open, and the values that had to give way."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from dovetail.engine.open import open_workspace
from dovetail.engine.workspace import Workspace
from dovetail.testing.chaos.expect import Being, expect
from dovetail.testing.chaos.judge import Promise, Stands, Verdict
from dovetail.testing.chaos.scene import Kind
from dovetail.testing.chaos.typed import Record
from dovetail.testing.program import Program

LOSERS_MAX = 200
"""Values that had to give way, of which the journal is asked at most."""


def check_memory(verdict: Verdict, program: Program, kinds: Sequence[Kind], record: Record, standing: Stands) -> None:
    """The state must link exactly the rows that belong together, each once, with nothing open, and know every value
    that had to give way."""
    with open_workspace(program.folder, environment=program.environment, variables=program.variables) as workspace:
        store = workspace.store
        verdict.check(Promise.CONSERVATION, "intents are still open", holds=not store.intents.partitions())
        for kind in kinds:
            links = {member: store.crossref.load(kind.mapping, member).to_pydict() for member in standing[kind.name]}
            _check_links(verdict, kind, links, standing)
            _check_losers(verdict, workspace, (kind, record), _numbers(kind, links, standing))


def answer(program: Program, kinds: Sequence[Kind], record: Record, standing: Stands) -> int:
    """Say of each row about which a person is asked whether it shall be gone, as somebody would who knows all that was
    typed; how many there were."""
    with open_workspace(program.folder, environment=program.environment, variables=program.variables) as workspace:
        asked = [one for one in workspace.store.conflicts.list() if not one.dispute.field]
    answered = 0
    for conflict in asked:
        kind = next(kind for kind in kinds if kind.mapping == conflict.mapping)
        keys = set(conflict.dispute.keys.items())
        held = {
            member: str(values[kind.known_by])
            for member, rows in standing[kind.name].items()
            for key, values in rows
            if (member, key) in keys
        }
        gone = [member for member in kind.tables if member not in held]
        row = record.rows.get((kind.name, next(iter(held.values()), "")))
        if row is None or not gone:
            continue
        takes = next(iter(held)) if expect(kind, row).being is Being.THERE else gone[0]
        program.run("conflicts", "resolve", str(conflict.id), "--take", takes, "--yes")
        answered += 1
    return answered


def _numbers(kind: Kind, links: Mapping[str, Mapping[str, Sequence[object]]], standing: Stands) -> dict[str, int]:
    """The number of each shared row, by what the row is called."""
    number = {
        (member, key): row
        for member, columns in links.items()
        for row, key in zip(columns["row"], columns["key"], strict=True)
    }
    return {
        str(values[kind.known_by]): int(str(number[member, key]))
        for member, rows in standing[kind.name].items()
        for key, values in rows
        if (member, key) in number
    }


def _check_losers(
    verdict: Verdict, workspace: Workspace, typed: tuple[Kind, Record], numbers: Mapping[str, int]
) -> None:
    """A last edit that had to give way to another one must stand in the journal, as what was overwritten or as what
    lost."""
    kind, record = typed
    lost = [
        (row.name, field, member, value)
        for (name, _), row in record.rows.items()
        if name == kind.name and row.name in numbers
        for field, allowed in expect(kind, row).fields.items()
        for member, value in allowed.losers
        if value not in allowed.values
    ]
    for row_name, field, member, value in random.Random(0).sample(lost, min(len(lost), LOSERS_MAX)):  # noqa: S311
        kept: set[str] = set()
        for told in workspace.store.journal.history(kind.mapping, numbers[row_name]):
            entry = told.entry
            kept |= {_plain(one) for one in (entry.before or {}).values()}
            kept |= {_plain(one) for losing in (entry.losing or {}).values() for one in losing.values()}
        column = kind.tables[member].columns[field]
        if column.refers or value is None:
            continue
        spelled = {value, _plain(Decimal(value).scaleb(-column.scale))} if kind.fields[field].is_number else {value}
        words = f"{kind.name} {row_name!r}.{field}: {value!r} of {member} lost, and the journal does not know it"
        verdict.check(Promise.NO_SILENCE, words, holds=bool(spelled & kept) or kind.fields[field].folds)


def _plain(value: object) -> str:
    """A value as a text, a number without zeros at its end."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _check_links(
    verdict: Verdict, kind: Kind, links: Mapping[str, Mapping[str, Sequence[object]]], standing: Stands
) -> None:
    linked: dict[object, dict[str, str]] = {}
    for member, columns in links.items():
        double = len(columns["key"]) - len(set(columns["key"]))
        verdict.check(Promise.ONE_TO_ONE, f"{kind.name}: {double} keys of {member} linked twice", holds=double == 0)
        for row, key in zip(columns["row"], columns["key"], strict=True):
            linked.setdefault(row, {})[member] = str(key)
    belong: dict[str | None, dict[str, str]] = {}
    for member, rows in standing[kind.name].items():
        for key, values in rows:
            belong.setdefault(values[kind.known_by], {})[member] = key
    wanted, found = _as_set(belong.values()), _as_set(linked.values())
    for words, pairs in (("not linked", wanted - found), ("linked", found - wanted)):
        for pair in pairs:
            verdict.harm(Promise.ONE_TO_ONE, f"{kind.name}: {words}: {sorted(pair)}")


def _as_set(pairs: Iterable[dict[str, str]]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(pair.items()) for pair in pairs}
