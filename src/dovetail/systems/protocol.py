"""What a connector must be able to do (two verbs to read, a third to write), and what it may be able to do besides.

A capability is one small protocol, found with `isinstance`. Without it Dovetail is slower, never different.
All verbs are synchronous. Driver exceptions never leave a connector: they become a class of `dovetail.errors`, which
alone
decides what a run does. Every call ends within the connector's own deadline (`timeout_s`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import pyarrow as pa

from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import Change, Feed, LedgerEntry, Noticed, Receipt, Verb, Visibility
from dovetail.systems.push import Asked, Landing, Refusal


@runtime_checkable
class Source(Protocol):
    """A system that can be read."""

    def describe(self) -> Catalog:
        """All datasets, named queries included."""
        ...

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot where the system has such a thing.

        Columns stand in the order of `fields`, each in the carrier of its type (`Type.arrow`); a value that cannot be
        carried
        exactly is null, and the extra column `UNREADABLE` says why.
        """
        ...

    def close(self) -> None:
        """Give back every connection; the connector may be used again afterwards."""
        ...


@runtime_checkable
class Target(Source, Protocol):
    """A system that can also be changed."""

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry a change out and make it durable. A row that the system refuses is a reject; the others are written.

        Applying the same change twice equals once: a `CREATE` whose row stands there with exactly these values is
        counted as
        applied, an `UPDATE` or `DELETE` likewise.
        """
        ...


@runtime_checkable
class SupportsLookup(Protocol):
    """Can read rows by key."""

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, in any order; absent keys are left out. Batches as `read` gives them, from the
        primary.

        `keys` has one column for each part of the dataset's key, under the part's name."""
        ...


