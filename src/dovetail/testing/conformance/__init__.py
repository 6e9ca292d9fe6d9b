"""The promises of the connector protocol, as tests: a connector's own test file names its system, and inherits them.

class TestSQLite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Target]:
        ...
        yield Connector(path=tmp_path / "a.db")
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dovetail.systems.protocol import Target
from dovetail.testing.conformance.trial import Trial, trials

TRIED = "conformance"
"""The name of the property under which a test's report tells what became of hostile values."""


class Conformance:
    """All promises, and each again with one of the capabilities hidden that it uses. A fresh, empty, writable system a
    test."""

    @pytest.fixture
    def system(self) -> Target:
        """To be overridden: the system that is tried."""
        raise NotImplementedError

    @pytest.mark.parametrize("trial", list(trials()), ids=str)
    def test_promise(self, system: Target, trial: Trial, record_property: Callable[[str, object], None]) -> None:
        """The promise is kept."""
        absent = trial.absent(system)
        if absent:
            record_property(TRIED, "absent")
            pytest.skip(f"the connector has no {absent}")
        for outcome, count in trial.run(system).items():
            record_property(TRIED, f"{outcome}:{count}")
