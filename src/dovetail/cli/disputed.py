"""Conflicts, and what a person's word on them would do, as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dovetail.cli.found import value

if TYPE_CHECKING:
    from dovetail.state.conflicts import Conflict
    from dovetail.steps.conflicts import Outcome

SHOWN_MAX = 20
"""Conflicts at most in a list that was not asked for whole."""


def _table(*columns: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(columns[0]))
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def _path(mapping: object, field: object) -> str:
    return ".".join(str(part) for part in (mapping, field) if part)


def _keys(keys: Mapping[str, str]) -> str:
    return " ".join(f"{member} {key}" for member, key in keys.items())


def listed(found: Sequence[Conflict], out: Console, *, whole: bool) -> None:
    """Open conflicts: their kinds with their numbers where there are many, then each."""
    from dovetail.steps.conflicts import kinds

    if not found:
        out.print("no conflict is open")
        return
    if len(found) > SHOWN_MAX:
        made = _table("number", "of", "why", "first")
        made.columns[0].justify = made.columns[3].justify = "right"
        for path, why, number, first in kinds(found):
            made.add_row(f"{number:,}", Text(path), Text(why), str(first))
        out.print(made)
        out.print()
    shown = found if whole else found[:SHOWN_MAX]
    made = _table("no", "of", "row", "why", "since")
    made.columns[0].justify = "right"
    for one in shown:
        dispute = one.dispute
        since = one.opened_at[:16].replace("T", " ")
        path = _path(one.mapping, dispute.field)
        made.add_row(
            str(one.id), Text(path), Text(_keys(dispute.keys)), Text(f"{dispute.code} {dispute.reason}"), since
        )
    out.print(made)
    if len(shown) < len(found):
        out.print(f"... {len(found) - len(shown):,} more: dovetail conflicts list --all", style="dim", highlight=False)
    first = found[0].id
    out.print(
        f"next: dovetail conflicts show {first}; then: dovetail conflicts resolve {first} --take MEMBER",
        highlight=False,
    )


def details(documents: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Conflicts one below the other, with the values at each member, the last agreement and what was ordered."""
    for at, document in enumerate(documents):
        if at:
            out.print()
        made = _table("", "")
        rows = [
            ("conflict", Text(f"{document['number']}, {document['status']} {document['how']}".rstrip())),
            ("of", Text(f"{_path(document['mapping'], document['field'])} [{_keys(document['keys'])}]")),
            ("why", Text(f"{document['code']} {document['reason']}")),
            ("rule", Text(document["rule"])),
            ("since", Text(f"{document['opened'][:19].replace('T', ' ')} UTC, met by {_runs(document)}")),
            ("agreed last", _base(document["base"], is_row=not document["field"])),
        ]
        for name, told in rows:
            made.add_row(Text(name, style="bold"), told)
        for member, side in document["sides"].items():
            made.add_row(Text(member, style="bold"), _side(side))
        for decree in document["orders"]:
            made.add_row(Text("ordered", style="bold"), _decree(decree))
        out.print(made)
    open_ones = [document["number"] for document in documents if document["status"] == "open"]
    if open_ones:
        out.print(f"next: dovetail conflicts resolve {open_ones[0]} --take MEMBER, or --value VALUE", highlight=False)


def _when(at: str) -> str:
    return at[:19].replace("T", " ")


def _runs(document: Mapping[str, Any]) -> str:
    first, last = document["first_run"], document["last_run"]
    return f"run {first}" if first == last else f"{document['times']} runs, {first} to {last}"


def _base(base: Mapping[str, Any] | None, *, is_row: bool) -> Text:
    if base is None:
        return Text("-" if is_row else "not kept", style="dim")
    told = value(base["value"])
    return Text.assemble(
        told, f" as written to {base['member']} at {base['at'][:19].replace('T', ' ')} by {base['run']}"
    )


def _side(side: Mapping[str, Any]) -> Text:
    told = _row(side["value"]) if isinstance(side["value"], Mapping) else value(side["value"])
    if side.get("fault"):
        told.append(f" (now: {side['fault']})", style="yellow")
    elif "now" in side and side["now"] != side["value"]:
        now = _row(side["now"]) if isinstance(side["now"], Mapping) else value(side["now"])
        told = Text.assemble(told, ", by now ", now)
    if side.get("changed"):
        told.append(f", changed {side['changed']}", style="dim")
    elif side.get("written"):
        told.append(f", changed there after {_when(side['written']['at'])}", style="dim")
    return told


def _row(fields: Mapping[str, object]) -> Text:
    return Text(" ").join(Text.assemble(f"{name}=", value(held)) for name, held in fields.items())


def _decree(decree: Mapping[str, Any]) -> Text:
    what = {
        "take": Text(f"what {decree['member']} holds"),
        "value": value(decree["value"]),
        "gone": Text("the row shall be gone"),
        "there": Text("the row shall be there again"),
    }[decree["kind"]]
    how = f"{decree['status']}{': ' if decree['how'] else ''}{decree['how']}"
    return Text.assemble(what, f", {decree['why']} at {decree['at'][:19].replace('T', ' ')}: {how}")


def outcomes(found: Sequence[Outcome], out: Console) -> None:
    """What a choice would do to each conflict, and where it cannot be done."""
    if not found:
        out.print("no conflict is meant")
        return
    shown = found[:SHOWN_MAX]
    made = _table("no", "of", "row", "now", "then")
    made.columns[0].justify = "right"
    for outcome in shown:
        dispute = outcome.conflict.dispute
        path = _path(outcome.conflict.mapping, dispute.field)
        made.add_row(str(outcome.conflict.id), Text(path), Text(_keys(dispute.keys)), *_change(outcome))
    out.print(made)
    if len(shown) < len(found):
        out.print(f"... and {len(found) - len(shown):,} more", style="dim", highlight=False)


def _change(outcome: Outcome) -> tuple[Text, Text]:
    sides = outcome.conflict.dispute.sides or {}
    if outcome.ruling is None:
        return Text(""), Text(outcome.refused, style="yellow")
    if not outcome.conflict.dispute.field:
        there = [member for member, held in sides.items() if held is not None]
        then = "deleted everywhere" if outcome.after is None else "there again at every member"
        return Text(f"stands at {' and '.join(there)}"), Text(then)
    now = Text(", ").join(Text.assemble(f"{member} ", value(held)) for member, held in sides.items())
    return now, Text.assemble("all ", value(outcome.after))
