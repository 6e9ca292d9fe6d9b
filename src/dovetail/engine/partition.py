"""One stream of writes into one target: its fence, its chunk numbers, its ledger, and what was left behind by a
crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from dovetail.engine.ledger import Bulk, Claim, confirm, read_claim, stamped, unstamped
from dovetail.errors import Fenced, Refused, SystemFault
from dovetail.failpoints import Point, failpoint
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt
from dovetail.state.journal import Chunked
from dovetail.state.store import Store
from dovetail.systems.protocol import (
    Locks,
    SupportsLastChunk,
    SupportsReserve,
    SupportsTransaction,
    Takes,
    Target,
    Transaction,
)


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows as bytes: the fields that they fill, how many there are, and the key of the first."""

    fields: Sequence[str]
    blocks: Iterable[bytes]
    rows: int
    first: pa.RecordBatch


class Partition:
    """The writes of one mapping into one target. `name` is unique in the target and in the state.

    The last entry of the ledger always stays, and each says how far the state was: so it is seen when either of the two
    was put back from a backup. `doubt` is told of that, in words."""

    def __init__(
        self, name: str, target: Target, store: Store, *, doubt: Callable[[str], None] = lambda _words: None
    ) -> None:
        self.name = name
        self._doubt = doubt
        self._known = 0
        self.is_behind = False
        """Whether more was agreed on since the last chunk, so that the target does not tell how far we are."""
        self.target = target
        self._store = store
        self._epoch = 0
        self._turn = 0
        self._chunk = 0
        self._unreserved: set[str] = set()
        self._confirmed = self._safe = self._forgotten = 0
        self._locked: tuple[Transaction, ExitStack] | None = None
        self.holding = 0
        """How often the partition was taken over; each time, open intents were settled."""
        self.recovered: Counter[str | None] = Counter()
        """Rows of bulk chunks that an earlier run wrote and did not confirm, by the version that they carry."""

    def open(self) -> int:
        """Take the partition over from whoever held it, then bring into the state what the target committed and the
        state does not know.

        Returns the number of chunks recovered. Raises `Fenced` when another worker does the same at the same time: the
        state's turn is taken before the epoch is raised, so only who was last at both cleans up."""
        self._turn = self._store.sequence.advance(self._turns)
        if isinstance(self.target, SupportsTransaction):
            failpoint(Point.EPOCH_BEFORE)
            self._epoch = self.target.raise_epoch(self.name)
            failpoint(Point.EPOCH_AFTER)
        return self._take_over()

    def reopen(self) -> None:
        """Take the partition over from ourselves, after a try whose end we do not know.

        What was decided is worth nothing any more when another worker was here in between: that is `Fenced`."""
        with self._store.transaction():
            self.hold()
        if isinstance(self.target, SupportsTransaction):
            former, self._epoch = self._epoch, self.target.raise_epoch(self.name)
            if self._epoch != former + 1:
                raise self._fenced()
        self._take_over()

    def verify(self) -> None:
        """Raise where the target does not hold what we last wrote there any more: it was put back from a backup since
        we took the partition over."""
        target = self.target
        if isinstance(target, SupportsLastChunk):
            last = target.last_chunk(self.name)
        elif isinstance(target, SupportsTransaction):
            last = max((entry.chunk for entry in target.ledger(self.name)), default=0)
        else:
            return
        if last < self._known:
            words = "the system does not hold what was last written there: it was put back from a backup"
            raise SystemFault(
                words, where=self.name, hint="nothing to do: all of its rows are looked at", code="DV-488"
            )

    def knows(self, chunk: int) -> bool:
        """Whether the state knows that the target holds that chunk of ours."""
        with self._store.transaction():
            self.hold()
            return self._store.sequence.get(self.name) >= chunk

    def hold(self) -> None:
        """Raise `Fenced` when another worker has opened the partition; it cannot until the state's transaction ends."""
        if not self._store.sequence.stands(self._turns, self._turn):
            raise self._fenced()

    @property
    def is_exact(self) -> bool:
        """Whether the target keeps fence and ledger in the transaction of the rows."""
        return isinstance(self.target, SupportsTransaction)

    @property
    def _turns(self) -> str:
        return f"{self.name} turn"

    def _fenced(self) -> Fenced:
        return Fenced(
            f"another worker has taken the partition {self.name} over",
            where=self.name,
            hint="let the other run end; then the same command goes on from there",
        )

    def _take_over(self) -> int:
        """Bring the target's ledger into the state; how many chunks the state did not know.

        The epoch was raised first, which ends the former holder's last transaction, so nothing can appear in the ledger
        after it was read."""
        store = self._store
        self.holding += 1
        self._chunk = store.sequence.get(self.name)
        if not isinstance(self.target, SupportsTransaction):
            self.hold()
            return 0
        failpoint(Point.LEDGER_BEFORE)
        entries = sorted(self.target.ledger(self.name), key=lambda entry: entry.chunk)
        failpoint(Point.LEDGER_AFTER)
        words = self._put_back(entries)
        recovered = sum(self._recover(entry) for entry in entries)
        self._chunk = max([self._chunk, *(entry.chunk for entry in entries)])
        failpoint(Point.CLOSE_BEFORE)
        with store.transaction():
            self.hold()
            for intent in store.intents.list(self.name):
                store.intents.done(self.name, intent.chunk)
            store.journal.drop(self.name)
            for chunk in store.segments.pending(self.name):
                store.segments.drop(self.name, chunk)
            store.sequence.set(self.name, self._chunk)
            store.sequence.reset(f"{self.name} epoch", self._epoch)
            if words:
                self._doubt(words)
        self._known = self._chunk
        failpoint(Point.CLOSE_AFTER)
        if words:
            self.beat()
        if entries:
            self.target.forget(self.name, entries[-1].chunk - 1)
        return recovered

    def _put_back(self, entries: Sequence[LedgerEntry]) -> str:
        """Whether the target or the state is behind what it once was, in words; empty where neither is."""
        known = self._store.sequence.get(self.name)
        _, system, mapping = [*self.name.split("/"), "", ""][:3]
        last = entries[-1].chunk if entries else 0
        if last < known or self._epoch <= self._store.sequence.get(f"{self.name} epoch"):
            return f"{system} does not hold what was last written there for {mapping}: it was put back from a backup"
        ours = self._store.meta.installation
        for entry in entries:
            told, content = unstamped(entry.content)
            is_ours = read_claim(content).installation == ours
            if (is_ours and told > known) or (not is_ours and 0 < known < entry.chunk):
                return f"the state does not know what was last written to {system} for {mapping}: it was put back"
        return ""

    def beat(self) -> None:
        """Let the target hold how far we are, where nothing else is to be written to it."""
        if not isinstance(self.target, SupportsTransaction):
            return
        chunk, claim = self.next_chunk(), Claim(self._store.meta.installation, "", "", (), {}, ())
        with self.target.transaction() as transaction:
            transaction.fence(self.name, self._epoch)
            transaction.record([LedgerEntry(self.name, chunk, "", stamped(self._known, claim.content()))])
        self.is_behind = False
        self.confirm(chunk, claim)

    def _recover(self, entry: LedgerEntry) -> bool:
        """Bring one chunk into the state, unless the state already has it or it belongs to another state."""
        claim = read_claim(unstamped(entry.content)[1])
        if entry.chunk <= self._chunk or claim.installation != self._store.meta.installation:
            return False
        failpoint(Point.CHUNK_BEFORE)
        with self._store.transaction():
            self.hold()
            self._confirm(entry.chunk, claim)
            self._store.sequence.set(self.name, entry.chunk)
        if isinstance(claim, Bulk) and self.holding == 1:
            self.recovered[claim.version] += claim.rows
        failpoint(Point.CHUNK_AFTER)
        return True

    def next_chunk(self) -> int:
        """The number of the next chunk."""
        self._chunk += 1
        return self._chunk

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch | None:
        """Keys drawn from the target, `None` where it cannot draw any for this dataset."""
        if not isinstance(self.target, SupportsReserve) or dataset.name in self._unreserved:
            return None
        try:
            failpoint(Point.RESERVE_BEFORE)
            drawn = self.target.reserve(dataset, count)
            failpoint(Point.RESERVE_AFTER)
            return drawn
        except Refused:
            self._unreserved.add(dataset.name)
            return None

    def write(
        self, dataset: Dataset, change: Change, chunk: int, run: str, account: Callable[[Receipt], bytes]
    ) -> Receipt:
        """Write a chunk; where the target has transactions, the fence is checked and `account`'s claim is in the same
        one."""
        if not isinstance(self.target, SupportsTransaction):
            receipt = self.target.apply(dataset, change)
            account(receipt)
            return receipt
        failpoint(Point.BEGIN_BEFORE)
        with self._transaction(self.target) as transaction:
            failpoint(Point.BEGIN_AFTER)
            transaction.fence(self.name, self._epoch)
            failpoint(Point.FENCE_AFTER)
            receipt = transaction.apply(dataset, change)
            failpoint(Point.APPLY_AFTER)
            content = stamped(self._known, account(receipt))
            transaction.record([LedgerEntry(self.name, chunk, run, content)])
            failpoint(Point.LEDGER_WRITTEN)
        self.is_behind = False
        failpoint(Point.COMMITTED)
        return receipt

    @contextmanager
    def locking(self, dataset: Dataset, keys: pa.RecordBatch) -> Iterator[None]:
        """Keep others from changing these rows until the next chunk is written, or the block ends; where the target
        cannot, nothing is done."""
        if not isinstance(self.target, SupportsTransaction):
            yield
            return
        with ExitStack() as held:
            transaction = held.enter_context(self.target.transaction())
            if isinstance(transaction, Locks):
                transaction.fence(self.name, self._epoch)
                transaction.lock(dataset, keys)
                self._locked = transaction, held
            else:
                held.close()
            try:
                yield
            finally:
                self._locked = None

    @contextmanager
    def _transaction(self, target: SupportsTransaction) -> Iterator[Transaction]:
        """The transaction that holds the rows already, else another one."""
        if self._locked is None:
            with target.transaction() as transaction:
                yield transaction
            return
        (transaction, held), self._locked = self._locked, None
        with held.pop_all():
            yield transaction

    def pour(
        self, dataset: Dataset, stream: Stream, chunk: int, run: str, account: Callable[[str | None], bytes]
    ) -> str | None:
        """Let rows flow into the target, all or none, behind the fence and with their ledger entry; answers their
        version where the target can tell."""
        assert isinstance(self.target, SupportsTransaction)
        failpoint(Point.BEGIN_BEFORE)
        with self.target.transaction() as transaction:
            assert isinstance(transaction, Takes)
            failpoint(Point.BEGIN_AFTER)
            transaction.fence(self.name, self._epoch)
            failpoint(Point.FENCE_AFTER)
            taken = transaction.take(dataset, stream.fields, stream.blocks)
            if taken != stream.rows:
                raise Refused(f"{stream.rows} rows were given, {taken} were taken", where=dataset.name)
            version = transaction.version(dataset, stream.first)
            failpoint(Point.APPLY_AFTER)
            transaction.record([LedgerEntry(self.name, chunk, run, stamped(self._known, account(version)))])
            failpoint(Point.LEDGER_WRITTEN)
        failpoint(Point.COMMITTED)
        return version

    def confirm(
        self, chunk: int, claim: Claim | Bulk, *, note: Callable[[], None] | None = None, is_lazy: bool = False
    ) -> None:
        """Make the state know a chunk that the target holds, and whatever `note` adds, at once. Where that is lazy, the
        ledger keeps its entry until the state has it safely (`flushed`)."""
        store = self._store
        failpoint(Point.CONFIRM_BEFORE)
        with store.transaction(is_lazy=is_lazy):
            self.hold()
            self._confirm(chunk, claim)
            store.sequence.set(self.name, chunk)
            store.intents.done(self.name, chunk)
            if note is not None:
                note()
        self._confirmed = self._known = chunk
        if not is_lazy:
            self.flushed()
        failpoint(Point.CONFIRM_AFTER)

    def _confirm(self, chunk: int, claim: Claim | Bulk) -> None:
        if isinstance(claim, Bulk):
            self._store.segments.confirm(self.name, chunk, without=claim.without)
            return
        self._store.segments.drop(self.name, chunk)
        self._store.journal.confirm(Chunked(self.name, chunk), claim.numbers)
        if claim.numbers:
            confirm(self._store, claim)

    def flushed(self) -> None:
        """What the state was told so far outlasts a failure of the power."""
        self._safe = self._confirmed

    def tidy(self, at_least: int = 1) -> None:
        """Remove the ledger's entries before the last chunk that the state knows, once there are so many."""
        confirmed = self._safe
        if isinstance(self.target, SupportsTransaction) and confirmed >= self._forgotten + at_least:
            failpoint(Point.FORGET_BEFORE)
            self.target.forget(self.name, confirmed - 1)
            self._forgotten = confirmed
            failpoint(Point.FORGET_AFTER)
