"""The reference of the expression language is current and complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dovetail.expression.allow import FUNCTIONS
from dovetail.expression.parse import parse
from dovetail.expression.reference import reference
from dovetail.expression.target import NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "expressions.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "write it anew: python -m dovetail.expression.reference > the page"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_told(name: str) -> None:
    assert re.search(rf"`{name}[(`]", reference())


@pytest.mark.parametrize("name", NAMES)
def test_every_type_is_told(name: str) -> None:
    assert name.split("(", maxsplit=1)[0] in reference()


@pytest.mark.parametrize("line", re.findall(r"^- `(.*)` gives", reference(), re.MULTILINE))
def test_every_example_is_an_expression(line: str) -> None:
    assert parse(line)
