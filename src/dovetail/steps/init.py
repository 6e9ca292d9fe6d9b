"""Drafts a project from two systems that answer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dovetail.errors import DeclarationError, UnknownName
from dovetail.model.catalog import Catalog
from dovetail.project.draft import draft
from dovetail.project.keys import RESERVED
from dovetail.project.load import FILE
from dovetail.project.locate import Mistakes, nearest
from dovetail.project.settings import prepared
from dovetail.project.shape import Reader
from dovetail.systems import registry
from dovetail.systems.secret import expand

SCHEMES = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mariadb",
    "mssql": "sqlalchemy",
    "oracle": "sqlalchemy",
    "db2": "sqlalchemy",
    "firebird": "sqlalchemy",
}
"""Connectors by the scheme of a URL, where they differ; a scheme with a driver (`mssql+pyodbc`) is SQLAlchemy's."""

SUFFIXES = {
    ".duckdb": "duckdb",
    ".ddb": "duckdb",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
}
"""Connectors by the end of a path, or of most files of a folder; every other file is taken for one of SQLite."""

IGNORED = ".dovetail/\n"
"""What git leaves out: state, keys and secrets."""


def init(
    target: Path, systems: Sequence[tuple[str, str]], *, variables: Mapping[str, str] | None = None
) -> tuple[Path, ...]:
    """Write the draft of a project that joins two systems, given as (name, URL or path); the files that were written.

    Both systems are asked for their catalogs; `variables` fill in placeholders of the URLs. Nothing is overwritten:
    where a project stands already, it is left alone.
    """
    if len(systems) != 2 or not all(url for _, url in systems):
        raise DeclarationError(
            "two systems are joined", code="DV-170", hint="dovetail init shop=shop.db stock=postgresql://..."
        )
    _check_names([name for name, _ in systems])
    _free(target, [FILE])
    sides = [_side(name, url, expand(url, variables or {}, target), target) for name, url in systems]
    files = draft(sides[0], sides[1])
    _free(target, files)
    written = [_write(target / name, text) for name, text in files.items()]
    if not (target / ".gitignore").exists():
        written.append(_write(target / ".gitignore", IGNORED))
    return tuple(written)


def _side(name: str, written: str, url: str, target: Path) -> tuple[str, str, str | Path, Catalog]:
    """A system as the draft takes it; a URL stays as it was written, placeholders included. `csv:PATH` names the
    connector of a path that does not tell."""
    scheme, sign, rest = url.partition("://")
    connector = _spoken(scheme) if sign else _kept(Path(url))
    named, colon, path = url.partition(":")
    if colon and not rest.startswith("//") and named in registry.names() and not path.startswith("//"):
        connector, sign, url = named, "", path
    if connector not in registry.names():
        raise UnknownName(f"no connector speaks {scheme}://", where=name, hint=nearest(connector, registry.names()))
    if not _is_path(registry.settings_class(connector)):
        return name, connector, written, _catalog(connector, {"url": url})
    place = Path(rest.removeprefix("/") if sign else url)
    return name, connector, Path(_relative(place, target)), _catalog(connector, {"path": str(place)})


def _kept(path: Path) -> str:
    """The connector for a file, or for the files that most of a folder are."""
    if not path.is_dir():
        return SUFFIXES.get(path.suffix.lower(), "sqlite")
    found = Counter(SUFFIXES.get(one.suffix.lower(), "") for one in path.iterdir() if one.is_file())
    del found[""]
    if not found:
        hint = f"name the connector: csv:{path}, jsonl:{path}, parquet:{path}"
        raise DeclarationError(f"the folder {path} holds no files of a kind that is known", code="DV-172", hint=hint)
    return found.most_common(1)[0][0]


def _is_path(connector: type) -> bool:
    """Whether a connector is given the path of a file or folder, and no URL."""
    settings = getattr(connector, "__dataclass_fields__", {})
    return "path" in settings and "url" not in settings


def _spoken(scheme: str) -> str:
    """The connector for URLs of that scheme."""
    return "sqlalchemy" if "+" in scheme else SCHEMES.get(scheme, scheme)


def _catalog(connector: str, settings: Mapping[str, object]) -> Catalog:
    opened = registry.open(connector, prepared(registry.settings_class(connector), settings, Path.cwd()))
    try:
        return opened.describe()
    finally:
        opened.close()


def _relative(path: Path, target: Path) -> str:
    """The path as the project's file says it: relative where it lies in the project or beside it, else whole."""
    relative = Path(os.path.relpath(path.absolute(), target.absolute()))
    return str(path.absolute() if relative.parts[:2] == ("..", "..") else relative)


def _check_names(names: Sequence[str]) -> None:
    mistakes = Mistakes()
    for name in names:
        if not name or name in RESERVED:
            hint = "give each system a name: shop=shop.db"
            mistakes.take(DeclarationError(f"a system cannot be called {name!r}", code="DV-106", hint=hint))
        else:
            Reader(mistakes).check_name(name, "a system", None)
    if len(set(names)) < len(names):
        mistakes.take(DeclarationError("both systems have the same name", code="DV-108", hint="give each its own"))
    mistakes.raise_all()


def _free(target: Path, names: Sequence[str] | Mapping[str, str]) -> None:
    """Refuse to write over a file that stands there."""
    for name in names:
        if (target / name).exists():
            hint = "choose another folder with --project, or move the file away"
            raise DeclarationError(
                "there is a project already; nothing was written", where=name, code="DV-171", hint=hint
            )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path
