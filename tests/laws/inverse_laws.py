"""The two laws of a cell, asked of the independent oracle: what is put can be got, and what was got changes nothing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.golden.inverse.cases import SCOPE, inverse
from tests.oracle.compare import exactly, oracle_type
from tests.oracle.interpreter import Fault, interpret

from dovetail.expression.invert import Inverse
from dovetail.expression.parse import parse
from dovetail.expression.types import infer
from dovetail.model.type import Kind, Type

Row = Mapping[str, Any]
FAILED = "failed"
_PAIRS_MAX = 60

NARROWING = re.compile(
    r"upper|lower|trim|squeeze|nfk?c|replace|pad|left|right|round|floor|ceil|abs|greatest|least|coalesce|NULLIF|date_trunc|concat"
    r"|kg AS DECIMAL|d AS INTEGER|0.5 AS INTEGER|f AS DECIMAL|\bf\b"
)
"""Functions that may show a value in a coarser form than it was written; all others give it back exactly, or fail."""


@dataclass(frozen=True)
class Lens:
    """A cell with its inverse, computed by the oracle alone."""

    text: str
    inverse: Inverse
    shared: Type

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return parse(self.text).names

    def get(self, rows: Sequence[Row]) -> list[Any]:
        """The shared value of every row, or `FAILED`."""
        return _run(self.text, {name: SCOPE[name] for name in self.columns}, rows)

    def put(self, rows: Sequence[Row], values: Sequence[Any]) -> list[Any]:
        """Every row with its value written, or `FAILED`."""
        scope = {"s": self.shared, **{f"old.{name}": SCOPE[name] for name in self.columns}}
        given = [
            {"s": value, **{f"old.{name}": row[name] for name in self.columns}}
            for row, value in zip(rows, values, strict=True)
        ]
        return _written([dict(row) for row in rows], self.inverse.writes, scope, given)

    def create(self, values: Sequence[Any]) -> list[Any]:
        """A new row for every value, or `FAILED`."""
        return _written(
            [{} for _ in values], self.inverse.creates, {"s": self.shared}, [{"s": value} for value in values]
        )


def lens(text: str) -> Lens:
    """The cell of that text over the golden scope."""
    return Lens(text, inverse(text), infer(parse(text), SCOPE))


def _written(rows: list[Any], writes: Any, scope: Mapping[str, Type], given: Sequence[Row]) -> list[Any]:
    for name, write in writes:
        for position, value in enumerate(_run(write.text, scope, given)):
            fitted = fit(value, SCOPE[name])
            rows[position] = FAILED if FAILED in (rows[position], fitted) else {**rows[position], name: fitted}
    return rows


def _run(text: str, scope: Mapping[str, Type], rows: Sequence[Row]) -> list[Any]:
    found = interpret(text, {name: oracle_type(given) for name, given in scope.items()}, [dict(row) for row in rows])
    return [FAILED if isinstance(value, Fault) else value for value in found]


def fit(value: Any, target: Type) -> Any:
    """The value as the field holds it, or `FAILED` where it would be changed."""
    if value is None or isinstance(value, str):
        return value
    if target.kind is Kind.INTEGER:
        return int(value) if value == int(value) and -(2**63) <= value < 2**63 else FAILED
    if target.kind is Kind.DECIMAL:
        precision, scale = target.arrow().precision, target.arrow().scale
        placed = round(Decimal(value), scale)
        return placed if placed == value and abs(placed) < Decimal(10) ** (precision - scale) else FAILED
    if target.kind is Kind.DATE and isinstance(value, dt.datetime):
        return value.date()
    return value


def same(one: Any, two: Any) -> bool:
    """Whether two values or rows are the same; numbers by value, everything else to the last sign."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    if isinstance(one, Decimal | int) and isinstance(two, Decimal | int) and not isinstance(one, bool):
        return one == two
    return exactly(one) == exactly(two)


def violations(cell: Lens, rows: Sequence[Row], strange: Sequence[Any] = ()) -> list[str]:
    """Every breach of a law by these rows, by every value that one of them gives, and by values that perhaps none can give."""
    rows = [row for row, value in zip(rows, cell.get(rows), strict=True) if value != FAILED]
    values = cell.get(rows)
    broken = [
        f"GetPut: {row} reads as {value!r}, which writes {after}"
        for row, value, after in zip(rows, values, cell.put(rows, values), strict=True)
        if not same(dict(row), after)
    ]
    broken += _breaches(cell, "PutGet", _pairs(rows, values), exact=True)
    strays = _pairs(rows, strange)
    broken += _breaches(cell, "PutGet of any value", strays, exact=not NARROWING.search(cell.text))
    made = cell.create(values)
    kept = [(value, row) for value, row in zip(values, made, strict=True) if row != FAILED]
    for (value, row), got in zip(kept, cell.get([row for _, row in kept]), strict=True):
        if not same(value, got):
            broken.append(f"CreateGet: {value!r} makes {row}, which reads as {got!r}")
    return broken


def _pairs(rows: Sequence[Row], values: Sequence[Any]) -> list[tuple[Row, Any]]:
    """Every row with every value, or, of many, with some that lie in a spiral around it."""
    length = len(values)
    if len(rows) * length <= _PAIRS_MAX:
        return [(row, value) for row in rows for value in values]
    near = [0, 1, 3, 8]
    return [(row, values[(at + step) % length]) for at, row in enumerate(rows) for step in near]


def _breaches(cell: Lens, law: str, pairs: Sequence[tuple[Row, Any]], *, exact: bool) -> list[str]:
    """What is written reads as what was meant; where `exact` is not asked, it can at least be read, and stays when it is read."""
    after = cell.put([row for row, _ in pairs], [value for _, value in pairs])
    kept = [(row, value, written) for (row, value), written in zip(pairs, after, strict=True) if written != FAILED]
    got = cell.get([written for _, _, written in kept])
    again = cell.put([written for _, _, written in kept], [None if value == FAILED else value for value in got])
    broken = []
    for (row, value, written), read, stays in zip(kept, got, again, strict=True):
        if (exact and not same(value, read)) or read == FAILED or not same(written, stays):
            broken.append(f"{law}: {row} <- {value!r} gives {written}, which reads as {read!r}")
    return broken
