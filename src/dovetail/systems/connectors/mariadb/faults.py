"""What the server's errors mean to a run: one class of Dovetail's tree for each, in words that hold none of a row's
values.

A deadlock, in which the server gave way to another transaction, is `Overdue` with the code DV-314: the whole
transaction was rolled back and may be tried again. A connection lost while a commit was under way is `Unreachable` with
the code DV-309: the ledger knows whether the commit happened.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from dovetail.errors import (
    AccessDenied,
    DovetailError,
    Full,
    MissingDriver,
    Overdue,
    Refused,
    SchemaDrift,
    SystemFault,
    Unreachable,
)

DOUBLE = frozenset({1022, 1062, 1169, 1557, 1586, 1859})
"""Another row holds the key, or a value that must be unique."""
ORPHAN = frozenset({1216, 1217, 1451, 1452})
MISSING = frozenset({1048, 1364, 1566})
RULED_OUT = frozenset({1369, 1644, 3819, 4025})
"""A check, a view's condition, or what a trigger or procedure says by SIGNAL."""
UNFIT = frozenset(
    {1264, 1265, 1292, 1300, 1366, 1367, 1406, 1411, 1416, 1441, 1690, 3140, 3141, 3156, 4079, 1118, 1301, 1071}
)
"""The column's type cannot hold the value."""
UNWRITABLE = frozenset({1906, 3105})

_ROWS = DOUBLE | ORPHAN | MISSING | RULED_OUT | UNFIT | UNWRITABLE | {1136, 1172, 1242, 1153, 1365, 1526, 1748}
_OVERDUE = frozenset({1205, 1317, 1969, 3024})
_GAVE_WAY = frozenset({1020, 1213, 1614, 3101})
_DENIED = frozenset(
    {1044, 1045, 1095, 1130, 1131, 1132, 1133, 1141, 1142, 1143, 1227, 1251, 1275, 1290, 1370, 1410, 1449, 1524, 1698}
    | {1792, 1820, 1836, 1862, 2049, 3118, 3159, 4151}
)
_DRIFT = frozenset({1051, 1054, 1072, 1091, 1109, 1146, 1176, 1347, 1356, 1360, 1412, 1471, 1932, 1305})
_FULL = frozenset({1021, 1114})
_LOST = frozenset(
    {1040, 1042, 1043, 1047, 1053, 1077, 1079, 1080, 1129, 1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161}
    | {1184, 1203, 1226, 1927, 4031}
)
_CLIENT = range(2000, 3000)
_ASKS = "LOAD_LOCAL"
"""What the driver says where a server asks for a file."""

_PLACE = re.compile(
    r"for (?:key|column) ['`]([^'`]*(?:`\.`[^`]*)*)['`]"
    r"|CONSTRAINT [`']([^`']+)[`']"
    r"|[Cc]olumn '([^']+)'"
)


def number(error: pymysql.Error) -> int:
    """The server's number of an error; 0 where the driver gives none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def blames_row(error: pymysql.Error) -> bool:
    """Whether the system refused a row, so that others may still be written."""
    return number(error) in _ROWS


def is_denied(error: pymysql.Error) -> bool:
    """Whether the account lacks a right."""
    return number(error) in _DENIED


@contextmanager
def translated(where: str, timeout_s: float) -> Iterator[None]:
    """Inside, the driver's exceptions leave as Dovetail's."""
    try:
        yield
    except pymysql.Error as error:
        raise fault(error, where, timeout_s) from _bare(error)
    except RuntimeError as error:
        if _ASKS not in str(error):
            raise
        words = "the server asked for a file of this machine; it was not given, and the connection was cut"
        raise SystemFault(words, where=where, code="DV-343") from error


def fault(error: pymysql.Error, where: str, timeout_s: float) -> DovetailError:
    """The error in Dovetail's tree."""
    code = number(error)
    words = named(error)
    if code in _OVERDUE:
        hint = "give the system more time with timeout_s, or look for who holds the lock"
        return Overdue(f"no answer within {timeout_s:g} s ({words})", where=where, hint=hint)
    if code in _GAVE_WAY:
        return Overdue(f"the transaction gave way to another ({words})", where=where, code="DV-314")
    if code in _DENIED:
        hint = "dovetail doctor prints the statement that grants what is missing"
        return AccessDenied(_said(error), where=where, hint=hint)
    if code == 1049:
        return SystemFault("there is no such database", where=where, code="DV-316", hint="check the end of the URL")
    if code in _DRIFT:
        hint = "the system changed since it was described; dovetail check compares it with the mappings"
        return SchemaDrift(_said(error), where=where, hint=hint)
    if code in _FULL:
        return Full("the server's disk or table is full", where=where)
    if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
        hint = "name the authority that signed its certificate: ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE"
        return AccessDenied("the server could not prove by TLS who it is", where=where, hint=hint)
    if code in _LOST or code in _CLIENT or isinstance(error, pymysql.InterfaceError):
        hint = "does the server run, and can this machine reach host and port?"
        return Unreachable(f"no connection: {words}", where=where, hint=hint)
    if blames_row(error):
        return Refused(f"the system refused the rows ({words})", where=where)
    return SystemFault(words, where=where)


def named(error: pymysql.Error) -> str:
    """The error by what holds no value: its number, and the constraint or column that it names."""
    code = number(error)
    parts = [type(error).__name__, str(code) if code else "", place(error)]
    return " ".join(part for part in parts if part)


def place(error: pymysql.Error) -> str:
    """The constraint, key or column that an error names last, behind any value; empty where it names none.

    >>> place(pymysql.IntegrityError(1062, "Duplicate entry 'ada' for key 'person_email'"))
    'person_email'
    """
    found = _PLACE.findall(str(error.args[1])) if len(error.args) > 1 else []
    return next(part for part in found[-1] if part).rpartition("`.`")[2] if found else ""


def unsupported(error: RuntimeError, where: str) -> DovetailError:
    """What the driver says when it lacks a library that the account's way of proving itself needs."""
    library = "cryptography" if "cryptography" in str(error) else "PyNaCl"
    words = f"this account's authentication needs {library}, which is not installed"
    return MissingDriver(words, where=where, hint=f"pip install {library}, or connect by TLS (?ssl-mode=REQUIRED)")


def _said(error: pymysql.Error) -> str:
    """The system's own words, which for these kinds of errors name tables, accounts and rights, never a value."""
    return str(error.args[1]).split("\n")[0] if len(error.args) > 1 else named(error)


def _bare(error: pymysql.Error) -> Exception | None:
    """The cause to be shown: none where its message may hold a row's values."""
    code = number(error)
    return error if code in _DENIED | _DRIFT | _LOST or code in _CLIENT else None
