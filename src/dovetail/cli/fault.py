"""How an error ends a command: words on standard error or one JSON document, an exit code, never a traceback."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from dovetail.errors import DeclarationError, Declarations, DovetailError, SystemFault

TRACEBACK = "DOVETAIL_TRACEBACK"
"""The environment variable that shows where an unknown error arose."""

STOPPED = 130
"""The exit code after Ctrl-C."""

MISUSED = "DV-117"
"""The command, option or argument is not one of this program's"""

INTERRUPTED = "DV-792"
"""Ctrl-C stopped the command"""

FULL = 28
"""The number by which an operating system says that there is no room."""

WRITING = ("migrate", "apply", "undo", "rejects")
"""Commands that write to systems; all others change nothing there."""


def guarded(command: str, work: Callable[[], int], *, as_json: bool) -> int:
    """Do the work, and return its exit code; whatever goes wrong becomes words or a document, and an exit code."""
    try:
        code = work()
        sys.stdout.flush()
    except DovetailError as error:
        return say(command, error, as_json=as_json)
    except BrokenPipeError:
        close_output()
        return 0
    except KeyboardInterrupt:
        stopped(command, as_json=as_json)
        return STOPPED
    except click.UsageError as error:
        return say(command, misused(error), as_json=as_json)
    except OSError as error:
        return say(command, file_fault(error), as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets words, not a traceback
        return say(command, unknown(error), as_json=as_json)
    return code


def say(command: str, error: DovetailError, *, as_json: bool) -> int:
    """Say the error, or all mistakes in it: one document on standard output, or words on standard error. Returns its
    exit code."""
    mistakes = error.mistakes if isinstance(error, Declarations) else (error,)
    if as_json:
        emit({"command": command, "ok": False, "errors": [_document(command, mistake) for mistake in mistakes]})
        return error.exit_code
    for mistake in mistakes:
        hint = _hint(command, mistake)
        place = f"{mistake.where}: " if mistake.where else ""
        click.echo(f"{place}{mistake.code} {mistake.message}" + (f"\n  {hint}" if hint else ""), err=True)
    if len(mistakes) > 1:
        click.echo(f"{len(mistakes)} mistakes", err=True)
    return error.exit_code


def emit(document: Mapping[str, object]) -> None:
    """One JSON document on standard output, in ASCII where the output cannot carry more."""
    wide = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf8")
    click.echo(json.dumps(document, ensure_ascii=not wide, default=str))


def stopped(command: str, *, as_json: bool) -> None:
    """Say what Ctrl-C means for this command."""
    words = "stopped; nothing was changed in any system"
    if command.split(" ", 1)[0] in WRITING:
        words = "stopped; what was written is complete, and the same command goes on from here"
    if as_json:
        emit({"command": command, "ok": False, "errors": [{"code": INTERRUPTED, "message": words}]})
    else:
        click.echo(words, err=True)


def close_output() -> None:
    """Nobody reads on: what is still in the buffer goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def misused(error: click.UsageError) -> DeclarationError:
    """A misspelt command, option or argument as one of Dovetail's own errors."""
    path = error.ctx.command_path if error.ctx is not None else "dovetail"
    message = error.format_message().rstrip(".").replace("\n", " ")
    return DeclarationError(message[:1].lower() + message[1:], where=path, hint=f"{path} --help", code=MISUSED)


def file_fault(error: OSError) -> DovetailError:
    """A file or folder that cannot be read or written, with the operating system's reason."""
    told = DeclarationError(
        f"this file or folder cannot be used: {error.strerror or type(error).__name__}",
        where=str(error.filename) if error.filename else None,
        hint="check the path, the rights of this account and the room on the disk",
        code="DV-118",
    )
    told.exit_code = 4 if error.errno == FULL else 2
    return told


def unknown(error: Exception) -> DovetailError:
    """An error that Dovetail does not know: its kind and place, not its message, which may hold values."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f"{Path(last[0].filename).stem}:{last[0].lineno}" if last else "an unknown place"
    return DovetailError(
        f"Dovetail failed in a way that it does not know: {type(error).__name__} in {place}",
        hint=f"please report it; {TRACEBACK}=1 before the command shows more (it may show values of rows)",
        code="DV-793",
    )


def _document(command: str, error: DovetailError) -> dict[str, object]:
    hint = _hint(command, error)
    parts = {"code": error.code, "where": str(error.where or ""), "message": error.message, "next": hint}
    return {name: part for name, part in parts.items() if part}


def _hint(command: str, error: DovetailError) -> str:
    """What to do next; a fault of a system without an own advice leads to the doctor."""
    if error.hint or not isinstance(error, SystemFault) or command == "doctor":
        return error.hint
    return "check its address" if command == "init" else "see what is missing: dovetail doctor"
