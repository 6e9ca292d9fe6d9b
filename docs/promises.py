"""The page of promises: what the conformance kit tries, and which broken connector each promise has caught."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain

from tests.conformance import (
    test_sabotage,
    test_sabotage_breaking,
    test_sabotage_capturing,
    test_sabotage_passing,
    test_sabotage_reading,
    test_sabotage_writing,
)

from dovetail.testing.conformance.promise import PROMISES, Promise
from dovetail.testing.conformance.trial import TOPICS

_SPOILED = (
    test_sabotage.SPOILED,
    test_sabotage_reading.SPOILED,
    test_sabotage_writing.SPOILED,
    test_sabotage_capturing.SPOILED,
    test_sabotage_passing.SPOILED,
    test_sabotage_breaking.OVER_TCP,
    test_sabotage_breaking.IN_FILES,
    test_sabotage_breaking.IN_FOLDERS,
)

_HEAD = """\
# What a connector promises

The [conformance kit](../how-to/write-a-connector.md) tries these on every connector. A promise that needs a capability which a connector
does not have, or a fault that nobody told how to bring about, is *absent* for it. A promise that uses a capability is tried once more with
that capability hidden: a missing capability makes Dovetail slower, never different.
"""

_PROOF = """\
## Who watches the kit

Each of these connectors is broken on purpose in one way, and is caught by the promise that says so. The tests under `tests/conformance` hold
every line of this table.
"""


def saboteurs() -> dict[str, list[str]]:
    """By promise, what the broken connectors that it catches do."""
    found: dict[str, list[str]] = defaultdict(list)
    for does, (_, promise) in chain.from_iterable(table.items() for table in _SPOILED):
        found[promise].append(does)
    return dict(found)


def promises() -> str:
    """The whole page."""
    parts = [_HEAD]
    for topic in TOPICS:
        kept = [one for one in PROMISES.values() if one.check.__module__ == topic.__name__]
        parts += [f"## {topic.__name__.rpartition('.')[2].capitalize()}\n", f"{topic.__doc__ or ''}\n"]
        parts += ["| promise | needs | tried again without |", "|---|---|---|"]
        parts += [_line(one) for one in kept]
        parts.append("")
    parts += [_PROOF, "| a connector that | is caught by |", "|---|---|"]
    parts += [f"| {does} | `{name}` |" for name, many in sorted(saboteurs().items()) for does in many]
    return "\n".join(parts)


def _line(promise: Promise) -> str:
    needs = [f"`{one.__name__}`" for one in promise.needs if one.__name__ != "SupportsCreate"]
    needs += [f"*{one.removeprefix('setting:')}*" for one in promise.given if one != "open"]
    again = ", ".join(f"`{one.__name__}`" for one in promise.uses)
    slow = " (slow)" if promise.is_slow else ""
    return f"| `{promise.name}`{slow}: {promise.words} | {', '.join(needs)} | {again} |"
