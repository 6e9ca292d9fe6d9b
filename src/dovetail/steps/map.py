"""Step 4: every cell with its derived writing direction, and the laws of round trips tried on real rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.reconcile import compile_all
from dovetail.engine.rows import MemberRows, see
from dovetail.engine.workspace import Workspace
from dovetail.errors import UnknownName
from dovetail.expression.invert import Profiling, Reversibility
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.mapping.laws import Law, Verdict, example, is_tested, words
from dovetail.model.change import UNREADABLE
from dovetail.model.finding import Finding
from dovetail.steps.roundtrip import EDITED, Tried, subject, trials
from dovetail.steps.sheet import Example, Place, Shown, Tested

SAMPLE_ROWS = 1000
"""Rows of each member on which the laws are tried."""


def show(workspace: Workspace, mapping: str | None = None) -> Shown:
    """Every cell of the mappings (or of one) with its reading and writing direction."""
    return Shown(tuple(_chosen(workspace, mapping)))


def test(workspace: Workspace, mapping: str | None = None, *, rows: int = SAMPLE_ROWS) -> Tested:  # noqa: PT028
    """Try the laws on rows of the real systems, with their own values, those of the other members, and edited ones.

    Questions to whole columns are answered by whole columns. Nothing is written."""
    seen: dict[tuple[str, str], int] = {}
    cells: dict[Place, tuple[Reversibility, Counter[Verdict]]] = {}
    findings: list[Example] = []
    for compiled in _chosen(workspace, mapping):
        sampled: dict[str, MemberRows] = {}
        for member in compiled.members:
            sampled[member.name], said = _sampled(workspace, compiled, member, rows)
            seen[compiled.name, member.name] = len(sampled[member.name])
            findings += said
        names = [known.name for known in compiled.mapping.fields]
        for member in compiled.members:
            for cell in member.cells:
                if is_tested(cell, names):
                    counts, said = _tried(compiled, cell, member, sampled)
                    cells[compiled.name, member.name, cell.field] = (cell.kind, counts)
                    findings += said
    findings.sort(key=lambda one: one.finding.severity == "note")
    return Tested(seen, cells, findings)


def _chosen(workspace: Workspace, name: str | None) -> Iterator[CompiledMapping]:
    compiled = compile_all(workspace)
    if name is not None and name not in compiled:
        raise UnknownName(f"no mapping is named {name!r}", hint="declared mappings: " + ", ".join(compiled))
    yield from (one for known, one in compiled.items() if name in (None, known))


def _sampled(
    workspace: Workspace, mapping: CompiledMapping, member: CompiledMember, rows: int
) -> tuple[MemberRows, list[Example]]:
    """Rows from everywhere in the dataset, and what the whole of it says to the questions of the cells."""
    asked = [(cell, question) for cell in member.cells for question in cell.profile if cell.writes or question.code_map]
    kept: list[pa.RecordBatch] = []
    found: dict[int, tuple[int, tuple[tuple[str, str], ...]]] = {}
    every = max(1, -(-(member.dataset.rows or 0) // rows))
    total = held = 0
    for batch in workspace.connector(member.member.system).read(member.dataset, member.columns):
        if held < rows:
            kept.append(batch.take(pa.array(range(-total % every, len(batch), every), pa.int64())))
            held += len(kept[-1])
        elif not asked:
            break
        _asked(member, asked, batch, found)
        total += len(batch)
    sample = see(mapping, member, *_table(member, kept, rows))
    said = [
        _column_finding(mapping, member, asked[at], f"{count:,} of {total:,} rows", key)
        for at, (count, key) in found.items()
    ]
    return sample, said + _unread(mapping, sample)


def _table(
    member: CompiledMember, batches: Sequence[pa.RecordBatch], rows: int
) -> tuple[pa.Table, pa.ChunkedArray | None]:
    names = list(member.columns)
    schema = pa.schema([(name, member.scope[name].arrow()) for name in names])
    parts = [pa.Table.from_batches([batch]) for batch in batches]
    whole = (
        pa.concat_tables(parts, promote_options="default").combine_chunks().slice(0, rows)
        if parts
        else schema.empty_table()
    )
    return whole.select(names), whole.column(UNREADABLE) if UNREADABLE in whole.column_names else None


def _asked(
    member: CompiledMember,
    asked: Sequence[tuple[CompiledCell, Profiling]],
    batch: pa.RecordBatch,
    found: dict[int, tuple[int, tuple[tuple[str, str], ...]]],
) -> None:
    """Count the rows of a batch in which each question is answered with yes; `where` decides which rows there are."""
    if not asked:
        return
    outputs = [Output(str(at), question.test) for at, (_, question) in enumerate(asked)]
    where = [Output("where", member.where)] if member.where is not None else []
    table = evaluate([*outputs, *where], member.scope, pa.Table.from_batches([batch])).table
    wanted = _flags(table, "where") if where else np.ones(len(batch), dtype=np.bool_)
    for at in range(len(asked)):
        hits = np.flatnonzero(_flags(table, str(at)) & wanted)
        if len(hits):
            count, key = found.get(at, (0, ()))
            key = key or tuple((part, str(batch.column(part)[int(hits[0])].as_py())) for part in member.key)
            found[at] = (count + len(hits), key)


def _flags(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(pc.fill_null(table.column(name), fill_value=False).to_numpy(), dtype=np.bool_)


def _column_finding(
    mapping: CompiledMapping,
    member: CompiledMember,
    asked: tuple[CompiledCell, Profiling],
    rows: str,
    key: tuple[tuple[str, str], ...],
) -> Example:
    cell, question = asked
    if question.code_map:
        told = Finding(code="DV-214", message=f"{rows} {question.meaning}; they are held until it does")
    else:
        message = f"{rows} {question.meaning}; a text that changes altogether is cut at the first one"
        told = Finding(code="DV-213", message=message, severity="note")
    return Example(replace(told, mapping=mapping.name, member=member.name, key=key, field=cell.field))


def _unread(mapping: CompiledMapping, rows: MemberRows) -> list[Example]:
    """Rows of the sample that cannot be read: the laws say nothing about them."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for place, problem in sorted(rows.problems.items()):
        if rows.wanted[place]:
            grouped.setdefault((problem.field, problem.reason), []).append(place)
    return [
        Example(
            Finding(
                code="DV-215",
                message=f"{len(places):,} of {len(rows):,} rows looked at cannot be read: {reason}",
                mapping=mapping.name,
                member=rows.member.name,
                key=_key(rows, places[0]),
                field=name,
                severity="note",
            )
        )
        for (name, reason), places in grouped.items()
    ]


