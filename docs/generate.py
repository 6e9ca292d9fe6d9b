"""Writes the reference pages that follow from the code: `python -m docs.generate`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
from docs.checks import checks
from docs.failpoints import failpoints
from docs.promises import promises

from dovetail import errors
from dovetail.cli.main import GROUPS, main
from dovetail.errors import DovetailError
from dovetail.expression.reference import reference as expressions
from dovetail.project.reference import page as project_file
from dovetail.systems import registry

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "src" / "dovetail"
REFERENCE = ROOT / "docs" / "reference"
CODE = re.compile(r"DV-\d{3}")
NOTE = "<!-- Made by `make bless` from the code; changes here are lost. -->\n\n"

RANGES = (
    (100, 119, "Declarations"),
    (120, 149, "Expressions"),
    (150, 199, "Declarations: meaning"),
    (200, 299, "Mappings and the laws of round trips"),
    (300, 399, "Systems"),
    (400, 499, "Rows, checks and rejects"),
    (500, 599, "State"),
    (600, 699, "Guards and plans"),
    (700, 799, "Installation"),
)

SPOKEN = {
    "DV-440": "Members changed a field to different values, and no rule could settle it",
    "DV-463": "The edits of a number together go below its floor: more was taken than there is",
    "DV-464": "The clock of a system is off, so that `newest` decides nothing, or took it into account",
}
"""Words for codes whose message is put together elsewhere."""


# ------------------------------------------------------------------------------------------------------------- commands


def commands() -> str:
    """Every command with its arguments and options, by step."""
    parts = [NOTE, "# Commands\n"]
    parts.append(
        "Every command of a project takes `--project DIR` (default: here), `--env NAME` and `--json` (one JSON document on standard\n"
        "output; progress and logs go to standard error). Exit codes: 0 done and clean; 1 done, with differences, findings or failing\n"
        "tests; 2 the declaration or the arguments are wrong; 3 a gate or a guard is closed; 4 a system is unreachable or refused.\n"
    )
    context = click.Context(main, info_name="dovetail")
    for title, names in GROUPS:
        parts.append(f"## {title}\n")
        for name in names:
            found = main.get_command(context, name)
            if found is not None:
                parts += list(_command(found, f"dovetail {name}"))
    return "\n".join(parts)


def _command(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"### `{path}`\n"
    yield f"```text\n{path} {usage}\n```\n"
    yield inspect.cleandoc(command.help or command.short_help or "") + "\n"
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[0] not in ("--project DIR", "--env NAME", "--json", "--help", "-h, --help"):
            rows.append(f"| `{record[0]}` | {record[1]} |")
    if rows:
        yield "\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _command(found, f"{path} {name}")


# ----------------------------------------------------------------------------------------------------------- connectors


def connectors() -> str:
    """Every connector with its settings."""
    parts = [NOTE, "# Connectors\n", "What stands under a system in `dovetail.yaml` besides `connector`.\n"]
    for name in registry.names():
        connector = registry.load(name)
        said = settings(connector)
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(connector.__doc__ or '')}\n")
        parts += ["| setting | default | meaning |", "|---|---|---|"]
        for field in fields(connector):  # type: ignore[arg-type]
            if field.name.startswith("_"):
                continue
            default = "required" if "MISSING" in repr(field.default) else f"`{field.default!r}`"
            default = "none" if "MISSING" not in repr(field.default_factory) else default
            parts.append(f"| `{field.name}` | {default} | {said.get(field.name, '')} |")
        parts.append("")
    return "\n".join(parts)


def settings(connector: type) -> dict[str, str]:
    """The words under each field of a connector, from its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(connector))).body[0]
    said: dict[str, str] = {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            said[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return said


# --------------------------------------------------------------------------------------------------------------- errors


@dataclass(frozen=True, slots=True)
class Meaning:
    """One place where a code is given: the words, the advice, and the class or function that gives it."""

    code: str
    words: str
    advice: str
    giver: str


def meanings() -> list[Meaning]:
    """Every place in the code where an error code is given."""
    found = []
    for path in sorted(HOUSE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for scope in ast.walk(tree):
            for child in ast.iter_child_nodes(scope):
                child.parent = scope  # type: ignore[attr-defined]
        found += [
            _meaning(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
        ]
    return found


def _meaning(node: ast.Constant) -> Meaning:
    above: ast.AST = node.parent  # type: ignore[attr-defined]
    while not isinstance(above, ast.Call | ast.ClassDef | ast.Module | ast.FunctionDef | ast.Assign):
        above = above.parent  # type: ignore[attr-defined]
    code = str(node.value)
    if isinstance(above, ast.Call):
        named = {keyword.arg: keyword.value for keyword in above.keywords}
        told = [argument for argument in above.args if argument is not node]
        told += [named[name] for name in ("reason", "message") if name in named]
        words = [text for text in (_text(argument, above) for argument in told) if " " in text]
        advice = _text(named.get("hint", named.get("next")), above) or (words[1] if len(words) > 1 else "")
        return Meaning(code, words[0] if words else "", advice, ast.unparse(above.func).rpartition(".")[2])
    if isinstance(above, ast.Assign):
        holder = above.parent  # type: ignore[attr-defined]
        target = ast.unparse(above.targets[0])
        if isinstance(holder, ast.ClassDef) and target == "code":
            return Meaning(code, (ast.get_docstring(holder) or "").split("\n\n")[0], "", holder.name)
        beside = [*getattr(holder, "body", ()), *getattr(holder, "orelse", ()), None, None]
        below = beside[beside.index(above) + 1] if above in beside else None
        said = _text(below.value, above) if isinstance(below, ast.Expr) else ""
        return Meaning(code, said or target.lower().replace("_", " "), "", "")
    return Meaning(code, "", "", "")


def _text(node: ast.AST | None, near: ast.AST) -> str:
    """The words of a text in the code; what is filled in stands in angle quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else f"«{_filled(part)}»" for part in node.values]
        return " ".join("".join(str(part) for part in parts).split())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"{_text(node.left, near)} {_text(node.right, near)}".strip()
    if isinstance(node, ast.Name):
        scope = near
        while not isinstance(scope, ast.FunctionDef | ast.Module):
            scope = scope.parent  # type: ignore[attr-defined]
        for other in ast.walk(scope):
            if (
                isinstance(other, ast.Assign)
                and ast.unparse(other.targets[0]) == node.id
                and not isinstance(other.value, ast.Name)
            ):
                return _text(other.value, near)
    return ""


def _filled(part: ast.AST) -> str:
    value = part.value if isinstance(part, ast.FormattedValue) else part
    names = [
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(value)
        if isinstance(node, ast.Attribute | ast.Name)
    ]
    return names[0].strip("_") if names else "…"


@cache
def codes() -> dict[str, list[Meaning]]:
    """The places of each code, in the order of the codes."""
    known: dict[str, list[Meaning]] = {}
    spoken = [Meaning(code, words, "dovetail plan", "") for code, words in SPOKEN.items()]
    for meaning in [*spoken, *meanings()]:
        known.setdefault(meaning.code, []).append(meaning)
    return dict(sorted(known.items()))


def error_page() -> str:
    """Every error code, with what it says and what to do."""
    parts = [NOTE, "# Errors\n"]
    parts.append(
        "Every message of Dovetail begins with where, then a code, then why; the line below says what to do next. Here is what can\n"
        "stand behind each code; «words in angle quotes» are filled in. The class decides what a run does: `retry`, `quarantine` the\n"
        "rows, or `stop`.\n"
    )
    known = codes()
    for first, last, title in RANGES:
        within = {code: places for code, places in known.items() if first <= int(code[3:]) <= last}
        if within:
            parts.append(f"## {title} (DV-{first} to DV-{last})\n")
        for code, places in within.items():
            parts.append(f"### {code}\n")
            parts += [_class_line(code)] if _class_line(code) else []
            said = dict.fromkeys((place.words, place.advice) for place in places if place.words)
            parts += [
                f"- {words[:1].upper()}{words[1:]}" + (f" → {advice}" if advice else "") for words, advice in said
            ]
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _class_line(code: str) -> str:
    for found in vars(errors).values():
        if (
            isinstance(found, type)
            and issubclass(found, DovetailError)
            and found.code == code
            and "code" in vars(found)
        ):
            return f"`{found.__name__}`: {found.remedy}, exit {found.exit_code}.\n"
    return ""


# ----------------------------------------------------------------------------------------------------------------- main

PAGES = {
    "commands.md": commands,
    "checks.md": lambda: NOTE + checks(),
    "expressions.md": expressions,
    "project-file.md": project_file,
    "connectors.md": connectors,
    "errors.md": error_page,
    "failpoints.md": lambda: NOTE + failpoints(),
    "promises.md": lambda: NOTE + promises(),
}


def write() -> None:
    """Write every generated page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page().rstrip() + "\n", encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    write()
