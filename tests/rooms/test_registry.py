"""Connectors are found by name, opened with settings, and refused in words that help."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dovetail.errors import DeclarationError, MissingDriver, UnknownName
from dovetail.systems import registry
from dovetail.systems.connectors.memory import Connector as Memory
from dovetail.systems.protocol import Source


def test_names_are_the_files_of_the_shelf() -> None:
    assert {"memory", "sqlite"} <= set(registry.names())
    assert list(registry.names()) == sorted(registry.names())


def test_listing_names_imports_no_connector() -> None:
    probe = "import sys; from dovetail.systems import registry; registry.names(); print(*sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True)
    assert not [name for name in loaded.stdout.split() if name.startswith("dovetail.systems.connectors.")]
    assert not {"sqlite3", "psycopg", "sqlglot"} & set(loaded.stdout.split())


def test_a_connector_is_its_settings(tmp_path: Path) -> None:
    opened = registry.open("sqlite", {"path": tmp_path / "a.db", "timeout_s": 5})
    assert isinstance(opened, registry.load("sqlite"))
    assert isinstance(opened, Source)
    assert registry.settings_class("memory") is Memory


@pytest.mark.parametrize(
    ("name", "settings", "error", "hint"),
    [
        ("sqlight", {}, UnknownName, "did you mean sqlite"),
        ("zzz", {}, UnknownName, "known names: "),
        ("sqlite", {"path": "a.db", "time_out": 5}, UnknownName, "did you mean timeout_s"),
        ("sqlite", {}, DeclarationError, ""),
    ],
)
def test_mistakes(name: str, settings: dict[str, object], error: type[Exception], hint: str) -> None:
    with pytest.raises(error) as caught:
        registry.open(name, settings)
    assert hint in str(caught.value)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dovetail.systems.connectors.memory", None)
    with pytest.raises(MissingDriver) as caught:
        registry.load("memory")
    assert "dovetail[memory]" in caught.value.hint
    assert isinstance(caught.value, ImportError)


def test_foreign_connectors_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "acme": EntryPoint("acme", "dovetail.systems.connectors.memory", registry.GROUP),
        "direct": EntryPoint("direct", "dovetail.systems.connectors.memory:Connector", registry.GROUP),
        "absent": EntryPoint("absent", "no.such.module", registry.GROUP),
        "wrong": EntryPoint("wrong", "json:loads", registry.GROUP),
    }
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: tuple(points.values()))
    assert {"acme", "absent", "sqlite"} <= set(registry.names())
    assert registry.load("acme").__name__ == registry.load("direct").__name__ == "Connector"
    with pytest.raises(MissingDriver):
        registry.load("absent")
    with pytest.raises(DeclarationError):
        registry.load("wrong")
