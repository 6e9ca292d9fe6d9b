"""The demo itself: builds both systems, runs the shipped commands on them, and lets an independent judge have the last word."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Step:
    """One command of the demo, the exit codes that are right for it, and one line about its answer."""

    arguments: tuple[str, ...]
    accept: tuple[int, ...]
    tell: Callable[[Answer], str]


def run(rows: int = DEFAULT_ROWS, keep: Path | None = None, systems: str = "sqlite", *, console: Console) -> int:
    """Run the whole demo; the answer is the exit code. Without `keep` a new temporary folder is used, and left for looking at."""
    folder = _folder(keep)
    started = perf_counter()
    with placed(folder, systems) as place:
        console.print(f"[bold]An online store and an inventory system[/bold] on {systems}, in {folder}")
        world = build(place, rows)
        _say(console, "two systems are built", _size(world), perf_counter() - started)
        answers = [_step(place, step, console) for step in BEFORE]
        migrated = _migrate(place, answers[-1], console)
        answers += [_step(place, step, console) for step in AFTER]
        begun = perf_counter()
        verdict = judge(world, place.shop, place.warehouse)
        _say(console, "an independent judge", tell.verdict(verdict), perf_counter() - begun)
        _finish(console, migrated, folder, perf_counter() - started)
    again = answers[-2]
    return 0 if not verdict.differences and not again.writes else 1


@contextmanager
def placed(folder: Path, systems: str) -> Iterator[Place]:
    """Room for both systems: files in the folder, or two databases of an embedded PostgreSQL for as long as the block lasts."""
    if systems == "sqlite":
        yield Place(folder, folder / "shop.db", folder / "warehouse.db")
        return
    from dovetail.testing.servers.postgres import databases

    with databases("shop", "warehouse") as (shop, warehouse):
        yield Place(folder, shop, warehouse)


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="dovetail-demo-"))
    if keep.exists() and any(keep.iterdir()):
        raise DeclarationError(
            f"the folder {keep} is not empty", hint="name a folder that does not exist yet", code="DV-190"
        )
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _say(console: Console, command: str, words: str, seconds: float) -> None:
    console.print(f"  [cyan]{command:<26}[/cyan] {words} [dim]{seconds:.1f} s[/dim]", highlight=False)


def _step(place: Place, step: Step, console: Console) -> Answer:
    answer = dovetail(place, *step.arguments, accept=step.accept)
    _say(console, answer.command, step.tell(answer), answer.seconds)
    return answer


def _migrate(place: Place, plan: Answer, console: Console) -> Answer:
    """Migrate; where the guard stops it, allow exactly as many changes as the plan showed."""
    answer = dovetail(place, "migrate", accept=(0, 1, 3))
    if answer.code == 3:
        _say(console, answer.command, tell.guard(plan), answer.seconds)
        changes = plan.total("updated") + plan.total("deleted")
        answer = dovetail(place, "migrate", "--allow", str(changes), accept=(0, 1))
    _say(console, answer.command, tell.migrate(answer), answer.seconds)
    return answer


def _size(world: World) -> str:
    count = {table: len(rows) for table, rows in world.store.items()}
    known = sum(len(rows) for rows in world.stock.values())
    return (
        f"{count['product']:,} products, {count['customer']:,} customers, {count['shop_order']:,} orders with "
        f"{count['order_line']:,} lines; the inventory already knows {known:,} rows, many of them differently"
    )


def _finish(console: Console, migrated: Answer, folder: Path, seconds: float) -> None:
    table = Table(title=None, box=None, padding=(0, 2), header_style="dim")
    table.add_column("mapping")
    for outcome in ("rows", *tell.OUTCOMES):
        table.add_column(outcome, justify="right")
    for name, mapping in migrated.document["mappings"].items():
        table.add_row(name, *(f"{mapping[outcome]:,}" for outcome in ("rows", *tell.OUTCOMES)))
    console.print()
    console.print(table)
    console.print(f"\nDone in {seconds:.1f} s. The report: {folder / 'analysis.html'}")
    console.print("To try next:", highlight=False)
    for command, why in NEXT:
        console.print(f"  [cyan]{command.format(folder=folder)}[/cyan]  {why}", highlight=False)


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

NEXT = (
    ("dovetail rejects --project {folder}", "what is held, and why"),
    ("dovetail map show --project {folder}", "how every cell is written"),
    ("dovetail plan --project {folder}", "change a value in either database first"),
    ("dovetail demo --systems postgres", "the same on two PostgreSQL databases"),
)
