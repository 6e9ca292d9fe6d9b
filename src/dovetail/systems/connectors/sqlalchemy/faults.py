"""SQLAlchemy's errors in Dovetail's words; words of a driver may hold values, and are only looked at."""

from __future__ import annotations

import re

from sqlalchemy import exc

from dovetail.errors import (
    AccessDenied,
    DovetailError,
    Full,
    Overdue,
    Refused,
    SchemaDrift,
    SystemFault,
    Unreachable,
)

_STATE = re.compile(r"[0-9A-Z]{5}")
_PATIENCE = ("deadlock", "lock wait", "is locked", "timeout", "timed out", "could not serialize", "lock not available")
_DENIED = (
    "denied",
    "not authorized",
    "login failed",
    "authentication failed",
    "insufficient privilege",
    "readonly",
    "read-only",
)
_FULL = ("disk full", "no space left", "is full", "disk is full")
_ROW = (
    exc.IntegrityError,
    exc.DataError,
    exc.ProgrammingError,
    exc.NotSupportedError,
    exc.InterfaceError,
    exc.OperationalError,
    exc.InternalError,
)
"""Kinds under which drivers tell that a row cannot be written; they do not agree on one."""


def state(error: exc.SQLAlchemyError) -> str:
    """The standard's code for what went wrong (SQLSTATE), as far as the driver tells it.

    >>> state(exc.SQLAlchemyError("x"))
    ''
    """
    origin = getattr(error, "orig", None)
    for name in ("sqlstate", "pgcode"):
        if isinstance(found := getattr(origin, name, None), str):
            return found
    arguments = getattr(origin, "args", ())
    first = arguments[0] if arguments else None
    return first if isinstance(first, str) and _STATE.fullmatch(first) else ""


def is_of_row(error: exc.SQLAlchemyError) -> bool:
    """Whether an error of a statement for one row speaks of this row, and not of the connection or of others."""
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated or _is_for_patience(error) or _says(error, (*_DENIED, *_FULL)):
            return False
        return isinstance(error, _ROW)
    return isinstance(error, exc.StatementError)


def fault(error: exc.SQLAlchemyError, where: str, *, is_connecting: bool = False) -> DovetailError:
    """The error's class in Dovetail's tree, which decides what a run does about it."""
    told = " ".join([type(getattr(error, "orig", None) or error).__name__, state(error)]).strip()
    if isinstance(error, exc.NoSuchTableError):
        return SchemaDrift("the table is no longer there", where=where)
    if isinstance(error, exc.IdentifierError):
        return Refused("a name is longer than the database takes", where=where)
    if not isinstance(error, exc.DBAPIError):
        return SystemFault(f"SQLAlchemy cannot do that ({type(error).__name__})", where=where)
    if _is_for_patience(error):
        return Overdue(f"others hold what is needed ({told})", where=where)
    if _says(error, _DENIED) or state(error)[:2] == "28" or state(error) == "42501":
        return AccessDenied(f"this account may not do that ({told})", where=where)
    if _says(error, _FULL):
        return Full(f"no room left ({told})", where=where)
    if error.connection_invalidated or is_connecting or state(error)[:2] == "08":
        return Unreachable(f"no connection, or it was lost ({told})", where=where)
    if isinstance(error, (exc.IntegrityError, exc.DataError)):
        return Refused(f"the system refused the statement ({told})", where=where)
    return SystemFault(f"the system could not do that ({told})", where=where)


def _is_for_patience(error: exc.DBAPIError) -> bool:
    return state(error)[:2] == "40" or _says(error, _PATIENCE)


def _says(error: exc.DBAPIError, words: tuple[str, ...]) -> bool:
    text = str(error.orig).lower()
    return any(word in text for word in words)
