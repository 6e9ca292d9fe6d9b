"""The command `dovetail`: its commands grouped by the seven steps."""

from __future__ import annotations

import importlib

import click

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("demo", "init", "doctor")),
    ("1 Analyse", ("analyze",)),
    ("3 Design", ("check", "schema")),
    ("4 Map", ("map",)),
    ("5 Implement", ("plan", "apply", "migrate", "rejects")),
    ("6 Test and deploy", ("verify",)),
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
    "verify": "execute",
    "rejects": "rejects",
    "status": "rejects",
}


class Steps(click.Group):
    """Loads a command when it is asked for, and lists commands by step."""

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


@click.command(cls=Steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dovetail")
def main() -> None:
    """Join business systems and keep them joined: one declaration, from analysis to two-way synchronisation.

    Exit codes: 0 done and clean; 1 done, with differences or findings; 2 the declaration or the arguments are wrong;
    3 a gate or guard is closed; 4 a system is unreachable or refused.
    """
