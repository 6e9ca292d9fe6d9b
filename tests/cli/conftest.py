"""A small shop and its stock system, joined by two mappings, and the command line run on them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from dovetail.cli.main import main

SHOP = """
CREATE TABLE category (id INTEGER PRIMARY KEY, name VARCHAR(60), slug VARCHAR(40));
INSERT INTO category VALUES (1, 'Pots', 'pots'), (2, 'Garden', 'garden');
CREATE TABLE product (id INTEGER PRIMARY KEY, upc VARCHAR(20), title VARCHAR(200), price_cents INTEGER, is_public BOOLEAN,
                      category_id INTEGER REFERENCES category (id));
INSERT INTO product VALUES (11, 'P-1', 'Pan', 4950, TRUE, 1), (12, 'P-2', 'Café table', 19900, TRUE, 2), (13, 'P-3', 'Can', NULL, TRUE, 2);
"""
STOCK = """
CREATE TABLE item_group (no INTEGER PRIMARY KEY, code VARCHAR(40) NOT NULL UNIQUE, title VARCHAR(40) NOT NULL);
INSERT INTO item_group VALUES (501, 'garden', 'GARDEN');
CREATE TABLE item (no INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, label VARCHAR(80) NOT NULL, price NUMERIC(12, 2) NOT NULL,
                   status VARCHAR(1), group_no INTEGER REFERENCES item_group (no));
INSERT INTO item VALUES (901, 'P-2', 'CAFE TABLE', 199, 'A', 501);
"""
FILES = {
    "dovetail.yaml": """
dovetail: 1
project: small
systems:
  shop:  {connector: sqlite, path: shop.db}
  stock: {connector: sqlite, path: stock.db}
""",
    "mappings/category.yaml": """
mapping: category
members:
  shop:  {dataset: category}
  stock: {dataset: item_group}
match: code
fields:
  code:  {shop: slug, stock: code,  owner: shop}
  title: {shop: name, stock: title, owner: shop}
""",
    "mappings/product.yaml": """
mapping: product
members:
  shop:  {dataset: product}
  stock: {dataset: item}
match: sku
fields:
  sku:      {shop: upper(trim(upc)),  stock: code,     owner: shop}
  name:     {shop: title,             stock: label,    owner: shop}
  price:    {shop: price_cents / 100, stock: price,    owner: shop, check: not_null}
  active:   {shop: is_public,         stock: {field: status, codes: {A: true, X: false}}, owner: shop}
  category: {shop: category_id,       stock: group_no, owner: shop, ref: category}
""",
}


@dataclass(frozen=True)
class Answer:
    """What a command said on each stream, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        """Standard output as the one JSON document that it must be."""
        found = json.loads(self.out)
        assert self.out.count("\n") == 1
        return found


Run = Callable[..., Answer]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the project, which is also the working directory."""
    folder = tmp_path / "project"
    (folder / "mappings").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text.lstrip())
    for name, script in (("shop.db", SHOP), ("stock.db", STOCK)):
        change(folder / name, script)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")
    return folder


def change(path: Path, script: str) -> None:
    """Run a script in one of the databases."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


@pytest.fixture
def run() -> Run:
    """Run one command: `run("plan", "--json")`."""

    def command(*words: str) -> Answer:
        done = CliRunner().invoke(main, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

    return command


@pytest.fixture
def touch(project: Path) -> Callable[[str, str], None]:
    """Change one of the two systems behind Dovetail's back: `touch("stock", "UPDATE ...")`."""
    return lambda system, script: change(project / f"{system}.db", script)
