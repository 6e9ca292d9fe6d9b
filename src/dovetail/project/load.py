"""Loads a project: all its files at once, and all their mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dovetail.errors import Location
from dovetail.model.mapping import Guard, Note, Policy, Project, System
from dovetail.model.mapping import Mapping as Joined
from dovetail.project.digest import digest
from dovetail.project.keys import DEFAULTS, PROJECT
from dovetail.project.literal import check_text, no_placeholder
from dovetail.project.locate import Mistakes, nearest, shown
from dovetail.project.mapping import read_mapping
from dovetail.project.node import Node, Scalar, Table
from dovetail.project.rule import read_guard, read_policy, values
from dovetail.project.settings import SettingsOf
from dovetail.project.shape import Reader
from dovetail.project.sheet import Outline, Surroundings, outline
from dovetail.project.system import environments, read_systems
from dovetail.project.times import read_journal, read_zone
from dovetail.project.yaml import BYTES_MAX, compose

FILE = "dovetail.yaml"
"""The file that makes a folder a project."""
FORMAT = 1
"""The version of the format that this version of Dovetail reads."""
MAPPINGS_MAX = 1_000
"""Mapping files of one project at most."""


def load(
    folder: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str],
    settings_of: SettingsOf | None = None,
) -> Project:
    """The project in `folder`, as seen in one environment. Nothing is connected to.

    `variables` are those of the process; `settings_of` gives the class of a connector, whose fields the settings are
    held
    against (without it they are taken as they are). Raises `Declarations` with every mistake of every file.
    """
    mistakes = Mistakes()
    reader = Reader(mistakes)
    documents = _documents(folder, mistakes)
    top = reader.table(documents.get(FILE), PROJECT) or Table((), Location(FILE, 1, 1))
    views = environments(reader, top)
    chosen = _chosen(reader, top, views, environment)
    if chosen is not top:
        read_systems(reader, _systems(reader, top), settings_of=settings_of, variables=None)
    for view in views.values():
        if view is not chosen:
            read_systems(reader, _systems(reader, view), settings_of=settings_of, variables=None)
            _defaults(reader, view)
            _state(reader, view, None)
    systems = read_systems(reader, _systems(reader, chosen), settings_of=settings_of, variables=variables)
    roots = {file: node for file, node in documents.items() if file.startswith("mappings/")}
    mappings = _mappings(reader, roots, _surroundings(reader, chosen, systems, roots))
    project = Project(
        name=_name(reader, top),
        folder=str(folder.absolute()),
        systems=systems,
        mappings=mappings,
        environment=environment,
        environments=tuple(views),
        state=_state(reader, chosen, variables),
        vars=_vars(reader, chosen),
        digest=digest(_named(documents)),
        files=tuple(documents),
        notes=_notes(mistakes, top, documents),
        timezone=read_zone(reader, top.get("timezone")),
        journal_keep_s=read_journal(reader, top.get("journal")),
    )
    mistakes.raise_all()
    return project


def _documents(folder: Path, mistakes: Mistakes) -> dict[str, Node]:
    """The files of the project that can be read, by their names relative to it."""
    names = [FILE]
    inside = folder / "mappings"
    found = sorted(inside.iterdir()) if inside.is_dir() else []
    for path in found[: MAPPINGS_MAX + 1]:
        name = f"mappings/{path.name}"
        if path.suffix == ".yaml" and not path.is_dir():
            names.append(name)
        elif path.suffix == ".yml":
            hint = f"rename it to mappings/{path.stem}.yaml"
            mistakes.add("only files that end in .yaml are read", Location(name, 1, 1), code="DV-110", hint=hint)
    if len(found) > MAPPINGS_MAX:
        hint = "split the project"
        mistakes.add(
            f"more than {MAPPINGS_MAX} files in mappings/", Location("mappings", 1, 1), code="DV-113", hint=hint
        )
    if (folder / "scope.yaml").is_file():
        names.append("scope.yaml")
    documents: dict[str, Node] = {}
    for name in names:
        node = _document(folder, name, mistakes)
        if node is not None:
            documents[name] = node
    return documents


def _document(folder: Path, name: str, mistakes: Mistakes) -> Node | None:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        reason = (
            "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or "it cannot be read"
        )
        hint = "look at the rights of the file and its folder"
        if name == FILE and not isinstance(error, PermissionError):
            hint = f"make the project with `dovetail init`, or name its folder with --project (now: {folder})"
        mistakes.add(f"{name} cannot be read: {reason}", Location(name, 1, 1), code="DV-110", hint=hint)
        return None
    document = compose(content, name)
    for mistake in document.mistakes:
        mistakes.take(mistake)
    return document.root


def _chosen(reader: Reader, top: Table, views: Mapping[str, Table], environment: str | None) -> Table:
    """The project as the chosen environment sees it."""
    if environment is None:
        return top
    if environment not in views:
        known = top.get("environments")
        at = known.at if known is not None else top.at
        message = f"no environment is called {shown(environment)}"
        hint = nearest(environment, views) if views else "none is declared: add `environments:`, or leave --env out"
        reader.mistakes.add(message, at, code="DV-101", hint=hint)
        return top
    return views[environment]


def _systems(reader: Reader, view: Table) -> Table | None:
    return reader.any_table(view.get("systems"), "`systems`")


def _name(reader: Reader, top: Table) -> str:
    version = top.get("dovetail")
    if version is not None and not (isinstance(version, Scalar) and version.value == FORMAT and not version.style):
        newer = isinstance(version, Scalar) and isinstance(version.value, int) and version.value > FORMAT
        hint = "install a newer Dovetail" if newer else f"write dovetail: {FORMAT}"
        reader.mistakes.add(f"this version of Dovetail reads the format {FORMAT}", version.at, code="DV-105", hint=hint)
    return reader.name(top.get("project"), "a project") or ""


def _state(reader: Reader, view: Table, variables: Mapping[str, str] | None) -> str | None:
    node = view.get("state")
    check_text(reader.mistakes, node, variables=variables, key="state")
    return reader.text(node, "`state`")


def _vars(reader: Reader, view: Table) -> tuple[tuple[str, object], ...]:
    table = reader.any_table(view.get("vars"), "`vars`")
    no_placeholder(reader.mistakes, table, "`vars`")
    return values(table, reader, "a variable")


def _defaults(reader: Reader, view: Table) -> tuple[Policy | None, Guard]:
    table = reader.table(view.get("defaults"), DEFAULTS)
    if table is None:
        return None, Guard()
    return read_policy(reader, table.get("policy")), read_guard(reader, table.get("guard"), Guard())


def _surroundings(reader: Reader, view: Table, systems: tuple[System, ...], roots: Mapping[str, Node]) -> Surroundings:
    """What mapping files may refer to; a mapping that is declared twice is told."""
    outlines: dict[str, Outline] = {}
    for root in roots.values():
        found = outline(root) if isinstance(root, Table) else None
        if found is None:
            continue
        if found.name in outlines:
            message = f"the mapping {shown(found.name)} is declared twice, first at {outlines[found.name].at}"
            reader.mistakes.add(message, found.at, code="DV-108", hint="rename one of the two")
        else:
            outlines[found.name] = found
    table = view.get("systems")
    known = view.get("vars")
    policy, guard = _defaults(reader, view)
    return Surroundings(
        systems=tuple(entry.name for entry in table) if isinstance(table, Table) else None,
        queries={system.name: frozenset(query.name for query in system.queries) for system in systems},
        vars=frozenset(entry.name for entry in known) if isinstance(known, Table) else frozenset(),
        mappings=outlines,
        policy=policy,
        policy_is_unread=policy is None and _says_policy(view.get("defaults")),
        guard=guard,
    )


def _says_policy(defaults: Node | None) -> bool:
    """Whether a default policy was meant, even if it cannot be read."""
    return defaults is not None and not (isinstance(defaults, Table) and defaults.entry("policy") is None)


def _mappings(reader: Reader, roots: Mapping[str, Node], around: Surroundings) -> tuple[Joined, ...]:
    found = [read_mapping(reader, root, around) for root in roots.values()]
    return tuple(mapping for mapping in found if mapping is not None)


def _named(documents: Mapping[str, Node]) -> dict[str, Node]:
    """The documents by names that stay when a mapping's file is renamed."""
    named: dict[str, Node] = {}
    for file, node in documents.items():
        known = outline(node) if isinstance(node, Table) and file.startswith("mappings/") else None
        named[f"mapping {known.name}" if known else file] = node
    return named


def _notes(mistakes: Mistakes, top: Table, documents: Mapping[str, Node]) -> tuple[Note, ...]:
    for key in ("goals", "people"):
        entry = top.entry(key)
        if entry is not None:
            mistakes.note(f"`{key}` is read, and not used yet", entry.key.at)
    if "scope.yaml" in documents:
        mistakes.note("scope.yaml is read, and not used yet", documents["scope.yaml"].at)
    return tuple(mistakes.notes)
