"""Measuring: profiles, shapes, personal data and dependencies as pure functions."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.analysis.answer import SystemAnalysis
from dovetail.analysis.dependency import dependency, rings
from dovetail.analysis.patterns import SHAPE_LENGTH_MAX, shape, shapes
from dovetail.analysis.sensitivity import is_card, is_iban, sensitivity
from dovetail.analysis.statistics import Measure, Question, fold, questions, spoken
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.model.type import Kind, Type

PEOPLE = Dataset(
    "customer",
    DatasetKind.TABLE,
    (
        Field("id", Type(Kind.INTEGER)),
        Field("email", Type(Kind.TEXT)),
        Field("status", Type(Kind.TEXT)),
        Field("credit", Type(Kind.DECIMAL, 10, 2)),
    ),
    key=("id",),
)
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "email": pa.array(["ada@example.org", "bo@example.org", None, "cy@example.org"]),
        "status": pa.array(["A", "A", "X", ""]),
        "credit": pa.array([Decimal("1.50"), None, Decimal("-2.00"), Decimal("1.50")], pa.decimal128(10, 2)),
    }
)


def test_profile_counts_exactly() -> None:
    profile = fold(PEOPLE, ROWS, rows=4)
    by_name = {field.name: field for field in profile.fields}
    assert profile.sampled is None
    assert (by_name["id"].least, by_name["id"].most, by_name["id"].distinct) == ("1", "4", 4)
    assert (by_name["credit"].nulls, by_name["credit"].least, by_name["credit"].most) == (1, "-2.00", "1.50")
    assert by_name["status"].common == (("A", 2),)
    assert by_name["status"].longest == 1
    assert by_name["status"].shapes == (("A", 3), ("", 1))


def test_no_value_of_personal_fields_gets_into_the_profile() -> None:
    twice = pa.concat_tables([ROWS, ROWS])
    email = next(field for field in fold(PEOPLE, twice, rows=8).fields if field.name == "email")
    assert email.sensitive == "email"
    assert (email.common, email.least, email.most) == ((), "", "")
    assert "ada" not in repr(email)
    assert "example" not in repr(email)


def test_answers_of_the_system_outrank_the_sample() -> None:
    answers: dict[Question, object] = dict.fromkeys(questions(PEOPLE), 7)
    answers[Question("id", Measure.FILLED)] = 90
    profile = fold(PEOPLE, ROWS, rows=100, answers=answers)
    assert profile.sampled == 4
    assert (profile.fields[0].rows, profile.fields[0].nulls, profile.fields[0].distinct) == (100, 10, 7)


def test_without_answers_the_numbers_are_the_samples() -> None:
    profile = fold(PEOPLE, ROWS, rows=100)
    assert (profile.rows, profile.sampled, profile.fields[0].rows) == (100, 4, 4)


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=30))
def test_text_profile_agrees_with_plain_python(values: list[str | None]) -> None:
    dataset = Dataset("thing", DatasetKind.TABLE, (Field("x", Type(Kind.TEXT)),))
    field = fold(dataset, pa.table({"x": pa.array(values, pa.string())}), rows=len(values)).fields[0]
    filled = [value for value in values if value is not None]
    assert field.nulls == len(values) - len(filled)
    assert field.distinct == len(set(filled))
    assert field.longest == max(map(len, filled), default=None)


@given(st.text())
def test_a_shape_tells_no_letter_and_no_digit(text: str) -> None:
    found = shape(text)
    assert len(found) <= SHAPE_LENGTH_MAX
    assert {sign for sign in found if sign.isalpha() and sign.isascii()} <= {"a", "A"}
    assert {sign for sign in found if sign.isdigit() and sign.isascii()} <= {"9"}


def test_shapes_are_ranked() -> None:
    assert shapes(["A-1", "B-22", "c", None, ""]) == (("A-9", 2), ("", 1), ("a", 1))


@pytest.mark.parametrize(
    ("dataset", "field", "values", "label"),
    [
        ("customer", "name", [], "person name"),
        ("product", "name", [], None),
        ("product", "code", ["a@b.de", "c@d.org", ""], "email"),
        ("users", "passwordHash", [], "secret"),
        ("users", "p", ["pbkdf2_sha256$1000$x$y"], "secret"),
        ("users", "email_verified", [], None),
        ("mail", "sent_at", [], None),
        ("orders", "billing_postcode", [], "address"),
        ("x", "x", ["GB82 WEST 1234 5698 7654 32"], "bank account"),
        ("x", "x", ["4111111111111111", "5500005555555559"], "payment card"),
        ("x", "x", ["4111111111111112", "5500005555555558"], None),
        ("x", "x", ["192.0.2.1", "2001:db8::1"], "network address"),
        ("x", "version", ["1.2.3", "2.0.1"], None),
        ("x", "x", ["+49 30 901820", "+44 20 7946 0000"], "phone"),
        ("x", "x", ["030 901820", "(030) 901820", "0049 30 901820"], "phone"),
        ("category", "path", ["0001", "00010001", "00010002"], None),
        ("mails", "email_body_template", [], None),
        ("x", "sku", ["4006381333931", "4006381333948"], None),
        ("auth_user", "first_name", [], "person name"),
        ("partner", "notes", [], "about a person"),
    ],
)
def test_personal_data_is_recognised(dataset: str, field: str, values: list[str], label: str | None) -> None:
    found = sensitivity(dataset, field, values)
    assert (found.label if found else None) == label


def test_numbers_are_judged_by_name_only() -> None:
    assert sensitivity("person", "age", [], is_text=False) is not None
    assert sensitivity("customer", "name", [], is_text=False) is None


@given(st.integers(0, 14))
def test_one_wrong_digit_of_a_card_is_seen(at: int) -> None:
    digits = list("4111111111111111")
    digits[at] = str((int(digits[at]) + 1) % 10)
    assert not is_card("".join(digits)) or digits[0] not in "3456"


def test_one_wrong_digit_of_an_account_is_seen() -> None:
    right = "DE89370400440532013000"
    assert is_iban(right)
    for at in range(2, len(right)):
        wrong = f"{right[:at]}{(int(right[at]) + 1) % 10}{right[at + 1 :]}"
        assert not is_iban(wrong)


def table(name: str, *parents: str) -> Dataset:
    return Dataset(name, DatasetKind.TABLE, (), references=tuple(Reference((), parent, ()) for parent in parents))


def test_parents_stand_before_children() -> None:
    found = dependency(
        Catalog((table("line", "order", "item"), table("order", "customer"), table("item"), table("customer")))
    )
    assert found.layers == (("item", "customer"), ("order",), ("line",))
    assert found.cycles == ()


def test_rings_and_strangers_are_named() -> None:
    found = dependency(
        Catalog((table("a", "b"), table("b", "a"), table("tree", "tree"), table("lone"), table("c", "gone")))
    )
    assert found.cycles == (("a", "b"), ("tree",))
    assert found.alone == ("lone", "c")
    assert found.unknown == (("c", "gone"),)


graphs = st.integers(1, 9).flatmap(
    lambda size: st.fixed_dictionaries(
        {str(n): st.sets(st.sampled_from([str(m) for m in range(size)])) for n in range(size)}
    )
)


@given(graphs)
def test_every_order_loads(parents: dict[str, set[str]]) -> None:
    found = dependency(Catalog(tuple(table(name, *sorted(needed)) for name, needed in parents.items())))
    assert sorted(found.order) == sorted(parents)
    ring_of = {name: ring for ring in found.cycles for name in ring}
    seen: set[str] = set()
    for layer in found.layers:
        for name in layer:
            for parent in parents[name]:
                assert parent in seen or (name in ring_of and parent in ring_of[name])
        seen.update(layer)


@given(graphs)
def test_rings_are_exactly_mutual_reach(parents: dict[str, set[str]]) -> None:
    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for parent in parents[todo.pop()] - seen:
                seen.add(parent)
                todo.append(parent)
        return seen

    group_of = {name: group for group in rings(parents) for name in group}
    for left in parents:
        for right in parents:
            together = left == right or (right in reach(left) and left in reach(right))
            assert (group_of[left] == group_of[right]) == together


def test_values_without_a_plain_text_are_told_shortly() -> None:
    assert spoken(b"\x00\x01\x02") == "3 bytes"
    free = Decimal("12.500000000000000000")
    assert spoken(free) == "12.5"
    assert spoken(Decimal(100).quantize(Decimal(1).scaleb(-18))) == "100"
    assert spoken(Decimal("1.50")) == "1.50"
    assert len(spoken("x" * 60)) == len(spoken("x" * 61)) == 60


def test_an_analysis_sums_up_its_profiles() -> None:
    customer = fold(PEOPLE, ROWS, rows=4)
    other = fold(PEOPLE, ROWS.slice(0, 0), rows=0)
    given = SystemAnalysis("shop", "sqlite", Catalog((PEOPLE,)), dependency(Catalog((PEOPLE,))), (customer, other))
    assert given.rows == 4
    assert given.profile("customer") is customer
    assert given.profile("nobody") is None
    assert ("customer", "email") in [(dataset, field.name) for dataset, field in given.personal]
    assert all(field.name != "status" for _, field in given.personal)
