"""Analysing and examining a whole project: the demo's two systems, small."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovetail.analysis.answer import Analysis
from dovetail.demo.folder import Place, build
from dovetail.engine.open import open_workspace
from dovetail.engine.workspace import Workspace
from dovetail.steps.analyze import analyze
from dovetail.steps.doctor import doctor, is_healthy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(Place(tmp_path, tmp_path / "shop.db", tmp_path / "warehouse.db"), 40)
    return tmp_path


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    with open_workspace(folder, variables={}) as opened:
        yield opened


def asked(path: Path, sql: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


@pytest.fixture
def analysis(workspace: Workspace) -> Analysis:
    return analyze(workspace)


def test_rows_are_those_of_the_files(analysis: Analysis, folder: Path) -> None:
    for system in analysis.systems:
        for profile in system.profiles:
            if profile.dataset != "sellable":
                found = asked(folder / f"{system.name}.db", f'SELECT COUNT(*) FROM "{profile.dataset}"')
                assert profile.rows == found[0][0], profile.dataset


def test_people_are_found_and_products_are_not(analysis: Analysis) -> None:
    personal = {(system.name, dataset, field.name) for system in analysis.systems for dataset, field in system.personal}
    assert ("shop", "customer", "email") in personal
    assert ("warehouse", "partner", "mail") in personal
    assert {dataset for _, dataset, _ in personal} == {"customer", "partner"}


def test_overlap_is_what_plain_python_counts(analysis: Analysis, folder: Path) -> None:
    found = next(overlap for overlap in analysis.overlaps if overlap.mapping == "product")
    mine = asked(
        folder / "shop.db", "SELECT upper(trim(upc)) FROM product WHERE structure <> 'parent' AND upc IS NOT NULL"
    )
    theirs = asked(folder / "warehouse.db", "SELECT code FROM item WHERE code IS NOT NULL")
    assert (found.left_only, found.both, found.right_only) == (
        len(set(mine) - set(theirs)),
        len(set(mine) & set(theirs)),
        len(set(theirs) - set(mine)),
    )
    assert found.doubled == sum(1 for side in (mine, theirs) for value in set(side) if side.count(value) > 1)


def test_links_join_what_the_mappings_join(analysis: Analysis) -> None:
    ends = {link.mapping: (link.left, link.right) for link in analysis.links}
    assert ends["product"] == (("shop", "sellable"), ("warehouse", "item"))


def test_one_system_alone(workspace: Workspace) -> None:
    found = analyze(workspace, systems=["warehouse"])
    assert [system.name for system in found.systems] == ["warehouse"]
    assert found.overlaps == ()


def test_doctor_finds_a_healthy_project_healthy(workspace: Workspace) -> None:
    remarks = doctor(workspace)
    assert is_healthy(remarks), remarks
    assert {remark.system for remark in remarks} == {"shop", "warehouse", "dovetail"}


def test_doctor_names_a_system_that_is_not_there(folder: Path) -> None:
    (folder / "warehouse.db").unlink()
    with open_workspace(folder, variables={}) as opened:
        remarks = doctor(opened)
    bad = [remark for remark in remarks if remark.verdict == "bad"]
    assert [(remark.system, remark.topic) for remark in bad] == [("warehouse", "connection")]
    assert bad[0].words.startswith("DV-")
    assert any(remark.system == "shop" and remark.verdict == "ok" for remark in remarks)


def test_doctor_names_a_dataset_that_is_not_there(folder: Path) -> None:
    database = sqlite3.connect(folder / "warehouse.db")
    database.execute("ALTER TABLE partner RENAME TO partners")
    database.close()
    with open_workspace(folder, variables={}) as opened:
        bad = [remark for remark in doctor(opened) if remark.verdict == "bad"]
    assert [(remark.system, remark.topic) for remark in bad] == [("warehouse", "dataset partner")]


def test_doctor_asks_for_a_key(folder: Path) -> None:
    database = sqlite3.connect(folder / "warehouse.db")
    database.executescript(
        "PRAGMA foreign_keys = off; ALTER TABLE partner RENAME TO old; CREATE TABLE partner AS SELECT * FROM old; DROP TABLE old;"
    )
    database.close()
    with open_workspace(folder, variables={}) as opened:
        remarks = doctor(opened)
    assert any("key: [" in remark.words for remark in remarks if remark.topic == "dataset partner")


def test_doctor_changes_nothing(workspace: Workspace, folder: Path) -> None:
    before = asked(folder / "warehouse.db", "SELECT name FROM sqlite_schema ORDER BY name")
    rows = asked(folder / "warehouse.db", "SELECT * FROM partner ORDER BY 1")
    doctor(workspace)
    assert asked(folder / "warehouse.db", "SELECT name FROM sqlite_schema ORDER BY name") == before
    assert asked(folder / "warehouse.db", "SELECT * FROM partner ORDER BY 1") == rows
