"""How each expression is written back: class, reason and writing expressions, as text."""

from __future__ import annotations

import pytest
import sqlglot
from tests.golden.inverse.cases import FILES, every, inverse, shown

from dovetail.expression.parse import DIALECT


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_inverses(path, golden):
    golden(path, shown(path))


@pytest.mark.parametrize("text", every())
def test_what_is_written_can_be_read_again_as_text(text):
    found = inverse(text)
    for _, write in (*found.writes, *found.creates):
        again = sqlglot.parse_one(write.text, dialect=DIALECT)
        assert again.sql(dialect=DIALECT, normalize_functions=False) == write.text


def test_there_are_many_cases():
    assert len(every()) >= 60
