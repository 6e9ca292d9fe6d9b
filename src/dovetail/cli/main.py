"""The command `dovetail`: its commands grouped by the seven steps."""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from dovetail.cli import fault

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("demo", "init", "doctor")),
    ("1 Analyse", ("analyze",)),
    ("3 Design", ("check", "schema")),
    ("4 Map", ("map",)),
    ("5 Implement", ("plan", "apply", "migrate", "capture", "sync", "conflicts", "rejects", "why", "undo")),
    ("6 Test and deploy", ("verify", "chaos")),
    ("7 Monitor", ("status",)),
)
"""The commands under the steps that they belong to, as `--help` shows them."""

_MODULES = {
    "demo": "start",
    "init": "start",
    "doctor": "start",
    "analyze": "analyze",
    "check": "declare",
    "schema": "declare",
    "map": "map",
    "plan": "execute",
    "apply": "execute",
    "migrate": "execute",
    "capture": "capture",
    "sync": "sync",
    "conflicts": "conflicts",
    "why": "why",
    "undo": "undo",
    "verify": "execute",
    "chaos": "chaos",
    "rejects": "rejects",
    "status": "rejects",
}


class Steps(click.Group):
    """Loads a command when it is asked for, lists commands by step, and says every misuse in Dovetail's own form."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **settings: Any
    ) -> NoReturn:
        """Parse and run; always ends by `SystemExit`."""
        gc.unfreeze()  # what an earlier command in this process left behind is looked at again
        gc.disable()  # all that is imported stays; `collecting` turns it on again before the work
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts a thread a core for algebra that none needs
        words = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in words
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        parts = 2 if words[:1] in (["map"], ["chaos"]) else 1
        named = " ".join(word for word in words[:parts] if not word.startswith("-"))

        def parsed() -> int:
            settings["standalone_mode"] = False
            try:
                code = super(Steps, self).main(words, prog_name or "dovetail", **settings)
            except click.UsageError as error:
                return _misused(named, error, as_json=as_json)
            except click.Abort:
                raise KeyboardInterrupt from None
            return code if isinstance(code, int) else 0

        try:
            sys.exit(fault.guarded(named, parsed, as_json=as_json))
        finally:
            gc.enable()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name; the nearest ones where there is none."""
        if args[0] not in _MODULES and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], _MODULES, n=2)
            meant = f", did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{meant}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands in the order of the steps."""
        del ctx
        return [name for _, names in GROUPS for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(f"dovetail.cli.{_MODULES[cmd_name]}")
        found: click.Command = getattr(module, f"{cmd_name}_command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, a section a step."""
        for title, names in GROUPS:
            rows = []
            for name in names:
                found = self.get_command(ctx, name)
                if found is not None:
                    rows.append((name, found.get_short_help_str(90)))
            with formatter.section(title):
                formatter.write_dl(rows)


def _misused(command: str, error: click.UsageError, *, as_json: bool) -> int:
    """Help where nothing was asked for, else the mistake; the exit code of both is 2."""
    if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
        error.show()
        return error.exit_code
    return fault.say(command, fault.misused(error), as_json=as_json)


def _version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - as click calls it
    """The version that is installed; the source tree alone has none."""
    del parameter
    if not asked:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"dovetail {version('dovetail')}")
    except PackageNotFoundError:
        click.echo("dovetail, run from its source tree")
    ctx.exit()


@click.command("dovetail", cls=Steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def main() -> None:
    """Join business systems and keep them joined: one declaration, from analysis to two-way synchronisation.

    Exit codes: 0 done and clean; 1 done, with differences or findings; 2 the declaration or the arguments are wrong;
    3 a gate or guard is closed; 4 a system is unreachable or refused.
    """
