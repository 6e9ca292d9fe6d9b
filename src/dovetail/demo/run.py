"""The demo itself: builds both systems, runs the shipped commands on them, and lets an independent judge have the last word."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from dovetail.demo.folder import Place, build
from dovetail.demo.generate import World
from dovetail.demo.judge import Judgement, judge
from dovetail.demo.shell import Answer, dovetail
from dovetail.errors import DeclarationError

DEFAULT_ROWS = 2000
"""Products; customers and orders come in proportion."""

OUTCOMES = ("created", "updated", "unchanged", "filtered", "quarantined", "conflicts")


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
        _say(console, "an independent judge", _verdict(verdict), perf_counter() - begun)
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
    """Migrate; where the guard stops it, allow exactly the changes that the plan showed."""
    answer = dovetail(place, "migrate", accept=(0, 1, 3))
    if answer.code == 3:
        changes = plan.total("updated") + plan.total("deleted")
        words = f"the guard holds: {changes:,} existing rows would change; nothing written. You have read the plan, so:"
        _say(console, answer.command, words, answer.seconds)
        answer = dovetail(place, "migrate", "--allow", str(changes), accept=(0, 1))
    _say(console, answer.command, f"{_outcomes(answer)}; {answer.writes:,} rows written", answer.seconds)
    return answer


def _size(world: World) -> str:
    count = {table: len(rows) for table, rows in world.store.items()}
    known = sum(len(rows) for rows in world.stock.values())
    return (
        f"{count['product']:,} products, {count['customer']:,} customers, {count['shop_order']:,} orders with "
        f"{count['order_line']:,} lines; the inventory already knows {known:,} rows, many of them differently"
    )


def _outcomes(answer: Answer) -> str:
    told = [(outcome, answer.total(outcome)) for outcome in OUTCOMES]
    return ", ".join(f"{count:,} {outcome}" for outcome, count in told if count)


def _verdict(verdict: Judgement) -> str:
    if not verdict.differences:
        return f"{verdict.rows:,} rows, {verdict.values:,} values compared in plain Python: [green]all as they must be[/green]"
    first = "; ".join(str(difference) for difference in verdict.differences[:3])
    return f"[red]{len(verdict.differences):,} of {verdict.values:,} values are not as they must be[/red]: {first}"


def _rejects(answer: Answer) -> str:
    rows = answer.document.get("rejects", [])
    reasons = Counter(str(row.get("code", "")) for row in rows)
    return f"{len(rows):,} rows held, each with its reason: " + ", ".join(
        f"{count} {code}" for code, count in reasons.most_common(5)
    )


def _finish(console: Console, migrated: Answer, folder: Path, seconds: float) -> None:
    table = Table(title=None, box=None, padding=(0, 2), header_style="dim")
    table.add_column("mapping")
    for outcome in ("rows", *OUTCOMES):
        table.add_column(outcome, justify="right")
    for name, mapping in migrated.document["mappings"].items():
        table.add_row(name, *(f"{mapping[outcome]:,}" for outcome in ("rows", *OUTCOMES)))
    console.print()
    console.print(table)
    console.print(f"\nDone in {seconds:.1f} s. The report: {folder / 'analysis.html'}")
    console.print("To try next:", highlight=False)
    for command, why in NEXT:
        console.print(f"  [cyan]{command.format(folder=folder)}[/cyan]  {why}", highlight=False)


BEFORE = (
    Step(("check",), (0,), lambda answer: "six mappings, sound; no database was needed"),
    Step(("doctor",), (0, 1), lambda answer: "both systems can be read and written"),
    Step(("analyze",), (0, 1), lambda answer: "catalogs, profiles and the dependency map"),
    Step(("map", "show"), (0,), lambda answer: "the writing direction of every cell, derived"),
    Step(("map", "test"), (0, 1), lambda answer: "round trips on real rows"),
    Step(("plan",), (0, 1), lambda answer: f"{_outcomes(answer)}; nothing written"),
)

AFTER = (
    Step(
        ("verify",),
        (0, 1),
        lambda answer: f"{answer.total('rows'):,} shared rows compared, {answer.total('different')} different",
    ),
    Step(("migrate",), (0, 1), lambda answer: f"a second time: {answer.writes:,} rows written"),
    Step(("rejects",), (0, 1), _rejects),
)

NEXT = (
    ("dovetail rejects --project {folder}", "what was held, and why"),
    ("dovetail map show --project {folder}", "how every cell is written"),
    ("dovetail status --project {folder}", "what the state knows"),
    ("sqlite3 {folder}/warehouse.db", "change a value, then run `dovetail verify`"),
)
