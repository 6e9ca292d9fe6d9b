"""What PostgreSQL's errors mean to a run: one class of Dovetail's tree for each, in words that hold none of a row's
values.

A deadlock or a serialization failure, in which PostgreSQL gave way to another transaction, is `Overdue` with the code
DV-314: the whole
transaction was rolled back and may be tried again. A connection lost while a commit was under way is `Unreachable` with
the code
DV-309: the ledger knows whether the commit happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from dovetail.errors import AccessDenied, DovetailError, Full, Overdue, Refused, SchemaDrift, SystemFault, Unreachable

READ_ONLY = "25006"
LOCKED = "55P03"
DENIED = "42501"

_OVERDUE = {"57014", LOCKED, "25P03", "25P04"}
_GAVE_WAY = {"40001", "40P01"}
_DENIED = {DENIED, READ_ONLY, "28000", "28P01"}
_DRIFT = {"42P01", "42703", "3F000", "42704", "42804", "42P10", "42809", "42P16"}
_ROW_CLASSES = ("21", "22", "23", "27", "38", "39", "44", "54", "P0")
"""Classes of SQLSTATE that say something about rows: constraints, values, limits, and what triggers say."""

_BLAMES_ROW = {"2F002", "2F003", "2F004", "0L000", "428C9"}
_REFUSING = ("password authentication failed", "no password supplied", "pg_hba.conf", "is not permitted to log in")
_ABSENT = ("does not exist",)


def blames_row(error: psycopg.Error) -> bool:
    """Whether the system refused a row, so that others may still be written."""
    state = error.sqlstate or ""
    return state.startswith(_ROW_CLASSES) or state in _BLAMES_ROW


@contextmanager
def translated(where: str, timeout_s: float) -> Iterator[None]:
    """Inside, the driver's exceptions leave as Dovetail's."""
    try:
        yield
    except psycopg.Error as error:
        raise fault(error, where, timeout_s) from _bare(error)


def fault(error: psycopg.Error, where: str, timeout_s: float) -> DovetailError:
    """The error in Dovetail's tree."""
    state = error.sqlstate or ""
    if not state:
        return _lost(error, where)
    words = named(error)
    if state in _OVERDUE:
        hint = "give the system more time with timeout_s, or look for who holds the lock"
        return Overdue(f"no answer within {timeout_s:g} s ({words})", where=where, hint=hint)
    if state in _GAVE_WAY:
        return Overdue(f"the transaction gave way to another ({words})", where=where, code="DV-314")
    if state in _DENIED:
        return AccessDenied(
            _said(error), where=where, hint="dovetail doctor prints the statement that grants what is missing"
        )
    if state in _DRIFT:
        hint = "the system changed since it was described; dovetail check compares it with the mappings"
        return SchemaDrift(_said(error), where=where, hint=hint)
    if state == "53100":
        return Full("the server's disk is full", where=where)
    if state.startswith(("08", "53", "57P", "58")):
        return Unreachable(f"the server is not ready ({words})", where=where)
    if blames_row(error):
        return Refused(f"the system refused the rows ({words})", where=where)
    return SystemFault(f"{_said(error)} ({words})", where=where)


def named(error: psycopg.Error) -> str:
    """The error by the names that hold no value: its condition, its code, the constraint or column that it names."""
    diagnosis = error.diag
    parts = [type(error).__name__, error.sqlstate or ""]
    parts += [part for part in (diagnosis.constraint_name, diagnosis.column_name) if part]
    return " ".join(part for part in parts if part)


def _said(error: psycopg.Error) -> str:
    """The system's own first line, which for these kinds of errors names tables and rights, never a value."""
    return (error.diag.message_primary or named(error)).split("\n")[0]


def _bare(error: psycopg.Error) -> Exception | None:
    """The cause to be shown: none where its message may hold a row's values."""
    return None if blames_row(error) else error


def _lost(error: psycopg.Error, where: str) -> DovetailError:
    """A connection that was not made, or was lost: the driver gives only words."""
    words = str(error).strip()
    if any(sign in words for sign in _REFUSING):
        return AccessDenied(
            "the server refused the account or its password", where=where, hint="check user, password and pg_hba.conf"
        )
    if "database" in words and any(sign in words for sign in _ABSENT):
        return SystemFault("there is no such database", where=where, code="DV-316", hint="check the end of the URL")
    first = words.split("\n")[0].rpartition(" failed: ")[2].strip() or type(error).__name__
    return Unreachable(
        f"no connection: {first}", where=where, hint="does the server run, and can this machine reach host and port?"
    )
