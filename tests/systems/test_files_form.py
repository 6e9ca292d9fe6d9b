"""Dates and times in a form of their own: read, written, refused where the form has no place for them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.errors import DeclarationError
from dovetail.model.change import UNREADABLE, Change, Verb
from dovetail.model.type import Kind
from dovetail.systems.connectors.csv import Connector
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.form import all_formed, all_usual, declared_form, formed, usual

FORMS = {
    Kind.DATE: ("DD.MM.YYYY", "MM/DD/YYYY", "YYYYMMDD", "(YYYY) $DD\\MM^"),
    Kind.TIME: ("HHMISS", "HH.MI", "HH h MI"),
    Kind.TIMESTAMP: ("DD.MM.YYYY HH:MI:SS", "YYYYMMDDHHMISS", "DD/MM/YYYY HH:MI"),
}
CASES = [(kind, form) for kind, forms in FORMS.items() for form in forms]
DAYS = st.dates(dt.date(1, 1, 1))
CLOCKS = st.times().map(lambda one: one.replace(microsecond=0))


def plainly(kind: Kind, day: dt.date, clock: dt.time) -> str:
    return {Kind.DATE: f"{day}", Kind.TIME: f"{clock}", Kind.TIMESTAMP: f"{day} {clock}"}[kind]


@pytest.mark.parametrize(("kind", "form"), CASES)
@given(st.lists(st.tuples(DAYS, CLOCKS), min_size=1, max_size=20))
def test_what_is_written_in_a_form_is_read_as_it_was(kind: Kind, form: str, drawn: list[tuple[dt.date, dt.time]]) -> None:
    given = [plainly(kind, day, clock) for day, clock in drawn]
    made = all_formed(pa.array(given), form, kind)
    assert made.to_pylist() == [formed(text, form, kind) for text in given]
    held = [text for text in made.to_pylist() if text is not None]
    assert all_usual(pa.array(held, pa.string()), form, kind).to_pylist() == [usual(text, form, kind) for text in held]
    assert [usual(text, form, kind) for text in held] == [
        text for text, one in zip(given, made.to_pylist(), strict=True) if one is not None
    ]
    if "SS" in form or kind is Kind.DATE:
        assert len(held) == len(given)


@pytest.mark.parametrize("words", ["text DD.MM.YYYY", "date HH:MI", "date DD.DD.YYYY", "decimal(10, 2) YYYY"])
def test_a_form_that_cannot_be_meant_is_refused(words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared_form(words, "orders.csv: placed")
    assert refused.value.code == "DV-334"


@pytest.fixture
def orders(tmp_path: Path) -> Connector:
    (tmp_path / "orders.csv").write_text("no;placed;at\n1;31.12.2025;31.12.2025 08:00\n2;30.02.2025;\n3;;01.01.2026 23:59\n")
    types = {"placed": "date DD.MM.YYYY", "at": "timestamp DD.MM.YYYY HH:MI"}
    return Connector(path=tmp_path, datasets={"orders": Declared(key=("no",), types=types)})


def test_a_file_is_read_and_written_in_its_own_form(orders: Connector, tmp_path: Path) -> None:
    (dataset,) = orders.describe().datasets
    (batch,) = orders.read(dataset, ["no", "placed", "at"])
    assert batch.column("placed").to_pylist() == [dt.date(2025, 12, 31), None, None]
    assert batch.column("at").to_pylist() == [dt.datetime(2025, 12, 31, 8), None, dt.datetime(2026, 1, 1, 23, 59)]
    assert batch.column(UNREADABLE).to_pylist() == [None, "placed: not written as DD.MM.YYYY (orders.csv:3)", None]
    rows = pa.RecordBatch.from_pydict(
        {
            "no": pa.array([4, 5], pa.int64()),
            "placed": pa.array([dt.date(2026, 2, 1), None], pa.date32()),
            "at": pa.array([dt.datetime(2026, 2, 1, 7, 30), dt.datetime(2026, 2, 1, 7, 30, 59)], pa.timestamp("us")),
        }
    )
    receipt = orders.apply(dataset, Change(Verb.CREATE, rows))
    assert [reject.position for reject in receipt.rejects] == [1]  # seconds have no place in the form
    lines = (tmp_path / "orders.csv").read_text().splitlines()
    assert lines[1:4] == ["1;31.12.2025;31.12.2025 08:00", "2;30.02.2025;", "3;;01.01.2026 23:59"]
    assert lines[4:] == ["4;01.02.2026;01.02.2026 07:30"]
