"""Digests of what was read and of what would be done, row by row: a plan holds these instead of values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_128

from dovetail.engine.arrays import taken
from dovetail.engine.decision import Decision, Work
from dovetail.engine.put import Places, shared_column
from dovetail.identity.pair import ABSENT
from dovetail.merge.fingerprint import canonical
from dovetail.plan.manifest import PlannedRow


def planned_rows(decision: Decision) -> Iterator[PlannedRow]:
    """Every shared row that would be written, with its digests."""
    places = written_places(decision)
    read = read_digests(decision, places, decision.survey.index[:, places] != ABSENT)
    action = _action_digests(decision, places)
    for at, place in enumerate(places):
        member, key = decision.survey.key_of(int(place))
        yield PlannedRow(decision.survey.mapping.name, member, key, read[at].hexdigest(), action[at].hexdigest())


def written_places(decision: Decision) -> Places:
    """The shared rows that would be written anywhere, in order."""
    parts = [part for work in decision.work for part in (work.creates, work.touched, work.deletes)]
    return np.unique(np.concatenate(parts)) if parts else np.array([], dtype=np.int64)


def read_digests(decision: Decision, places: Places, asked: npt.NDArray[np.bool_]) -> list[xxh3_128]:
    """Over everything that was read of each row, at every member that is `asked` (a line each, flags by row)."""
    digests = [xxh3_128() for _ in places]
    for side, rows in enumerate(decision.survey.sides):
        held = np.flatnonzero(asked[side])
        own = rows.own.take(pa.array(decision.survey.index[side, places[held]]))
        for name in rows.member.columns:
            for at, content in zip(held, canonical(own.column(name)), strict=True):
                digests[at].update(f"{rows.member.name}.{name}={len(content)}:".encode())
                digests[at].update(content)
    return digests


def _action_digests(decision: Decision, places: Places) -> list[xxh3_128]:
    """Over verbs, members and values; a reference counts by the value of the member that it comes from."""
    digests = [xxh3_128() for _ in places]
    at_place = {int(place): at for at, place in enumerate(places)}
    for work in decision.work:
        member = decision.survey.sides[work.side].member.name
        told = (("create", work.creates), ("update", work.updates), ("delete", work.deletes), ("revive", work.revived))
        for verb, rows in told:
            for place in rows:
                digests[at_place[int(place)]].update(f"{member}:{verb};".encode())
        _digest_creates(decision, work, digests, at_place)
        _digest_updates(decision, work, digests, at_place)
    return digests


def _digest_creates(decision: Decision, work: Work, digests: list[xxh3_128], at_place: dict[int, int]) -> None:
    member = decision.survey.sides[work.side].member
    columns = {name for cell in member.cells for name, _ in cell.writes} | {fill.column for fill in member.fills}
    for place in work.creates:
        digests[at_place[int(place)]].update(" ".join(sorted(columns)).encode())
    for cell in member.cells:
        source = np.maximum(decision.origins[cell.field], 0)
        if cell.field in decision.survey.referred:
            contents = _raw_references(decision, cell.field, source, work.creates)
        else:
            settled = decision.settled.get(cell.field)
            contents = canonical(shared_column(decision.survey, cell.field, source, work.creates, settled))
        for place, content in zip(work.creates, contents, strict=True):
            digests[at_place[int(place)]].update(f"{cell.field}={len(content)}:".encode() + content)


def _raw_references(decision: Decision, field: str, source: np.ndarray, places: Places) -> Iterator[bytes]:
    for place in places:
        rows = decision.survey.sides[int(source[place])]
        position = decision.survey.index[int(source[place]), place]
        yield next(canonical(rows.shared.column(field).slice(int(position), 1)))


def _digest_updates(decision: Decision, work: Work, digests: list[xxh3_128], at_place: dict[int, int]) -> None:
    if work.new is None:
        return
    referring = set(decision.survey.referred)
    for column, changed in work.changed.items():
        rows = np.flatnonzero(changed)
        names = work.fed[column] & referring
        values = taken(work.new.column(column), rows)
        contents: Iterator[bytes] = canonical(values)
        if names:
            name = next(iter(names))
            contents = _raw_references(decision, name, decision.origins[name], work.updates[rows])
        for place, content in zip(work.updates[rows], contents, strict=True):
            digests[at_place[int(place)]].update(f"{column}={len(content)}:".encode() + content)
