"""For pytest, by `-p dovetail.testing.conformance.plugin`: the table of promises, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dovetail.testing.conformance.report import table, told


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--conformance-json FILE` writes what was found."""
    parser.addoption("--conformance-json", type=Path, metavar="FILE", help="write the promises' table there, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """The mark of long tests is known: `-m "not slow"` leaves them out."""
    config.addinivalue_line("markers", "slow: more than some seconds")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the promises, connector by connector."""
    lines = table(terminalreporter.stats)
    if lines:
        terminalreporter.section("promises")
        terminalreporter.write("\n".join(lines) + "\n")
    place = terminalreporter.config.getoption("--conformance-json")
    if place is not None:
        place.write_text(
            json.dumps(told(terminalreporter.stats), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
