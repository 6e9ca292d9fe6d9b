"""The reference says what the code says, and leaves nothing out."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import click
import pytest

from docs import generate
from dovetail.cli.main import GROUPS, main
from dovetail.expression.functions import shelf
from dovetail.quality import checks
from dovetail.systems import registry

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_generated_pages_are_current(name: str) -> None:
    written = (REFERENCE / name).read_text()
    assert written == generate.PAGES[name]().rstrip() + "\n", "run: make bless"


@pytest.mark.parametrize("code", sorted(generate.codes()))
def test_every_code_has_words(code: str) -> None:
    assert any(meaning.words for meaning in generate.codes()[code]), (
        f"{code} is given without a message that can be documented"
    )


def test_every_code_stands_in_a_range() -> None:
    odd = [
        code
        for code in generate.codes()
        if not any(first <= int(code[3:]) <= last for first, last, _ in generate.RANGES)
    ]
    assert [code for code in odd if code != "DV-000"] == []


def test_every_function_is_documented() -> None:
    text = (REFERENCE / "expressions.md").read_text()
    assert [name for name in shelf() if not re.search(rf"\b{name}\b[(`]|`x {name} ", text, re.IGNORECASE)] == []
    assert [name for name, function in shelf().items() if not function.run.__doc__] == []


def test_every_check_is_documented() -> None:
    text = (REFERENCE / "checks.md").read_text()
    names = [module.name for module in pkgutil.iter_modules(checks.__path__)]
    assert names
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("name", registry.names())
def test_every_setting_has_words(name: str) -> None:
    connector = registry.load(name)
    said = generate.settings(connector)
    fields = [field for field in connector.__dataclass_fields__ if not field.startswith("_")]
    assert [field for field in fields if not said.get(field)] == []


def test_every_command_has_help_and_a_step() -> None:
    context = click.Context(main, info_name="dovetail")
    for _, names in GROUPS:
        for name in names:
            command = main.get_command(context, name)
            assert command is not None, name
            assert command.help, name


def commands_named(text: str) -> set[str]:
    return set(re.findall(r"(?:^|`|\$ )dovetail ([a-z]+)", text, re.MULTILINE))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_name_only_commands_that_exist(path: Path) -> None:
    known = {name for _, names in GROUPS for name in names}
    assert commands_named(path.read_text()) - known == set()


def test_the_command_finder_finds() -> None:
    assert commands_named("run `dovetail plan` or\ndovetail apply x") == {"plan", "apply"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
