"""Work that runs ahead in a thread of its own: its answers wait in a short queue, so memory stays bounded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_POLL_S = 0.1
"""Seconds after which a full queue is asked again whether anybody still listens."""


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None = None


@contextmanager
def ahead(produce: Callable[[], Iterator[_Item]], *, depth: int) -> Iterator[Iterator[_Item]]:
    """The items of `produce()`, at most `depth` of them made before they are asked for.

    The iterator is made, used and closed in the other thread. Its error is raised here, in its place; leaving the block
    early ends it after the item in hand."""
    items: queue.Queue[_Item | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: _Item | _End) -> bool:
        while not stopped.is_set():
            try:
                items.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            made = produce()
            try:
                for item in made:
                    if not put(item):
                        return
            finally:
                getattr(made, "close", lambda: None)()
        except BaseException as error:  # noqa: BLE001  (raised again where the items are used)
            put(_End(error))
        else:
            put(_End())

    def given() -> Iterator[_Item]:
        while True:
            item = items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=run, name="dovetail-ahead", daemon=True)
    thread.start()
    try:
        yield given()
    finally:
        stopped.set()
        thread.join()


class Lane(Generic[_Item]):
    """One thread that does one piece of work at a time, in the order given."""

    def __init__(self) -> None:
        self._work: queue.Queue[Callable[[], _Item] | None] = queue.Queue()
        self._done: queue.Queue[_Item | _End] = queue.Queue()
        self._busy = False
        self._thread = threading.Thread(target=self._run, name="dovetail-lane", daemon=True)
        self._thread.start()

    def give(self, work: Callable[[], _Item]) -> None:
        """Begin a piece of work; the answer of the one before must have been taken."""
        assert not self._busy
        self._busy = True
        self._work.put(work)

    def take(self) -> _Item:
        """Wait for the answer; what the work raised is raised here."""
        answer = self._done.get()
        self._busy = False
        if isinstance(answer, _End):
            assert answer.error is not None
            raise answer.error
        return answer

    def close(self) -> None:
        """Wait for the work in hand, then end the thread; an error that nobody took is dropped."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._done.put(work())
            except BaseException as error:  # noqa: BLE001  (raised again where the answer is taken)
                self._done.put(_End(error))
