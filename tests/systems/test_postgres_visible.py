"""The log tells of a commit before other sessions see its rows; a reader who looked then would find them unchanged."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from dovetail.systems.connectors.postgres.connector import Connector
from dovetail.testing.servers.postgres import server

pytestmark = pytest.mark.server


def test_a_commit_that_nobody_sees_yet_is_not_told() -> None:
    """A commit that waits for a standby stands in the log, and is invisible."""
    with server() as running:
        url = running.create("seen")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE TABLE item (id int PRIMARY KEY, v int); INSERT INTO item VALUES (1, 0)")
            system = Connector(url=url)
            dataset = system.describe().dataset("item")
            assert dataset is not None
            system.capture("told", [dataset])
            first = system.noticed("told", rows=10)
            if first.cursor is not None:
                system.acknowledge("told", first.cursor)
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            admin.execute("SELECT pg_reload_conf()")
            time.sleep(0.5)
            writer = threading.Thread(target=_write, args=(url,))
            writer.start()
            while not admin.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone():
                time.sleep(0.01)
            assert admin.execute("SELECT v FROM item").fetchone() == (0,)
            assert system.await_changes("told", 5)
            early = system.noticed("told", rows=10)
            assert (dict(early.keys), early.cursor) == ({}, None)
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
            writer.join()
            assert system.await_changes("told", 5)
            told = system.noticed("told", rows=10)
            assert told.keys["item"].column("id").to_pylist() == [1]
            system.release("told")
            system.close()


def _write(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute("SET synchronous_commit = on")
        writer.execute("UPDATE item SET v = 1")
