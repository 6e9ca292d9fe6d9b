"""The tables of the state, as numbered migrations that only go forward.

The statements are written once, in words that `state/dialect.py` turns into SQLite or PostgreSQL: `BIGINT`, `TEXT`,
`BYTES` and `REAL` are the only types, and `CLUSTERED` at the end of a table stores its rows in the order of its key.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the format. Statements of a released step never change; a later step changes what they made."""

    number: int
    name: str
    statements: tuple[str, ...]


_BEGINNING = (
    "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) CLUSTERED",
    """CREATE TABLE holders (
        holder TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid BIGINT NOT NULL, since TEXT NOT NULL) CLUSTERED""",
    "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, next_value BIGINT NOT NULL) CLUSTERED",
    """CREATE TABLE runs (
        run_id TEXT NOT NULL PRIMARY KEY, command TEXT NOT NULL, project_digest TEXT NOT NULL, environment TEXT NOT
        NULL,
        started_at TEXT NOT NULL, finished_at TEXT, ok BIGINT, summary TEXT) CLUSTERED""",
    """CREATE TABLE crossref (
        mapping TEXT NOT NULL, member TEXT NOT NULL, row_id BIGINT NOT NULL, row_key TEXT NOT NULL,
        PRIMARY KEY (mapping, member, row_id)) CLUSTERED""",
    "CREATE UNIQUE INDEX crossref_key ON crossref (mapping, member, row_key)",
    """CREATE TABLE layouts (
        layout_id BIGINT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, digest TEXT NOT NULL, document TEXT NOT NULL,
        UNIQUE (mapping, digest))""",
    """CREATE TABLE agreed (
        mapping TEXT NOT NULL, row_id BIGINT NOT NULL, layout_id BIGINT NOT NULL, packed BYTES NOT NULL,
        PRIMARY KEY (mapping, row_id)) CLUSTERED""",
    """CREATE TABLE agreed_numbers (
        mapping TEXT NOT NULL, row_id BIGINT NOT NULL, member TEXT NOT NULL, field TEXT NOT NULL, number TEXT NOT NULL,
        PRIMARY KEY (mapping, row_id, member, field)) CLUSTERED""",
    """CREATE TABLE owed (
        mapping TEXT NOT NULL, row_id BIGINT NOT NULL, field TEXT NOT NULL, member TEXT NOT NULL, agreement BIGINT NOT
        NULL,
        PRIMARY KEY (mapping, row_id, field, member)) CLUSTERED""",
    """CREATE TABLE queue (
        mapping TEXT NOT NULL, member TEXT NOT NULL, row_key TEXT NOT NULL, place BIGINT NOT NULL, ticket BIGINT NOT
        NULL,
        since TEXT NOT NULL, PRIMARY KEY (mapping, member, row_key)) CLUSTERED""",
    "CREATE INDEX queue_order ON queue (mapping, member, place)",
    """CREATE TABLE queue_all (
        mapping TEXT NOT NULL, member TEXT NOT NULL, ticket BIGINT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL,
        PRIMARY KEY (mapping, member)) CLUSTERED""",
    "CREATE TABLE cursors (feed TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, moved_at TEXT NOT NULL) CLUSTERED",
    """CREATE TABLE intents (
        part TEXT NOT NULL, chunk BIGINT NOT NULL, run_id TEXT NOT NULL, put_at TEXT NOT NULL, content BYTES NOT NULL,
        PRIMARY KEY (part, chunk))""",
    """CREATE TABLE journal (
        block BIGINT NOT NULL PRIMARY KEY, run_id TEXT NOT NULL, written_at TEXT NOT NULL, content BYTES NOT NULL)""",
    "CREATE INDEX journal_written ON journal (written_at)",
    "CREATE TABLE journal_rows (mark BYTES NOT NULL, block BIGINT NOT NULL, PRIMARY KEY (mark, block)) CLUSTERED",
    "CREATE INDEX journal_rows_block ON journal_rows (block)",
    """CREATE TABLE journal_spans (
        mapping TEXT NOT NULL, first_row BIGINT NOT NULL, last_row BIGINT NOT NULL, block BIGINT NOT NULL,
        PRIMARY KEY (mapping, first_row, block)) CLUSTERED""",
    """CREATE TABLE conflicts (
        conflict_id BIGINT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, mark BYTES NOT NULL, row_id BIGINT, field TEXT
        NOT NULL,
        code TEXT NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL, how TEXT NOT NULL, first_run TEXT NOT NULL,
        last_run TEXT NOT NULL, times BIGINT NOT NULL, opened_at TEXT NOT NULL, closed_at TEXT, content BYTES NOT
        NULL)""",
    "CREATE UNIQUE INDEX conflicts_open ON conflicts (mapping, mark) WHERE status = 'open'",
    """CREATE TABLE rejects (
        reject_id BIGINT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, mark BYTES NOT NULL, member TEXT NOT NULL,
        row_key TEXT NOT NULL, row_id BIGINT, field TEXT NOT NULL, check_name TEXT NOT NULL, code TEXT NOT NULL,
        reason TEXT NOT NULL, status TEXT NOT NULL, how TEXT NOT NULL, first_run TEXT NOT NULL, last_run TEXT NOT NULL,
        times BIGINT NOT NULL, opened_at TEXT NOT NULL, closed_at TEXT, waits_mapping TEXT, waits_member TEXT,
        waits_key TEXT, content BYTES NOT NULL)""",
    "CREATE UNIQUE INDEX rejects_open ON rejects (mapping, mark) WHERE status = 'open'",
    "CREATE INDEX rejects_waiting ON rejects (waits_mapping, waits_member, waits_key) WHERE status = 'open'",
    """CREATE TABLE leases (
        part TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL, until TEXT NOT NULL) CLUSTERED""",
    "CREATE TABLE sequence (part TEXT NOT NULL PRIMARY KEY, chunk BIGINT NOT NULL) CLUSTERED",
    "CREATE TABLE metrics (name TEXT NOT NULL, labels TEXT NOT NULL, measured_at TEXT NOT NULL, value REAL NOT NULL)",
    "CREATE INDEX metrics_name ON metrics (name, measured_at)",
)

