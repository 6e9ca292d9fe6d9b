"""Reading: every answer comes as `COPY ... TO STDOUT` in CSV, the fastest exact way out of PostgreSQL, and leaves in
batches.

`COPY` takes no parameters, so the keys of a look-up go ahead of it as settings of the transaction, one array a part of
the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres import columnar
from dovetail.systems.connectors.postgres import digest as digests
from dovetail.systems.connectors.postgres import query as queries
from dovetail.systems.connectors.postgres.bind import array_literal, texts
from dovetail.systems.connectors.postgres.carry import carry
from dovetail.systems.connectors.postgres.declared import cast, logical, selected
from dovetail.systems.connectors.postgres.known import Known
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.order import ordering, plan
from dovetail.systems.connectors.postgres.same import same_key
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, columns, found
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column, identifier, table

BATCH_BYTES_MAX = 32 * 2**20
"""Bytes of text in one batch at most, unless one row alone has more."""

WANTED = "dovetail_wanted"
"""The name under which given values stand in a statement."""

_SETTING = "dovetail.k"
_WHOLE = "int8"
_SPREAD_MAX = 3
"""Whole numbers that stand between the keys of a look-up for each of them at most, if all that stands there is read."""

_UNTIMED = "SELECT set_config('statement_timeout', '0', true)"
_TIMED = "SELECT set_config('statement_timeout', $1, true)"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads datasets through a session that is in a transaction."""

    names: Names
    batch_rows: int
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    is_binary: bool = True
    known: Known = field(default_factory=Known, compare=False)

    def place(self, dataset: Dataset) -> exp.Table:
        """Where the dataset's rows are selected from."""
        return table(queries.CALLED) if dataset.kind is DatasetKind.QUERY else self.names.table(dataset.name)

    def select(self, dataset: Dataset, fields: Sequence[str]) -> exp.Select:
        """All rows, those fields in that order."""
        place = self.place(dataset)
        chosen = [selected(known(dataset, name), column(name, place)) for name in fields]
        tree = exp.Select(expressions=chosen or [exp.null()]).from_(place)
        return self._around(dataset, tree)

    def _around(self, dataset: Dataset, tree: exp.Select) -> exp.Select:
        return queries.around(self._sql(dataset), tree) if dataset.kind is DatasetKind.QUERY else tree

    def columns(self, session: Session, dataset: Dataset) -> dict[str, Column]:
        """How the dataset's fields are stored now."""
        if dataset.kind is DatasetKind.QUERY:
            return queries.columns(session, self._sql(dataset), dataset.name)
        return columns(session, self.names.table(dataset.name))

    def _sql(self, dataset: Dataset) -> str:
        if dataset.name not in self.queries:
            raise SchemaDrift(f"no query is named {dataset.name!r}", where=dataset.name)
        return self.queries[dataset.name][0]

    def read(
        self, session: Session, dataset: Dataset, fields: Sequence[str], where: exp.Condition | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that pass a test."""
        tree = self.select(dataset, fields)
        tree = tree.where(where) if where is not None else tree
        yield from self._rows(session, dataset, tree, [known(dataset, name) for name in fields])

    def read_after(
        self, session: Session, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None, digest: bool
    ) -> Iterator[pa.RecordBatch]:
        """The rows that come after a key, in the order of the key."""
        stored = self.columns(session, dataset)
        tree, described = self._digested(dataset, stored, fields) if digest else self._plain(dataset, fields)
        ordered, settings = ordering(dataset, stored, tree, after)
        settings = {**settings, **plan(session, dataset, self.place(dataset))}
        session.set(settings, here=True)
        yield from self._rows(session, dataset, ordered, described, settings)

    def _rows(
        self,
        session: Session,
        dataset: Dataset,
        tree: exp.Select,
        described: Sequence[Field],
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[pa.RecordBatch]:
        """What a statement over a dataset answers, in the way that is the fastest for it."""
        stored = self.columns(session, dataset)
        is_swift = self.is_binary and columnar.is_large(session, dataset, self.place(dataset))
        if is_swift and all(_is_as_described(stored, one) for one in described):
            sizes = self.batch_rows, BATCH_BYTES_MAX
            try:
                yield from columnar.read(session, tree, described, settings=settings, sizes=sizes)
            except columnar.Unable:
                pass
            else:
                return
        yield from self._answer(session, dataset, tree, described)

    def _plain(self, dataset: Dataset, fields: Sequence[str]) -> tuple[exp.Select, list[Field]]:
        return self.select(dataset, fields), [known(dataset, name) for name in fields]

    def _digested(
        self, dataset: Dataset, stored: Mapping[str, Column], fields: Sequence[str]
    ) -> tuple[exp.Select, list[Field]]:
        """Those fields, and the digest of the row last."""
        tree, described = self._plain(dataset, fields)
        chosen = tree.expressions if fields else []
        tree.set("expressions", [*chosen, digests.of_row(dataset, stored, self.place(dataset), fields)])
        return tree, [*described, digests.FIELD]

    def digest_total(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of their digests."""
        place = self.place(dataset)
        tree = digests.total(digests.of_row(dataset, self.columns(session, dataset), place, fields), place)
        count, combined = session.rows(self._around(dataset, tree))[0]
        return int(count), int(combined)

    def digest_rows(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key and the digest of every row."""
        place, key = self.place(dataset), [known(dataset, part) for part in dataset.key]
        digest = digests.of_row(dataset, self.columns(session, dataset), place, fields)
        if dataset.kind is not DatasetKind.TABLE or not digests.is_short(key):
            tree = self.select(dataset, dataset.key)
            tree.set("expressions", [*tree.expressions, digest] if key else [digest])
            yield from self._rows(session, dataset, tree, [*key, digests.FIELD])
            return
        parts = [digests.short(part, column(part.name, place)) for part in key]
        sql = POSTGRES.sql(exp.Select(expressions=[*parts, digest]).from_(place))
        yield from digests.unpack(self._copied(session, f"COPY ({sql}) TO STDOUT (FORMAT binary)"), key)

    def _answer(
        self, session: Session, dataset: Dataset, tree: exp.Select, described: Sequence[Field]
    ) -> Iterator[pa.RecordBatch]:
        """What a statement over a dataset answers; a query that is none any more is refused."""
        if dataset.kind is not DatasetKind.QUERY:
            yield from self.stream(session, POSTGRES.sql(tree), described)
            return
        try:
            yield from self.stream(session, POSTGRES.sql(tree), described)
        except psycopg.Error as error:
            raise queries.refused(error, dataset.name) or error from error

    def stream(self, session: Session, sql: str, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """The answer of a query whose columns are those fields, in their order; at least one batch, which may be empty.

        The server is given all the time it needs, as long as rows keep coming."""
        is_first = True
        for text in self._copied(session, f"COPY ({sql}\n) TO STDOUT (FORMAT csv)"):
            yield carry(text, fields)
            is_first = False
        if is_first:
            yield carry(b"", fields)

    def _copied(self, session: Session, sql: str) -> Iterator[bytes]:
        session.rows(_UNTIMED)
        for part in session.copy_out(sql, rows_max=self.batch_rows, bytes_max=BATCH_BYTES_MAX):
            yield part
            session.renew()
        session.rows(_TIMED, [session.statement_timeout])

    def lookup(
        self,
        session: Session,
        dataset: Dataset,
        fields: Sequence[str],
        keys: pa.RecordBatch,
        *,
        digest: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, compared byte by byte; a key given twice counts once."""
        if not keys.num_rows or not dataset.key:
            return
        stored = self.columns(session, dataset)
        place, wanted = self.place(dataset), table(WANTED)
        bounds = dense(stored, dataset, keys) if dataset.key[0] in fields else None
        if bounds is not None:
            part, stretch = dataset.key[0], [cast(_setting(f"{_SETTING}{at}"), _WHOLE) for at in range(len(bounds))]
            session.set({f"{_SETTING}{at}": str(bound) for at, bound in enumerate(bounds)}, here=True)
            tree, described = self._digested(dataset, stored, fields) if digest else self._plain(dataset, fields)
            between = exp.Between(this=column(part, place), low=stretch[0], high=stretch[1])
            for batch in self.stream(session, POSTGRES.sql(tree.where(between)), described):
                yield batch.filter(pc.is_in(batch.column(part), keys.column(part).cast(batch.column(part).type)))
            return
        settings: list[exp.Expression] = []
        arrays: list[exp.Expression] = []
        tests: list[exp.Expression] = []
        parameters: list[str] = []
        for at, part in enumerate(dataset.key):
            name = f"{_SETTING}{at}"
            parameters += [name, array_literal(texts(keys.column(part), found(stored, dataset, part))[0])]
            numbers = [POSTGRES.parameter(2 * at + number) for number in (1, 2)]
            settings.append(_call("set_config", *numbers, exp.true()))
            arrays.append(cast(_setting(name), stored[part].source))
            tests += same_key(stored[part], column(part, place), column(part, wanted))
        session.rows(exp.Select(expressions=settings), parameters)
        parts = [identifier(part) for part in dataset.key]
        given = exp.Alias(this=_call("unnest", *arrays), alias=exp.TableAlias(this=identifier("given"), columns=parts))
        once = exp.Select(expressions=[exp.Star()]).from_(given).distinct()
        tree, described = self._digested(dataset, stored, fields) if digest else self._plain(dataset, fields)
        tree = tree.join(exp.Subquery(this=once, alias=exp.TableAlias(this=wanted.this)), join_type="CROSS")
        yield from self.stream(session, POSTGRES.sql(tree.where(*tests)), described)

    def query(self, session: Session, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement."""
        fields = queries.shape(session, sql, "query")
        asked = Dataset("query", DatasetKind.QUERY, fields)
        yield from replace(self, queries={asked.name: (sql, ())}).read(session, asked, asked.names)


def _is_as_described(stored: Mapping[str, Column], field: Field) -> bool:
    """Whether a column still has the type that its field was described with."""
    if field is digests.FIELD:
        return True
    kind = logical(stored[field.name].stored) if field.name in stored else None
    return kind is not None and (kind.kind, kind.arrow()) == (field.type.kind, field.type.arrow())


def known(dataset: Dataset, name: str) -> Field:
    """The field of that name; a name that the dataset does not have is drift."""
    described = dataset.field(name)
    if described is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return described


def dense(stored: Mapping[str, Column], dataset: Dataset, keys: pa.RecordBatch) -> tuple[int, int] | None:
    """The least and the greatest of the keys, if they are whole numbers that lie close together: then the system had
    better give all rows between them."""
    if len(dataset.key) > 1 or found(stored, dataset, dataset.key[0]).stored.kind is not Kind.INTEGER:
        return None
    least, greatest = pc.min_max(keys.column(dataset.key[0])).as_py().values()
    is_dense = least is not None and greatest - least < _SPREAD_MAX * keys.num_rows
    return (least, greatest) if is_dense else None


def _setting(name: str) -> exp.Expression:
    return _call("current_setting", exp.Literal.string(name))


def _call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))
