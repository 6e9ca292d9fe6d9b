"""The system in memory answers as a real database does: the same changes, by chance, to both."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import Fenced, Overdue, Refused, SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems import protocol
from dovetail.systems.connectors.memory import Connector
from dovetail.systems.connectors.sqlite import Connector as SQLite
from dovetail.systems.protocol import Target

TEXT, INTEGER = Type(Kind.TEXT), Type(Kind.INTEGER)
PERSON = Dataset(
    "person",
    DatasetKind.TABLE,
    (Field("id", INTEGER, nullable=False, drawn=True), Field("mail", TEXT), Field("name", TEXT, nullable=False)),
    key=("id",),
    uniques=(("mail",),),
)
LINE = Dataset(
    "line",
    DatasetKind.TABLE,
    (Field("o", INTEGER, nullable=False), Field("n", TEXT, nullable=False), Field("v", Type(Kind.FLOAT))),
    key=("o", "n"),
)


def batch(dataset: Dataset, rows: list[dict[str, object]]) -> pa.RecordBatch:
    names = list(rows[0]) if rows else list(dataset.key)
    types = [dataset.field(name).type.arrow() for name in names]
    return pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in rows], t) for name, t in zip(names, types, strict=True)], names
    )


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Target, Target]]:
    (tmp_path / "a.db").touch()
    system = SQLite(path=tmp_path / "a.db")
    for dataset in (PERSON, LINE):
        system.create(dataset)
    yield Connector(datasets=(PERSON, LINE)), system
    system.close()


def everything(system: Target, dataset: Dataset) -> list[dict[str, object]]:
    rows = [row for one in system.read(dataset, dataset.names) for row in one.to_pylist()]
    return sorted(rows, key=lambda row: [str(row[part]).rjust(9) for part in dataset.key])


def some_change(chance: random.Random) -> tuple[Dataset, Change]:
    dataset = chance.choice([PERSON, LINE])
    verb = chance.choice([Verb.CREATE, Verb.CREATE, Verb.UPDATE, Verb.DELETE])
    keys = chance.sample(range(12), chance.randint(0, 5))
    if dataset is PERSON:
        key_rows: list[dict[str, object]] = [{"id": key} for key in keys]
        fill: dict[str, list[object]] = {"mail": ["a", "b", "c", "A", None], "name": ["x", "y", "", None]}
    else:
        key_rows = [{"o": key // 2, "n": "ab"[key % 2]} for key in keys]
        fill = {"v": [0.5, 1.0, None, float("inf")]}
    names = chance.sample(sorted(fill), chance.randint(1, len(fill)))
    if verb is Verb.DELETE:
        names = []
    rows = [{**row, **{name: chance.choice(fill[name]) for name in names}} for row in key_rows]
    expected = None
    if verb is not Verb.CREATE and chance.random() < 0.5:
        awaited = chance.choice(sorted(fill))
        expected = batch(dataset, [{**row, awaited: chance.choice(fill[awaited])} for row in key_rows])
    return dataset, Change(verb, batch(dataset, rows), expected)


@pytest.mark.parametrize("seed", range(40))
def test_memory_and_sqlite_answer_alike(both: tuple[Target, Target], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        dataset, change = some_change(chance)
        is_alone = chance.random() < 0.5
        answers = []
        for system in both:
            if is_alone:
                receipt = system.apply(dataset, change)
            else:
                with system.transaction() as transaction:
                    receipt = transaction.apply(dataset, change)
            keys = receipt.keys.to_pylist() if receipt.keys is not None else None
            rejects = [(reject.position, reject.code) for reject in receipt.rejects]
            answers.append((receipt.applied, receipt.missed, rejects, keys))
        assert answers[0] == answers[1], f"seed {seed}: {change.verb} {change.rows.to_pylist()}"
        assert everything(both[0], dataset) == everything(both[1], dataset)


def test_all_capabilities_but_those_of_sql() -> None:
    system = Connector(datasets=(PERSON,))
    names = [name for name in dir(protocol) if name.startswith("Supports")]
    missing = [name for name in names if not isinstance(system, getattr(protocol, name))]
    without_sql = ["SupportsPassage", "SupportsQuery", "SupportsStatements"]
    others = ["SupportsClock", "SupportsLanding", "SupportsLastChunk", "SupportsMark"]
    assert missing == [*others, *without_sql], "it has no clock of its own, and speaks no SQL"


def test_reads_lookups_and_parts() -> None:
    system = Connector(datasets=(LINE,), batch_rows=3)
    rows = [{"o": number, "n": "a", "v": number / 2} for number in range(10)]
    system.apply(LINE, Change(Verb.CREATE, batch(LINE, rows)))
    assert [one.num_rows for one in system.read(LINE, ["v"])] == [3, 3, 3, 1]
    parts = [
        value
        for part in system.partitions(LINE, 4)
        for one in system.read_partition(LINE, ["o"], part)
        for value in one["o"]
    ]
    assert sorted(value.as_py() for value in parts) == list(range(10))
    wanted = batch(LINE, [{"o": 3, "n": "a"}, {"o": 3, "n": "b"}])
    assert [one.to_pylist() for one in system.lookup(LINE, ["v"], wanted)] == [[{"v": 1.5}]]
    assert system.describe().dataset("line").rows == 10
    with pytest.raises(SchemaDrift):
        system.read(PERSON, ["id"])
    with pytest.raises(SchemaDrift):
        next(system.read(LINE, ["nope"]))


def test_transactions_fence_and_ledger() -> None:
    system = Connector(datasets=(PERSON,), timeout_s=0.1)
    change = Change(Verb.CREATE, batch(PERSON, [{"name": "x"}]))
    assert [system.raise_epoch("p"), system.raise_epoch("p")] == [1, 2]
    with pytest.raises(Fenced), system.transaction() as transaction:
        transaction.fence("p", 1)
    with pytest.raises(ZeroDivisionError), system.transaction() as transaction:  # noqa: PT012 - all of it is undone
        transaction.apply(PERSON, change)
        transaction.record([LedgerEntry("p", 1, "r", b"")])
        raise ZeroDivisionError
    assert (everything(system, PERSON), system.ledger("p")) == ([], [])
    with system.transaction() as transaction:
        transaction.fence("p", 2)
        assert transaction.apply(PERSON, change).keys["id"].to_pylist() == [2], "a key once drawn is not drawn again"
        transaction.record([LedgerEntry("p", chunk, "r", b"") for chunk in (2, 1)])
    assert [entry.chunk for entry in system.ledger("p")] == [1, 2]
    system.forget("p", 1)
    assert [entry.chunk for entry in system.ledger("p")] == [2]


def test_another_threads_transaction_is_waited_for_and_not_for_ever() -> None:
    import threading

    system = Connector(datasets=(PERSON,), timeout_s=0.1)
    caught: list[Exception] = []

    def work() -> None:
        try:
            system.raise_epoch("p")
        except Overdue as error:
            caught.append(error)

    with system.transaction():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_reserved_keys_are_nobody_elses() -> None:
    system = Connector(datasets=(PERSON, LINE))
    assert system.reserve(PERSON, 0).num_rows == 0
    first = system.reserve(PERSON, 2)["id"].to_pylist()
    drawn = system.apply(PERSON, Change(Verb.CREATE, batch(PERSON, [{"name": "x"}]))).keys["id"].to_pylist()
    assert not set(first) & set(drawn)
    with pytest.raises(Refused):
        system.reserve(LINE, 0)
