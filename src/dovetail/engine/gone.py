"""Whether rows that were not among those read are really gone, and whether a dataset lost all of them at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags
from dovetail.engine.decision import Decision
from dovetail.engine.links import Links
from dovetail.engine.loadable import is_empty
from dovetail.engine.rows import Problem, parts_of
from dovetail.engine.survey import Survey
from dovetail.engine.workspace import Workspace
from dovetail.errors import GateClosed
from dovetail.identity.pair import ABSENT
from dovetail.model.key import encode
from dovetail.systems.protocol import SupportsLookup

EMPTIED_ROWS_MIN = 2
"""Rows that vanish at once from which an empty dataset is suspect; the last row of one may well be deleted alone."""


def look_for_vanished(survey: Survey, links: Links, workspace: Workspace) -> None:
    """Look once more, by key, for rows that were not among those read: one that is there was only not read, and nothing
    is decided about it in this pass."""
    for side, rows in enumerate(survey.sides):
        places = np.flatnonzero(survey.vanished[side] & (survey.index[side] == ABSENT))
        source = workspace.connector(rows.member.member.system)
        if not len(places) or not isinstance(source, SupportsLookup):
            continue
        keys = links.keys_of(survey.mapping.name, rows.member.name, survey.numbers[places])
        dataset = replace(rows.member.dataset, key=rows.member.key)
        found = [
            encode([batch.column(part) for part in rows.member.key])
            for batch in source.lookup(dataset, rows.member.key, parts_of(rows.member, keys))
        ]
        standing = pa.concat_arrays([pa.array([], pa.string()), *found])
        for place in places[flags(pc.is_in(keys, value_set=standing))].tolist():
            survey.vanished[side, place] = False
            if (survey.index[:, place] != ABSENT).any():
                why = "it was not among the rows read, and a look-up finds it: nothing is decided about it for now"
                survey.hold(place, Problem("DV-465", why, rows.member.name))


def emptied(decision: Decision, workspace: Workspace) -> list[str]:
    """The members that hold no row at all any more, in words, where that would delete rows elsewhere."""
    survey = decision.survey
    doomed = np.zeros(len(survey), dtype=np.bool_)
    for work in decision.work:
        doomed[work.deletes] = True
    reasons = []
    for side, rows in enumerate(survey.sides):
        gone = int((survey.vanished[side] & doomed & (survey.index[side] == ABSENT)).sum())
        if gone < EMPTIED_ROWS_MIN or len(rows):
            continue
        if is_empty(workspace.connector(rows.member.member.system), rows.member):
            name = rows.member.name
            reasons.append(
                f"{survey.mapping.name}.{name}: {name} holds no row of {rows.member.dataset.name} at all any more; "
                f"{gone} rows would be deleted elsewhere"
            )
    return reasons


def hold_emptied(decision: Decision, workspace: Workspace, *, allowed: int | None) -> None:
    """Raise `GateClosed` where a dataset that suddenly is empty would delete rows elsewhere, unless so many rows are
    `allowed` to change."""
    count = sum(len(work.deletes) for work in decision.work)
    if count and (allowed is None or count > allowed):
        reasons = emptied(decision, workspace)
        if reasons:
            raise GateClosed(
                "rows are not taken for deleted because nothing can be read; nothing was written\n  "
                + "\n  ".join(reasons),
                hint=f"look whether they are there; if they are to be deleted, permit it once: --allow {count}",
                code="DV-467",
            )
