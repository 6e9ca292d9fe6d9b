"""Why a system refuses a row: one code for each reason, the same for every SQL system, in words that hold no values."""

from __future__ import annotations

from dovetail.model.change import Reject

TAKEN = "DV-448"
"""A row with this key stands there already."""
DOUBLE = "DV-441"
"""A unique constraint holds the value for another row."""
MISSING = "DV-442"
"""A field that must be filled is null."""
ORPHAN = "DV-443"
"""A reference points to no row, or rows still point to this one."""
RULED_OUT = "DV-444"
"""A check constraint, a domain or a trigger says no."""
UNFIT = "DV-445"
"""The field's type cannot hold the value exactly."""
UNWRITABLE = "DV-446"
"""The field is computed by the system, or belongs to a view or a query."""
AMBIGUOUS = "DV-447"
"""Several rows have this key."""
OTHER = "DV-449"
"""The system gave another reason; its own code is in the words."""

WORDS = {
    TAKEN: "a row with this key stands there already",
    DOUBLE: "another row holds a value that must be unique",
    MISSING: "the field must be filled",
    ORPHAN: "a reference points to no row, or rows still point to this one",
    RULED_OUT: "a rule of the system says no",
    UNFIT: "the field's type cannot hold the value exactly",
    UNWRITABLE: "the system fills this field itself",
    AMBIGUOUS: "several rows have this key",
    OTHER: "the system refused the row",
}
"""The words for each code."""


def reject(position: int, code: str, *, field: str = "", detail: str = "") -> Reject:
    """A refused row; `detail` (a constraint's name, the system's own code) holds none of the row's values.

    >>> reject(3, DOUBLE, field="email", detail="person_email_key").reason
    'another row holds a value that must be unique (person_email_key)'
    """
    words = WORDS[code] + (f" ({detail})" if detail else "")
    return Reject(position=position, code=code, reason=words, field=field)
