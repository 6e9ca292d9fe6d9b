"""Findings, values before and after, and the quarantine as a person reads them: alike things once, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dovetail.engine.account import FINDINGS_MAX
from dovetail.model.finding import Finding

if TYPE_CHECKING:
    from dovetail.state.rejects import Reject
    from dovetail.steps.plan import Sample

GROUPS_SHOWN_MAX = 20
"""Kinds of findings at most below one summary."""

KEYS_SHOWN_MAX = 4
"""Rows that are named at most for one kind of finding."""

REJECTS_SHOWN_MAX = 20
"""Rejects at most in a list that was not asked for whole."""

ALIKE = {"DV-407": "waits for a row that is not there"}
"""Words for codes whose messages name another row each time."""

VALUE_SHOWN_MAX = 40
"""Characters of a value at most."""


def findings(found: Sequence[Finding], out: Console) -> None:
    """Findings of one kind in one line, with how many rows it is about and the first of them; then the notes."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in found:
        if finding.severity != "note":
            path = ".".join(part for part in (finding.mapping, finding.member, finding.field) if part)
            groups.setdefault((finding.code, path, _kind(finding.code, finding.message)), []).append(finding)
    for (code, path, words), alike in list(groups.items())[:GROUPS_SHOWN_MAX]:
        out.print(_line(code, path, words, alike, capped=len(found) >= FINDINGS_MAX))
    hidden = list(groups.values())[GROUPS_SHOWN_MAX:]
    if hidden:
        rest = f"... {len(hidden)} more kinds with {sum(map(len, hidden)):,} findings; --json lists them"
        out.print(rest, style="dim", highlight=False)
    if len(found) >= FINDINGS_MAX and groups:
        out.print(f"only the first {FINDINGS_MAX:,} findings are told here", style="dim", highlight=False)
    for finding in found:
        if finding.severity == "note" and not finding.key:
            out.print(Text(finding.message, style="dim"))


def _kind(code: str, words: str) -> str:
    """The words without what differs from row to row."""
    return ALIKE.get(code) or words.partition(" (")[0]


def _line(code: str, path: str, words: str, alike: Sequence[Finding], *, capped: bool) -> Text:
    keys = [" ".join(f"{name}={value}" for name, value in finding.key) for finding in alike]
    named = " ".join(f"[{key}]" for key in keys[:KEYS_SHOWN_MAX] if key)
    if len(alike) == 1:
        return Text.assemble(
            (code, "yellow"), " ", (path, "bold"), f" {named}" if named else "", f" {alike[0].message}"
        )
    number = f"{len(alike):,}{' or more' if capped else ''}"
    more = " ..." if len(alike) > KEYS_SHOWN_MAX else ""
    return Text.assemble((code, "yellow"), " ", (path, "bold"), f" {words}: {number} rows, {named}{more}")


def values(samples: Sequence[Sample], out: Console, titles: tuple[str, str]) -> None:
    """One sample a field of existing rows, one new row a member; values are shown here and kept nowhere."""
    changes: dict[tuple[str, str, str], Sample] = {}
    news: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        if sample.new:
            row = news.setdefault((sample.mapping, sample.member), [])
            if not row or row[0].key == sample.key:
                row.append(sample)
        else:
            changes.setdefault((sample.mapping, sample.member, sample.field), sample)
    if changes:
        out.print()
        out.print("one sample a field (values are shown here only, no file holds them):", style="dim")
        made = _table("field", "row", *titles)
        for path, sample in changes.items():
            made.add_row(".".join(path), Text(_key(sample.key)), value(sample.before), value(sample.after))
        out.print(made)
    for (mapping, member), row in news.items():
        text = Text.assemble("\na new row of ", (f"{mapping}.{member}", "bold"), f", from [{_named(row[0].key)}]:")
        for at, sample in enumerate(row):
            text.append_text(Text.assemble("," if at else "", f" {sample.field} ", value(sample.after)))
        out.print(text)
    if samples:
        out.print()


def _table(*columns: str) -> Table:
    """A table that folds what is too long for the screen, and cuts nothing off.

    What comes from rows or systems goes in as `Text`: a plain string with brackets in it would be read as a style."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def _key(key: Sequence[tuple[str, str]]) -> str:
    return " ".join(part for _, part in key)


def _named(key: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{name}={part}" for name, part in key)


def value(shown: object) -> Text:
    """A value, cut where it is long; text in quotes, so that blanks can be seen."""
    if shown is None:
        return Text("null", style="dim")
    text = repr(shown) if isinstance(shown, str) else str(shown)
    if isinstance(shown, bool):
        text = text.lower()
    return Text(text if len(text) <= VALUE_SHOWN_MAX else text[: VALUE_SHOWN_MAX - 1] + "…", style="cyan")


def rejects(found: Sequence[Reject], out: Console, *, whole: bool) -> None:
    """The quarantine: its kinds with their numbers where it is large, then rows."""
    if not found:
        out.print("the quarantine is empty")
        return
    if len(found) > REJECTS_SHOWN_MAX:
        out.print(_kinds(found))
        out.print()
    shown = found if whole else found[:REJECTS_SHOWN_MAX]
    made = _table("no", "row", "why")
    made.columns[0].justify = "right"
    for one in shown:
        refusal = one.refusal
        path = ".".join(part for part in (one.mapping, refusal.member, refusal.field) if part)
        made.add_row(str(one.id), Text(f"{path} [{refusal.key}]"), Text(f"{refusal.code} {refusal.reason}"))
    out.print(made)
    if len(shown) < len(found):
        words = f"... {len(found) - len(shown):,} more: dovetail rejects list --all"
        out.print(words, style="dim", highlight=False)
    out.print(f"next: dovetail rejects show {found[0].id}; after a fix: dovetail rejects retry", highlight=False)


def _kinds(found: Iterable[Reject]) -> Table:
    groups: dict[tuple[str, str, str], list[Reject]] = {}
    for one in found:
        refusal = one.refusal
        path = ".".join(part for part in (one.mapping, refusal.member, refusal.field) if part)
        groups.setdefault((path, refusal.code, _kind(refusal.code, refusal.reason)), []).append(one)
    made = _table("rows", "of", "why", "first")
    made.columns[0].justify = made.columns[3].justify = "right"
    for (path, code, reason), alike in sorted(groups.items(), key=lambda group: -len(group[1])):
        made.add_row(f"{len(alike):,}", path, Text(f"{code} {reason}"), str(alike[0].id))
    return made


def reject_details(documents: Sequence[Mapping[str, object]], out: Console) -> None:
    """Rejects one below the other, the value that failed included."""
    for at, document in enumerate(documents):
        made = Table(box=None, pad_edge=False, show_header=False)
        made.add_column(no_wrap=True)
        made.add_column(overflow="fold")
        for name, part in document.items():
            if part in ("", None):
                continue
            told = value(part) if name == "value" else Text(_told(part))
            made.add_row(Text(name.replace("_", " "), style="bold"), told)
        if at:
            out.print()
        out.print(made)
    out.print("next: mend it in its system or in the mapping, then: dovetail rejects retry", highlight=False)


def _told(part: object) -> str:
    if isinstance(part, Mapping):
        path = ".".join(str(part[name]) for name in ("mapping", "member") if part[name])
        return f"{path} [{part['key']}]"
    return str(part)
