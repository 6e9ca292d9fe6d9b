"""Personal data that shows only beside other fields of the row."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dovetail.analysis.neighbour import sensitivities
from dovetail.analysis.statistics import fold
from dovetail.model.catalog import Dataset, DatasetKind, Field, Reference
from dovetail.model.type import Kind, Type


def dataset(name: str, *fields: str, references: tuple[Reference, ...] = ()) -> Dataset:
    return Dataset(
        name, DatasetKind.TABLE, tuple(Field(field, Type(Kind.TEXT)) for field in fields), references=references
    )


def labels(of: Dataset, **texts: list[str | None]) -> dict[str, str]:
    found = sensitivities(of, {field.name: texts.get(field.name, []) for field in of.fields})
    return {name: known.label for name, known in found.items()}


def test_a_name_beside_the_rows_own_mail_is_a_persons() -> None:
    assert labels(dataset("review", "email", "name", "title")) == {"email": "email", "name": "person name"}
    assert labels(dataset("order_address", "last_name", "state"))["state"] == "about a person"


def test_a_name_beside_the_mail_of_somebody_else_is_none() -> None:
    assert labels(dataset("product", "supplier_email", "name", "state")) == {"supplier_email": "email"}


def test_a_foreign_key_holds_nothing_of_a_person() -> None:
    refers = (Reference(("state",), "state", ("code",)),)
    assert "state" not in labels(dataset("address", "first_name", "state", references=refers))


def test_the_number_of_a_card_is_seen_in_an_empty_table() -> None:
    of = dataset("payment_bankcard", "number", "expiry_date", "partner_reference", "number_of_tries")
    assert labels(of) == {"number": "payment card", "expiry_date": "payment card"}


@pytest.mark.parametrize(("rows", "found"), [(2, False), (3, True), (50, True)])
def test_a_text_that_repeats_a_name_is_as_personal(rows: int, found: bool) -> None:
    of = dataset("address", "last_name", "search")
    names = [f"Lovelace{at}" for at in range(rows)]
    assert ("search" in labels(of, last_name=names, search=[f"Ada {name} Berlin" for name in names])) is found


def test_a_text_is_not_personal_for_a_chance_or_a_short_value() -> None:
    of = dataset("address", "last_name", "search")
    assert "search" not in labels(of, last_name=["Li"] * 9, search=["Linen"] * 9), "two letters stand everywhere"
    rare = ["Lovelace"] * 5 + ["Hopper"] * 5
    assert "search" not in labels(of, last_name=rare, search=["by Lovelace"] * 10), "half of them is chance"
    assert "search" not in labels(of, last_name=[None] * 9, search=["x"] * 9)


def test_no_repeated_name_gets_into_the_profile() -> None:
    of = dataset("order_address", "first_name", "last_name", "search")
    rows = pa.table({"first_name": ["Ada"] * 6, "last_name": ["Lovelace"] * 6, "search": ["Ada Lovelace, Berlin"] * 6})
    assert "Lovelace" not in repr(fold(of, rows, rows=6))
