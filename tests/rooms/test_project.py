"""What a project's files mean."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from dovetail.errors import Declarations, MissingDriver, UnknownName
from dovetail.model.mapping import Cell, Check, DeleteRule, Guard, Match, Policy, Project, Rule, SharedField
from dovetail.project.load import load
from dovetail.steps.check import check

TOP = """\
dovetail: 1
project: shop-and-warehouse
systems:
  shop:
    connector: postgres
    url: ${SHOP_URL}
    queries: {buildable: {sql: SELECT 1 AS id, key: [id], watches: [bom, stock]}}
  warehouse:
    connector: mariadb
    url: ${secret:warehouse_url}
    timezone: Europe/Berlin
defaults:
  policy: ask
  guard: {rows: 50, share: 5%}
vars: {company: 1, rate: 1.19, name: NO}
environments:
  staging:    {systems: {shop: {url: "${STAGING_URL}"}}, vars: {company: 9}}
  lite:       {systems: {shop: {connector: sqlite, path: shop.db}}, defaults: {policy: min}}
  production: {state: "${STATE_URL}"}
"""

PRODUCT = """\
mapping: product
members:
  shop:      {dataset: catalogue_product, where: structure <> 'parent', changed: updated_at}
  warehouse: {dataset: item, changed: stamp, key: [code], let: {grams: "1000"}, set: {created_by: {value: "'dovetail'", when: create}, both: sku || name}}
match: sku
fields:
  sku:      {shop: upc,                 warehouse: code}
  name:     {shop: title,               warehouse: description,  owner: shop}
  price:    {shop: price_cents / 100,   warehouse: list_price,   owner: shop, elsewhere: keep}
  active:   {shop: is_public,           warehouse: {field: status, codes: {A: true, X: false}}, policy: {prefer: shop}}
  weight:   {shop: weight_g,            warehouse: weight_kg * grams,  policy: {prefer: [warehouse, shop]}}
  category: {shop: category_id,         warehouse: group_id,     ref: category,  owner: shop}
  on_hand:  {shop: num_in_stock,        warehouse: qty,          policy: delta, floor: 0, first: warehouse, recount: counted}
  contact:  {shop: lower(trim(contact)), warehouse: {field: mail, null: ''}, check: email, owner: {true: shop, false: any}}
  stamp:    {shop: stamp,               warehouse: {read: "coalesce(a, b)", write: {a: stamp, b: old.b}}, policy: newest}
  state:    {shop: {field: state, null: omit}, warehouse: state, policy: {max: {order: [new, paid, 03]}}}
  size:     {shop: first name,          warehouse: size, check: [not_null, {within: [0, 10.5]}]}
  total:    {value: "coalesce(on_hand, 0) + 1", shop: num}
deletes: {shop: propagate, warehouse: ask}
every: 5s
guard: {share: 20%}
check: {unique: [sku, name]}
"""
PRODUCT = PRODUCT.replace("shop: first name,", "shop: {field: first name},")

CATEGORY = """\
mapping: category
members:
  shop:      {dataset: buildable}
  warehouse: {dataset: item_group, gone: deleted = 1, remove: {deleted: "1"}, wants: code <> 'x', leaves: remove, creates: never}
match: {together: [code, parent]}
fields:
  code:   {shop: slug, warehouse: code}
  parent: {shop: parent_id, warehouse: parent_no, ref: category, by: code}
deletes: {shop: soft}
every: "0 2 * * *"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text(TOP)
    (tmp_path / "mappings" / "product.yaml").write_text(PRODUCT)
    (tmp_path / "mappings" / "category.yaml").write_text(CATEGORY)
    return tmp_path


VARIABLES = {"SHOP_URL": "x", "STAGING_URL": "y", "STATE_URL": "z"}


@pytest.fixture
def project(folder: Path) -> Project:
    return load(folder, variables=VARIABLES)


def field(project: Project, name: str, mapping: str = "product") -> SharedField:
    found = project.mapping(mapping)
    assert found is not None
    shared = found.field(name)
    assert shared is not None
    return shared


