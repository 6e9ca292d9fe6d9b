"""Plan and run name the path of each mapping, and the options of `migrate` choose it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import dovetail
from dovetail.engine.open import open_workspace
from dovetail.state.store import Store

STREAMED = "streamed from shop to stock"
LINKED = "whole: rows of it are linked already"
PLAIN = "whole: a plain run was asked for"

CATEGORY = """
mapping: category
members:
  shop:  {dataset: category}
  stock: {dataset: item_group}
match: code
fields:
  code:  {shop: slug, stock: code,  owner: shop}
  title: {shop: name, stock: title, owner: shop}
"""
SHOP = """
CREATE SCHEMA shop; CREATE SCHEMA stock;
CREATE TABLE shop.category (id bigint PRIMARY KEY, name text NOT NULL, slug text NOT NULL UNIQUE);
CREATE TABLE stock.item_group (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, title text);
INSERT INTO shop.category VALUES (1, 'Pots', 'pots'), (2, 'Garden', 'garden');
"""


@pytest.fixture
def empty(project: Path, touch: Callable[[str, str], None]) -> Path:
    """The project with one mapping, whose rows are all in the shop."""
    (project / "mappings" / "product.yaml").unlink()
    touch("stock", "DELETE FROM item; DELETE FROM item_group")
    touch("shop", "CREATE UNIQUE INDEX slugs ON category (slug)")
    return project


def path(answer) -> str:
    return answer.document["mappings"]["category"]["path"]


def asked(project: Path, question: Callable[[Store], object]) -> object:
    with open_workspace(project, variables=dict(os.environ)) as workspace:
        return question(workspace.store)


def test_the_text_has_one_line_a_mapping(empty, run):
    assert f"category: {STREAMED}" in run("plan").out.split("\n")
    assert f"category: {STREAMED}" in run("migrate").out.split("\n")
    assert f"category: {LINKED}" in run("plan").out.split("\n")


def test_a_plan_names_the_path_that_the_run_then_takes(empty, run):
    assert path(run("plan", "--json")) == STREAMED
    assert path(run("migrate", "--json")) == STREAMED
    assert path(run("plan", "--json")) == LINKED
    assert path(run("migrate", "--json")) == LINKED


def test_only_plan_and_migrate_name_paths(empty, run):
    run("plan")
    for words in (("apply", ".dovetail/plan"), ("verify",)):
        assert "path" not in run(*words, "--json").document["mappings"]["category"]


def test_a_plain_run_decides_everything_whole(empty, run):
    found = run("migrate", "--plain", "--json")
    assert (path(found), found.document["mappings"]["category"]["created"]) == (PLAIN, 2)
    assert asked(empty, lambda store: store.loads.get("category", "stock")) is None
    assert run("verify").code == 0


def test_agreed_values_are_kept_for_synchronisation(empty, run):
    run("migrate")
    assert asked(empty, lambda store: store.base.count("category")) == 0
    run("migrate", "--for-sync")
    assert asked(empty, lambda store: store.base.count("category")) == 2


def test_a_stream_keeps_agreed_values_too(empty, run):
    assert path(run("migrate", "--for-sync", "--json")) == STREAMED
    assert asked(empty, lambda store: store.base.count("category")) == 2


def test_both_options_in_python(empty):
    opened = dovetail.open(empty)
    assert opened.migrate(plain=True).mappings["category"].path == PLAIN
    assert asked(empty, lambda store: store.base.count("category")) == 0
    opened.migrate(for_sync=True)
    assert asked(empty, lambda store: store.base.count("category")) == 2
    assert opened.plan().summary.mappings["category"].path == LINKED


def test_a_plan_gives_no_load_up(empty, run):
    begun = {"layout": "of another declaration", "meets": False}
    asked(empty, lambda store: store.loads.begin("category", "stock", begun))
    reason = "whole: it was declared otherwise when its load was broken off"
    assert path(run("plan", "--json")) == reason
    assert asked(empty, lambda store: store.loads.get("category", "stock").is_open) is True
    assert path(run("migrate", "--json")) == reason
    assert asked(empty, lambda store: store.loads.get("category", "stock").is_open) is False


def test_only_rows_that_moved(project, run, postgres_url, monkeypatch):
    monkeypatch.setenv("PLACE", postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SHOP)
    (project / "mappings" / "product.yaml").unlink()
    (project / "mappings" / "category.yaml").write_text(CATEGORY)
    systems = "".join(
        f"  {name}: {{connector: postgres, url: '${{PLACE}}', schema: {name}}}\n" for name in ("shop", "stock")
    )
    (project / "dovetail.yaml").write_text(f"dovetail: 1\nproject: small\nsystems:\n{systems}")
    assert path(run("migrate", "--json")) == STREAMED
    assert path(run("plan", "--json")) == "only rows that moved"
    assert path(run("migrate", "--json")) == "only rows that moved"
    assert path(run("migrate", "--for-sync", "--json")) == "whole: not all of its agreed values are kept yet"
    assert asked(project, lambda store: store.base.count("category")) == 2
