"""What is asked of a target, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

UNREADABLE = "dovetail_unreadable"
"""Extra text column of a batch that was read: `field: reason` where a value cannot be carried exactly, else null.

The value itself is null there. A batch without such rows may leave the column out."""


DIGEST = "dovetail_digest"
"""Extra column of a batch that was read: the server's own 64-bit digest of the row (int64)."""


class Verb(StrEnum):
    """What a change does to its rows."""

    CREATE = "create"
    """Rows that must not exist yet; a row whose key is taken is a reject, never an overwrite."""
    UPDATE = "update"
    """Rows that exist; only the fields given besides the key are touched."""
    DELETE = "delete"
    """Rows that exist; only the key is given."""


@dataclass(frozen=True, slots=True)
class Change:
    """One verb over many rows of one shape; each key occurs once.

    `rows` holds, for `CREATE`, all fields to be filled (the key too, unless the system draws it); for `UPDATE` the key
    fields and the
    fields to be set; for `DELETE` the key fields. `expected`, row for row, holds the key fields and what other fields
    must
    still hold for the row to be touched (compared by exact value, null equal to null).
    """

    verb: Verb
    rows: pa.RecordBatch
    expected: pa.RecordBatch | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that a system refused: its position in the change, and why, in words that hold none of the row's values.

    `field` is the field that the system blamed, where it names one."""

    position: int
    code: str
    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A target's answer.

    `applied` rows were written; `missed` are positions whose row was gone or no longer as expected; `rejects` were
    refused.
    `keys` holds the key of every row of a `CREATE`, row for row (nulls where not applied). `held` holds, row for row,
    what the row holds now in
    the fields written, where the system rewrote anything or can tell cheaply; `None` means exactly what was sent.
    `version` is the version (`SupportsVersions`) that all applied rows carry now, `None` where the system cannot tell
    cheaply or they differ.
    """

    applied: int
    missed: tuple[int, ...] = ()
    rejects: tuple[Reject, ...] = ()
    keys: pa.RecordBatch | None = None
    held: pa.RecordBatch | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one committed chunk of writes did, kept in the target itself in the same transaction.

    `chunk` is unique per partition and grows; `run` is the run's id; `content` is the engine's own packed description
    (keys,
    agreement numbers, digests: no personal data)."""

    partition: str
    chunk: int
    run: str
    content: bytes
