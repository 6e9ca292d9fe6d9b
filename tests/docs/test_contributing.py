"""A connector written from the guide alone works: its blocks are put into a package, which is installed and used."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
BLOCK = re.compile(r"^```(?:python|toml) (\S+\.\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLI = "import sys; from dovetail.cli.main import main; sys.exit(main())"


def blocks() -> dict[str, str]:
    """The guide's files, by name."""
    return dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which the guide's package is installed, as pip would do it."""
    made = tmp_path / "site"
    found = blocks()
    described = tomllib.loads(found["pyproject.toml"])["project"]
    known = made / f"dovetail_notes-{described['version']}.dist-info"
    known.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {described['name']}", f"Version: {described['version']}"]
    (known / "METADATA").write_text("\n".join(lines) + "\n")
    points = described["entry-points"]["dovetail.connectors"]
    body = "".join(f"{name} = {target}\n" for name, target in points.items())
    (known / "entry_points.txt").write_text(f"[dovetail.connectors]\n{body}")
    (made / "dovetail_notes.py").write_text(found["dovetail_notes.py"], encoding="utf-8")
    return made


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = os.pathsep.join([str(site), *(part for part in sys.path if part)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": known, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def dovetail(site: Path, folder: Path, *words: str, ends: int = 0) -> str:
    done = run(site, folder, "-c", CLI, *words)
    assert done.returncode == ends, f"{words}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def project(site: Path, tmp_path: Path) -> Path:
    """A folder of notes joined with a SQLite table by `init`, every field owned by the notes."""
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "a.txt").write_text("milk")
    (tmp_path / "paper" / "b.txt").write_bytes(b"\xff")
    shop = sqlite3.connect(tmp_path / "shop.db")
    shop.execute("CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY, body TEXT)")
    shop.close()
    dovetail(site, tmp_path, "init", "--project", "joined", f"paper=notes:///{tmp_path / 'paper'}", "shop=shop.db")
    mapping = tmp_path / "joined" / "mappings" / "note.yaml"
    text = mapping.read_text()
    mapping.write_text(text.replace("shop: name}", "shop: name, owner: paper}").replace("body}", "body, owner: paper}"))
    return tmp_path / "joined"


def test_the_example_is_short() -> None:
    lines = [line for line in blocks()["dovetail_notes.py"].splitlines() if line.strip()]
    assert len(lines) <= 45


def test_the_example_keeps_the_promises_of_reading(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_notes.py").write_text(blocks()["test_notes.py"])
    done = run(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_notes.py")
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


def test_the_kit_notices_a_mistake(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_notes.py").write_text(blocks()["test_notes.py"])
    module = site / "dovetail_notes.py"
    module.write_text(
        module.read_text().replace("raise SchemaDrift(", "raise KeyError(").replace(", where=dataset.name)", ")")
    )
    done = run(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_notes.py")
    assert "test_what_is_gone_is_drift" in done.stdout
    assert "1 failed, 6 passed" in done.stdout


def test_a_foreign_connector_works_everywhere(site: Path, project: Path) -> None:
    assert "no mistakes" in dovetail(site, project, "check")
    assert "not UTF-8" in dovetail(site, project, "analyze")
    (project.parent / "paper" / "b.txt").unlink()
    assert "paper" in dovetail(site, project, "doctor")
    assert "nothing was written" in dovetail(site, project, "plan")
    dovetail(site, project, "migrate")
    (project.parent / "paper" / "c.txt").write_text("bread")
    dovetail(site, project, "sync", "--once")
    with sqlite3.connect(project.parent / "shop.db") as shop:
        assert shop.execute("SELECT name, body FROM note ORDER BY name").fetchall() == [("a", "milk"), ("c", "bread")]


def test_its_settings_are_checked(site: Path, project: Path) -> None:
    declared = project / "dovetail.yaml"
    declared.write_text(declared.read_text().replace("connector: notes\n", "connector: notes\n    colour: red\n"))
    assert "has no setting 'colour'" in dovetail(site, project, "check", ends=2)


def test_an_error_that_it_lets_through_ends_in_words(site: Path, project: Path) -> None:
    module = site / "dovetail_notes.py"
    text = module.read_text()
    module.write_text(
        text.replace(
            "        try:\n            rows", "        raise OSError('milk')\n        try:\n            rows", 1
        )
    )
    told = dovetail(site, project, "plan", ends=4)
    assert "DV-371 the connector 'notes' let an error of its own through: OSError in read" in told
    assert "milk" not in told


def test_what_it_lacks_is_named(site: Path, project: Path) -> None:
    module = site / "dovetail_notes.py"
    text = module.read_text()
    module.write_text(text.replace("import pyarrow as pa\n", "import pyarrow as pa\nimport mailbox_driver\n"))
    told = dovetail(site, project, "plan", ends=2)
    assert "the connector 'notes' needs mailbox_driver, which is not installed" in told
    assert "pip install mailbox_driver; dovetail-notes should have said" in told
    module.write_text(text.replace("    def describe(self)", "    def described(self)"))
    assert "DV-312 the connector 'notes' of dovetail-notes has no describe" in dovetail(site, project, "plan", ends=2)
    module.write_text(text + "\n1 / 0\n")
    assert "DV-312 the connector 'notes' of dovetail-notes cannot be loaded" in dovetail(site, project, "plan", ends=2)