def _key(rows: MemberRows, place: int) -> tuple[tuple[str, str], ...]:
    return tuple((part, str(rows.own.column(part)[place].as_py())) for part in rows.member.key)


def _tried(
    mapping: CompiledMapping, cell: CompiledCell, member: CompiledMember, sampled: Mapping[str, MemberRows]
) -> tuple[Counter[Verdict], list[Example]]:
    """The verdicts on one cell, and the first example of each kind of breach."""
    asked = subject(mapping, sampled[member.name], cell)
    shared = mapping.mapping.field(cell.field)
    is_reference = shared is not None and shared.ref is not None
    foreign = {} if is_reference else _foreign(mapping, cell.field, member.name, sampled)
    counts: Counter[Verdict] = Counter()
    firsts: dict[tuple[str, str, str], list[Tried]] = {}
    for tried in trials(asked, foreign):
        counts[tried.verdict] += 1
        told = tried.verdict is Verdict.BROKEN or (
            tried.verdict in (Verdict.COARSER, Verdict.REFUSED) and tried.source != EDITED
        )
        if told:
            firsts.setdefault((str(tried.verdict), tried.source, _kind_of_breach(tried)), []).append(tried)
    return counts, [_trial_finding(mapping, sampled[member.name], cell, found) for found in firsts.values()]


def _kind_of_breach(tried: Tried) -> str:
    return tried.trial.refused if tried.verdict is Verdict.REFUSED else words(tried.trial)


def _foreign(
    mapping: CompiledMapping, name: str, member: str, sampled: Mapping[str, MemberRows]
) -> dict[str, Sequence[object]]:
    """The values that the other members' rows give for a field, each once."""
    found: dict[str, Sequence[object]] = {}
    for other in mapping.members:
        if other.name != member and other.cell(name) is not None:
            asked = subject(mapping, sampled[other.name], other.cell(name) or other.cells[0])
            found[other.name] = list(dict.fromkeys(asked.values))
    return found


def _trial_finding(mapping: CompiledMapping, rows: MemberRows, cell: CompiledCell, found: Sequence[Tried]) -> Example:
    trial = found[0].trial
    told = replace(
        _told(found[0], len(found), cell),
        mapping=mapping.name,
        member=rows.member.name,
        key=() if trial.law is Law.CREATE_GET else _key(rows, trial.position),
        field=cell.field,
    )
    return Example(told, example(trial))


def _told(tried: Tried, count: int, cell: CompiledCell) -> Finding:
    """What happened `count` times, in words without values."""
    trial = tried.trial
    times = f"{count:,} time{'s' if count > 1 else ''}"
    source = f"{count:,} value{'s' if count > 1 else ''} of {tried.source or 'other rows'}"
    if tried.verdict is Verdict.BROKEN and trial.law is Law.GET_PUT:
        return Finding(
            code="DV-211", message=f"GetPut does not hold, {times}: {words(trial)}", next="dovetail map show"
        )
    if tried.verdict is Verdict.BROKEN:
        return Finding(
            code="DV-212", message=f"PutGet does not hold, {times}: {words(trial)}", next="dovetail map show"
        )
    if tried.verdict is Verdict.REFUSED:
        return Finding(code="DV-216", message=f"{source} cannot be written here: {trial.refused}", severity="note")
    message = f"{source} would be read back here in a coarser form: {cell.reason}"
    return Finding(code="DV-217", message=message, severity="note")
