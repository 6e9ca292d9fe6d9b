"""What came of a scenario, for people, for programs, and for the servers that run tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from dovetail.testing.chaos.judge import Promise
from dovetail.testing.chaos.run import Told


def lines(told: Told) -> list[str]:
    """The history in short, then each promise."""
    verdict = told.outcome.verdict
    wide = max([len(fault.words) for fault in told.faults], default=0)
    faults = [f"  {fault.words:<{wide}}  went on after {fault.recovery_s:6.1f} s" for fault in told.faults]
    landed = [f"  {count:>6}  {place}" for place, count in told.places.items()]
    judged = (
        f"{verdict.rows:,} rows and {verdict.fields:,} fields judged; "
        f"{verdict.contested:,} were edited by two at once, "
        f"{verdict.gone:,} rows were deleted, {verdict.either:,} could have gone either way"
    )
    return [
        f"scenario {told.name}, seed {told.seed}: {told.edits:,} edits in {told.outcome.seconds:.0f} s",
        *(["faults", *faults] if faults else []),
        *([f"{told.kills:,} kills landed", *landed] if landed else []),
        judged,
        f"passes without edits wrote {', '.join(map(str, told.outcome.passes))} rows",
        *(f"{promise} {'BROKEN' if verdict.broken[promise] else 'kept'}  {promise.words}" for promise in Promise),
        *verdict.told(),
    ]


def document(told: Told) -> dict[str, Any]:
    """The same as one JSON document."""
    verdict = told.outcome.verdict
    return {
        "scenario": told.name,
        "seed": told.seed,
        "ok": verdict.is_clean,
        "edits": told.edits,
        "kills": told.kills,
        "landed": dict(told.places),
        "faults": [{"what": fault.words, "recovery_s": round(fault.recovery_s, 3)} for fault in told.faults],
        "rows": verdict.rows,
        "fields": verdict.fields,
        "contested": verdict.contested,
        "passes": told.outcome.passes,
        "promises": {str(promise): verdict.broken[promise] for promise in Promise},
        "harms": [{"promise": str(promise), "words": words} for promise, words in verdict.harms],
    }


def write_junit(told: Told, path: Path) -> None:
    """A JUnit file: one test for each promise, and one for each fault."""
    verdict = told.outcome.verdict
    suite = ET.Element("testsuite", name=f"chaos {told.name}", tests=str(len(Promise) + len(told.faults)))
    suite.set("failures", str(len(verdict.broken)))
    suite.set("time", f"{told.outcome.seconds:.3f}")
    for promise in Promise:
        case = ET.SubElement(suite, "testcase", classname=told.name, name=f"{promise} {promise.words}", time="0")
        if verdict.broken[promise]:
            failure = ET.SubElement(case, "failure", message=f"broken {verdict.broken[promise]} times")
            failure.text = "\n".join(words for broken, words in verdict.harms if broken is promise)
    for fault in told.faults:
        ET.SubElement(suite, "testcase", classname=told.name, name=fault.words, time=f"{fault.recovery_s:.3f}")
    ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
