"""The analysis for people and programs: a page that needs nothing but a browser, words for a terminal, a document."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from rich.console import Console

from dovetail.analysis.answer import Analysis, SystemAnalysis
from dovetail.evidence.diagram import diagram
from dovetail.evidence.document import document
from dovetail.evidence.inventory import inventory
from dovetail.evidence.text import overview
from dovetail.evidence.words import anchor, counted, share, short

__all__ = ["document", "page", "show"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page may ask nobody for anything."""


def show(analysis: Analysis, console: Console) -> None:
    """Print what is worth seeing at once; the page holds the rest."""
    console.print(overview(analysis))


def page(analysis: Analysis) -> str:
    """The whole page as HTML text: no network, light and dark, printable."""
    here = files("dovetail.evidence")
    title = f"{analysis.project}: analysis"
    body = [_head(analysis), _navigation(analysis), "<main id=main>", _map(analysis), _mappings(analysis)]
    body += [_system(number, system) for number, system in enumerate(analysis.systems)]
    body += [_personal(analysis), _foot(analysis), "</main>"]
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f'<meta http-equiv=Content-Security-Policy content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{here.joinpath('page.css').read_text()}</style></head>"
        f"<body><a class=skip href=#main>To the content</a>{''.join(body)}"
        f"<script>{here.joinpath('page.js').read_text()}</script></body></html>\n"
    )


def _head(analysis: Analysis) -> str:
    systems = analysis.systems
    fields = sum(len(dataset.fields) for system in systems for dataset in system.catalog.datasets)
    references = sum(len(dataset.references) for system in systems for dataset in system.catalog.datasets)
    personal = sum(len(system.personal) for system in systems)
    tiles = [
        (len(systems), "systems" if len(systems) != 1 else "system", ""),
        (sum(len(system.catalog.datasets) for system in systems), "datasets", ""),
        (sum(system.rows for system in systems), "rows", ""),
        (fields, "fields", ""),
        (references, "references", ""),
        (personal, "may be personal", "personal" if personal else ""),
    ]
    shown = "".join(
        f'<div class="tile {kind}" title="{number:,}">'
        f"<b>{short(number) if number >= 100_000 else f'{number:,}'}</b>"
        f"<span>{words}</span></div>"
        for number, words, kind in tiles
    )
    taken = escape(analysis.taken.replace("T", " "))
    return (
        f"<header class=head><p class=soft>Analysis of {escape(_listed(analysis))}, {taken}</p>"
        f"<h1>{escape(analysis.project)}</h1><div class=tiles>{shown}</div></header>"
    )


def _listed(analysis: Analysis) -> str:
    names = [system.name for system in analysis.systems]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _navigation(analysis: Analysis) -> str:
    links = [("map", "Dependency map")]
    links += [("mappings", "Mappings")] if analysis.links else []
    links += [(anchor(system.name), system.name) for system in analysis.systems]
    links += [("personal", "Personal data")] if any(system.personal for system in analysis.systems) else []
    shown = "".join(f'<a href="#{place}">{escape(words)}</a>' for place, words in links)
    find = '"Find a dataset or field"'
    box = f"<input id=filter type=search hidden placeholder={find} aria-label={find}>"
    return f"<nav aria-label=Sections><div>{shown}{box}</div></nav>"


def _map(analysis: Analysis) -> str:
    inner = "middle" if len(analysis.systems) > 1 and analysis.links else "left"
    keys = [
        ('<path d="M1 6H25" stroke="var(--edge)" stroke-width="1.3"/>', f"refers to; parents stand nearer the {inner}"),
        ('<circle cx="13" cy="6" r="4" fill="var(--personal)"/>', "holds fields that may be personal"),
        ('<rect x="1" y="1" width="24" height="10" rx="3" fill="var(--card)" stroke="var(--faint)"/>', "holds no rows"),
    ]
    if analysis.links:
        keys.append(('<path d="M1 6H25" stroke="var(--thread)" stroke-width="2.2"/>', "joined by a mapping"))
    if any(system.dependency.cycles for system in analysis.systems):
        keys.append(('<text x="8" y="11" font-size="13" fill="var(--ink)">↻</text>', "refers to itself"))
    shown = "".join(f"<span class=key><svg aria-hidden=true>{sign}</svg>{words}</span>" for sign, words in keys)
    return (
        "<section id=map><h2>Dependency map</h2><p class=lead>Which dataset refers to which, with its number of rows. "
        "Point at a dataset to see what it is tied to; follow it for its fields.</p>"
        f"<figure class=card>{diagram(analysis)}<figcaption>{shown}</figcaption></figure></section>"
    )


