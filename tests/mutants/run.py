"""Breaks the program on purpose, one mistake at a time, and counts what the tests notice: `make mutants`.

First the named mistakes (`named.py`, `sync.py`): promises broken by hand, each of which its tests must notice. Then small changes
made by a machine (`generated.py`), of which most must be noticed; the others are printed with their line: a missing
test, or code that does nothing. All happens in copies of the project.

`MUTANTS=200` tries more small changes than the default; `MUTANTS=0` tries all, `MUTANTS=none` none. `ROOM=merge` takes
only files whose path holds the word. `WORKERS=4` works in four copies at once.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from tests.mutants.generated import TESTS, Mutant, mutants_of
from tests.mutants.named import NAMED, Named
from tests.mutants.sync import SYNC
from tests.mutants.workshop import FAILED, INTERRUPTED, PASSED, Workshop

SEED = 2026
DEFAULT_COUNT = 60
KILLED_SHARE_MIN = 0.75
"""The least share of small changes that the tests must notice; of the named mistakes they must notice all."""

T = TypeVar("T")


def in_workshops(work: Callable[[Workshop, T], str], several: Iterable[T], workshops: Sequence[Workshop]) -> list[str]:
    """What each piece of work answers, done in as many copies as there are."""
    free: SimpleQueue[Workshop] = SimpleQueue()
    for workshop in workshops:
        free.put(workshop)

    def one(piece: T) -> str:
        workshop = free.get()
        try:
            return work(workshop, piece)
        finally:
            free.put(workshop)

    with ThreadPoolExecutor(len(workshops)) as pool:
        return list(pool.map(one, several))


def sound(workshop: Workshop, test: str) -> str:
    """Empty where the tests pass as long as nothing is broken."""
    return "" if workshop.examined([test]) == PASSED else f"{test} does not pass by itself:\n{workshop.words}"


def try_named(workshop: Workshop, named: Named) -> str:
    """`killed`, `survived`, or what is wrong with the mistake itself."""
    path = f"src/dovetail/{named.path}"
    text = workshop.text(path)
    if named.old not in text:
        return f"its text is no longer in {named.path}: {named.old.strip()!r}"
    code = workshop.tried(path, text.replace(named.old, named.new), named.tests)
    return {FAILED: "killed", PASSED: "survived"}.get(code, f"pytest ended with {code}:\n{workshop.words}")


def try_small(workshop: Workshop, mutant: Mutant) -> str:
    """`killed` or `survived`; a module that can no longer be read is killed."""
    path = f"src/dovetail/{mutant.module}"
    code = workshop.tried(path, mutant.text, [*TESTS[mutant.module], path])
    return "killed" if code in (FAILED, INTERRUPTED) else "survived"


def all_named(workshops: Sequence[Workshop], room: str) -> bool:
    """Try the named mistakes and print what became of each; true when all were noticed."""
    tried = [named for named in (*NAMED, *SYNC) if room in named.path]
    files = sorted({test for named in tried for test in named.tests})
    faults = [fault for fault in in_workshops(sound, files, workshops) if fault]
    if faults:
        print("\n".join(faults))
        return False
    answers = in_workshops(try_named, tried, workshops)
    for named, answer in zip(tried, answers, strict=True):
        print(f"  {answer:9} {named.path:26} {named.promise}")
    killed = answers.count("killed")
    print(f"{killed} of {len(tried)} named mistakes noticed")
    return killed == len(tried)


def some_small(workshops: Sequence[Workshop], room: str, count: int) -> bool:
    """Try small changes and print those nobody noticed; true when there are few."""
    known = [mutant for module in TESTS if room in module for mutant in mutants_of(module)]
    tried = known if not count or count >= len(known) else random.Random(SEED).sample(known, count)
    print(f"{len(tried)} of {len(known)} small changes, seed {SEED}")
    answers = in_workshops(try_small, tried, workshops)
    pairs = list(zip(tried, answers, strict=True))
    killed = Counter(mutant.module for mutant, answer in pairs if answer == "killed")
    for module, total in sorted(Counter(mutant.module for mutant in tried).items()):
        print(f"  {module:28} {killed[module]:3} of {total:3} noticed")
    for mutant, answer in pairs:
        if answer != "killed":
            print(f"  not noticed: {mutant.module}:{mutant.line} {mutant.change}")
    share = killed.total() / len(tried) if tried else 1.0
    print(f"{share:.0%} of the small changes noticed; at least {KILLED_SHARE_MIN:.0%} are asked for")
    return share >= KILLED_SHARE_MIN


def main() -> int:
    """Try all, and fail when too much goes unnoticed."""
    room, count = os.environ.get("ROOM", ""), os.environ.get("MUTANTS", str(DEFAULT_COUNT))
    workers = int(os.environ.get("WORKERS", os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        workshops = [Workshop(Path(folder) / str(at)) for at in range(workers)]
        is_good = all_named(workshops, room)
        if count != "none":
            is_good = some_small(workshops, room, int(count)) and is_good
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
