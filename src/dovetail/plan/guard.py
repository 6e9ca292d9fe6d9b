"""The guard: the most that one run may change of what existed before."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.model.mapping import Guard

SHARE_ROWS_MIN = 20
"""The share counts only where a member changes more rows than this."""
DELETE_ROWS, DELETE_SHARE = 50, 0.05
"""Deletes at one member that every guard lets through: so many rows, or this share of those that stand there, whichever
is more."""


@dataclass(frozen=True, slots=True)
class Blast:
    """What a run would change at one member: updates and deletes of rows that exist, and how many rows exist."""

    mapping: str
    member: str
    updates: int
    deletes: int
    existing: int

    @property
    def rows(self) -> int:
        """Existing rows that would change."""
        return self.updates + self.deletes


def trips(guard: Guard, blast: Blast, *, allowed: int | None = None) -> str:
    """Why the guard holds the run, in words; empty where it does not. `allowed` rows were permitted for this run.

    >>> trips(Guard(rows=500, share=0.1), Blast("product", "warehouse", 30, 0, 100))
    '30 of 100 rows (30 %) would change; the guard allows 10 %'
    >>> trips(Guard(), Blast("product", "warehouse", 20, 0, 20))
    ''
    >>> trips(Guard(rows=500, share=1.0), Blast("product", "warehouse", 200, 0, 100))
    ''
    >>> trips(Guard(rows=500, share=1.0), Blast("product", "warehouse", 0, 51, 1000))
    '51 of 1000 rows would be deleted; at most 50 are without a word from you'
    """
    if allowed is not None and blast.rows <= allowed:
        return ""
    # Over an hour a row may be counted twice; more than all of them cannot change.
    share = min(blast.rows / blast.existing, 1.0) if blast.existing else 0.0
    deletes_max = max(DELETE_ROWS, int(DELETE_SHARE * blast.existing))
    if blast.deletes > deletes_max:
        return (
            f"{blast.deletes} of {blast.existing} rows would be deleted; "
            f"at most {deletes_max} are without a word from you"
        )
    if blast.rows > guard.rows:
        return f"{blast.rows} of {blast.existing} rows would change; the guard allows {guard.rows} rows"
    if blast.rows > SHARE_ROWS_MIN and share > guard.share:
        return f"{blast.rows} of {blast.existing} rows ({share:.0%}".replace("%", " %") + (
            f") would change; the guard allows {guard.share:.0%}".replace("%", " %")
        )
    return ""
