"""Rows computed in one PostgreSQL and taken into another as they come: no value is looked at on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from dovetail.model.catalog import Dataset, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres import digest as digests
from dovetail.systems.connectors.postgres import push_packed
from dovetail.systems.connectors.postgres.declared import logical, selected
from dovetail.systems.connectors.postgres.faults import translated
from dovetail.systems.connectors.postgres.order import by_key
from dovetail.systems.connectors.postgres.push_plan import FORMAT, Computing, computing
from dovetail.systems.connectors.postgres.read import Reader, known
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, habits
from dovetail.systems.push import DOUBT, WANTED, Asked, Landing, Refusal, Wire
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column, identifier

BLOCK_BYTES = 256 * 1024
"""Bytes that are handed on at once."""

_BLOCK_ROWS = 1_000_000
_TRUTH = Type(Kind.BOOLEAN)
_ENCODING = "SELECT current_setting('server_encoding')"
_PLAIN = "SELECT set_config('jit', 'off', true), set_config('statement_timeout', '0', true)"
_EXPORT = "SELECT pg_export_snapshot()"
_UNTIMED = "SELECT set_config('statement_timeout', '0', true)"
_TIMED = "SELECT set_config('statement_timeout', $1, true)"


def landing(session: Session, reader: Reader, dataset: Dataset, fields: Sequence[str]) -> Landing | Refusal:
    """How rows arrive in the table; a refusal where more happens to them there than being stored."""
    place = reader.place(dataset)
    stored = reader.columns(session, dataset)
    found = habits(session, place)
    if found.has_insert_triggers:
        return Refusal(f"{dataset.name} has triggers or rules")
    if found.is_row_secured:
        return Refusal(f"{dataset.name} has row security")
    wires: dict[str, Wire] = {}
    for name in fields:
        of = stored.get(name)
        if of is None or of.is_generated:
            return Refusal(f"{dataset.name}.{name} cannot be written")
        if of.stored.kind in (Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT) and of.stored.decimals != 6:
            return Refusal(f"{dataset.name}.{name} rounds times")
        wires[name] = Wire("enum" if of.stored.family == "e" else of.stored.base, logical(of.stored))
    return Landing(FORMAT, wires)


def prepared(
    session: Session, reader: Reader, dataset: Dataset, *, asked: Asked, landing: Landing
) -> Computing | Refusal:
    """The SQL of what is asked; a refusal where the server cannot be asked, or not surely answers the same."""
    if session.rows(_ENCODING)[0][0] != "UTF8":
        return Refusal("the database's encoding is not UTF8")
    return computing(dataset, reader.place(dataset), asked, landing)


@dataclass(frozen=True, slots=True)
class Passage:
    """Two sessions that see the same rows: one looks ahead while the other pours. Each is for one thread at a time."""

    ahead: Session
    pouring: Session
    reader: Reader
    dataset: Dataset
    stored: Mapping[str, Column]
    computing: Computing

    def look(
        self, *, after: pa.RecordBatch | None, rows: int, told: Sequence[str] = (), digest: Sequence[str] | None = None
    ) -> pa.RecordBatch:
        """For the next rows after a key: the key, the values of the fields `told`, `WANTED`, `DOUBT`, and where wanted
        the digest of the fields of that name."""
        place = self.reader.place(self.dataset)
        fields = [known(self.dataset, name) for name in dict.fromkeys((*self.dataset.key, *told))]
        hashed = digests.of_row(self.dataset, self.stored, place, digest) if digest is not None else None
        self.ahead.renew()
        source = self._stepped(self.ahead, after, rows)
        if push_packed.is_able(fields):
            keys = [column(field.name, place) for field in fields]
            sql = POSTGRES.sql(push_packed.select(keys, self.computing, hashed).from_(source))
            answer = self.ahead.copy_out(f"COPY ({sql}) TO STDOUT (FORMAT binary)", rows_max=2, bytes_max=2)
            return push_packed.unpack(b"".join(answer), [field.name for field in fields], is_hashed=hashed is not None)
        values = [selected(field, column(field.name, place)) for field in fields]
        values += [self.computing.wanted.copy(), self.computing.doubt.copy(), *([hashed] if hashed is not None else [])]
        fields += [Field(WANTED, _TRUTH), Field(DOUBT, _TRUTH), *([digests.FIELD] if hashed is not None else [])]
        tree = exp.Select(expressions=values).from_(source)
        batches = list(self.reader.stream(self.ahead, POSTGRES.sql(tree), fields))
        return pa.Table.from_batches(batches).combine_chunks().to_batches()[0] if len(batches) > 1 else batches[0]

    def pour(self, fields: Sequence[str], *, after: pa.RecordBatch | None, rows: int, every: bool) -> Iterator[bytes]:
        """The same rows as the target takes them, in the order of the key; with `every` all of them, else only those
        that are wanted and not in doubt.

        `every` may be asked for only where a look ahead has shown that all of them are."""
        self.pouring.renew()
        answer = f"COPY ({POSTGRES.sql(self._poured(fields, after, rows, every=every))}) TO STDOUT (FORMAT binary)"
        blocks = self.pouring.copy_out(answer, rows_max=_BLOCK_ROWS, bytes_max=BLOCK_BYTES)
        try:
            for block in blocks:
                yield block
                self.pouring.renew()
        except GeneratorExit:
            for _ in blocks:  # what is left of the answer must be taken in before the session can be asked again
                self.pouring.renew()
            raise

    def _poured(self, fields: Sequence[str], after: pa.RecordBatch | None, rows: int, *, every: bool) -> exp.Expression:
        place = self.reader.place(self.dataset)
        values = [self.computing.values[name].copy() for name in fields]
        if every:
            tree = exp.Select(expressions=values).from_(place)
            return by_key(self.pouring, self.dataset, self.stored, tree, after).limit(rows, copy=False)
        tree = exp.Select(expressions=values).from_(self._stepped(self.pouring, after, rows))
        kept = exp.And(this=self.computing.wanted.copy(), expression=exp.Not(this=self.computing.doubt.copy()))
        return tree.where(kept)

    def _stepped(self, session: Session, after: pa.RecordBatch | None, rows: int) -> exp.Subquery:
        """The next rows, with the steps as further columns, under the name of the table."""
        place = self.reader.place(self.dataset)
        steps = [exp.Alias(this=step.copy(), alias=identifier(name)) for name, step in self.computing.steps.items()]
        chosen = exp.Select(expressions=[exp.Column(this=exp.Star(), table=place.this.copy()), *steps]).from_(place)
        chosen = by_key(session, self.dataset, self.stored, chosen, after).limit(rows, copy=False)
        return exp.Subquery(this=chosen, alias=exp.TableAlias(this=place.this.copy()))


@contextmanager
def passage(sessions: tuple[Session, Session], reader: Reader, dataset: Dataset, found: Computing) -> Iterator[Passage]:
    """One snapshot, seen by both sessions until the end."""
    ahead, pouring = sessions
    with ahead.reading(), pouring.reading():
        snapshot = POSTGRES.sql(exp.Literal.string(str(ahead.rows(_EXPORT)[0][0])))
        pouring.rows(f"SET TRANSACTION SNAPSHOT {snapshot}")
        for session in sessions:
            session.rows(_PLAIN)
        yield Passage(ahead, pouring, reader, dataset, reader.columns(ahead, dataset), found)


def take(
    session: Session, place: exp.Table, dataset: Dataset, *, fields: Sequence[str], blocks: Iterable[bytes]
) -> int:
    """The rows taken into the table; the number that the server took.

    Where it refuses one, `Refused` is raised, none of them is left, and the transaction can go on."""
    into = exp.Schema(this=place.copy(), expressions=[identifier(name) for name in fields])
    with translated(dataset.name, session.timeout_s), session.savepoint():
        session.rows(_UNTIMED)
        cursor = session.connection.cursor()
        with cursor.copy(f"COPY {POSTGRES.sql(into)} FROM STDIN (FORMAT binary)".encode()) as copy:
            for block in blocks:
                copy.write(block)
                session.renew()
        session.rows(_TIMED, [session.statement_timeout])
    return max(cursor.rowcount, 0)
