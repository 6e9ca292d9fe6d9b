"""Every kind of mistake in declarations, with the exact words that answer it; DOVETAIL_BLESS=1 rewrites them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from dovetail.errors import DeclarationError, Declarations, Location, UnknownName
from dovetail.project.load import load

CASES = Path(__file__).parent / "declarations"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
VARIABLES = {"SHOP_USER": "ada", "SHOP_URL": "postgresql://ada:hunter3@db/shop"}


@dataclass(frozen=True, kw_only=True)
class File:
    """A connector with a file, as it stands in for the real one here."""

    path: Path
    """The database file."""
    timeout_s: float = 60.0
    """Seconds that one call may take."""
    batch_rows: int = 1000
    """Rows in one batch."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A connector with a URL."""

    url: str
    """Where the server answers."""
    password: str | None = None


def settings_of(name: str) -> type:
    known: dict[str, type] = {"sqlite": File, "postgres": Server}
    if name not in known:
        raise UnknownName(f"no connector is named {name!r}", hint="did you mean postgres?")
    return known[name]


def answer(folder: Path) -> Declarations:
    named = folder / "environment"
    environment = named.read_text().strip() if named.exists() else None
    with pytest.raises(Declarations) as caught:
        load(folder, environment=environment, variables=VARIABLES, settings_of=settings_of)
    return caught.value


def said(folder: Path) -> str:
    return str(answer(folder)).replace(str(folder), "FOLDER") + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_mistake_is_answered_in_these_words(name: str, request: pytest.FixtureRequest) -> None:
    folder = CASES / name
    text = said(folder)
    if os.environ.get("DOVETAIL_BLESS") == "1" or request.config.getoption("--bless", default=False):
        (folder / "expected.txt").write_text(text, encoding="utf-8")
    assert text == (folder / "expected.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_mistake_has_a_place_a_code_and_a_remedy(name: str) -> None:
    folder = CASES / name
    for mistake in answer(folder).mistakes:
        assert isinstance(mistake, DeclarationError)
        assert mistake.exit_code == 2
        assert mistake.code.startswith("DV-")
        assert mistake.code != "DV-100"
        assert mistake.hint, mistake
        assert isinstance(mistake.where, Location)
        place = folder / mistake.where.file
        if place.is_file():
            lines = place.read_bytes().decode("utf-8", "replace").split("\n")
            assert 1 <= mistake.where.line <= len(lines), mistake
            assert 1 <= mistake.where.column <= len(lines[mistake.where.line - 1]) + 1, mistake


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_not_repeated(name: str) -> None:
    caught = answer(CASES / name)
    words = f"{caught} {caught!r} {[repr(one) + one.hint for one in caught.mistakes]}"
    assert "hunter" not in words


def test_there_are_enough_kinds() -> None:
    assert len(NAMES) >= 40
    codes = {mistake.code for name in NAMES for mistake in answer(CASES / name).mistakes}
    assert len(codes) >= 25, sorted(codes)


def test_mistakes_stand_in_the_order_of_files_and_lines() -> None:
    found = [mistake.where for mistake in answer(CASES / "many_mistakes_in_many_files").mistakes]
    places = [
        (where.file != "dovetail.yaml", where.file, where.line, where.column)
        for where in found
        if isinstance(where, Location)
    ]
    assert places == sorted(places)
    assert len({file for _, file, _, _ in places}) == 4
