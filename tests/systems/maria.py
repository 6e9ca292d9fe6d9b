"""What the tests of the MariaDB connector's writing side share: a database asked behind its back, batches, answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pymysql
from pymysql.constants import CLIENT

from dovetail.model.catalog import Dataset
from dovetail.model.change import Receipt
from dovetail.systems.connectors.mariadb import Connector
from dovetail.testing.conformance.bench import column

STRICT = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO"


class Admin:
    """Everything that the server allows, statement by statement."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path[1:],
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )
        self.rows(f"SET sql_mode = '{STRICT}'")

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The answer of a statement, or of the last of several."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            while cursor.nextset():
                pass
            return list(cursor.fetchall())

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def made(system: Connector, admin: Admin, sql: str, name: str = "t") -> Dataset:
    """The dataset that the statements make, as the system describes it."""
    admin.rows(sql)
    found = system.describe().dataset(name)
    assert found is not None
    return found


def batch(dataset: Dataset, **columns: list[Any]) -> pa.RecordBatch:
    """Rows in the carriers of the dataset's fields."""
    arrays = []
    for name, values in columns.items():
        carrier = dataset.field(name).type.arrow()
        is_counted = pa.types.is_temporal(carrier) and all(isinstance(value, int | None) for value in values)
        arrays.append(column(values, carrier) if is_counted else pa.array(values, carrier))
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def told(receipt: Receipt) -> list[tuple[int, str, str]]:
    """What was refused: position, code, field."""
    return [(one.position, one.code, one.field) for one in receipt.rejects]
