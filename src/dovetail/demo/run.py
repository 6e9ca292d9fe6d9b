"""The demo itself: builds both systems, runs the shipped commands, and lets an independent judge have the last word."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from dovetail.demo import tell
from dovetail.demo.folder import Place, build
from dovetail.demo.generate import World
from dovetail.demo.judge import judge
from dovetail.demo.shell import Answer, dovetail
from dovetail.errors import DeclarationError

DEFAULT_ROWS = 2000
"""Products; customers and orders come in proportion."""

COMMAND_WIDTH = 30
"""Columns for the commands, of which the longest has 28 letters and two blanks before it."""


ON = {
    "sqlite": "SQLite",
    "postgres": "PostgreSQL",
    "mariadb": "MariaDB",
    "three": "MariaDB and PostgreSQL, and a mailing tool's CSV file",
}
"""What the systems are, in words."""


@dataclass(frozen=True)
class Step:
    """One command of the demo, the exit codes that are right for it, and one line about its answer."""

    arguments: tuple[str, ...]
    accept: tuple[int, ...]
    tell: Callable[[Answer], str]


def run(rows: int | None = None, keep: Path | None = None, systems: str = "sqlite", *, console: Console) -> int:
    """Run the whole demo; the answer is the exit code. Without `keep` a new temporary folder is used and left there."""
    folder = make_folder(keep)
    started = perf_counter()
    with placed(folder, systems) as place:
        console.print(f"[bold]An online store and an inventory system[/bold] on {ON[systems]}, in {folder}")
        world = build(place, rows or DEFAULT_ROWS)
        say(console, "two systems are built", _size(world), perf_counter() - started)
        answers = [_step(place, step, console) for step in BEFORE]
        migrated = _migrate(place, answers[-1], console)
        answers += [_step(place, step, console) for step in AFTER]
        begun = perf_counter()
        verdict = judge(world, place.shop, place.warehouse, place.mailing)
        say(console, "an independent judge", tell.verdict(verdict), perf_counter() - begun)
        _summarise(console, migrated)
        console.print(
            f"\nDone in {perf_counter() - started:.1f} s. The report: {folder / 'analysis.html'}", soft_wrap=True
        )
    _advise(console, folder, systems)
    again = answers[-2]
    return 0 if not verdict.differences and not again.writes else 1


@contextmanager
def placed(folder: Path, systems: str) -> Iterator[Place]:
    """Room for the systems: files in the folder, or databases of servers of their own while the block lasts."""
    from dovetail.testing.servers import mariadb, postgres

    if systems == "sqlite":
        yield Place(folder, folder / "shop.db", folder / "warehouse.db")
        return
    if systems == "postgres":
        with postgres.databases("shop", "warehouse") as (shop, warehouse):
            yield Place(folder, shop, warehouse)
        return
    mariadb.get()
    if systems == "mariadb":
        with mariadb.databases("shop", "warehouse") as (shop, warehouse):
            yield Place(folder, shop, warehouse)
        return
    with mariadb.databases("shop") as (shop,), postgres.databases("warehouse") as (warehouse,):
        yield Place(folder, shop, warehouse, folder / "mailing")


def make_folder(keep: Path | None) -> Path:
    """The folder that was named, which must be empty, or a new temporary one."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="dovetail-demo-"))
    if keep.exists() and any(keep.iterdir()):
        raise DeclarationError(
            f"the folder {keep} is not empty", hint="name a folder that does not exist yet", code="DV-190"
        )
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def say(console: Console, command: str, words: str, seconds: float | None = None) -> None:
    """One line: what was done, what came of it, and how long it took."""
    line = Table.grid(padding=(0, 2, 0, 0), expand=True)
    line.add_column(width=COMMAND_WIDTH, no_wrap=True, style="cyan")
    line.add_column(ratio=1)
    line.add_column(justify="right", no_wrap=True, style="dim")
    line.add_row(f"  {command}", words, "" if seconds is None else f"{seconds:.1f} s")
    console.print(line, highlight=False)


def _step(place: Place, step: Step, console: Console) -> Answer:
    answer = dovetail(place, *step.arguments, accept=step.accept)
    say(console, answer.command, step.tell(answer), answer.seconds)
    return answer


def _migrate(place: Place, plan: Answer, console: Console) -> Answer:
    """Migrate; where the plan says that the guard would stop it, allow exactly as many changes as the plan showed."""
    arguments = ["migrate"]
    if plan.document["guard"]:
        changes = plan.total("updated") + plan.total("deleted")
        say(console, "the guard", tell.guard(plan))
        arguments += ["--allow", str(changes)]
    return _step(place, Step(tuple(arguments), (0, 1), tell.migrate), console)


def _size(world: World) -> str:
    count = {table: len(rows) for table, rows in world.store.items()}
    known = sum(len(rows) for rows in world.stock.values())
    return (
        f"{count['product']:,} products, {count['customer']:,} customers, {count['shop_order']:,} orders, "
        f"{count['order_line']:,} lines; the inventory knows {known:,} things already, often differently"
    )


def _summarise(console: Console, migrated: Answer) -> None:
    mappings = migrated.document["mappings"]
    shown = ["rows", *(one for one in tell.OUTCOMES if any(mapping[one] for mapping in mappings.values()))]
    table = Table(title=None, box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("mapping", no_wrap=True)
    for outcome in shown:
        table.add_column(outcome, justify="right", no_wrap=True)
    for name, mapping in mappings.items():
        table.add_row(name, *(f"{mapping[outcome]:,}" if mapping[outcome] else "-" for outcome in shown))
    console.print()
    console.print(table)


def _program() -> str:
    """How this shell calls the program: by its name where that is on the path, else as it was called now."""
    called = Path(sys.argv[0])
    if shutil.which("dovetail") is None and called.name == "dovetail" and called.exists():
        return os.path.relpath(called)
    return "dovetail"


def _advise(console: Console, folder: Path, systems: str) -> None:
    console.print("To try next:", highlight=False)
    program = _program()
    for command, why in NEXT[systems]:
        words = command.format(folder=folder).replace("dovetail", program, 1)
        console.print(f"  [cyan]{words}[/cyan]", highlight=False, soft_wrap=True)
        console.print(f"    {why}", highlight=False)


BEFORE = (
    Step(("check",), (0,), tell.check),
    Step(("doctor",), (0, 1), tell.doctor),
    Step(("analyze",), (0, 1), tell.analyze),
    Step(("map", "show"), (0,), tell.shown),
    Step(("map", "test"), (0, 1), tell.tested),
    Step(("plan",), (0, 1), tell.plan),
)

AFTER = (
    Step(("verify",), (0, 1), tell.verify),
    Step(("migrate",), (0, 1), tell.again),
    Step(("rejects",), (0, 1), tell.rejects),
)

_ON_FILES = ("dovetail demo", "the same on two files that stay, to play with; this server is gone")
_OF_YOUR_OWN = ("dovetail init NAME=URL NAME=URL", "a first draft for two databases of your own")

NEXT = {
    "sqlite": (
        ("dovetail rejects --project {folder}", "what is held, and why"),
        ("dovetail map show --project {folder}", "how every cell is written"),
        ("dovetail verify --project {folder}", "after you changed a value in either database"),
        ("dovetail demo --systems postgres", "the same on two PostgreSQL databases; or `mariadb`, or `three`"),
    ),
    "postgres": (_ON_FILES, _OF_YOUR_OWN),
    "mariadb": (_ON_FILES, _OF_YOUR_OWN),
    "three": (_ON_FILES, _OF_YOUR_OWN),
}
