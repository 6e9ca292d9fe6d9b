"""The name of a feed and what it is to cover; and what an analysis says of how changes can be seen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.analysis.seeing import verdicts
from dovetail.engine.feed import covered, feed_name
from dovetail.errors import Location
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.model.change import Visibility
from dovetail.model.mapping import Mapping, Member, Project, Query, System
from dovetail.model.profile import Profile
from dovetail.model.type import Kind, Type

AT = Location("dovetail.yaml", 1, 1)
INTEGER, STAMP = Type(Kind.INTEGER), Type(Kind.TIMESTAMP)


@given(st.text(max_size=80), st.none() | st.text(max_size=20), st.text(max_size=40))
def test_a_name_is_one_that_every_system_takes(project: str, environment: str | None, installation: str) -> None:
    name = feed_name(project, environment, installation)
    assert re.fullmatch("dovetail(_[a-z0-9]+)+", name)
    assert len(name) <= 40
    assert name == feed_name(project, environment, installation)
    assert name != feed_name(project, environment, installation + "x")
    assert name != feed_name(project, f"{environment or ''}x", installation)


def table(name: str, *fields: str, key: tuple[str, ...] = ("id",), kind: DatasetKind = DatasetKind.TABLE) -> Dataset:
    return Dataset(name, kind, tuple(Field(one, INTEGER) for one in ("id", *fields)), key)


def member(name: str, system: str, dataset: str, *key: str) -> Member:
    return Member(name, system, dataset, AT, key=key)


CATALOG = Catalog(
    (
        table("item", "code", "sku"),
        table("bom"),
        table("stock"),
        table("other"),
        table("buildable", kind=DatasetKind.QUERY),
    )
)


def project(*members: Member) -> Project:
    query = Query("buildable", "SELECT 1", ("id",), ("bom", "stock"), AT)
    systems = (System("a", "sqlite", (), AT, queries=(query,)), System("b", "sqlite", (), AT))
    mappings = tuple(Mapping(f"m{at}", (one,), (), AT) for at, one in enumerate(members))
    return Project("p", "/p", systems, mappings)


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ([member("a", "a", "item")], {"item": ("id",)}),
        ([member("a", "a", "item", "code")], {"item": ("code",)}),
        ([member("a", "a", "item", "code"), member("x", "a", "item", "sku")], {"item": ("code", "sku")}),
        ([member("a", "a", "buildable")], {"bom": ("id",), "stock": ("id",)}),
        ([member("a", "a", "gone"), member("b", "b", "item")], {}),
    ],
)
def test_a_feed_covers_what_members_need(members: list[Member], wanted: dict[str, tuple[str, ...]]) -> None:
    found = covered(project(*members), "a", CATALOG)
    assert {one.name: one.key for one in found} == wanted


def test_looking_is_said_to_cost_and_to_miss() -> None:
    stamped = Dataset("t", DatasetKind.TABLE, (Field("id", INTEGER), Field("updated_at", STAMP)), ("id",))
    profiles = {"t": Profile("t", rows=1200, fields=())}
    (found,) = verdicts([stamped], {}, profiles, has_digests=True)
    assert (found.way, found.dataset) == ("digests", "t")
    assert "1,200 rows" in found.cost
    assert "changes back" in found.missed
    assert "updated_at" in found.reason
    assert "no deletes" in found.reason
    assert "commits after" in found.reason
    (plain,) = verdicts([stamped], {}, profiles, has_digests=False)
    assert plain.way == "reading"


def test_what_a_system_says_of_itself_stands() -> None:
    noted = Visibility("item", "slot", missed="nothing", cost="the log is kept", reason="")
    found = verdicts(CATALOG.datasets, {"item": noted}, {}, has_digests=True)
    assert found[0] is noted
    assert [one.dataset for one in found] == [one.name for one in CATALOG.datasets]
    refused = Visibility("item", "digests", reason="the account may not")
    (told,) = verdicts(CATALOG.datasets[:1], {"item": refused}, {}, has_digests=False)
    assert (told.way, told.reason) == ("reading", "the account may not")