def cell(project: Project, name: str, member: str) -> Cell:
    found = field(project, name).cell(member)
    assert found is not None
    return dataclasses.replace(found, at=None)  # type: ignore[arg-type]


def test_systems(project: Project, folder: Path) -> None:
    assert project.name == "shop-and-warehouse"
    assert Path(project.folder) == folder
    shop, warehouse = project.systems
    assert (shop.connector, dict(shop.settings)) == ("postgres", {"url": "${SHOP_URL}"})
    assert [(query.name, query.sql, query.key, query.watches) for query in shop.queries] == [
        ("buildable", "SELECT 1 AS id", ("id",), ("bom", "stock"))
    ]
    assert (warehouse.timezone, dict(warehouse.settings)) == ("Europe/Berlin", {"url": "${secret:warehouse_url}"})
    assert dict(project.vars) == {"company": 1, "rate": Decimal("1.19"), "name": "NO"}
    assert project.environments == ("staging", "lite", "production")
    assert project.state is None
    assert project.files == ("dovetail.yaml", "mappings/category.yaml", "mappings/product.yaml")


def test_environments(folder: Path) -> None:
    staging = load(folder, environment="staging", variables=VARIABLES)
    assert dict(staging.systems[0].settings) == {"url": "${STAGING_URL}"}
    assert [query.name for query in staging.systems[0].queries] == ["buildable"]
    assert dict(staging.vars) == {"company": 9, "rate": Decimal("1.19"), "name": "NO"}
    lite = load(folder, environment="lite", variables={})
    assert dict(lite.systems[0].settings) == {"path": "shop.db"}
    assert lite.systems[0].connector == "sqlite"
    assert field(lite, "sku").policy == Policy(Rule.MIN)
    production = load(folder, environment="production", variables=VARIABLES)
    assert (production.state, production.environment) == ("${STATE_URL}", "production")


def test_variables_are_asked_for_only_where_they_are_used(folder: Path) -> None:
    load(folder, environment="staging", variables={"STAGING_URL": "y"})
    with pytest.raises(Declarations, match="SHOP_URL is not set"):
        load(folder, variables={})
    with pytest.raises(Declarations, match="STATE_URL is not set"):
        load(folder, environment="production", variables={"SHOP_URL": "x"})


def test_members(project: Project) -> None:
    product = project.mapping("product")
    category = project.mapping("category")
    assert product is not None
    assert category is not None
    shop, warehouse = product.members
    assert (shop.name, shop.system, shop.dataset, shop.where) == (
        "shop",
        "shop",
        "catalogue_product",
        "structure <> 'parent'",
    )
    assert (shop.changed, shop.deletes, warehouse.deletes) == ("updated_at", DeleteRule.PROPAGATE, DeleteRule.ASK)
    assert (warehouse.key, warehouse.lets) == (("code",), (("grams", "1000"),))
    assert [(fill.column, fill.expression, fill.on) for fill in warehouse.fills] == [
        ("created_by", "'dovetail'", "create"),
        ("both", "sku || name", "always"),
    ]
    groups = category.members[1]
    assert (groups.gone, groups.remove, groups.wants) == ("deleted = 1", (("deleted", "1"),), "code <> 'x'")
    assert (groups.leaves, groups.creates, shop.leaves, shop.creates) == ("remove", "never", "detach", "propagate")
    assert str(shop.at) == "mappings/product.yaml:3:3"


def test_mapping(project: Project) -> None:
    product, category = project.mapping("product"), project.mapping("category")
    assert product is not None
    assert category is not None
    assert (product.match, category.match) == (Match(("sku",)), Match(("code", "parent")))
    assert (product.every_s, product.calendar) == (5.0, None)
    assert (category.every_s, category.calendar.text) == (None, "0 2 * * *")
    assert product.guard == Guard(rows=50, share=0.2)
    assert category.guard == Guard(rows=50, share=0.05)
    assert [(check.name, check.arguments, check.field) for check in product.checks] == [("unique", ("sku", "name"), "")]


