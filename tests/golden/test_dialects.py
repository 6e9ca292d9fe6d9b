"""What the SQLAlchemy connector says to databases that cannot be started here: the statements, spelled for them.

They were compared with the databases' own documentation; no such server was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, oracle

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.sqlalchemy import make, ours, phrase, read

Compare = Callable[[Path, str], None]

LINE = Dataset(
    "Order Line",
    DatasetKind.TABLE,
    (
        Field("no", Type(Kind.INTEGER), nullable=False),
        Field("place", Type(Kind.TEXT, length=40), nullable=False),
        Field("price", Type(Kind.DECIMAL, precision=12, scale=2)),
        Field("due", Type(Kind.DATE)),
        Field("made", Type(Kind.TIMESTAMP)),
        Field("seen", Type(Kind.INSTANT)),
        Field("ratio", Type(Kind.FLOAT, native="FLOAT")),
        Field("extra", Type(Kind.JSON)),
        Field("is_open", Type(Kind.BOOLEAN)),
        Field("scan", Type(Kind.BYTES)),
        Field("note", Type(Kind.TEXT)),
    ),
    key=("no", "place"),
)


def _mssql() -> sa.Dialect:
    dialect: sa.Dialect = mssql.dialect(deprecate_large_types=True)  # type: ignore[no-untyped-call]
    dialect.server_version_info = (16, 0)
    return dialect


def _oracle() -> sa.Dialect:
    dialect: sa.Dialect = oracle.dialect()
    dialect.server_version_info = (23, 0)
    return dialect


def statements(dialect: sa.Dialect) -> Iterator[tuple[str, sa.ClauseElement]]:
    """Everything that is said, by what it is for."""
    line = read.place(LINE, "sales")
    plain = sa.select(line.column("no")).select_from(line.table)
    yield "read", read.Chosen(line, LINE.names).select()
    yield "look up", plain.where(read.among(line, ["no", "place"], [(1, "a"), (2, "b")]))
    yield "look up by one part, and lock", plain.where(read.among(line, ["no"], [(1,), (2,)])).with_for_update()
    yield "go on after a key", plain.where(read.beyond(line, [1, "a"])).order_by(*(line.column(p) for p in LINE.key))
    yield "create", phrase.insertion(line, ["no", "place", "price", "seen"])
    yield "create, the key drawn", phrase.insertion(line, ["price"]).returning(line.column("no"))
    yield "update", phrase.amendment(line, ["price", "is_open"])
    yield "delete", phrase.removal(line)
    yield "make a table", sa.schema.CreateTable(make.table(LINE, "sales", dialect, set(LINE.key)))
    for own in ours.Ours("sales").tables:
        yield f"make {own.name}", sa.schema.CreateTable(own)


@pytest.mark.parametrize("dialect", [_mssql(), _oracle()], ids=lambda dialect: dialect.name)
def test_statements_are_spelled_for_dialects_that_were_not_tried(dialect: sa.Dialect, golden: Compare) -> None:
    texts = [f"-- {words}\n{str(tree.compile(dialect=dialect)).strip()}\n" for words, tree in statements(dialect)]
    golden(Path(__file__).parent / "dialects" / f"{dialect.name}.sql", "\n".join(texts))