_SPANS_ANEW = (
    # SQLite 3.40 takes a column that stands before one of the key for null when it examines a clustered table.
    """CREATE TABLE journal_spans_anew (
        mapping TEXT NOT NULL, first_row BIGINT NOT NULL, block BIGINT NOT NULL, last_row BIGINT NOT NULL,
        PRIMARY KEY (mapping, first_row, block)) CLUSTERED""",
    """INSERT INTO journal_spans_anew (mapping, first_row, block, last_row)
        SELECT mapping, first_row, block, last_row FROM journal_spans""",
    "DROP TABLE journal_spans",
    "ALTER TABLE journal_spans_anew RENAME TO journal_spans",
)

_SEGMENTS = (
    """CREATE TABLE segments (
        segment_id BIGINT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, part TEXT NOT NULL, chunk BIGINT NOT NULL,
        is_live BIGINT NOT NULL, first_row BIGINT NOT NULL, last_row BIGINT NOT NULL, row_count BIGINT NOT NULL,
        linked BIGINT NOT NULL, paired BIGINT NOT NULL, layout_id BIGINT, base_gone BIGINT NOT NULL,
        turn BIGINT, place BYTES NOT NULL, counts TEXT NOT NULL, put_at TEXT NOT NULL, UNIQUE (part, chunk))""",
    "CREATE INDEX segments_mapping ON segments (mapping, first_row)",
    """CREATE TABLE segment_parts (
        segment_id BIGINT NOT NULL, name TEXT NOT NULL, checksum BIGINT NOT NULL, content BYTES NOT NULL,
        PRIMARY KEY (segment_id, name))""",
    """CREATE TABLE segment_links (
        mapping TEXT NOT NULL, member TEXT NOT NULL, segment_id BIGINT NOT NULL, link_count BIGINT NOT NULL,
        gone BIGINT NOT NULL, lowest BIGINT, highest BIGINT, lowest_text TEXT, highest_text TEXT,
        PRIMARY KEY (mapping, member, segment_id)) CLUSTERED""",
    "CREATE INDEX segment_links_segment ON segment_links (segment_id)",
    """CREATE TABLE segment_gone (
        segment_id BIGINT NOT NULL, member TEXT NOT NULL, row_id BIGINT NOT NULL,
        PRIMARY KEY (segment_id, member, row_id)) CLUSTERED""",
    """CREATE TABLE loads (
        mapping TEXT NOT NULL, member TEXT NOT NULL, load_id BIGINT NOT NULL, status TEXT NOT NULL,
        opened_at TEXT NOT NULL, closed_at TEXT, document TEXT NOT NULL, PRIMARY KEY (mapping, member)) CLUSTERED""",
    """CREATE TABLE digests (
        mapping TEXT NOT NULL, part BIGINT NOT NULL, checksum BIGINT NOT NULL, content BYTES NOT NULL,
        PRIMARY KEY (mapping, part))""",
    "CREATE TABLE digest_notes (mapping TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL) CLUSTERED",
)

