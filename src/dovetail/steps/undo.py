"""`undo`: a run, a row or a field put back as it was, as a new agreement of all members."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence

import pyarrow as pa

from dovetail.engine.account import FINDINGS_MAX, add, count, findings
from dovetail.engine.deal import Deal
from dovetail.engine.decision import Surroundings
from dovetail.engine.deliver import Desk
from dovetail.engine.links import Links
from dovetail.engine.progress import Progress, Silent
from dovetail.engine.reconcile import Reconcile, compile_all
from dovetail.engine.restore import restore
from dovetail.engine.scope import look_at
from dovetail.engine.undo import Back, Left, Undoing, Wanted, weigh
from dovetail.engine.whole import guard_reasons
from dovetail.engine.workspace import Workspace
from dovetail.errors import GateClosed, UnknownName
from dovetail.model.run import MappingCount, Summary
from dovetail.state.decrees import Kind, Status
from dovetail.state.journal import Journaled
from dovetail.steps.why import Asked, ask, is_about

ROWS_MAX = 20_000
"""Rows at most that are looked at together."""


def undo_run(workspace: Workspace, run: str, *, since: dt.datetime | None = None, by: str = "") -> Undoing:
    """What taking a whole run back would do, or what it wrote since then."""
    store = workspace.store
    told = store.journal.of_run(run)
    if not told and store.runs.get(run) is None:
        raise UnknownName(f"there is no run {run!r}", hint="dovetail status lists the last ones", code="DV-475")
    if since is not None:
        told = tuple(one for one in told if one.at >= since)
    return weigh(workspace, compile_all(workspace), told, Wanted(run, by))


def undo_row(workspace: Workspace, place: str, words: Sequence[str], *, run: str = "", by: str = "") -> Undoing:
    """What taking one run's writes to a row back would do, or to one field of it: those of the run that is named, else
    of the last one that wrote there. Where members held different values, that of the named member counts."""
    asked = ask(workspace, place, words)
    told = [one for one in _history(workspace, asked) if run in ("", one.run)]
    if not told:
        wrote = f"run {run}" if run else "any run"
        raise UnknownName(
            f"the journal tells of nothing that {wrote} wrote there",
            hint=f"see what it tells: dovetail why {place} {' '.join(words)}",
            code="DV-476",
        )
    last = told[0].run
    of_run = [one for one in told if one.run == last]
    wanted = Wanted(last, by, asked.field, asked.member.name)
    return weigh(workspace, compile_all(workspace), of_run, wanted)


def _history(workspace: Workspace, asked: Asked) -> list[Journaled]:
    """What was written of the row, and of the field where one is named, the newest first."""
    if asked.row is None:
        return []
    return [one for one in workspace.store.journal.history(asked.mapping.name, asked.row) if is_about(asked, one)]


def carry_out(
    workspace: Workspace, undoing: Undoing, *, allowed: int | None = None, progress: Progress | None = None
) -> Summary:
    """Put everything back that can be: a new agreement, which every member is brought to. What moved since it was
    weighed is left alone, and told.

    Raises `GateClosed` before the first write where more rows would change than the guard, or `allowed`, permits."""
    started = time.monotonic()
    store, project = workspace.store, workspace.project
    run = store.runs.start("undo", project.digest, project.environment)
    summary = Summary("undo", run)
    try:
        _Undo(workspace, undoing, run, progress or Silent()).carry_out(summary, allowed)
    except BaseException:
        summary.ok = False
        raise
    finally:
        summary.seconds = time.monotonic() - started
        store.runs.finish(run, ok=summary.ok, summary=summary.document())
    return summary


class _Undo:
    """One undo that is carried out."""

    def __init__(self, workspace: Workspace, undoing: Undoing, run: str, progress: Progress) -> None:
        self.workspace, self.undoing, self.run, self.progress = workspace, undoing, run, progress
        self.store = workspace.store
        names = sorted({back.mapping for back in undoing.back})
        self.reconcile = Reconcile(workspace, only=names, durable=True, progress=progress, for_sync=True)
        self.order = self.reconcile.order if names else []
        members = {name: [member.name for member in one.members] for name, one in self.reconcile.mappings.items()}
        links = Links(self.store, members, durable=True, asked=members.keys())
        self.around = Surroundings(links, self.reconcile.mappings, self.store.meta.seed)

    def carry_out(self, summary: Summary, allowed: int | None) -> None:
        """Give the orders, let the guard look, and bring the rows in question to agreement."""
        numbers = self._order()
        if not numbers:
            return
        self.reconcile.recover()
        deals = self._look(self._keys())
        reasons = guard_reasons([deal.decision for deal in deals], allowed=allowed)
        if reasons:
            self.store.decrees.close((number, Status.LAPSED, "the guard held it") for number in numbers)
            raise GateClosed(
                "the guard holds this undo; nothing was written\n  " + "\n  ".join(reasons),
                hint="permit it: --allow ROWS",
            )
        self._write(deals, summary)
        standing = self._restore()
        if standing:
            self._write(self._look(standing), summary)
        self._leave_to_sync(set(numbers))

    def _leave_to_sync(self, numbers: set[int]) -> None:
        """What was edited in the very moment of writing is looked at again by whoever comes next."""
        for name in self.order:
            rows = {one.ruling.row for one in self.store.decrees.open(name) if one.id in numbers}
            for back in self.undoing.back:
                if back.mapping == name and back.ruling.row in rows:
                    for member, key in back.keys.items():
                        self.store.queue.push(name, member, [key])

    def _order(self) -> list[int]:
        numbers: list[int] = []
        with self.store.transaction():
            for name in self.order:
                some = [back.ruling for back in self.undoing.back if back.mapping == name]
                numbers += self.store.decrees.issue(name, some)
        return numbers

    def _keys(self) -> dict[str, list[dict[str, pa.Array]]]:
        """The keys of the rows that stand and are to be changed or removed, by mapping and member, so many at a
        time."""
        found: dict[str, list[dict[str, pa.Array]]] = {}
        for name in self.order:
            rows = [back.keys for back in self.undoing.back if back.mapping == name and not _is_restored(back)]
            for at in range(0, len(rows), ROWS_MAX):
                some = rows[at : at + ROWS_MAX]
                keys = {
                    member.name: pa.array(
                        [one[member.name] for one in some if member.name in one], pa.string()
                    ).unique()
                    for member in self.reconcile.mappings[name].members
                }
                found.setdefault(name, []).append(keys)
        return found

    def _look(self, keys: Mapping[str, Sequence[Mapping[str, pa.Array]]]) -> list[Deal]:
        deals = []
        desk = Desk(self.store, self.store.meta.installation, self.run, self.around.seed)
        for name in self.order:
            for some in keys.get(name, []):
                decision = look_at(self.reconcile.mappings[name], some, self.around, self.workspace)
                decision.standing = {
                    rows.member.name: self.store.crossref.count(name, member=rows.member.name)
                    for rows in decision.survey.sides
                }
                partitions = self.reconcile.partitions
                deals.append(
                    Deal(decision, self.around, desk, partitions=partitions, progress=self.progress, heard=_deaf)
                )
        return deals

    def _write(self, deals: Sequence[Deal], summary: Summary) -> None:
        """Create and change parents first, delete children first."""
        for deal in deals:
            deal.fill()
        for deal in reversed(deals):
            deal.remove()
            with self.store.transaction():
                deal.settle()
            add(summary.mappings.setdefault(deal.name, MappingCount()), count(deal.decision, deal.writer.written))
            summary.findings += list(findings(deal.decision, deal.writer.written))[
                : FINDINGS_MAX - len(summary.findings)
            ]

    def _restore(self) -> dict[str, list[dict[str, pa.Array]]]:
        """Put deleted rows back where the journal knows what they held."""
        standing = {}
        for name in self.order:
            decrees = [one for one in self.store.decrees.open(name) if one.ruling.kind is Kind.THERE and one.ruling.at]
            keys = restore(self.workspace, self.reconcile.mappings[name], decrees, self.run)
            if keys:
                standing[name] = [keys]
        return standing


def _is_restored(back: Back) -> bool:
    return back.ruling.kind is Kind.THERE


def _deaf(*_: object) -> None:
    """Nobody needs to be told what was written: a feed will."""


def document(undoing: Undoing, summary: Summary | None = None) -> dict[str, object]:
    """An undo as `--json` prints it, with the values that were asked for."""
    told: dict[str, object] = {
        "command": "undo",
        "ok": summary is None or summary.ok,
        "of": undoing.run,
        "done": summary is not None,
        "back": [_back(back) for back in undoing.back],
        "left": [_left(left) for left in undoing.left],
    }
    if summary is not None:
        told |= {"run": summary.run, "summary": summary.document()}
    return told


def _back(back: Back) -> dict[str, object]:
    return {
        "mapping": back.mapping,
        "keys": dict(back.keys),
        "field": back.ruling.field,
        "kind": str(back.ruling.kind),
        "at": back.ruling.at,
        "now": dict(back.now),
        "then": back.then,
    }


def _left(left: Left) -> dict[str, object]:
    return {"mapping": left.mapping, "keys": dict(left.keys), "field": left.field, "reason": left.reason}
