"""What a connector promises about what it leaves behind: no connection, thread, file or secret."""

from __future__ import annotations

import gc
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dovetail.errors import DovetailError
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Verb
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction, Target
from dovetail.testing.conformance.attempt import tells
from dovetail.testing.conformance.bench import Bench, batch
from dovetail.testing.conformance.datasets import ITEM, dataset, items
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import expect
from dovetail.testing.proxy import Break, How

_ROUNDS = 3
_PATIENCE_S = 3.0
_HANDLES = Path("/proc/self/fd")


class _Stop(Exception):
    """An exception that is none of the connector's."""


@promise(needs=(SupportsCreate,), given=("open",))
def a_closed_connector_holds_nothing(bench: Bench) -> None:
    """A connector that was read, written, left in the middle of a reading, refused and closed holds no connection, file
    or thread, and leaves no file behind."""
    found = bench.filled(ITEM, items(3_000))
    with _temporary() as folder:
        _use(bench, found, 0)  # what a driver keeps for its whole process is there now
        before = _held(bench)
        for turn in range(1, _ROUNDS + 1):
            _use(bench, found, turn)
        after = _patiently(lambda: _held(bench), before)
        grown = {kind: count - before[kind] for kind, count in after.items() if count > before[kind]}
        expect(not grown, f"closed {_ROUNDS} times, it holds more than before: {grown}")
        left = sorted(path.name for path in folder.rglob("*") if path.is_file())
        expect(not left, f"it leaves files behind: {left[:3]}")


def _use(bench: Bench, found: Dataset, turn: int) -> None:
    """All that a connector is used for, in a connector of its own."""
    system = bench.opened(batch_rows=100)
    system.describe()
    abandoned = iter(system.read(found, ["id"]))
    next(abandoned)
    list(system.read(found, found.names))
    getattr(abandoned, "close", lambda: None)()
    system.apply(found, Change(Verb.CREATE, batch(found, items(50, 10_000 + 100 * turn))))
    with suppress(DovetailError):
        list(system.read(dataset("not_there", *ITEM.fields), ["id"]))
    if isinstance(system, SupportsTransaction):
        with suppress(_Stop), system.transaction() as transaction:
            transaction.apply(found, Change(Verb.CREATE, batch(found, items(5, 20_000))))
            raise _Stop
    system.close()


def _held(bench: Bench) -> Counter[str]:
    """What this process, and the system on its behalf, holds."""
    gc.collect()
    held = Counter({"threads": threading.active_count()})
    if _HANDLES.exists():
        for one in _HANDLES.iterdir():
            with suppress(OSError):
                target = str(one.readlink())
                held["sockets" if target.startswith("socket:") else "files"] += 1
    if bench.faults.held is not None:
        held["connections, as the system counts them"] = bench.faults.held()
    return held


def _patiently(look: Callable[[], Counter[str]], wanted: Counter[str]) -> Counter[str]:
    """What is held once it is no more than wanted, or after some seconds."""
    until = time.monotonic() + _PATIENCE_S
    while (held := look()) - wanted and time.monotonic() < until:
        time.sleep(0.05)
    return held


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder of our own for temporary files."""
    with tempfile.TemporaryDirectory(prefix="dovetail-kit-") as name:
        before, tempfile.tempdir = tempfile.tempdir, name
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = before


@promise(needs=(SupportsCreate,), given=("secret", "network"))
def nothing_tells_the_password(bench: Bench) -> None:
    """Neither errors, of whatever fault, nor what they were caused by, nor the connector itself, nor its log tells the
    password."""
    secret = bench.faults.secret
    with _logged() as lines, bench.far(timeout_s=1.0) as (system, between):
        found = bench.filled(ITEM, items(2_000))
        shown = (repr(system), str(system), repr(bench.system), str(bench.system))
        expect(not any(tells(one, secret) for one in shown), "the connector shows its password")
        wide = Change(Verb.CREATE, batch(found, items(10, 9_000)))
        gone = dataset("not_there", *ITEM.fields)
        calls: dict[str, Callable[[], object]] = {
            "describing": system.describe,
            "reading": lambda: list(system.read(found, ["id"])),
            "reading what is not there": lambda: list(system.read(gone, ["id"])),
            "writing": lambda: system.apply(found, wide),
            "writing what is not there": lambda: system.apply(gone, wide),
            "drawing": lambda: _drawn(system, gone),
        }
        for call in calls.values():
            bench.attempt(call)
            for how in (How.RESET, How.CLOSE):
                between.plan(Break(how, after_bytes=1))
                bench.attempt(call)
                between.heal()
    expect(not any(tells(line, secret) for line in lines), "the log tells the password")


def _drawn(system: Target, found: Dataset) -> object:
    reserve = getattr(system, "reserve", None)
    return reserve(found, 1) if reserve else None


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _logged() -> Iterator[list[str]]:
    """All that is logged, by whomever."""
    root, lines = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        yield lines.lines
    finally:
        root.setLevel(level)
        root.removeHandler(lines)
