"""What is known of a table is used only while the table is as it was."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Verb
from dovetail.systems.connectors.postgres.connector import Connector

CHANGES = [
    "ALTER TABLE known ALTER COLUMN n TYPE numeric(30,4)",
    "ALTER TABLE known DROP COLUMN v; ALTER TABLE known ADD COLUMN v varchar(3)",
    "DROP TABLE known; CREATE TABLE known (id bigint PRIMARY KEY, n int, v text); INSERT INTO known VALUES (1, 7, 'a')",
    "ALTER TABLE known RENAME TO former; CREATE TABLE known (id int PRIMARY KEY, n smallint, v text)",
]


@pytest.fixture
def system(postgres_url: str) -> Iterator[Connector]:
    connector = Connector(url=postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE TABLE known (id int PRIMARY KEY, n int, v text); INSERT INTO known VALUES (1, 5, 'a')")
    yield connector
    connector.close()


def dataset_of(system: Connector) -> Dataset:
    found = system.describe().dataset("known")
    assert found is not None
    return found


def looked_up(system: Connector, dataset: Dataset) -> list[dict[str, object]]:
    keys = pa.record_batch({"id": pa.array([1, 2], dataset.field("id").type.arrow())})  # type: ignore[union-attr]
    names = ["id", "n", "v"]
    return [row for batch in system.lookup(dataset, names, keys) for row in batch.to_pylist()]


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_was_changed_is_looked_at_anew(postgres_url: str, system: Connector, change: str) -> None:
    before = dataset_of(system)
    assert looked_up(system, before) == [{"id": 1, "n": 5, "v": "a"}]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(change)
        after = dataset_of(system)
        fresh = Connector(url=postgres_url)
        assert looked_up(system, after) == looked_up(fresh, after)
        fresh.close()
        row = {"id": [2], "n": [70000], "v": ["four"]}
        rows = pa.record_batch({name: pa.array(row[name]).cast(after.field(name).type.arrow()) for name in row})  # type: ignore[union-attr]
        known, unknown = (one.apply(after, Change(Verb.CREATE, rows)) for one in (system, Connector(url=postgres_url)))
        assert (known.applied, known.rejects) == (unknown.applied, unknown.rejects)


def test_an_update_meets_the_table_as_it_is(postgres_url: str, system: Connector) -> None:
    dataset = dataset_of(system)

    def update(n: int) -> tuple[int, int]:
        rows = pa.record_batch({"id": pa.array([1]), "n": pa.array([n])})
        with system.transaction() as transaction:
            receipt = transaction.apply(dataset, Change(Verb.UPDATE, rows))
        return receipt.applied, len(receipt.rejects)

    assert update(6) == (1, 0)
    assert update(40_000) == (1, 0)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("UPDATE known SET n = 1")
        admin.execute("ALTER TABLE known ALTER COLUMN n TYPE smallint")
    assert update(40_000) == (0, 1)
    assert update(4) == (1, 0)


def test_a_trigger_made_since_is_heard(postgres_url: str, system: Connector) -> None:
    dataset = dataset_of(system)
    rows = pa.record_batch({"id": pa.array([1]), "v": pa.array(["x"])})
    with system.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.UPDATE, rows)).held is None
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.v := upper(NEW.v); RETURN NEW; END'; "
            "CREATE TRIGGER shout BEFORE UPDATE ON known FOR EACH ROW EXECUTE FUNCTION shout()"
        )
    rows = pa.record_batch({"id": pa.array([1]), "v": pa.array(["y"])})
    with system.transaction() as transaction:
        held = transaction.apply(dataset, Change(Verb.UPDATE, rows)).held
    assert held is not None
    assert held.column("v").to_pylist() == ["Y"]


def test_the_transaction_is_told_by_its_own_number(postgres_url: str, system: Connector) -> None:
    dataset = dataset_of(system)
    epoch = system.raise_epoch("p")
    rows = pa.record_batch({"id": pa.array([1]), "n": pa.array([9])})
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
        receipt = transaction.apply(dataset, Change(Verb.UPDATE, rows))
    with psycopg.connect(postgres_url) as admin:
        (version,) = admin.execute("SELECT xmin::text FROM known").fetchone() or ("",)
    assert receipt.version == version
    assert receipt.transaction is not None
    assert int(receipt.transaction) < int(version)  # written inside a savepoint, which has a number of its own
