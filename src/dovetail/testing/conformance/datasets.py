"""The datasets with which connectors are tried."""

from __future__ import annotations

from decimal import Decimal

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type

INTEGER, TEXT = Type(Kind.INTEGER), Type(Kind.TEXT)
PRICE = Type(Kind.DECIMAL, precision=12, scale=2)


def dataset(
    name: str, *fields: Field, key: tuple[str, ...] = ("id",), uniques: tuple[tuple[str, ...], ...] = ()
) -> Dataset:
    """A table of those fields."""
    return Dataset(name, DatasetKind.TABLE, fields, key, uniques)


ITEM = dataset(
    "item",
    Field("id", INTEGER, nullable=False),
    Field("name", TEXT),
    Field("price", PRICE),
    Field("is_sold", Type(Kind.BOOLEAN)),
)
PERSON = dataset(
    "person",
    Field("id", INTEGER, nullable=False),
    Field("mail", TEXT),
    Field("name", TEXT, nullable=False),
    uniques=(("mail",),),
)
LINE = dataset(
    "order_line",
    Field("order_no", INTEGER, nullable=False),
    Field("place", TEXT, nullable=False),
    Field("count", INTEGER),
    key=("order_no", "place"),
)
DRAWN = dataset("ticket", Field("id", INTEGER, nullable=False, drawn=True), Field("title", TEXT))


def items(count: int, first: int = 1) -> list[dict[str, object]]:
    """Ordinary rows of `ITEM`."""
    return [
        {"id": number, "name": f"item {number}", "price": Decimal(number).scaleb(-2), "is_sold": number % 2 == 0}
        for number in range(first, first + count)
    ]


def people(count: int) -> list[dict[str, object]]:
    """Ordinary rows of `PERSON`."""
    return [
        {"id": number, "mail": f"p{number}@example.org", "name": f"person {number}"} for number in range(1, count + 1)
    ]
