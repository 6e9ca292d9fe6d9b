"""A system whose connector only reads gives rows and never gets any; a declaration that would write there is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import Declarations
from dovetail.model.catalog import Catalog, Dataset
from dovetail.systems import registry
from dovetail.systems.connectors.sqlite import Connector as SQLite

SYSTEMS = {
    "shop": "CREATE TABLE product (sku TEXT PRIMARY KEY, title TEXT); INSERT INTO product VALUES ('a', 'A'), ('b', 'B')",
    "stock": "CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT); INSERT INTO item VALUES ('c', 'C')",
}
MAPPING = """\
members: {{shop: {{dataset: product}}, stock: {{dataset: item}}}}
match: sku
fields:
  sku: {{shop: sku, stock: code, owner: shop}}
  name: {{shop: title, stock: name, {rule}}}
deletes: {{shop: ask, stock: ask}}
"""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Two verbs, as every connector begins."""

    path: Path

    def describe(self) -> Catalog:
        return SQLite(path=self.path).describe()

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from SQLite(path=self.path).read(dataset, fields)

    def close(self) -> None:
        pass


class Point:
    def load(self) -> type[Reading]:
        return Reading


@pytest.fixture
def reading_shop(lab, monkeypatch):
    monkeypatch.setattr(registry, "_foreign", lambda: {"reading": Point()})

    def made(rule: str):
        project = lab(SYSTEMS, {"product": MAPPING.format(rule=rule)})
        text = (project.folder / "dovetail.yaml").read_text()
        old = "shop: {connector: sqlite, path: shop.db}"
        assert old in text
        project.write("dovetail.yaml", text.replace(old, f"shop: {{connector: reading, path: {project.folder}/shop.db}}"))
        return project

    return made


def test_it_gives_rows_and_gets_none(reading_shop):
    project = reading_shop("owner: shop")
    counts = project.migrate().mappings["product"]
    assert counts.created == 2
    assert "shop" not in counts.members
    assert project.sql("stock", "SELECT * FROM item ORDER BY code") == [("a", "A"), ("b", "B"), ("c", "C")]
    assert project.sql("shop", "SELECT count(*) FROM product") == [(2,)]
    assert project.migrate().mappings["product"].created == 0


def test_a_value_that_would_have_to_go_there_is_a_mistake_before_anything_is_written(reading_shop):
    project = reading_shop("policy: {prefer: stock}")
    with pytest.raises(Declarations) as refused:
        project.migrate()
    (mistake,) = refused.value.mistakes
    assert mistake.code == "DV-209"
    assert "the connector of 'shop' only reads" in str(mistake)
    assert project.sql("stock", "SELECT count(*) FROM item") == [(1,)]
