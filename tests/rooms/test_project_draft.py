"""Drafts of projects: they load, they say why, and they leave out what would be wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from dovetail.errors import DovetailError
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.model.mapping import Match, Project
from dovetail.model.type import Kind, Type
from dovetail.project.draft import draft
from dovetail.project.load import load
from dovetail.project.words import likeness, words
from dovetail.steps.check import check
from dovetail.steps.init import init

SHOP = """
create table categories(id integer primary key, slug text not null unique, name text not null, parent_id integer references categories(id));
create table products(id integer primary key, sku text not null unique, title text, price_cents integer, weight_g integer,
  is_public boolean, category_id integer references categories(id), created_at timestamp not null, "old" text);
create table customers(id integer primary key, email text not null unique, firstName text, phone text, "zip code" text);
create table orders(id integer primary key, number text unique not null, customer_id integer not null references customers(id));
create table order_lines(order_id integer references orders(id), line_no integer, product_id integer references products(id),
  qty integer, primary key(order_id, line_no));
create table audit_log(id integer primary key, what text);
"""
STOCK = """
create table item_group(group_no integer primary key, code text not null unique, title text, parent_no integer references item_group(group_no));
create table item(item_no integer primary key, code text unique not null, description text, list_price decimal(12,2), weight_kg decimal(10,3),
  status text not null, group_no integer references item_group(group_no), "old" text);
create table partner(partner_no integer primary key, mail text unique, full_name text, phone text, postcode text);
create table sales_order(order_no integer primary key, number text unique, partner_no integer references partner(partner_no));
create table sales_order_line(order_no integer references sales_order(order_no), line_no integer,
  item_no integer references item(item_no), quantity integer, primary key(order_no, line_no));
