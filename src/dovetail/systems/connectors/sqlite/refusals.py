"""SQLite's reasons for refusing a row, in the words that all SQL systems share."""

from __future__ import annotations

import sqlite3

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.systems.sql import refusal

_CODES = {
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: refusal.TAKEN,
    sqlite3.SQLITE_CONSTRAINT_ROWID: refusal.TAKEN,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: refusal.DOUBLE,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: refusal.MISSING,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: refusal.ORPHAN,
    sqlite3.SQLITE_CONSTRAINT_CHECK: refusal.RULED_OUT,
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: refusal.RULED_OUT,
    3091: refusal.UNFIT,  # SQLITE_CONSTRAINT_DATATYPE, of a STRICT table; unnamed in Python 3.11
    sqlite3.SQLITE_MISMATCH: refusal.UNFIT,
    sqlite3.SQLITE_TOOBIG: refusal.UNFIT,
}
_NAMED = (refusal.TAKEN, refusal.DOUBLE, refusal.MISSING)


def refused(error: sqlite3.Error, position: int, dataset: Dataset) -> Reject:
    """The reject for one row; SQLite names constraints and columns, and never a value."""
    number = getattr(error, "sqlite_errorcode", 0)
    code = _CODES.get(number, refusal.OTHER)
    _, _, words = str(error).partition("failed: ")
    if code in _NAMED and words:
        fields = [part.strip().removeprefix(f"{dataset.name}.") for part in words.split(", ")]
        fields = [name for name in fields if name in dataset.names]
        if code is refusal.DOUBLE and fields and set(fields) == set(dataset.key):
            code = refusal.TAKEN
        return refusal.reject(position, code, field=fields[0] if fields else "", detail=", ".join(fields) or words)
    if code is refusal.ORPHAN:
        fields = [reference.fields[0] for reference in dataset.references]
        return refusal.reject(position, code, field=fields[0] if len(fields) == 1 else "")
    if number == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return refusal.reject(position, code, detail="a trigger")
    if code is refusal.OTHER:
        return refusal.reject(position, code, detail=getattr(error, "sqlite_errorname", type(error).__name__))
    return refusal.reject(position, code, detail=words)
