"""Whether a value that we write comes back as it was, again and again: what was lately written where, in bounded
room."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ALTERNATIONS = 3
"""How often a value may come back before we stop writing it."""
FOLLOW_S = 3600.0
"""Seconds after our write in which a value that comes back counts as an answer to it."""
SLOTS = 1 << 16
"""Places of one mapping that are remembered at most."""

Marks = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SLOT = np.dtype([("place", "<u8"), ("sent", "<u8"), ("read", "<u8"), ("left", "<u8"), ("at", "<f8"), ("count", "<i8")])


@dataclass(frozen=True, slots=True)
class Sending:
    """Values on their way to places: `places` are numbers of row, member and field together; `sent` marks the value
    that goes there, `read` the one that stands there now."""

    places: Marks
    sent: Marks
    read: Marks


class Echoes:
    """For each place what we last sent there, what we overwrote, what was left, when, and how often it had come back.

    A value *comes back* where somebody changed what we left, and we are about to send the same again. It counts on
    while what stands there is each time exactly what we overwrote before. A user who edits here what we write
    elsewhere, or who edits on at the place we wrote to, sends no value back: then we send another one, or none."""

    def __init__(self, content: bytes = b"") -> None:
        self._slots = np.zeros(SLOTS, dtype=_SLOT)
        known = np.frombuffer(zlib.decompress(content), dtype=_SLOT) if content else self._slots[:0]
        self._slots[_slot(known["place"])] = known

    def content(self, now: float) -> bytes:
        """What still counts, as bytes."""
        return zlib.compress(self._slots[self._counts(self._slots, now)].tobytes(), 1)

    @staticmethod
    def _counts(slots: npt.NDArray[np.void], now: float) -> Flags:
        lasting: Flags = (slots["place"] != 0) & (np.abs(now - slots["at"]) <= FOLLOW_S)
        return lasting

    def came_back(self, sending: Sending, now: float) -> Counts:
        """How often each of these values has come back, this time included; 0 where it did not."""
        slots = self._slots[_slot(sending.places)]
        again = self._counts(slots, now) & (slots["place"] == sending.places)
        again &= (slots["sent"] == sending.sent) & (slots["left"] != sending.read)
        is_same = (slots["count"] == 0) | (slots["read"] == sending.read)
        counts: Counts = np.where(again, np.where(is_same, slots["count"] + 1, 1), 0)
        return counts

    def touch(self, places: Marks, now: float) -> None:
        """Let what is known of these places count on."""
        self._slots["at"][_slot(places)] = now

    def wrote(self, sending: Sending, left: Marks, counts: Counts, now: float) -> None:
        """Remember what was sent, and what the member made of it; what came back before is not forgotten for what did
        not."""
        at = _slot(sending.places)
        known = self._slots[at]
        stays = self._counts(known, now) & (known["count"] > counts) & (known["place"] != sending.places)
        fresh = np.zeros(len(at), dtype=_SLOT)
        for name, values in zip(
            _SLOT.names or (), (sending.places, sending.sent, sending.read, left, now, counts), strict=True
        ):
            fresh[name] = values
        self._slots[at[~stays]] = fresh[~stays]


def places_of(rows: npt.NDArray[np.int64], name: int) -> Marks:
    """A number for each row at the member and field that `name` stands for; hardly any two places share one."""
    mixed: Marks = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(name)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    return mixed | np.uint64(1) << np.uint64(63)


def _slot(places: Marks) -> npt.NDArray[np.intp]:
    slots: npt.NDArray[np.intp] = (places % np.uint64(SLOTS)).astype(np.intp)
    return slots
