"""What the tests of promises found, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest

TRIED = "conformance"
"""The property of a test's report that names the connector; `conformance.END` counts hostile values that ended so."""

ENDED, WHY = f"{TRIED}:ended", f"{TRIED}:why"
"""The properties that tell how a test ended that is neither kept nor broken, and why."""

ENDS = ("exact", "refused", "unreadable", "rewritten")
"""What may become of a hostile value."""

VERDICTS = ("kept", "absent", "declined", "broken")
"""What may become of a promise: it is kept; a capability or fault is absent; the connector refuses by design what it is
about; or it is broken."""

_VERDICTS = {"passed": "kept", "failed": "broken", "error": "broken"}
_SKIPPED = {"absent": "absent", "refused": "declined"}


def told(reports: Mapping[str, Sequence[pytest.TestReport]]) -> dict[str, dict[str, object]]:
    """By connector: `verdicts` (how many promises of each), `values` (what became of hostile values), and `promises`,
    each with its `verdict` and, where there are any, `words`.

    A promise that is tried with a capability hidden stands there once more, as `NAME-without-CAPABILITY`."""
    found: dict[str, dict[str, object]] = {}
    for connector, verdicts, values, promises in _tallies(reports):
        found[connector] = {
            "verdicts": {name: verdicts[name] for name in VERDICTS},
            "values": {name: values[name] for name in ENDS},
            "promises": promises,
        }
    return found


def table(reports: Mapping[str, Sequence[pytest.TestReport]]) -> list[str]:
    """A line for each connector that was tried: its promises, and what became of hostile values."""
    columns = [*VERDICTS, *ENDS]
    lines = [f"{'':12}" + "".join(f"{name:>12}" for name in columns)]
    for connector, verdicts, values, _ in _tallies(reports):
        counts = [*(verdicts[name] for name in VERDICTS), *(values[name] for name in ENDS)]
        lines.append(f"{connector:12}" + "".join(f"{count:>12}" for count in counts))
    return lines[: len(lines) * (len(lines) > 1)]


def _tallies(
    reports: Mapping[str, Sequence[pytest.TestReport]],
) -> Iterator[tuple[str, Counter[str], Counter[str], dict[str, dict[str, str]]]]:
    """By connector, in alphabetical order: verdicts, hostile values, and each promise."""
    tallies: dict[str, tuple[Counter[str], Counter[str], dict[str, dict[str, str]]]] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in reports.get(outcome, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if TRIED not in properties:
                continue
            verdict = _SKIPPED.get(str(properties.get(ENDED)), _VERDICTS.get(outcome, "absent"))
            verdicts, values, promises = tallies.setdefault(str(properties[TRIED]), (Counter(), Counter(), {}))
            verdicts[verdict] += 1
            for key, count in properties.items():
                if key.startswith(f"{TRIED}."):
                    values[key.partition(".")[2]] += int(str(count))
            name = report.nodeid.partition("[")[2].removesuffix("]")
            words = str(properties.get(WHY, "")) or (
                report.longreprtext.rpartition("\n")[2] if verdict == "broken" else ""
            )
            promises[name] = {"verdict": verdict, **({"words": words} if words else {})}
    for connector, (verdicts, values, promises) in sorted(tallies.items()):
        yield connector, verdicts, values, dict(sorted(promises.items()))
