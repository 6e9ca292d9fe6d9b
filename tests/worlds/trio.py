"""Articles that people edit in three systems of three kinds: PostgreSQL, SQLite, and a folder of CSV files into which a
program drops whole files, and from which it takes them away."""

from __future__ import annotations

import json
import sqlite3
import textwrap
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg
from two import ALLOWED, OPEN

from dovetail.testing.chaos.place import Place
from dovetail.testing.chaos.scene import DEEDS, Column, Field, Kind, Table
from dovetail.testing.chaos.sheets import Folder
from dovetail.testing.chaos.trial import Trial
from dovetail.testing.nursery import Nursery
from dovetail.testing.program import Program

MADE = {
    "shop": "CREATE TABLE article (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE, title text, words text, maker text)",
    "lite": "CREATE TABLE item (no INTEGER PRIMARY KEY AUTOINCREMENT, sku VARCHAR(40) UNIQUE, descr TEXT, remark TEXT, maker TEXT)",
}
NAMES = ("code", "title", "words", "maker")
"""The shared fields. Nobody edits the maker, so that the rows of a file are known again by more than their key."""
HELD = {
    "shop": Table("article", "id", {name: Column(name) for name in NAMES}),
    "lite": Table("item", "no", dict(zip(NAMES, map(Column, ("sku", "descr", "remark", "maker")), strict=True))),
    "file": Table("goods", "code", {name: Column(name) for name in NAMES}),
}


def trial(
    folder: Path, url: str, members: tuple[str, ...], *, rows: int = 120, deeds: Mapping[str, float] = DEEDS,
    rate: float = 25, born: type[Program] = Nursery, **how: object
) -> Trial:  # fmt: skip
    """A trial over those members; `file` is one of them. People type no name again that was deleted: a file cannot tell a
    row that was typed again from one that was edited, and the judge would take it for another row."""
    (folder / "mappings").mkdir(parents=True)
    (folder / "drop").mkdir()
    (folder / "drop" / "goods.csv").write_text(",".join(NAMES) + "\n")
    with closing(sqlite3.connect(folder / "lite.db")) as lite:
        lite.execute("PRAGMA journal_mode = WAL")
        lite.execute(MADE["lite"])
    if "shop" in members:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(MADE["shop"])
    declared = {"goods": {"key": ["code"], "types": dict.fromkeys(NAMES, "text")}}
    systems = {
        "shop": {"connector": "postgres", "url": "${URL}"},
        "lite": {"connector": "sqlite", "path": "lite.db"},
        "file": {"connector": "csv", "path": "drop", "datasets": declared},
    }
    document = {"dovetail": 1, "project": "trio", "systems": {name: systems[name] for name in members}}
    (folder / "dovetail.yaml").write_text(json.dumps(document))
    (folder / "mappings" / "article.yaml").write_text(_mapping(members))
    where = {"shop": url, "lite": str(folder / "lite.db"), "file": str(folder / "drop")}
    places = [Folder(one, where[one]) if one == "file" else Place(one, where[one]) for one in members]
    fields = {
        "code": Field(wins=members),
        "title": Field(members, members),
        "words": Field(members, tuple(reversed(members))),
        "maker": Field(wins=members),
    }
    tables = {one: HELD[one] for one in members}
    kind = Kind("article", "article", "code", fields, tables, rows=rows, deeds=deeds)
    program = born(folder, variables={"URL": url}, timeout_s=120)
    made = Trial(program, places, [kind], folder, ways=ALLOWED, rate=rate, **how)  # type: ignore[arg-type]
    OPEN.append(made)
    return made


def _mapping(members: tuple[str, ...]) -> str:
    held = ", ".join(f"{one}: {{dataset: {HELD[one].name}}}" for one in members)
    gone = ", ".join(f"{one}: propagate" for one in members)
    lines = [
        f"  {field}: {{{', '.join(f'{one}: {HELD[one].columns[field].name}' for one in members)}, "
        f"policy: {{prefer: [{', '.join(reversed(members) if field == 'words' else members)}]}}}}"
        for field in NAMES
    ]
    head = f"""\
        mapping: article
        members: {{{held}}}
        match: code
        deletes: {{{gone}}}
        guard: {{rows: 1000000, share: 100%}}
        every: 200ms
        fields:
        """
    return textwrap.dedent(head) + "\n".join(lines) + "\n"
