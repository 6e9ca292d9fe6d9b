"""What is asked of a target, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

UNREADABLE = "dovetail_unreadable"
"""Extra text column of a batch that was read: `field: reason` where a value cannot be carried exactly, else null.

The value itself is null there. A batch without such rows may leave the column out."""


DIGEST = "dovetail_digest"
"""Extra column of a batch that was read: the server's own 64-bit digest of the row (int64)."""


VERSION = "dovetail_version"
"""Extra text column of noticed keys: the version (`SupportsVersions`) that the change gave its row."""


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
    cheaply or they differ; `transaction` what a feed (`VERSION`) will call the transaction that wrote them.
    """

    applied: int
    missed: tuple[int, ...] = ()
    rejects: tuple[Reject, ...] = ()
    keys: pa.RecordBatch | None = None
    held: pa.RecordBatch | None = None
    version: str | None = None
    transaction: str | None = None


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


@dataclass(frozen=True, slots=True)
class Noticed:
    """Rows that may have changed, as a feed tells it: hints, and never a value.

    `keys` holds, by dataset, the parts of the rows' keys; a row that was changed twice is named twice, and an update of
    a key names the old and the new one. The column `VERSION` may say which transaction it was. `whole` names the
    datasets of which every row may have changed, with the reason. `cursor` is to be acknowledged once all that is dealt
    with; `None` where there was nothing new. `more` is true where the feed may hold more than it gave."""

    keys: Mapping[str, pa.RecordBatch]
    whole: Mapping[str, str]
    cursor: str | None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Feed:
    """How a feed stands: the `way` in which it sees changes (`slot`, `binlog`, `triggers`), the datasets that it
    covers, the bytes that it makes its system keep, and how many more that system keeps before it gives the feed up
    (`None`: no bound).

    `lost` says why changes may have been missed, and is empty while none can have been."""

    name: str
    way: str
    datasets: tuple[str, ...]
    kept_bytes: int = 0
    headroom_bytes: int | None = None
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Visibility:
    """How changes and deletes of one dataset can be seen: the best `way` (`slot`, `binlog`, `triggers`, `digests`,
    `reading`), the `missed` kinds of change (empty: none), what it costs the system in words, and why no better way is
    there."""

    dataset: str
    way: str
    missed: str = ""
    cost: str = ""
    reason: str = ""
