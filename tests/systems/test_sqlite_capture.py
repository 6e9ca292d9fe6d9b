"""How SQLite notes changes: by triggers that see what statements, conflicts and cascades do to rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dovetail.errors import DeclarationError, FeedLost, SystemFault
from dovetail.model.change import VERSION
from dovetail.model.key import texts
from dovetail.systems.connectors.sqlite import Connector
from dovetail.systems.connectors.sqlite.capture import Capture

FEED = "dovetail_tried"
TABLES = """
CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, name TEXT, v TEXT);
CREATE UNIQUE INDEX person_name ON person (name COLLATE NOCASE);
CREATE TABLE line (no INTEGER, place TEXT, v TEXT, PRIMARY KEY (place, no)) WITHOUT ROWID;
CREATE TABLE word (word TEXT PRIMARY KEY, v TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, person INTEGER REFERENCES person (id) ON DELETE CASCADE ON UPDATE SET NULL);
CREATE TABLE heap (n);
CREATE TABLE "odd ""t"" {queue} 'x'" ("the ""key"" {d}" INTEGER PRIMARY KEY, v TEXT);
"""
INTO = "INTO person (id, mail, name) VALUES"
WRITES = (
    (f"INSERT {INTO} (1, 'a', 'ann'), (2, 'b', 'bob'), (3, 'c', 'cy')", {"person": {"1", "2", "3"}}),
    ("UPDATE person SET v = 'x' WHERE id = 2", {"person": {"2"}}),
    ("UPDATE person SET id = 4 WHERE id = 3", {"person": {"3", "4"}}),
    ("UPDATE person SET rowid = 5 WHERE id = 4", {"person": {"4", "5"}}),
    ("REPLACE INTO person (id, mail, name) VALUES (9, 'b', 'dan')", {"person": {"2", "9"}}),
    ("REPLACE INTO person (id, mail, name) VALUES (8, 'h', 'ANN')", {"person": {"1", "8"}}),
    ("UPDATE OR REPLACE person SET mail = 'h' WHERE id = 9", {"person": {"8", "9"}}),
    (f"INSERT {INTO} (9, 'z', 'z') ON CONFLICT (id) DO UPDATE SET v = 'up'", {"person": {"9"}}),
    ("INSERT OR IGNORE INTO person (id, mail, name) VALUES (9, 'q', 'q')", {}),
    ("INSERT INTO person (mail, name) VALUES ('n', 'n')", {"person": {"10"}}),
    ("INSERT INTO child VALUES (1, 9), (2, 9)", {"child": {"1", "2"}}),
    ("UPDATE person SET id = 11 WHERE id = 9", {"person": {"9", "11"}, "child": {"1", "2"}}),
    ("UPDATE child SET person = 11; DELETE FROM person WHERE id = 11", {"person": {"11"}, "child": {"1", "2"}}),
    ("INSERT INTO line VALUES (1, 'a|b\\', 'v'); UPDATE line SET no = 2", {"line": {"a\\|b\\\\|1", "a\\|b\\\\|2"}}),
    ("INSERT INTO word VALUES ('Ä', 1), ('', 2); DELETE FROM word WHERE word = ''", {"word": {"Ä", ""}}),
    ("INSERT INTO \"odd \"\"t\"\" {queue} 'x'\" VALUES (5, 'v')", {"odd \"t\" {queue} 'x'": {"5"}}),
    ("BEGIN; INSERT INTO word VALUES ('undone', 1); ROLLBACK", {}),
    (
        """BEGIN; SAVEPOINT s; INSERT INTO word VALUES ('part', 1); ROLLBACK TO s;
        INSERT INTO word VALUES ('kept', 1); COMMIT""",
        {"word": {"kept"}},
    ),
    ("DELETE FROM word", {"word": {"Ä", "kept"}}),
)  # fmt: skip


@dataclass
class Place:
    """A file, its application, and a connector that notes what that changes."""

    path: Path
    application: sqlite3.Connection
    connector: Connector

    def capture(self) -> dict[str, str]:
        standing = self.connector.capture(FEED, self.connector.describe().datasets)
        assert (standing.way, standing.lost) == ("triggers", "")
        return self.told()[1]

    def told(self) -> tuple[dict[str, set[str]], dict[str, str]]:
        keys: dict[str, set[str]] = {}
        whole: dict[str, str] = {}
        while (noticed := self.connector.noticed(FEED, rows=1000)).cursor is not None:
            for name, batch in noticed.keys.items():
                parts = [batch.column(part) for part in batch.schema.names if part != VERSION]
                keys.setdefault(name, set()).update(texts(parts))
            whole |= noticed.whole
            self.connector.acknowledge(FEED, noticed.cursor)
        return keys, whole

    def schema(self) -> list[tuple[object, ...]]:
        return self.application.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall()


@pytest.fixture(params=["wal", "delete"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    application = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    application.execute(f"PRAGMA journal_mode = {request.param}")
    application.execute("PRAGMA foreign_keys = 1")
    connector = Connector(path=tmp_path / "a.db", timeout_s=10)
    yield Place(tmp_path / "a.db", application, connector)
    connector.close()
    application.close()


def bounded(place: Place, changes_max: int) -> None:
    own = place.connector
    object.__setattr__(own, "_capture", Capture(own._sessions, "auto", None, changes_max=changes_max))


@pytest.mark.parametrize("does_recurse", [False, True])
def test_every_write_is_told(place: Place, does_recurse: bool) -> None:
    place.application.executescript(TABLES)
    place.application.execute(f"PRAGMA recursive_triggers = {int(does_recurse)}")
    assert len(place.capture()) == 6
    for script, wanted in WRITES:
        place.application.executescript(script)
        keys, whole = place.told()
        assert whole == {}
        assert keys == wanted, script


def test_tables_without_a_key_are_told_as_a_whole(place: Place) -> None:
    place.application.executescript(TABLES)
    place.capture()
    for statement in ("INSERT INTO heap VALUES (1)", "UPDATE heap SET n = 2", "DELETE FROM heap"):
        place.application.execute(statement)
        assert place.told()[1].keys() == {"heap"}
        assert place.told() == ({}, {})


def test_nothing_else_of_a_write_changes(place: Place) -> None:
    """What the application asks about its last statement is answered as without triggers."""
    place.application.executescript(TABLES)
    place.capture()
    place.application.execute("INSERT INTO word VALUES ('a', 1), ('b', 2)")
    cursor = place.application.execute("INSERT INTO person (mail) VALUES ('x')")
    assert (cursor.lastrowid, cursor.rowcount) == (1, 1)
    assert place.application.execute("SELECT changes(), last_insert_rowid()").fetchone() == (1, 1)
    assert place.application.execute("UPDATE word SET v = 3").rowcount == 2
    with pytest.raises(sqlite3.IntegrityError):
        place.application.execute("INSERT INTO person (id, mail) VALUES (2, 'x')")
    assert place.told()[0]["person"] == {"1"}


def test_released_it_leaves_nothing(place: Place) -> None:
    place.application.executescript(TABLES)
    before = place.schema()
    place.capture()
    place.application.execute("INSERT INTO word VALUES ('a', 1)")
    assert len(place.schema()) > len(before)
    place.connector.release(FEED)
    assert place.schema() == before
    place.application.execute("INSERT INTO word VALUES ('b', 1)")


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        ("DROP TRIGGER {trigger}", "triggers of"),
        ("DROP TABLE dovetail_tried_of", "dovetail_tried_of is gone"),
        ("ALTER TABLE word RENAME TO old; CREATE TABLE word AS SELECT * FROM old; DROP TABLE old", "triggers of word"),
        ("CREATE UNIQUE INDEX more ON word (v)", "triggers of word"),
    ],
)
def test_a_lost_feed_is_told_and_mended(place: Place, lose: str, words: str) -> None:
    place.application.executescript(
        "CREATE TABLE word (word TEXT PRIMARY KEY, v TEXT); INSERT INTO word VALUES ('a', 1)"
    )
    place.capture()
    (trigger,) = place.application.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1").fetchone()
    place.application.executescript(lose.format(trigger=trigger))
    assert words in place.connector.feed(FEED).lost
    with pytest.raises(FeedLost):
        place.told()
    assert place.capture().keys() == {"word"}
    place.application.execute("UPDATE word SET v = 7")
    assert "word" in {**place.told()[0], **place.told()[1]} or place.connector.describe().dataset("word").key == ()


def test_a_queue_over_its_bound_makes_all_count_as_changed(place: Place) -> None:
    place.application.executescript(TABLES)
    bounded(place, 50)
    place.capture()
    place.application.executemany("INSERT INTO word VALUES (?, 1)", [(f"w{at}",) for at in range(200)])
    place.application.execute("INSERT INTO heap VALUES (1)")
    waiting = place.application.execute("SELECT count(*) FROM dovetail_tried").fetchone()[0]
    assert waiting < 60
    first = place.connector.noticed(FEED, rows=1000)
    assert "word" in first.whole
    place.application.execute("UPDATE word SET v = 2 WHERE word = 'w7'")
    place.connector.acknowledge(FEED, first.cursor)
    keys, whole = place.told()
    assert "word" in whole or keys == {"word": {"w7"}}, "a change after the telling is forgotten with it"
    place.application.execute("UPDATE word SET v = 3 WHERE word = 'w8'")
    assert place.told() == ({"word": {"w8"}}, {})
    assert place.connector.feed(FEED).lost == ""


def test_numbers_never_come_again(place: Place) -> None:
    """A cursor of long ago forgets nothing that came since, though the queue was empty in between."""
    place.application.executescript(TABLES)
    place.capture()
    place.application.execute("INSERT INTO word VALUES ('a', 1), ('b', 1), ('c', 1)")
    old = place.connector.noticed(FEED, rows=100)
    place.connector.acknowledge(FEED, old.cursor)
    place.connector.acknowledge(FEED, old.cursor)
    place.application.execute("INSERT INTO word VALUES ('d', 1)")
    place.connector.acknowledge(FEED, old.cursor)
    assert place.told() == ({"word": {"d"}}, {})


def test_a_waiting_reader_wakes_and_rests(place: Place) -> None:
    place.application.executescript(TABLES)
    place.capture()
    assert place.connector.await_changes(FEED, 0.05) is False
    place.application.execute("CREATE TABLE unrelated (n)")
    assert place.connector.await_changes(FEED, 0.05) is False
    woken: list[float] = []
    waiting = threading.Thread(target=lambda: (place.connector.await_changes(FEED, 10), woken.append(time.monotonic())))
    waiting.start()
    time.sleep(0.3)
    place.application.execute("INSERT INTO word VALUES ('a', 1)")
    done = time.monotonic()
    waiting.join()
    assert woken[0] - done < 2.0
    before = time.process_time()
    place.connector.noticed(FEED, rows=10)
    assert place.connector.await_changes(FEED, 2.0) is False
    assert time.process_time() - before < 0.25, "resting is no rest"


def test_texts_that_are_not_unicode(place: Place) -> None:
    place.application.executescript("CREATE TABLE word (word TEXT PRIMARY KEY, v TEXT)")
    place.capture()
    place.application.execute("INSERT INTO word VALUES (CAST(x'ff41' AS TEXT), 1), ('fine', 2)")
    (dataset,) = place.connector.describe().datasets
    read = [batch.select(["word"]) for batch in place.connector.read(dataset, ["word"])]
    assert place.told() == ({"word": set(texts([batch.column("word") for batch in read][0:1]))}, {})


def test_what_cannot_be_noted_is_refused_with_words(place: Place) -> None:
    place.application.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE VIEW w AS SELECT 1 AS n")
    datasets = place.connector.describe().datasets
    assert [one.way for one in place.connector.visibility(datasets)] == ["triggers", "reading"]
    with pytest.raises(SystemFault, match="only tables") as refused:
        place.connector.capture(FEED, datasets)
    assert refused.value.code == "DV-360"
    off = Connector(path=place.path, capture_by="none")
    assert [one.reason for one in off.visibility(datasets[:1])] == ["capture_by is none"]
    with pytest.raises(SystemFault, match="none"):
        off.capture(FEED, datasets[:1])
    with pytest.raises(DeclarationError):
        Connector(path=place.path, capture_by="slot")


def test_odd_unique_indexes_are_named_as_what_is_missed(place: Place) -> None:
    place.application.executescript(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE UNIQUE INDEX u ON t (lower(v))"
    )
    (found,) = place.connector.visibility(place.connector.describe().datasets)
    assert "REPLACE" in found.missed