def test_fields(project: Project) -> None:
    assert field(project, "sku").policy == Policy(Rule.ASK)
    assert (field(project, "name").owner, field(project, "name").policy) == ("shop", None)
    assert field(project, "price").elsewhere == "keep"
    assert field(project, "active").policy == Policy(Rule.PREFER, members=("shop",))
    assert field(project, "weight").policy == Policy(Rule.PREFER, members=("warehouse", "shop"))
    assert (field(project, "category").ref, field(project, "category").by) == ("category", None)
    assert field(project, "parent", "category").by == "code"
    on_hand = field(project, "on_hand")
    assert (on_hand.policy, on_hand.first, on_hand.floor, on_hand.recount) == (
        Policy(Rule.DELTA),
        "warehouse",
        "0",
        "counted",
    )
    assert field(project, "contact").owner == ((True, "shop"), (False, "any"))
    assert field(project, "state").policy == Policy(Rule.MAX, order=("new", "paid", "03"))
    assert field(project, "total").value == "coalesce(on_hand, 0) + 1"
    checks = [dataclasses.replace(check, at=None) for check in field(project, "size").checks]
    assert checks == [Check("not_null", (), None, "size"), Check("within", (0, Decimal("10.5")), None, "size")]


def test_cells(project: Project) -> None:
    none: object = None
    assert cell(project, "price", "shop") == Cell("price_cents / 100", none)  # type: ignore[arg-type]
    assert cell(project, "active", "warehouse") == Cell("status", none, codes=(("A", True), ("X", False)))  # type: ignore[arg-type]
    assert cell(project, "contact", "warehouse") == Cell("mail", none, nothing="")  # type: ignore[arg-type]
    assert cell(project, "state", "shop") == Cell("state", none, omit=True)  # type: ignore[arg-type]
    assert cell(project, "size", "shop") == Cell('"first name"', none)  # type: ignore[arg-type]
    assert cell(project, "stamp", "warehouse") == Cell(
        "coalesce(a, b)",
        none,  # type: ignore[arg-type]
        write=(("a", "stamp"), ("b", "old.b")),
    )
    at = field(project, "price").cells[0][1].at
    assert str(at) == "mappings/product.yaml:9:20"


