"""A loop as the project declares it: the times of its mappings, the pace of its systems, and what was met before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

from dovetail.model.mapping import Project
from dovetail.schedule.agenda import Timetable
from dovetail.schedule.clock import Time
from dovetail.schedule.drive import Engine
from dovetail.schedule.lease import TTL_S, Tenancy, this_process
from dovetail.schedule.loop import Loop
from dovetail.schedule.pace import Bucket
from dovetail.state.database import moment, stamp
from dovetail.state.queue import Cursor
from dovetail.state.store import Store


def timetables(project: Project) -> dict[str, Timetable]:
    """What is declared about the time of each mapping."""
    zone = ZoneInfo(project.timezone) if project.timezone else dt.UTC
    return {one.name: Timetable(one.every_s, one.calendar, one.window, zone) for one in project.mappings}


def buckets(project: Project, now_s: Callable[[], float]) -> dict[str, Bucket]:
    """A bucket for each system whose pace is bounded."""
    return {one.name: Bucket(one.rate_s, clock=now_s) for one in project.systems if one.rate_s is not None}


def assemble(
    engine: Engine,
    store: Store,
    project: Project,
    *,
    paces: dict[str, Bucket] | None = None,
    clock: Time | None = None,
    ttl_s: float = TTL_S,
) -> Loop:
    """The loop over an engine; `paces` are the buckets from which the engine takes what it writes."""
    clock = clock or Time()
    calendars = {one.name for one in project.mappings if one.calendar is not None}
    known = {name: store.queue.cursor(_met(name)) for name in engine.order if name in calendars}
    return Loop(
        engine,
        Tenancy(store.leases, this_process(), clock=clock.now_s, ttl_s=ttl_s),
        store.holds,
        timetables(project),
        buckets=paces,
        clock=clock,
        last={name: moment(text) for name, text in known.items() if text is not None},
        met=lambda name, due: store.queue.move(Cursor(_met(name), stamp(due))),
    )


def _met(name: str) -> str:
    return f"calendar {name}"
