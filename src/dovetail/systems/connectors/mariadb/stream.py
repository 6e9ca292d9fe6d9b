"""Rows on their way into `LOAD DATA LOCAL`: the statement, and the bytes in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.bind import Values
from dovetail.systems.connectors.mariadb.pipe import STREAM
from dovetail.systems.connectors.mariadb.rowwise import groups
from dovetail.systems.connectors.mariadb.spell import fields
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import identifier

_TAB, _LINE = (pa.scalar(text, pa.string()) for text in ("\t", "\n"))
_FORM = r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n'"


def loading(place: exp.Table, columns: Sequence[Values]) -> str:
    """The statement that takes those columns; what a text cannot say, the server computes from one."""
    into, computed = [], []
    for at, values in enumerate(columns):
        name = MARIADB.sql(identifier(values.column.name))
        if values.kind is Kind.BYTES:
            into.append(f"@dovetail_{at}")
            computed.append(f"{name} = UNHEX(@dovetail_{at})")
        elif values.column.base == "bit":
            into.append(f"@dovetail_{at}")
            computed.append(f"{name} = CAST(@dovetail_{at} AS UNSIGNED)")
        else:
            into.append(name)
    rest = f" SET {', '.join(computed)}" if computed else ""
    return f"LOAD DATA LOCAL INFILE '{STREAM}' INTO TABLE {MARIADB.sql(place)} {_FORM} ({', '.join(into)}){rest}"


def lines(columns: Sequence[Values], positions: Sequence[int]) -> Iterator[memoryview]:
    """Those rows, a line each."""
    for some in groups(columns, positions):
        texts = [fields(values.texts, values.kind) for values in (values.take(some) for values in columns)]
        rows = pc.binary_join_element_wise(*texts, _TAB)
        whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
        yield memoryview(pc.binary_join(whole, _LINE)[0].as_buffer())
        yield memoryview(b"\n")
