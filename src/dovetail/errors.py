"""Every deliberate error of Dovetail, with what a run does about it.

DovetailError              message, where, why, next command, code DV-nnn
├── DeclarationError       the integration as written is wrong                 stop, exit 2
│   ├── UnknownName        a name nobody declared, with the nearest known ones
│   ├── NotYet             part of the format that a later version will run
│   └── Declarations       several of the above, reported together
├── SystemFault            a joined system misbehaved
│   ├── Unreachable        no connection, or it was lost                       retry
│   ├── Throttled          asks for patience                                   retry after a given time
│   ├── Overdue            a call outlived its deadline                        retry
│   ├── AccessDenied       the account may not do this                         stop
│   ├── SchemaDrift        no longer what was mapped                           stop
│   ├── FeedLost           changes may have gone unnoticed                     make the feed again, look at everything
│   ├── Full               no room left on its disk                            stop
│   ├── Fenced             a newer worker has taken over                       stop
│   └── Refused            refused these rows; the rejects are inside          quarantine
├── StateFault             our own memory is locked, newer or damaged          stop
├── GateClosed             a guard or a gate holds the run                     stop, exit 3
├── PlanMoved              a plan file does not fit this project               stop, exit 2
└── MissingDriver          a connector's driver is not installed               stop, exit 2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Remedy(StrEnum):
    """What a run does about an error; the error's class alone decides."""

    RETRY = "retry"
    QUARANTINE = "quarantine"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file that a person wrote; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DovetailError(Exception):
    """Something went wrong that Dovetail knows about.

    `where` is a `Location` or text such as ``shop.customer.email``; `hint` says what to do next.
    Neither may hold a secret or a person's data.
    """

    code = "DV-000"
    remedy = Remedy.STOP
    exit_code = 4

    def __init__(
        self, message: str, *, where: Location | str | None = None, hint: str = "", code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{place}{self.code} {self.message}{hint}"


class DeclarationError(DovetailError):
    """The integration as written is wrong."""

    code = "DV-100"
    exit_code = 2


class UnknownName(DeclarationError):
    """A name that nobody declared; the hint holds the nearest known ones."""

    code = "DV-101"


class NotYet(DeclarationError):
    """Part of the format that this version reads but cannot run."""

    code = "DV-102"


class Declarations(DeclarationError):
    """Several mistakes, reported together in the order of files and lines."""

    def __init__(self, mistakes: Sequence[DeclarationError]) -> None:
        super().__init__(f"{len(mistakes)} mistakes in the declarations")
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


class SystemFault(DovetailError):
    """A joined system misbehaved."""

    code = "DV-300"


class Unreachable(SystemFault):
    """No connection, or it was lost."""

    code = "DV-301"
    remedy = Remedy.RETRY


class Throttled(SystemFault):
    """The system asks for patience."""

    code = "DV-302"
    remedy = Remedy.RETRY

    def __init__(self, message: str, *, retry_after_s: float, where: str | None = None) -> None:
        super().__init__(message, where=where, hint=f"try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class Overdue(SystemFault):
    """A call outlived its deadline."""

    code = "DV-303"
    remedy = Remedy.RETRY


class AccessDenied(SystemFault):
    """The account may not do this."""

    code = "DV-304"


class SchemaDrift(SystemFault):
    """A dataset or field is no longer what was mapped."""

    code = "DV-305"


class FeedLost(SystemFault):
    """Changes may have gone unnoticed; capturing again mends the feed, and names what must be looked at as a whole."""

    code = "DV-361"
    remedy = Remedy.RETRY


class Full(SystemFault):
    """The system has no room left."""

    code = "DV-306"


class Fenced(SystemFault):
    """A newer worker has taken this partition over; nothing was written."""

    code = "DV-307"


class Refused(SystemFault):
    """The system refused rows; `rejects` names each with the system's own words."""

    code = "DV-308"
    remedy = Remedy.QUARANTINE

    def __init__(self, message: str, *, rejects: Sequence[object] = (), where: str | None = None) -> None:
        super().__init__(message, where=where)
        self.rejects = tuple(rejects)


class StateFault(DovetailError):
    """Dovetail's own memory is locked, newer than this version, or damaged."""

    code = "DV-500"


class GateClosed(DovetailError):
    """A guard or a gate holds the run; nothing was written."""

    code = "DV-600"
    exit_code = 3


class PlanMoved(DovetailError):
    """A plan file does not fit this project, or is damaged."""

    code = "DV-601"
    exit_code = 2


class MissingDriver(DovetailError, ImportError):
    """A connector's driver is not installed; the hint names the extra to install."""

    code = "DV-700"
    exit_code = 2
