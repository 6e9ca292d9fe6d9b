"""What the state is: its format, its installation, the seed of its fingerprints, its wrapped key."""

from __future__ import annotations

import secrets
from uuid import uuid4

from dovetail.state.database import Database
from dovetail.state.faults import damaged
from dovetail.state.schema import FORMAT
from dovetail.state.seal import Seal, new_key

_READ = "SELECT value FROM meta WHERE name = ?"
_WRITE = "INSERT INTO meta (name, value) VALUES (?, ?)"
_SEED_BITS = 64


class Meta:
    """Facts that are drawn once, when the state is made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def format(self) -> int:
        """The format of the tables."""
        return FORMAT

    @property
    def installation(self) -> str:
        """The id of this state; no two are alike."""
        return self._text("installation")

    @property
    def seed(self) -> int:
        """The 64-bit seed of every fingerprint that is kept here."""
        return int(self._text("seed"), 16)

    def create(self, key: bytes) -> None:
        """Draw everything, inside the transaction that makes the tables."""
        wrapped = Seal(key, place=self._database.place).close(new_key(), "content key")
        drawn = {
            "installation": str(uuid4()),
            "seed": f"{secrets.randbits(_SEED_BITS):016x}",
            "content_key": wrapped.hex(),
        }
        self._database.many(_WRITE, drawn.items())

    def seal(self, key: bytes) -> Seal:
        """The seal of everything that is encrypted here; raises `StateFault` when `key` is another state's."""
        place = self._database.place
        wrapped = bytes.fromhex(self._text("content_key"))
        return Seal(Seal(key, place=place).open(wrapped, "content key"), place=place)

    def _text(self, name: str) -> str:
        found = self._database.row(_READ, name)
        if found is None:
            raise damaged(self._database.place, f"no {name}")
        return str(found[0])