def test_groups_stand_for_their_members(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    systems = "".join(f"  {name}: {{connector: x}}\n" for name in ("shop", "north", "south", "west"))
    (tmp_path / "dovetail.yaml").write_text(f"dovetail: 1\nproject: p\nsystems:\n{systems}")
    (tmp_path / "mappings" / "stock.yaml").write_text(
        """\
mapping: stock
groups: {depot: [north, south, west]}
members:
  shop:  {dataset: product}
  depot: {dataset: stock, creates: never}
  north: {where: depot = 'N', creates: propagate}
match: sku
fields:
  sku:  {shop: upc, depot: code, owner: shop}
  note: {shop: note, depot: note, south: remark, policy: {prefer: [depot, shop]}}
deletes: {west: restore, depot: detach}
"""
    )
    stock = load(tmp_path, variables={}).mapping("stock")
    assert stock is not None
    assert [(one.name, one.system, one.dataset, one.where, one.creates) for one in stock.members] == [
        ("shop", "shop", "product", None, "propagate"),
        ("north", "north", "stock", "depot = 'N'", "propagate"),
        ("south", "south", "stock", None, "never"),
        ("west", "west", "stock", None, "never"),
    ]
    assert [str(member.deletes) for member in stock.members] == ["None", "detach", "detach", "restore"]
    note = stock.field("note")
    assert note is not None
    assert [(name, one.read) for name, one in note.cells] == [
        ("shop", "note"), ("north", "note"), ("south", "remark"), ("west", "note")
    ]  # fmt: skip
    assert note.policy == Policy(Rule.PREFER, members=("north", "south", "west", "shop"))


def test_two_members_of_one_system(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text("dovetail: 1\nproject: p\nsystems: {shop: {connector: x}}\n")
    (tmp_path / "mappings" / "person.yaml").write_text(
        "mapping: person\nmembers:\n  people: {system: shop, dataset: a}\n  guests: {system: shop, dataset: b}\n"
        "fields:\n  mail: {people: mail, guests: mail, owner: people}\n"
    )
    person = load(tmp_path, variables={}).mapping("person")
    assert person is not None
    assert [(member.name, member.system) for member in person.members] == [("people", "shop"), ("guests", "shop")]


def test_later_parts_are_noted(folder: Path) -> None:
    (folder / "dovetail.yaml").write_text(TOP + "goals: [{name: fewer}]\npeople: {ada: {mail: x}}\n")
    (folder / "scope.yaml").write_text("raci: {}\n")
    project = load(folder, variables=VARIABLES)
    assert [str(note).partition(": ")[2] for note in project.notes] == [
        "`goals` is read, and not used yet",
        "`people` is read, and not used yet",
        "scope.yaml is read, and not used yet",
    ]
    (folder / "scope.yaml").write_text("raci: {\n")
    with pytest.raises(Declarations, match=r"scope\.yaml:2:1: DV-111"):
        load(folder, variables=VARIABLES)


def test_a_field_at_a_query_needs_no_rule(folder: Path) -> None:
    (folder / "dovetail.yaml").write_text(TOP.replace("  policy: ask\n", ""))
    with pytest.raises(Declarations) as caught:
        load(folder, variables=VARIABLES)
    assert {str(mistake.where) for mistake in caught.value.mistakes} == {
        "mappings/product.yaml:7:3", "mappings/product.yaml:17:3",
    }  # fmt: skip
    assert {mistake.code for mistake in caught.value.mistakes} == {"DV-160"}


# ------------------------------------------------------------------------------------------------------------ the
# digest


def digest(folder: Path, change: tuple[str, str] = ("", ""), file: str = "mappings/product.yaml", **more: str) -> str:
    path = folder / file
    before = path.read_text()
    assert change[0] in before
    path.write_text(before.replace(*change, 1) if change[0] else before)
    try:
        return load(folder, variables=VARIABLES, **more).digest  # type: ignore[arg-type]
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    "change",
    [
        ("mapping: product", "# why\nmapping: product"),
        ("{shop: upc,                 warehouse: code}", "{warehouse: code, shop: 'upc'}"),
        ("match: sku\n", "match:   sku # the number\n"),
        ("10.5", "10.50"),
        ("deletes: {shop: propagate, warehouse: ask}", "deletes:\n  warehouse: ask\n  shop: propagate"),
    ],
)
def test_digest_does_not_see_how_it_is_written(folder: Path, change: tuple[str, str]) -> None:
    assert digest(folder, change) == digest(folder)


@pytest.mark.parametrize(
    "change",
    [
        ("price_cents / 100", "price_cents / 10"),
        ("X: false", "Y: false"),
        ("{A: true, X: false}", "{A: 'true', X: 'false'}"),
        ("owner: shop}", "owner: warehouse}"),
        ("[warehouse, shop]", "[shop, warehouse]"),
        ("every: 5s", "every: 6s"),
        ("  shop:      {dataset: catalogue_product, where: structure <> 'parent', changed: updated_at}\n", ""),
    ],
)
def test_digest_sees_what_is_meant(folder: Path, change: tuple[str, str]) -> None:
    if not change[1]:
        line = change[0]
        change = ("match: sku\n", f"{line}match: sku\n")
        text = (folder / "mappings" / "product.yaml").read_text()
        before = digest(folder)
        (folder / "mappings" / "product.yaml").write_text(text.replace(line, "", 1).replace(*change, 1))
        assert digest(folder) != before
    else:
        assert digest(folder, change) != digest(folder)


def test_digest_is_that_of_all_environments_and_not_of_names_of_files(folder: Path) -> None:
    before = digest(folder)
    assert digest(folder, environment="staging") == before
    (folder / "mappings" / "product.yaml").rename(folder / "mappings" / "renamed.yaml")
    assert digest(folder, file="mappings/renamed.yaml") == before
    assert len(before) == 64


# ---------------------------------------------------------------------------------------------------------- the
# settings


@dataclass(frozen=True, kw_only=True)
class Connector:
    """A connector with settings of several types."""

    path: Path
    """The file."""
    rows: int = 5
    wait_s: float = 1.5
    names: tuple[str, ...] = ()
    _open: int = 0

    def __post_init__(self) -> None:
        raise AssertionError("validating settings makes no connector")


def settings(tmp_path: Path, text: str, variables: dict[str, str] | None = None) -> Project:
    (tmp_path / "dovetail.yaml").write_text(
        f"dovetail: 1\nproject: p\nsystems: {{shop: {{connector: file, {text}}}}}\n"
    )
    return load(tmp_path, variables=variables or {}, settings_of=lambda _: Connector)


def test_settings_that_fit(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "path: a.db, rows: 7, wait_s: 0.5, names: [a, b]")
    assert dict(loaded.systems[0].settings) == {"path": "a.db", "rows": 7, "wait_s": 0.5, "names": ["a", "b"]}
    settings(tmp_path, "path: '${PLACE}', rows: '${ROWS}'", {"PLACE": "x", "ROWS": "12"})
    settings(tmp_path, "path: '${secret:place}', rows: '${secret:rows}'")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows: 7", "needs `path`"),
        ("path: a, rows: many", "a whole number is expected"),
        ("path: a, rows: '${ROWS}'", "a whole number is expected"),
        ("path: a, rows: 1.5", "a whole number is expected"),
        ("path: [a]", "a path is expected"),
        ("path: a, names: b", "a list is expected"),
        ("path: a, names: [1]", "a text is expected"),
        ("path: a, _open: 1", "no setting '_open'"),
        ("path: a, row: 1", "did you mean 'rows'"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Declarations) as caught:
        settings(tmp_path, text, {"ROWS": "many"})
    assert words in str(caught.value)
    assert len(caught.value.mistakes) == 1


def test_a_driver_that_is_missing_stops_no_check(tmp_path: Path) -> None:
    def settings_of(name: str) -> type:
        if name == "oracle":
            raise MissingDriver("the connector 'oracle' needs oracledb, which is not installed")
        raise UnknownName(f"no connector is named {name!r}", hint="known names: oracle")

    (tmp_path / "dovetail.yaml").write_text("dovetail: 1\nproject: p\nsystems: {a: {connector: oracle, any: 1}}\n")
    project = load(tmp_path, variables={}, settings_of=settings_of)
    assert "not checked" in str(project.notes[0])
    (tmp_path / "dovetail.yaml").write_text("dovetail: 1\nproject: p\nsystems: {a: {connector: orcle}}\n")
    with pytest.raises(Declarations, match=r"dovetail.yaml:3:26: DV-101 no connector is named 'orcle'"):
        load(tmp_path, variables={}, settings_of=settings_of)


def test_check_counts(folder: Path) -> None:
    text = TOP.replace("connector: postgres\n    url: ${SHOP_URL}", "connector: sqlite\n    path: a.db")
    text = text.replace("connector: mariadb\n    url: ${secret:warehouse_url}", "connector: sqlite\n    path: b.db")
    (folder / "dovetail.yaml").write_text(text[: text.index("environments:")])
    checked = check(folder, None, {})
    assert checked.words().splitlines()[-1] == "3 files, 2 systems, 2 mappings, 14 fields, no mistakes"
    document = checked.document()
    assert (document["files"], document["mappings"], document["fields"]) == (3, 2, 14)
    assert document["digest"] == checked.project.digest


def test_the_shipped_demo_holds() -> None:
    demo = Path(__file__).resolve().parents[2] / "src" / "dovetail" / "demo" / "project"
    assert len(check(demo, None, {}).project.mappings) >= 5