@runtime_checkable
class SupportsOrder(Protocol):
    """Can read a dataset in the order of its key, from any place in it: a load that was broken off goes on there."""

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows that come after the key `after` (one row of the key's parts; `None`: all), in the system's own order
        of the key, in one snapshot; batches as `read` gives them.

        With `digest` (only where `SupportsDigest.digestible` says so) an extra column `DIGEST` follows."""
        ...


@runtime_checkable
class SupportsDigest(Protocol):
    """Can compute digests of its rows where they are, so that unchanged rows need not travel."""

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """Whether the digest of these fields tells every difference that a reader of them would see."""
        ...

    def digest_total(self, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of their digests (as a signed 64-bit number)."""
        ...

    def digest_rows(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The digest of every row: the key's parts, as `read` gives them, and the column `DIGEST`."""
        ...

    def digest_lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """As `SupportsLookup.lookup`, with the column `DIGEST` besides: the digest of these very values."""
        ...


@runtime_checkable
class SupportsMark(Protocol):
    """Can tell at next to no cost whether anything at all about a dataset changed: an unchanged one is not read."""

    def mark(self, dataset: Dataset) -> str | None:
        """What tells one state of the dataset from another: where the answers before and after are the same, no row
        changed in between. `None` while that cannot be told, as right after a change."""
        ...


@runtime_checkable
class SupportsVersions(Protocol):
    """Can tell which transaction last wrote a row: a row of the same version holds what that transaction left there."""

    def versions(self, dataset: Dataset) -> Mapping[str, int]:
        """How many rows there are of each version, at most 100,000 versions; empty where there are more."""
        ...

    def besides(self, dataset: Dataset, versions: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The keys of the rows whose version is none of these."""
        ...


@runtime_checkable
class SupportsCapture(Protocol):
    """Can note which rows change, from the moment at which it is told to; a feed holds keys, never values."""

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen here, with the rights that we have."""
        ...

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Make the feed cover exactly these datasets, and mend what it lacks. Once this returns, no change that is
        committed later goes unnoticed; what was noted before and not yet acknowledged stays. Datasets that are noted
        from now on, or whose changes may have been missed, are told once as `whole`.

        `SystemFault` (DV-360) where it cannot be made without making the application's own writes fail, or without
        rights that the hint grants."""
        ...

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands; `None` where it was never made."""
        ...

    def release(self, feed: str) -> None:
        """Take the feed and everything that was made for it away again."""
        ...

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What was noted and not acknowledged, the oldest first, about `rows` changes at most; the same again when
        asked again, and more. A change that commits late is seen late, and never missed. Without a cursor: nothing that
        was committed before is on its way either.

        `FeedLost` where changes may have gone unnoticed: capturing again mends it."""
        ...

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what `noticed` gave up to that cursor."""
        ...

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait until something may have been noted, at most so long; a spurious `True` is harmless."""
        ...


@runtime_checkable
class SupportsPartitions(Protocol):
    """Can read a dataset in parts, by ranges of its key."""

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """At most `parts` opaque names of parts that together hold every row exactly once."""
        ...

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """The rows of one part, as `read` gives them."""
        ...


@runtime_checkable
class SupportsQuery(Protocol):
    """Can answer one read-only query in its own SQL."""

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer; types as for datasets. A statement that would write is refused."""
        ...


@runtime_checkable
class SupportsReserve(Protocol):
    """Can draw keys before the rows are written."""

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """`count` keys that nobody else will be given, under the names of the dataset's key."""
        ...


@runtime_checkable
class SupportsCreate(Protocol):
    """Can create a dataset."""

    def create(self, dataset: Dataset) -> None:
        """Make the dataset with its fields, key and unique constraints; an existing one is left as it is."""
        ...


@runtime_checkable
class Transaction(Protocol):
    """Writes that become durable together or not at all."""

    def fence(self, partition: str, epoch: int) -> None:
        """Lock the partition's fence row until the end; raise `Fenced` when its epoch is not `epoch`."""
        ...

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """As `Target.apply`, but inside this transaction, and not idempotent: a `CREATE` of a taken key is a reject.

        Refused rows are found by bisection with savepoints and named in the receipt; the others stay written."""
        ...

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        ...


@runtime_checkable
class Locks(Protocol):
    """A transaction that can keep others from changing rows."""

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Until the transaction ends, nobody else changes the rows of these keys; reading them is not held up."""
        ...


@runtime_checkable
class SupportsTransaction(Protocol):
    """Can make several writes durable together, with our fence and ledger in the same system."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commit at the end of the block; an exception rolls everything back."""
        ...

    def raise_epoch(self, partition: str) -> int:
        """The next epoch of a partition; waits for, or ends, the transaction of the former holder. Makes fence and
        ledger if absent."""
        ...

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk; empty where there is no ledger."""
        ...

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        ...


@runtime_checkable
class SupportsLastChunk(Protocol):
    """Can tell cheaply how far its ledger is; otherwise all of it is read."""

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition; 0 where there is none."""
        ...


@runtime_checkable
class SupportsStatements(Protocol):
    """Can show the statement that a change becomes."""

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """The statement for one row, with parameters in place of values: `fields` are set, `expected` must still
        hold."""
        ...


@runtime_checkable
class SupportsClock(Protocol):
    """A system with a clock of its own, which may be off.

    Without it Dovetail takes the system's stamps for stamps of its own clock."""

    def now(self) -> dt.datetime:
        """The time by the system's clock, in UTC."""
        ...


@runtime_checkable
class SupportsDoctor(Protocol):
    """Can say about itself what an operator must know."""

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """Lines of (topic, `ok` | `warn` | `bad`, words): version, encoding, time zone, clock offset, rights per
        dataset
        (tried with a scratch row that is rolled back), and for what is missing the statement that grants it."""
        ...


@runtime_checkable
class Passage(Protocol):
    """A dataset's rows on their way into a target, computed where they are, in one snapshot."""

    def look(
        self, *, after: pa.RecordBatch | None, rows: int, told: Sequence[str] = (), digest: Sequence[str] | None = None
    ) -> pa.RecordBatch:
        """The next rows after a key, as far as they must be known: the key, the fields `told`, `WANTED`, `DOUBT`, and
        where asked for the digest."""
        ...

    def pour(self, fields: Sequence[str], *, after: pa.RecordBatch | None, rows: int, every: bool) -> Iterator[bytes]:
        """The same rows in the landing's format; without `every` only those wanted and not in doubt.

        Close it when it is left early."""
        ...


@runtime_checkable
class SupportsPassage(Protocol):
    """Can compute what a target is to hold, and give it out in a form that the target takes as it is."""

    def refusal(self, dataset: Dataset, asked: Asked, landing: Landing) -> Refusal | None:
        """Why that cannot be asked, or `None`; the plan shows it."""
        ...

    def passage(self, dataset: Dataset, asked: Asked, landing: Landing) -> AbstractContextManager[Passage]:
        """Open until the end of the block; `Refused` where `refusal` would say why."""
        ...


@runtime_checkable
class SupportsLanding(Protocol):
    """Can take rows as another system gives them out; its transactions are `Takes`."""

    def landing(self, dataset: Dataset, fields: Sequence[str]) -> Landing | Refusal:
        """How values of these fields must arrive, or why they cannot."""
        ...


@runtime_checkable
class Takes(Protocol):
    """A transaction that takes rows as they come."""

    def take(self, dataset: Dataset, fields: Sequence[str], blocks: Iterable[bytes]) -> int:
        """How many rows were taken. Where one is refused, `Refused`: none is left, and the transaction can go on."""
        ...

    def version(self, dataset: Dataset, key: pa.RecordBatch) -> str | None:
        """The version (`SupportsVersions`) of the row of that key, `None` where it cannot be told."""
        ...