"""


@pytest.fixture
def systems(tmp_path: Path) -> tuple[Path, Path]:
    for name, schema in (("shop.db", SHOP), ("stock.db", STOCK)):
        connection = sqlite3.connect(tmp_path / name)
        connection.executescript(schema)
        connection.close()
    return tmp_path / "shop.db", tmp_path / "stock.db"


def drafted(tmp_path: Path, systems: tuple[Path, Path]) -> Project:
    init(tmp_path / "project", [("shop", str(systems[0])), ("stock", f"sqlite:///{systems[1]}")], variables={})
    return check(tmp_path / "project", None, {}).project


def cells(project: Project, mapping: str) -> dict[str, tuple[str, ...]]:
    found = project.mapping(mapping)
    assert found is not None
    return {field.name: tuple(cell.read for _, cell in field.cells) for field in found.fields}


def test_what_corresponds_is_found(tmp_path: Path, systems: tuple[Path, Path]) -> None:
    project = drafted(tmp_path, systems)
    pairs = {mapping.name: tuple(member.dataset for member in mapping.members) for mapping in project.mappings}
    assert pairs == {
        "categories": ("categories", "item_group"),
        "products": ("products", "item"),
        "customers": ("customers", "partner"),
        "orders": ("orders", "sales_order"),
        "order_lines": ("order_lines", "sales_order_line"),
    }
    assert cells(project, "products") == {
        "sku": ("sku", "code"),
        "title": ("title", "description"),
        "weight_g": ("weight_g", "weight_kg"),
        "category": ("category_id", "group_no"),
        "x_old": ("old", "old"),
    }
    assert cells(project, "order_lines") == {
        "order": ("order_id", "order_no"), "line_no": ("line_no", "line_no"), "product": ("product_id", "item_no"), "qty": ("qty", "quantity"),
    }  # fmt: skip
    assert cells(project, "customers")["zip_code"] == ('"zip code"', "postcode")


def test_keys_and_references(tmp_path: Path, systems: tuple[Path, Path]) -> None:
    project = drafted(tmp_path, systems)
    matches = {mapping.name: mapping.match for mapping in project.mappings}
    assert matches == {
        "categories": Match(("slug",)), "products": Match(("sku",)), "customers": Match(("email",)), "orders": Match(("number",)),
        "order_lines": Match(("order", "line_no")),
    }  # fmt: skip
    references = {
        (mapping.name, field.name): field.ref for mapping in project.mappings for field in mapping.fields if field.ref
    }
    assert references == {
        ("categories", "parent"): "categories", ("products", "category"): "categories", ("orders", "customer"): "customers",
        ("order_lines", "order"): "orders", ("order_lines", "product"): "products",
    }  # fmt: skip


def test_doubts_and_what_is_left_out_are_said(tmp_path: Path, systems: tuple[Path, Path]) -> None:
    drafted(tmp_path, systems)
    text = (tmp_path / "project" / "mappings" / "products.yaml").read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("weight_g:"))
    assert "units" in line
    assert "integer against decimal(10, 3)" in line
    assert "#   created_at (timestamp)" in text
    assert "needs these" in text
    top = (tmp_path / "project" / "dovetail.yaml").read_text()
    assert "audit_log" in top
    assert "path: ../shop.db" in top
    assert (tmp_path / "project" / ".gitignore").read_text() == ".dovetail/\n"


def test_nothing_is_overwritten(tmp_path: Path, systems: tuple[Path, Path]) -> None:
    drafted(tmp_path, systems)
    before = {path: path.read_bytes() for path in (tmp_path / "project").rglob("*") if path.is_file()}
    with pytest.raises(DovetailError, match="DV-171") as caught:
        drafted(tmp_path, systems)
    assert caught.value.exit_code == 2
    assert before == {path: path.read_bytes() for path in (tmp_path / "project").rglob("*") if path.is_file()}


def test_a_mapping_that_stands_there_stops_everything(tmp_path: Path, systems: tuple[Path, Path]) -> None:
    (tmp_path / "project" / "mappings").mkdir(parents=True)
    (tmp_path / "project" / "mappings" / "orders.yaml").write_text("mine")
    with pytest.raises(DovetailError, match="DV-171"):
        drafted(tmp_path, systems)
    assert [path.name for path in (tmp_path / "project").rglob("*.yaml")] == ["orders.yaml"]


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([("shop", "a.db")], "DV-170"),
        ([("shop", "a.db"), ("stock", "")], "DV-170"),
        ([("shop", "a.db"), ("shop", "b.db")], "DV-108"),
        ([("shop", "a.db"), ("owner", "b.db")], "DV-106"),
        ([("shop", "a.db"), ("a b", "b.db")], "DV-106"),
        ([("shop", "gopher://x"), ("stock", "b.db")], "DV-101"),
        ([("db://u:hunter2@h/?a", "x"), ("stock", "b.db")], "DV-106"),
        ([("shop", "${NOWHERE}"), ("stock", "b.db")], "DV-152"),
    ],
)
def test_arguments_that_cannot_be_meant(tmp_path: Path, pairs: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(DovetailError) as caught:
        init(tmp_path, pairs, variables={})
    assert code in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- by hand, without
# systems


def field(name: str, kind: Kind = Kind.TEXT, **more: object) -> Field:
    return Field(name, Type(kind), **more)  # type: ignore[arg-type]


def table(name: str, *fields: Field, key: tuple[str, ...] = ("id",), **more: object) -> Dataset:
    return Dataset(name, DatasetKind.TABLE, fields, key=key, **more)  # type: ignore[arg-type]


def loaded(
    tmp_path: Path, left: list[Dataset], right: list[Dataset], urls: tuple[str, str] = ("a.db", "b.db")
) -> dict[str, str]:
    sides = [
        (name, "sqlite" if "://" not in url else "postgres", url, Catalog(tuple(datasets)))
        for name, datasets, url in (("shop", left, urls[0]), ("stock", right, urls[1]))
    ]
    files = draft(sides[0], sides[1])
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    load(tmp_path, variables={"SHOP_URL": "x", "STOCK_URL": "y"})
    return files


ID = field("id", Kind.INTEGER, drawn=True, nullable=False)


def test_hostile_names_load(tmp_path: Path) -> None:
    names = [
        "a b",
        "a,b",
        "a: b",
        "#a",
        "{a}",
        'a"b',
        "a'b",
        "NO",
        "010",
        "null",
        "1st",
        "select",
        "größe",
        "a\nb",
        "-",
        "owner",
        "a#b ",
        "*x",
        "${A}",
    ]
    fields = [ID, *(field(name) for name in names)]
    for at, name in enumerate(["x: y", "NO", "a\nb: [", "weird 'name'"]):
        (tmp_path / str(at)).mkdir()
        files = loaded(tmp_path / str(at), [table(name, *fields)], [table(name, *fields)])
        assert len(files) == 2


def test_types_that_do_not_meet_stand_as_comments(tmp_path: Path) -> None:
    left = table("item", ID, field("code"), field("active", Kind.BOOLEAN), uniques=(("code",),))
    right = table("item", ID, field("code"), field("active", Kind.DATE), uniques=(("code",),))
    text = loaded(tmp_path, [left], [right])["mappings/item.yaml"]
    assert (
        "  # active: {shop: active, stock: active}  # doubt: boolean against date: write an expression in one of the cells"
        in text
    )


def test_the_types_of_translated_keys_are_no_doubt(tmp_path: Path) -> None:
    schemas = {
        "shop.db": "create table orders(id integer primary key, code text unique); "
        "create table order_lines(id integer primary key, order_id integer references orders(id), sku text unique)",
        "stock.db": "create table orders(order_no varchar(20) primary key, code text unique); "
        "create table order_lines(order_no varchar(20) references orders(order_no), sku text primary key)",
    }
    for name, schema in schemas.items():
        connection = sqlite3.connect(tmp_path / name)
        connection.executescript(schema)
        connection.close()
    init(tmp_path / "p", [("shop", str(tmp_path / "shop.db")), ("stock", str(tmp_path / "stock.db"))], variables={})
    lines = (tmp_path / "p" / "mappings" / "order_lines.yaml").read_text().split("\n")
    (reference,) = [line for line in lines if "ref: orders" in line]
    assert "integer against text" not in reference


def test_a_reference_of_one_side_only_is_a_comment(tmp_path: Path) -> None:
    parent = table("place", ID, field("code"))
    left = table("item", ID, field("code"), field("place_id"), references=(Reference(("place_id",), "place", ("id",)),))
    right = table("item", ID, field("code"), field("place_id"))
    text = loaded(tmp_path, [left, parent], [right])["mappings/item.yaml"]
    assert "  # place_id: " in text
    assert "only shop refers to another dataset (place)" in text


def test_without_a_natural_key_nothing_is_matched(tmp_path: Path) -> None:
    text = loaded(tmp_path, [table("note", ID, field("text"))], [table("note", ID, field("text"))])[
        "mappings/note.yaml"
    ]
    assert "\nmatch:" not in text
    assert "# match: FIELD" in text


def test_tables_that_cannot_be_joined_are_not_drafted(tmp_path: Path) -> None:
    keyless = table("log", field("text"), key=())
    only_numbers = table("link", ID)
    ours = table("dovetail_ledger", ID, field("x"))
    files = loaded(tmp_path, [keyless, only_numbers, ours], [keyless, only_numbers, ours])
    assert list(files) == ["dovetail.yaml"]
    assert "log (table)" in files["dovetail.yaml"]


def test_a_password_is_not_written(tmp_path: Path) -> None:
    same = [table("item", ID, field("code"), uniques=(("code",),))]
    files = loaded(tmp_path, same, same, ("postgresql://ada:hunter2@db/shop", "postgresql://ada@db:5432/stock"))
    assert "hunter2" not in "".join(files.values())
    assert "url: ${SHOP_URL}" in files["dovetail.yaml"]
    assert "export SHOP_URL=" in files["dovetail.yaml"]
    assert 'url: "postgresql://ada@db:5432/stock"' in files["dovetail.yaml"]


def test_a_placeholder_stays_one() -> None:
    same = Catalog((table("item", ID, field("code"), uniques=(("code",),)),))
    text = draft(("shop", "postgres", "${SHOP}", same), ("stock", "sqlite", "b.db", same))["dovetail.yaml"]
    assert 'url: "${SHOP}"' in text
    assert "path: b.db" in text


@pytest.mark.parametrize(
    ("left", "right", "least", "most"),
    [
        ("customer_no", "CustomerNumber", 1.0, 1.0),
        ("qty", "quantity", 1.0, 1.0),
        ("categories", "category", 1.0, 1.0),
        ("email", "e_mail", 0.8, 1.0),
        ("title", "name", 0.8, 0.8),
        ("first_name", "firstname", 1.0, 1.0),
        ("price", "weight", 0.0, 0.5),
        ("is_public", "created_at", 0.0, 0.4),
        ("", "x", 0.0, 0.0),
    ],
)
def test_likeness(left: str, right: str, least: float, most: float) -> None:
    assert least <= likeness(words(left), words(right)) <= most
    assert likeness(words(left), words(right)) == likeness(words(right), words(left))


def _files(folder: Path) -> None:
    folder.mkdir()
    (folder / "orders.csv").write_text("number,customer\n007,Ada\n")
    (folder / "people.csv").write_text("email,name\nada@example.org,Ada\n")
    (folder / "notes.txt").write_text("not of that kind")


@pytest.mark.parametrize("written", ["{folder}", "csv:{folder}"])
def test_a_folder_of_files_is_known_by_what_is_in_it(tmp_path: Path, written: str) -> None:
    _files(tmp_path / "drop")
    sqlite3.connect(tmp_path / "stock.db").close()
    url = written.format(folder=tmp_path / "drop")
    init(tmp_path / "new", [("legacy", url), ("stock", str(tmp_path / "stock.db"))])
    text = (tmp_path / "new" / "dovetail.yaml").read_text()
    assert "connector: csv\n    path: ../drop\n" in text
    assert "    #   orders: {key: [number]}\n    #   people: {key: [email]}\n" in text
    uncommented = text.replace("    # datasets:", "    datasets:").replace("    #   ", "      ")
    (tmp_path / "new" / "dovetail.yaml").write_text(uncommented)
    assert load(tmp_path / "new", variables={}).systems[0].name == "legacy"


def test_a_folder_of_nothing_known_asks_for_the_connector(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "notes.txt").write_text("not of that kind")
    sqlite3.connect(tmp_path / "stock.db").close()
    with pytest.raises(DovetailError) as refused:
        init(tmp_path / "new", [("legacy", str(tmp_path / "drop")), ("stock", str(tmp_path / "stock.db"))])
    assert refused.value.code == "DV-172"
    assert "csv:" in str(refused.value)