_DETACHED = (
    """CREATE TABLE detached (
        mapping TEXT NOT NULL, member TEXT NOT NULL, row_id BIGINT NOT NULL,
        PRIMARY KEY (mapping, member, row_id)) CLUSTERED""",
)

_DECREES = (
    """CREATE TABLE decrees (
        decree_id BIGINT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, row_id BIGINT NOT NULL, field TEXT NOT NULL,
        at_member TEXT NOT NULL, kind TEXT NOT NULL, conflict_id BIGINT, run_id TEXT NOT NULL, status TEXT NOT NULL,
        how TEXT NOT NULL, issued_at TEXT NOT NULL, closed_at TEXT, content BYTES NOT NULL)""",
    "CREATE UNIQUE INDEX decrees_open ON decrees (mapping, row_id, field, at_member) WHERE status = 'open'",
    "CREATE INDEX decrees_row ON decrees (mapping, row_id)",
    "CREATE INDEX decrees_conflict ON decrees (conflict_id) WHERE conflict_id IS NOT NULL",
    "CREATE INDEX conflicts_row ON conflicts (mapping, row_id)",
    "CREATE INDEX rejects_row ON rejects (mapping, member, row_key) WHERE status = 'open'",
    "CREATE INDEX rejects_number ON rejects (mapping, row_id) WHERE status = 'open'",
    "CREATE INDEX journal_run ON journal (run_id)",
    """CREATE TABLE journal_open (
        part TEXT NOT NULL, chunk BIGINT NOT NULL, block BIGINT NOT NULL, entries BIGINT NOT NULL,
        PRIMARY KEY (part, chunk, block)) CLUSTERED""",
    "CREATE INDEX journal_open_block ON journal_open (block)",
    """CREATE TABLE journal_keys (
        mark BYTES NOT NULL, row_id BIGINT NOT NULL, block BIGINT NOT NULL,
        PRIMARY KEY (mark, row_id, block)) CLUSTERED""",
    "CREATE INDEX journal_keys_block ON journal_keys (block)",
    """CREATE TABLE journal_void (block BIGINT NOT NULL, row_id BIGINT NOT NULL, PRIMARY KEY (block, row_id))
    CLUSTERED""",
)

_SCHEDULE = (
    """CREATE TABLE holds (
        mapping TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, hint TEXT NOT NULL, since TEXT NOT NULL,
        until TEXT, PRIMARY KEY (mapping, kind)) CLUSTERED""",
    """CREATE TABLE changed (
        mapping TEXT NOT NULL, member TEXT NOT NULL, minute BIGINT NOT NULL, updated BIGINT NOT NULL,
        deleted BIGINT NOT NULL, PRIMARY KEY (mapping, member, minute)) CLUSTERED""",
    """CREATE TABLE echoes (
        mapping TEXT NOT NULL PRIMARY KEY, kept_at TEXT NOT NULL, content BYTES NOT NULL) CLUSTERED""",
    """CREATE TABLE shapes (
        mapping TEXT NOT NULL, member TEXT NOT NULL, seen_at TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (mapping, member)) CLUSTERED""",
)

_WORDS = (
    "DROP TABLE agreed_numbers",
    """CREATE TABLE agreed_words (
        mapping TEXT NOT NULL, row_id BIGINT NOT NULL, member TEXT NOT NULL, field TEXT NOT NULL, words BYTES NOT NULL,
        PRIMARY KEY (mapping, row_id, member, field)) CLUSTERED""",
)

REGISTER = """CREATE TABLE migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)
CLUSTERED"""
"""The table that says which steps were taken; made before the first of them."""

MIGRATIONS = (
    Migration(1, "beginning", _BEGINNING),
    Migration(2, "segments", (*_SEGMENTS, *_SPANS_ANEW)),
    Migration(3, "detached", _DETACHED),
    Migration(4, "decrees", _DECREES),
    Migration(5, "schedule", _SCHEDULE),
    Migration(6, "words", _WORDS),
)
"""Every step, in order."""

FORMAT = MIGRATIONS[-1].number
"""The newest format that this code knows."""
