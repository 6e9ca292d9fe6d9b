"""The judge's last word about a live demo: the inventory, the stock levels and the disputes, in plain Python."""

from __future__ import annotations

from dovetail.demo.folder import Place
from dovetail.demo.generate import World
from dovetail.demo.judge import Difference, Judgement, judge
from dovetail.demo.live_edits import People
from dovetail.demo.live_scene import languages, levels


def judge_live(world: World, people: People, place: Place) -> Judgement:
    """Compare both systems with what must have come of every edit; of a dispute each side keeps its own value."""
    verdict = judge(world, place.shop, place.warehouse)
    found = list(verdict.differences)
    shelves = levels(place)
    for code, count in shelves:
        right = world.expected["item"][code,]["qty_on_hand"]
        if count != right:
            found.append(Difference("stock_level", (code,), "on_hand", f"{count} must be {right}"))
    spoken = languages(place)
    for number, (mine, _) in people.disputes.items():
        if spoken[number] != mine:
            found.append(Difference("customer", (number,), "language", f"{spoken[number]!r} must be {mine!r}"))
    return Judgement(verdict.rows + len(shelves), verdict.values + len(shelves) + len(people.disputes), tuple(found))
