"""The nouns' own arithmetic: outcomes that add up, summaries as documents, names that are looked up."""

from dovetail.errors import Location
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.model.finding import Finding
from dovetail.model.mapping import Cell, Mapping, Member, Note, Project, SharedField, System
from dovetail.model.placeholder import malformed
from dovetail.model.run import OUTCOMES, MappingCount, MemberCount, Summary
from dovetail.model.type import Kind, Type

AT = Location("m.yaml", 1, 1)


def test_every_outcome_counts_once():
    for outcome in OUTCOMES:
        count = MappingCount(rows=1)
        assert not count.adds_up
        setattr(count, outcome, 1)
        assert count.adds_up, outcome


def test_nothing_happened_until_it_is_counted():
    assert Summary("plan", "r1").document() == {
        "command": "plan",
        "run": "r1",
        "ok": True,
        "seconds": 0.0,
        "mappings": {},
        "findings": [],
        "lossy": [],
    }
    count = MappingCount()
    assert count.adds_up
    assert {value for value in count.document().values() if isinstance(value, int)} == {0}


def test_a_summary_as_a_document():
    count = MappingCount(
        rows=3, read={"shop": 3}, created=2, unchanged=1, different=4, members={"shop": MemberCount(2)}
    )
    summary = Summary("migrate", "r1", seconds=1.23456, mappings={"product": count})
    summary.findings.append(Finding("DV-461", "differs", key=(("id", "7"),)))
    document = summary.document()
    assert document["seconds"] == 1.235
    assert document["mappings"] == {
        "product": {
            "rows": 3,
            "read": {"shop": 3},
            **dict.fromkeys(OUTCOMES, 0),
            "created": 2,
            "unchanged": 1,
            "different": 4,
            "members": {"shop": {"created": 2, "updated": 0, "deleted": 0}},
        }
    }
    assert document["findings"] == [{"code": "DV-461", "severity": "problem", "message": "differs", "key": {"id": "7"}}]
    assert "plan" not in document
    assert "follow_up" not in document
    summary.plan, summary.follow_up = "here", "there"
    assert (summary.document()["plan"], summary.document()["follow_up"]) == ("here", "there")


def test_names_are_looked_up_exactly():
    member = Member("shop", "shop", "product", AT)
    shared = SharedField("name", (("shop", Cell("title", AT)),), AT)
    mapping = Mapping("product", (member,), (shared,), AT)
    project = Project("p", "/p", (System("shop", "sqlite", (), AT),), (mapping,))
    assert project.mapping("product") is mapping
    assert project.system("shop").connector == "sqlite"
    assert mapping.member("shop") is member
    assert mapping.field("name") is shared
    assert shared.cell("shop").read == "title"
    dataset = Dataset("t", DatasetKind.TABLE, (Field("id", Type(Kind.INTEGER)),))
    assert Catalog((dataset,)).dataset("t").field("id").type.kind is Kind.INTEGER
    for missing in (
        project.mapping("Product"),
        project.system("SHOP"),
        mapping.member("Shop"),
        mapping.field("Name"),
        shared.cell("Shop"),
        dataset.field("ID"),
        Catalog((dataset,)).dataset("T"),
    ):
        assert missing is None


def test_a_long_malformed_placeholder_is_shown_in_part():
    assert [len(found) for found in malformed("${" + "x " * 50)] == [40]


def test_a_note_says_where():
    assert str(Note("read this", AT)) == "m.yaml:1:1: read this"
