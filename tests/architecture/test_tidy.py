"""The rules of CONTRIBUTING that a program can hold, one case a module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "src" / "dovetail"
MODULES = sorted(HOUSE.rglob("*.py"))

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
POSITIONAL_MAX = 5
FOLDERS_MAX = 3
COLUMNS_MAX = 120
BANNED = {
    "util", "utils", "helper", "helpers", "common", "manager", "handler", "processor", "service", "core", "misc", "info",
    "data",
}  # fmt: skip
# Paths of one person's machine, and numbers of a tracker; written in pieces, so that this file does not hold them itself.
FOREIGN = re.compile("/" + r"(?:root|home/\w+)" + r"/|\bissue " + r"#?\d")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def faults(path: Path, text: str) -> Iterator[str]:
    """Every rule that the module breaks."""
    tree = ast.parse(text)
    lines = text.splitlines()
    words = ast.get_docstring(tree) or ""
    if not words:
        yield "the module has no docstring"
    elif not re.search(r"[.?!]$", words.split("\n\n")[0].strip()):
        yield "the module's docstring does not begin with a whole sentence"
    if len(lines) > MODULE_LINES_MAX:
        yield f"{len(lines)} lines, at most {MODULE_LINES_MAX}"
    if len(path.parent.parts) > FOLDERS_MAX:
        yield f"{len(path.parent.parts)} folders deep, at most {FOLDERS_MAX}"
    yield from (f"line {at} is {len(line)} wide" for at, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX)
    yield from (
        f"line {at} speaks of things outside the project" for at, line in enumerate(lines, 1) if FOREIGN.search(line)
    )
    if banned := BANNED & set(re.split(r"[_.]", path.stem.lower())):
        yield f"the module's name holds {banned}"
    for node in ast.walk(tree):
        yield from of_node(path, node)


def of_node(path: Path, node: ast.AST) -> Iterator[str]:
    """The rules that one node of the tree breaks."""
    if isinstance(node, Function):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
        named = [known.arg for known in [*node.args.posonlyargs, *node.args.args] if known.arg not in ("self", "cls")]
        if len(named) > POSITIONAL_MAX:
            yield f"{node.name} takes {len(named)} positional parameters, at most {POSITIONAL_MAX}"
    if isinstance(node, ast.ClassDef):
        parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", node.name)}
        if banned := BANNED & parts:
            yield f"the class {node.name} is named {banned}"
    if isinstance(node, Function | ast.ClassDef) and is_public(node) and not ast.get_docstring(node):
        yield f"{node.name} has no docstring"
    if path.parts[0] != "cli" and isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
        yield f"line {node.lineno} prints; only the command line does"


def is_public(node: Function | ast.ClassDef) -> bool:
    """Whether the name stands at the module's edge for others to use."""
    return node.col_offset == 0 and not node.name.startswith("_")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_module_is_tidy(path: Path) -> None:
    found = list(faults(path.relative_to(HOUSE), path.read_text()))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.py", "x = 1\n", "no docstring"),
        ("a.py", '"""No sentence"""\n', "whole sentence"),
        ("a.py", '"""Long."""\n' + "x = 1\n" * 400, "401 lines"),
        ("a/b/c/d/e.py", '"""Deep."""\n', "4 folders deep"),
        ("a.py", f'"""Wide."""\nx = "{"w" * 120}"\n', "line 2 is 126 wide"),
        ("a.py", '"""Path."""\nx = "/ho' + 'me/ada/project"\n', "outside the project"),
        ("utils.py", '"""Useful."""\n', "module's name"),
        ("a.py", '"""Class."""\nclass DataManager:\n    """Bad."""\n', "DataManager is named"),
        ("a.py", '"""Bare."""\ndef go() -> None: ...\n', "go has no docstring"),
        ("a.py", '"""Many."""\ndef _go(a, b, c, d, e, f): ...\n', "6 positional"),
        ("a.py", '"""Tall."""\ndef _go():\n' + "    x = 1\n" * 50, "51 lines"),
        ("a.py", '"""Loud."""\nprint(1)\n', "prints"),
    ],
)
def test_each_rule_can_fail(name: str, text: str, fault: str) -> None:
    assert any(fault in found for found in faults(Path(name), text))


def test_a_tidy_module_has_no_faults() -> None:
    text = (
        '"""One thing."""\n\n\ndef total(left: int, right: int) -> int:\n    """The sum."""\n    return left + right\n'
    )
    assert list(faults(Path("cli/sum.py"), text)) == []


PAGES = sorted(
    path
    for path in ROOT.rglob("*")
    if path.suffix in {".md", ".toml", ".yaml", ".yml", ".sh", ".py", ".txt", ".html"}
    or path.name in {"Makefile", "run"}
    if not any(re.fullmatch(r"\.(?!ci).*|build|dist|site", part) for part in path.relative_to(ROOT).parts)
)


def test_files_speak_of_the_project_alone() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{at}"
        for path in PAGES
        if path.is_file()
        for at, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []
