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
from dovetail.testing.conformance.faults import Faults, known
from dovetail.testing.conformance.report import ENDED, TRIED, WHY, table
from dovetail.testing.conformance.trial import Outcome, Trial, trials
from dovetail.testing.conformance.verdict import Declined

__all__ = ["Conformance", "Faults", "known", "table"]


def _tests() -> list[object]:
    return [pytest.param(one, id=str(one), marks=[pytest.mark.slow] * one.promise.is_slow) for one in trials()]


class Conformance:
    """All promises, and each again with one of the capabilities hidden that it uses. A fresh, empty, writable system a
    test."""

    @pytest.fixture
    def system(self) -> Target:
        """To be overridden: the system that is tried."""
        raise NotImplementedError

    @pytest.fixture
    def faults(self, system: Target) -> Faults:
        """To be overridden where more is to be told than the settings tell: how the system can be troubled."""
        return known(system)

    @pytest.mark.parametrize("trial", _tests())
    def test_promise(
        self, system: Target, faults: Faults, trial: Trial, record_property: Callable[[str, object], None]
    ) -> None:
        """The promise is kept."""
        record_property(TRIED, type(self).__name__.removeprefix("Test"))
        absent = trial.absent(system, faults)
        if absent:
            record_property(ENDED, Outcome.ABSENT.value)
            record_property(WHY, absent)
            pytest.skip(f"the connector has no {absent}")
        try:
            counted = trial.run(system, faults)
        except Declined as declined:
            record_property(ENDED, Outcome.REFUSED.value)
            record_property(WHY, str(declined))
            pytest.skip(f"refused by design: {declined}")
        for outcome, count in counted.items():
            record_property(f"{TRIED}.{outcome}", count)