def _mappings(analysis: Analysis) -> str:
    if not analysis.links:
        return ""
    rows = []
    for link in analysis.links:
        found = next((known for known in analysis.overlaps if known.mapping == link.mapping), None)
        ends = [f'<a href="#{anchor(*end)}">{escape(".".join(end))}</a>' for end in (link.left, link.right)]
        cells = [
            f"<td class=name>{escape(link.mapping)}",
            f"<td>{ends[0]}",
            f"<td>{ends[1]}",
            f"<td class=number>{len(link.fields)}",
        ]
        if found is None:
            cells.append("<td class=soft colspan=2>not compared: matches by reference, or too many rows")
        else:
            parts = ((found.left_only, "l"), (found.both, "b"), (found.right_only, "r"))
            bar = "".join(f'<i class={kind} style="--s:{number}"></i>' for number, kind in parts if number)
            left, right = escape(found.left), escape(found.right)
            words = (
                f"{found.left_only:,} only in {left} · {found.both:,} in both · {found.right_only:,} only in {right}"
            )
            doubled = f" · <b>{counted(found.doubled, 'value')} in several rows</b>" if found.doubled else ""
            cells += [f"<td><div class=split>{bar}</div>", f"<td>{words}{doubled}"]
        rows.append("<tr>" + "".join(cells))
    return (
        "<section id=mappings><h2>Mappings</h2>"
        "<p class=lead>What the members have in common, by the value that pairs their rows.</p>"
        "<div class='card scroll'><table class=wide><thead>"
        "<tr><th>Mapping<th>Left<th>Right<th class=number>Fields<th colspan=2>Overlap</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _system(number: int, system: SystemAnalysis) -> str:
    able = " ".join(f"<span class=tag>{escape(ability)}</span>" for ability in system.abilities)
    notes = "".join(f"<li>{escape(note)}" for note in system.notes)
    parts = [
        f'<section class="system s{number % 4}" id="{anchor(system.name)}"><h2>{escape(system.name)}</h2>',
        f"<p class=soft>{escape(system.connector)} · {counted(len(system.catalog.datasets), 'dataset')} · ",
        f"{counted(system.rows, 'row')} · measured in {system.seconds:.1f} s {able}</p>",
        inventory(system),
        f"<h3>Notes</h3><ul class=notes>{notes}</ul>" if notes else "",
        _order(system),
    ]
    return "".join(parts) + "</section>"


def _order(system: SystemAnalysis) -> str:
    cycles = [cycle for cycle in system.dependency.cycles if len(cycle) > 1]
    rings = "".join(f"<li>{escape(' ↔ '.join(cycle))}" for cycle in cycles)
    rings = f"<p>Rings, loaded in two passes:</p><ul class=notes>{rings}</ul>" if rings else ""
    missing = "".join(f"<li>{escape(name)} refers to {escape(parent)}" for name, parent in system.dependency.unknown)
    missing = f"<p>References to what this account cannot see:</p><ul class=notes>{missing}</ul>" if missing else ""
    names = "".join(f"<li>{escape(name)}" for name in system.dependency.order)
    return (
        f"<details class=plain><summary>Order of loading: parents before children</summary>{rings}{missing}"
        f"<ol class=order>{names}</ol></details>"
    )


def _personal(analysis: Analysis) -> str:
    rows = [
        f'<tr class="s{number % 4}"><td>{escape(system.name)}'
        f'<td><a href="#{anchor(system.name, dataset)}">{escape(dataset)}</a><td class=name>{escape(field.name)}'
        f"<td><span class='tag personal'>{escape(field.sensitive)}</span><td>{escape(field.evidence)}"
        f"<td class=number>{share(field.rows - field.nulls, field.rows)}"
        for number, system in enumerate(analysis.systems)
        for dataset, field in system.personal
    ]
    if not rows:
        return ""
    return (
        "<section id=personal><h2>Personal data and secrets</h2>"
        "<p class=lead>Fields that may hold them, with the evidence. "
        "Their values are shown nowhere on this page; a person should look at the list.</p>"
        "<div class='card scroll'><table class=wide><thead>"
        "<tr><th>System<th>Dataset<th>Field<th>Class<th>Evidence<th class=number>Filled</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _foot(analysis: Analysis) -> str:
    sampled = sum(1 for system in analysis.systems for profile in system.profiles if profile.sampled is not None)
    words = f"Common values and shapes of {counted(sampled, 'large dataset')} come from a sample. " if sampled else ""
    return f"<footer>{words}Computed by Dovetail from the systems themselves; nothing was changed.</footer>"
