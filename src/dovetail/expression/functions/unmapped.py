"""What a code map does with a value that it does not know."""

from __future__ import annotations

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import Anything, function


@function()
def unmapped(value: Anything) -> None:
    """Ends a code map: null for null, and a failure for everything else.

    `CASE x WHEN 'A' THEN TRUE ELSE unmapped(x) END`.
    """
    raise RowFailure(FailureCode.UNMAPPED, "no code for this value")
