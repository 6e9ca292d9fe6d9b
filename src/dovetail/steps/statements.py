"""The statements that a plan becomes, for people who want to read them."""

from __future__ import annotations

from dovetail.engine.decision import Decision, Work
from dovetail.engine.workspace import Workspace
from dovetail.model.change import Verb
from dovetail.steps.plan import Planned
from dovetail.systems.protocol import SupportsStatements


def statements(workspace: Workspace, planned: Planned) -> list[str]:
    """Each different statement once, with the number of rows it is for; parameters stand in place of values."""
    found: list[str] = []
    for decision in planned.looked.decisions if planned.looked is not None else []:
        for work in decision.work:
            found += _of(workspace, decision, work)
    return found


def _of(workspace: Workspace, decision: Decision, work: Work) -> list[str]:
    member = decision.survey.sides[work.side].member
    connector = workspace.connector(member.member.system)
    if not isinstance(connector, SupportsStatements):
        return []
    said = []
    created = [*(name for cell in member.cells for name, _ in cell.creates), *(fill.column for fill in member.fills)]
    if len(work.creates):
        text = connector.statement(member.dataset, Verb.CREATE, list(dict.fromkeys(created)), [])
        said.append(f"-- {decision.survey.mapping.name}: {len(work.creates)} rows into {member.name}\n{text};")
    patterns: dict[tuple[str, ...], int] = {}
    for at in range(len(work.updates)):
        columns = tuple(sorted(name for name, flags in work.changed.items() if flags[at]))
        patterns[columns] = patterns.get(columns, 0) + 1
    for columns, rows in sorted(patterns.items()):
        text = connector.statement(member.dataset, Verb.UPDATE, columns, columns)
        said.append(f"-- {decision.survey.mapping.name}: {rows} rows of {member.name}\n{text};")
    if len(work.deletes):
        verb = Verb.UPDATE if member.remove else Verb.DELETE
        text = connector.statement(member.dataset, verb, [name for name, _ in member.remove], member.columns)
        said.append(f"-- {decision.survey.mapping.name}: {len(work.deletes)} rows gone from {member.name}\n{text};")
    return said
