"""`pytest tests/golden --bless` writes the golden files anew from what the code says now."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compares a text with a golden file, or writes it there."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--bless", default=False):
            path.write_text(text)
        assert path.read_text() == text, "what the code says has changed; where that is right, run: make bless"

    return compare
