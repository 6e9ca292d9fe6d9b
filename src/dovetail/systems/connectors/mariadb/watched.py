"""A connection of the driver's that every wait of is bounded, and that keeps our files to ourselves."""

from __future__ import annotations

import time

import pymysql

from dovetail.errors import Overdue

_AHEAD_BYTES = 2**14
"""Bytes taken in at once where fewer are asked for."""


class Watched(pymysql.connections.Connection):  # type: ignore[misc] # the driver has no types
    """A connection that gives up at its deadline, and never gives out a local file."""

    deadline: float = float("inf")
    allowed_s: float = 0.0
    rests: bool = True
    """Whether no answer is still on its way."""
    is_late: bool = False
    """Whether we gave up waiting; the server may still work."""
    _ahead = memoryview(b"")

    def renew(self, timeout_s: float) -> None:
        """Give what follows its full time."""
        self.allowed_s = timeout_s
        self.deadline = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Seconds until the deadline; raises `Overdue`, and cuts the connection, where there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.cut()
            raise self.overdue()
        return left

    def port_here(self) -> int:
        """Our own end of the connection, by which the server lists it; 0 for a Unix socket."""
        name = self._sock.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def cut(self) -> None:
        """Close the socket without a word to the peer."""
        self._force_close()

    def overdue(self) -> Overdue:
        """What a call ends in when the peer stays silent."""
        self.is_late = True
        words = f"no answer within {self.allowed_s:g} s; the connection was cut"
        return Overdue(words, hint="timeout_s gives more time")

    def fill(self, place: memoryview) -> int:
        """Take in what has arrived of an answer, at most as much as there is place for."""
        if not self._ahead and len(place) < _AHEAD_BYTES:
            self._ahead = memoryview(bytearray(_AHEAD_BYTES))
            self._ahead = self._ahead[: self._received(self._ahead)]
        if self._ahead:
            taken = min(len(place), len(self._ahead))
            place[:taken] = self._ahead[:taken]
            self._ahead = self._ahead[taken:]
            return taken
        return self._received(place)

    def _received(self, place: memoryview) -> int:
        self._sock.settimeout(self.left_s())
        self._current_timeout = None
        try:
            taken = self._sock.recv_into(place)
        except TimeoutError:
            self.cut()
            raise self.overdue() from None
        except OSError as error:
            self.cut()
            raise pymysql.OperationalError(2013, f"the connection was lost ({type(error).__name__})") from error
        if not taken:
            self.cut()
            raise pymysql.OperationalError(2013, "the connection was lost")
        return int(taken)

    def _read_bytes(self, num_bytes: int) -> bytes:
        content = bytearray(num_bytes)
        view = memoryview(content)
        have = 0
        while have < num_bytes:
            have += self.fill(view[have:])
        return bytes(content)

    def _write_bytes(self, data: bytes) -> None:
        self._sock.settimeout(self.left_s())
        self._current_timeout = None
        try:
            self._sock.sendall(data)
        except TimeoutError:
            self.cut()
            raise self.overdue() from None
        except OSError as error:
            self.cut()
            raise pymysql.OperationalError(2006, f"the connection was lost ({type(error).__name__})") from error
