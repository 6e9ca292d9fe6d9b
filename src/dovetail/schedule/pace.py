"""How fast a system may be written: a bucket of rows that fills with time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.onlooker import Places


class Bucket:
    """Lets `rate_s` rows a second through, and `burst` rows at once after a rest.

    More rows than that at once are let through too; the next ones then wait until they are made up for."""

    def __init__(self, rate_s: float, *, clock: Callable[[], float], burst: float | None = None) -> None:
        self.rate_s = rate_s
        self.burst = max(1.0, rate_s if burst is None else burst)
        self._clock = clock
        self._rows = self.burst
        self._at = clock()

    def wait_s(self) -> float:
        """Seconds until the next row may be written; 0 where it may be now."""
        self._fill()
        return max(0.0, (1.0 - self._rows) / self.rate_s)

    @property
    def rows(self) -> int:
        """Rows that may be written now."""
        self._fill()
        return max(0, int(self._rows))

    def take(self, rows: int) -> None:
        """Note that so many rows are written now."""
        self._fill()
        self._rows -= rows

    def _fill(self) -> None:
        now = self._clock()
        self._rows = min(self.burst, self._rows + max(0.0, now - self._at) * self.rate_s)
        self._at = now


class Metered:
    """Takes what is written at each system out of its bucket, as an engine's onlooker."""

    def __init__(self, buckets: Mapping[str, Bucket]) -> None:
        self._buckets = buckets

    def wrote(self, decision: Decision, work: Work, chunk: Chunk, places: Places) -> None:
        """Rows were written at the member of the work."""
        bucket = self._buckets.get(decision.survey.sides[work.side].member.member.system)
        if bucket is not None:
            bucket.take(len(places))


def pause_s(failures: int, *, first_s: float, cap_s: float, share: float) -> float:
    """Seconds to wait after so many failures in a row: each pause twice the one before, up to a cap, less up to a half.

    `share` (0 to 1, drawn by the caller) keeps many that failed together from coming back together.

    >>> [pause_s(failures, first_s=1, cap_s=60, share=0) for failures in (1, 2, 3, 10, 5000)]
    [1.0, 2.0, 4.0, 60.0, 60.0]
    >>> pause_s(3, first_s=1, cap_s=60, share=1)
    2.0
    """
    whole = min(cap_s, first_s * 2.0 ** min(failures - 1, 40))
    return whole * (1.0 - share / 2)
