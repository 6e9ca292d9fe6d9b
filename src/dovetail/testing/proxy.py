"""A way to a server that can be cut, closed or held up at a chosen byte or word, as bad networks do."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

_PIECE_BYTES = 65_536
_WAIT_S = 0.05
_HOST = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)


class How(StrEnum):
    """What the network does to a connection."""

    RESET = "reset"
    """Both sides are told at once that the connection is gone."""
    CLOSE = "close"
    """Both sides see an orderly end."""
    STALL = "stall"
    """Nothing passes any more, and nobody is told; the machine still acknowledges what it is sent."""
    LATE = "late"
    """As `STALL`, but the words at which it breaks reach the server after `late_s`, when the client may have gone."""


@dataclass(frozen=True, slots=True)
class Break:
    """When and how a connection breaks; each break happens once.

    It waits until `armed_by` has passed towards the server, then for `at` (words towards the server) or, without it,
    until `after_bytes` more bytes went there. With `delivered` the words at which it breaks still arrive, so only the
    answer is lost. With `from_server` the bytes counted are those that come back, once it is armed."""

    how: How = How.RESET
    after_bytes: int = 0
    at: bytes = b""
    armed_by: bytes = b""
    delivered: bool = False
    from_server: bool = False
    late_s: float = 1.0


class Proxy:
    """Carries connections from a port of its own to a server; `plan` says what goes wrong next."""

    def __init__(self, port: int, host: str = _HOST) -> None:
        self._server = (host, port)
        self._listener = socket.create_server((_HOST, 0))
        self._listener.settimeout(_WAIT_S)
        self._lock = threading.Lock()
        self._is_open = True
        self._break: Break | None = None
        self._is_armed = False
        self._counted = 0
        self._pairs: list[_Pair] = []
        self._dice = random.Random()  # noqa: S311 - dice, not secrets
        self._cut_share = 0.0
        self._wait_s = 0.0
        self._bytes_per_s = 0.0
        self.broken = 0
        self.carried_bytes = 0
        self.answered_bytes = 0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self._listener.getsockname()[1])

    def plan(self, what: Break) -> None:
        """Let the next connection to which that applies break."""
        with self._lock:
            self._break, self._is_armed, self._counted = what, not what.armed_by, 0

    def cut(self, share: float, *, seed: int | None = None) -> None:
        """Reset a connection at this share of all pieces that pass, at random."""
        with self._lock:
            self._dice = random.Random(seed)  # noqa: S311 - dice, not secrets
            self._cut_share = share

    def slow(self, wait_s: float, *, bytes_per_s: float = 0.0) -> None:
        """Let every piece arrive so much later, and so many bytes a second at most, each way."""
        self._wait_s, self._bytes_per_s = wait_s, bytes_per_s

    def heal(self) -> None:
        """Let nothing go wrong any more; connections that stall are reset."""
        self.slow(0)
        with self._lock:
            self._break, self._cut_share = None, 0.0
            stalled = [pair for pair in self._pairs if pair.is_stalled]
        for pair in stalled:
            pair.end(How.RESET)

    def close(self) -> None:
        """End every connection and listen no more."""
        self._is_open = False
        self._listener.close()
        for pair in self._pairs:
            pair.end(How.CLOSE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        while self._is_open:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=5)
            except OSError:
                client.close()
                continue
            pair = _Pair(client, server)
            self._pairs.append(pair)
            threading.Thread(
                target=self._carry, args=(pair, client, server), kwargs={"to_server": True}, daemon=True
            ).start()
            threading.Thread(
                target=self._carry, args=(pair, server, client), kwargs={"to_server": False}, daemon=True
            ).start()

    def _carry(self, pair: _Pair, source: socket.socket, target: socket.socket, *, to_server: bool) -> None:
        with contextlib.suppress(OSError):  # it may have been ended already
            source.settimeout(None)
        while self._is_open:
            try:
                piece = source.recv(_PIECE_BYTES)
            except OSError:
                piece = b""
            if not piece and not pair.is_late:
                pair.end(How.CLOSE)
            if not piece:
                return
            due, passes = self._judge(piece, to_server=to_server)
            if pair.is_stalled:
                continue
            self._hold_up(len(piece))
            pair.is_stalled = due is not None  # before the words pass: their answer must not be quicker than the break
            with contextlib.suppress(OSError):
                target.sendall(piece[:passes])
            if due is None or due.how is How.STALL:
                continue
            if due.how is not How.LATE:
                pair.end(due.how, at_server=How.CLOSE if due.delivered else due.how)
                return
            pair.is_late = True
            threading.Timer(due.late_s, pair.finish, (piece[passes:],)).start()

    def _hold_up(self, size: int) -> None:
        pause = self._wait_s + (size / self._bytes_per_s if self._bytes_per_s else 0.0)
        if pause:
            time.sleep(pause)

    def _judge(self, piece: bytes, *, to_server: bool) -> tuple[Break | None, int]:
        """Whether it breaks here, and how many bytes of the piece still pass."""
        with self._lock:
            self.carried_bytes += len(piece) if to_server else 0
            self.answered_bytes += 0 if to_server else len(piece)
            if self._cut_share and self._dice.random() < self._cut_share:
                self.broken += 1
                return Break(How.RESET), 0
            what = self._break
            if what is None:
                return None, len(piece)
            if to_server and not self._is_armed:
                self._is_armed = what.armed_by in piece
                if not self._is_armed or what.at not in piece.split(what.armed_by)[-1]:
                    return None, len(piece)
            if what.from_server is to_server or not self._is_armed:
                return None, len(piece)
            self._counted += len(piece)
            if what.at not in piece or (not what.at and self._counted < what.after_bytes):
                return None, len(piece)
            self._break = None
            self.broken += 1
            if what.at:
                return what, len(piece) if what.delivered else piece.index(what.at)
            return what, len(piece) - (self._counted - what.after_bytes)


class _Pair:
    """Both ends of one connection."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = (client, server)
        self.is_stalled = False
        self.is_late = False

    def finish(self, piece: bytes) -> None:
        """Let the server have what was held back, then end."""
        with contextlib.suppress(OSError):
            self.ends[1].sendall(piece)
        self.end(How.CLOSE)

    def end(self, how: How, at_server: How | None = None) -> None:
        client, server = self.ends
        _end(client, how)
        _end(server, at_server or how)


def _end(end: socket.socket, how: How) -> None:
    """End one connection; whoever waits for it in another thread wakes up."""
    with contextlib.suppress(OSError):
        if how is How.RESET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD if how is How.RESET else socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
