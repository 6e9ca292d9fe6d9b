"""Declared checks: wrong ones are told apart before any row is read, and answers become findings without values."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dovetail.errors import DeclarationError, Declarations, Location, UnknownName
from dovetail.expression.parse import parse
from dovetail.model.mapping import Check, Mapping, SharedField
from dovetail.model.type import Kind, Type
from dovetail.quality import shelf
from dovetail.quality.check import declared, question, questions, wrong
from dovetail.quality.fold import failed, finding
from dovetail.quality.question import Question, answerable

AT = Location("mappings/product.yaml", 7, 12)
SCOPE = {
    "name": Type(Kind.TEXT),
    "price": Type(Kind.INTEGER),
    "born": Type(Kind.DATE),
    "seen": Type(Kind.INSTANT),
    "on": Type(Kind.BOOLEAN),
}


def test_the_shelf_holds_these():
    assert shelf.names() == ("email", "length", "matches", "not_null", "one_of", "refers", "unique", "within")


@pytest.mark.parametrize("name", shelf.names())
def test_every_file_of_the_shelf_is_whole(name):
    shelved = shelf.get(name)
    assert shelved.__doc__
    assert f"check: {name}" in shelved.__doc__ or f"check: {{{name}:" in shelved.__doc__
    assert shelved.validate(("x", "y", "z", None, -1)) is not None
    assert callable(shelved.question)


def test_every_check_has_its_own_code():
    codes = [shelf.get(name).CODE for name in shelf.names()]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("DV-41") for code in codes)


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("not_null", (1,), "name"),
        ("within", (), "price"),
        ("within", (1,), "price"),
        ("within", (None, None), "price"),
        ("within", (2, 1), "price"),
        ("within", (True, 2), "price"),
        ("within", ("a", "b"), "price"),
        ("within", ("a", "b"), "name"),
        ("within", ("yesterday", None), "born"),
        ("within", ("2026-11-21 10:00:00", None), "seen"),
        ("within", (("min", 1), ("max", 2)), "price"),
        ("matches", (), "name"),
        ("matches", (5,), "name"),
        ("matches", ("",), "name"),
        ("matches", ("(",), "name"),
        ("matches", ("(?=a)",), "name"),
        ("matches", (r"(a)\1",), "name"),
        ("matches", ("a" * 1001,), "name"),
        ("matches", ("a",), "price"),
        ("one_of", (), "name"),
        ("one_of", ("a", None), "name"),
        ("one_of", (1, 2), "name"),
        ("one_of", ("a",), "price"),
        ("one_of", tuple(range(1001)), "price"),
        ("refers", ("country",), "name"),
        ("refers", ("country", 1), "name"),
        ("length", (), "name"),
        ("length", (-1,), "name"),
        ("length", (3, 2), "name"),
        ("length", (True,), "name"),
        ("length", (2,), "price"),
        ("email", ("mx",), "name"),
        ("email", (), "price"),
        ("unique", ("name",), "price"),
        ("unique", (), ""),
        ("unique", ("name", "name"), ""),
        ("unique", ("name", "nothing"), ""),
        ("unique", (7,), ""),
        ("not_null", (), ""),
        ("not_null", (), "nothing"),
    ],
)
def test_a_wrong_check_is_told_with_its_place(name, arguments, field):
    with pytest.raises(DeclarationError) as caught:
        question(Check(name, arguments, AT, field), SCOPE)
    assert caught.value.where == AT
    assert caught.value.code == "DV-175"
    assert f"check {name}: " in caught.value.message
    assert caught.value.hint


def test_an_unknown_check_names_the_nearest():
    with pytest.raises(UnknownName) as caught:
        question(Check("uniqe", (), AT, "name"), SCOPE)
    assert "unique" in caught.value.hint
    assert isinstance(wrong(Check("zzz", (), AT, "name")), UnknownName)
    assert wrong(Check("not_null", (), AT, "name")) is None


def test_all_mistakes_are_told_together():
    checks = [Check("not_null", (1,), AT, "name"), Check("not_null", (), AT, "name"), Check("length", (), AT, "name")]
    with pytest.raises(Declarations) as caught:
        questions(checks, SCOPE)
    assert len(caught.value.mistakes) == 2


def test_the_checks_of_a_mapping_in_their_order():
    field = SharedField("name", (), AT, checks=(Check("not_null", (), AT, "name"), Check("length", (9,), AT, "name")))
    mapping = Mapping("product", (), (field,), AT, checks=(Check("unique", ("name", "price"), AT),))
    asked = questions(declared(mapping), SCOPE)
    assert [one.name for one in asked] == [
        "check not_null of name",
        "check length of name",
        "check unique of name, price",
    ]
    assert [one.code for one in asked] == ["DV-410", "DV-417", "DV-411"]


@pytest.mark.parametrize("name", ['a "b"', "select", "a field", "ä", "value", "least", "old"])
def test_a_field_may_have_any_name(name):
    asked = question(Check("within", (0, 9), AT, name), {name: Type(Kind.INTEGER)})
    assert asked.expression.names == (name,)


def test_a_failure_tells_everything_but_the_value():
    asked = question(Check("length", (3,), AT, "name"), SCOPE)
    (row,) = failed(asked, pa.table({"name": ["abc", "Lovelace"]}), answer=pa.array([True, False]))
    assert (row.position, row.field, row.check, row.code) == (1, "name", "length", "DV-417")
    told = finding(row, "customer", member="shop", key=[("id", "17")], number=3)
    assert told.document() == {
        "code": "DV-417",
        "severity": "problem",
        "mapping": "customer",
        "member": "shop",
        "key": {"id": "17"},
        "field": "name",
        "message": "name has more than 3 characters (check length)",
        "next": "dovetail rejects show 3",
    }


def test_an_expression_needs_its_answer():
    with pytest.raises(ValueError, match="needs an answer"):
        failed(question(Check("not_null", (), AT, "name"), SCOPE), pa.table({"name": ["a"]}))


def test_one_mistake_is_told_as_itself():
    with pytest.raises(UnknownName) as caught:
        questions([Check("uniqe", field="name", at=AT), Check("not_null", field="name")], SCOPE)
    assert (caught.value.where, caught.value.hint) == (AT, "did you mean unique?")


def test_a_check_of_rows_names_fields_that_are_there():
    with pytest.raises(DeclarationError, match="there is no shared field 'nobody' to check"):
        question(Check("unique", ("name", "nobody")), SCOPE)


def test_a_list_of_values_holds_some():
    assert "at least one value" in shelf.get("one_of").validate(())
    assert "a list of values" in shelf.get("one_of").validate((("min", 1),))


def test_a_new_check_that_asks_no_yes_or_no_is_found_out():
    asked = Question(Check("mine", field="price", at=AT), ("price",), "DV-499", "is bad", expression=parse("price + 1"))
    with pytest.raises(DeclarationError, match="its answer is integer, neither true nor false"):
        answerable(asked, SCOPE)


def test_only_checks_of_the_shelf_are_loaded():
    """The name comes from a file that a person wrote; it must never choose a module to import."""
    with pytest.raises(KeyError):
        shelf.get("..question")
