"""A plan as text: what a reviewed run may do, by key and digest, without any value of a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dovetail.errors import PlanMoved

FORMAT = 1


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One shared row that the plan writes: where it was seen, what was read, what would be done (hexadecimal
    digests)."""

    mapping: str
    member: str
    key: str
    read: str
    action: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a plan was made for, and its counts as the run summary shows them."""

    run: str
    project: str
    digest: str
    environment: str
    created: str
    mappings: dict[str, object] = field(default_factory=dict)


def write_plan(manifest: Manifest, rows: Iterable[PlannedRow]) -> Iterable[str]:
    """The lines of a plan file: the manifest, one line a row, and a closing line that proves the file whole."""
    seal = hashlib.sha256()
    head = {
        "dovetail_plan": FORMAT,
        "run": manifest.run,
        "project": manifest.project,
        "digest": manifest.digest,
        "environment": manifest.environment,
        "created": manifest.created,
        "mappings": manifest.mappings,
    }
    count = 0
    for part in (head, *([row.mapping, row.member, row.key, row.read, row.action] for row in rows)):
        line = json.dumps(part, ensure_ascii=False)
        seal.update(line.encode())
        count += 1
        yield line + "\n"
    yield json.dumps({"rows": count - 1, "seal": seal.hexdigest()}) + "\n"


def read_plan(lines: Sequence[str], *, where: str) -> tuple[Manifest, dict[tuple[str, str, str], PlannedRow]]:
    """The plan again, rows by (mapping, member, key); raises `PlanMoved` for a file that is no plan, or was changed or
    cut."""
    damaged = PlanMoved(
        "this file is not a whole plan", where=where, hint="make it again: dovetail plan", code="DV-602"
    )
    try:
        head, *body = [json.loads(line) for line in lines[:-1]]
        end = json.loads(lines[-1])
        seal = hashlib.sha256("".join(line.rstrip("\n") for line in lines[:-1]).encode()).hexdigest()
        if head["dovetail_plan"] != FORMAT or end["seal"] != seal or end["rows"] != len(body):
            raise damaged
        rows = [PlannedRow(*row) for row in body]
        manifest = Manifest(
            head["run"], head["project"], head["digest"], head["environment"], head["created"], head["mappings"]
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise damaged from error
    return manifest, {(row.mapping, row.member, row.key): row for row in rows}
