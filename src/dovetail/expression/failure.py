"""The failure of one row: a signal inside an evaluation, never an error of a run."""

from __future__ import annotations

from enum import StrEnum

from dovetail.errors import DovetailError


class FailureCode(StrEnum):
    """Why an expression has no value for a row."""

    UNFIT = "DV-430"
    """The value does not fit the field that it is for."""
    UNMAPPED = "DV-431"
    """The code map has no entry for this value."""
    UNREADABLE = "DV-432"
    """A cast met a text or a number that is not of the type wanted."""
    OVERFLOW = "DV-433"
    """A number has more digits than its type carries."""
    ZERO = "DV-434"
    """A division by zero."""
    ARGUMENT = "DV-435"
    """An argument of a function is outside what the function takes."""
    LOCAL_TIME = "DV-436"
    """A local time that the zone skips, or has twice."""


class RowFailure(DovetailError):
    """An expression has no value for this row. `reason` says why and holds no value of the row."""

    def __init__(self, code: FailureCode, reason: str) -> None:
        super().__init__(reason, code=str(code))
        self.reason = reason
