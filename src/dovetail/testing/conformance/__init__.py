"""The promises of the connector protocol, as tests: a connector's own test file names its system, and inherits them.

class TestSQLite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Target]:
        ...
        yield Connector(path=tmp_path / "a.db")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from dovetail.systems.protocol import Target
from dovetail.testing.conformance.trial import Trial, trials

TRIED = "conformance"
"""The property of a test's report that names the connector; `conformance.END` counts hostile values that ended so."""

ENDS = ("exact", "refused", "unreadable", "rewritten")
"""What may become of a hostile value."""


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
        record_property(TRIED, type(self).__name__.removeprefix("Test"))
        absent = trial.absent(system)
        if absent:
            pytest.skip(f"the connector has no {absent}")
        for outcome, count in trial.run(system).items():
            record_property(f"{TRIED}.{outcome}", count)


def table(reports: Mapping[str, Sequence[pytest.TestReport]]) -> list[str]:
    """A line for each connector that was tried: its promises, and what became of hostile values."""
    tried: dict[str, Counter[str]] = {}
    for outcome, words in (("passed", "kept"), ("skipped", "absent"), ("failed", "broken")):
        for report in reports.get(outcome, ()):
            told = dict(getattr(report, "user_properties", ()))
            if TRIED not in told:
                continue
            counts = tried.setdefault(str(told[TRIED]), Counter())
            counts[words] += 1
            ends = {
                key.partition(".")[2]: int(str(count)) for key, count in told.items() if key.startswith(f"{TRIED}.")
            }
            counts.update(ends)
    columns = ["kept", "absent", "broken", *ENDS]
    lines = [f"{'':12}" + "".join(f"{name:>12}" for name in columns)]
    for name, counts in sorted(tried.items()):
        lines.append(f"{name:12}" + "".join(f"{counts[column]:>12}" for column in columns))
    return lines if tried else []
