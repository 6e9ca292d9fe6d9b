"""The command that lets systems note which rows change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command

if TYPE_CHECKING:
    from rich.console import Console

    from dovetail.model.change import Feed
    from dovetail.steps.capture import Captured


@command("capture", short_help="Let the systems note which rows change: show how it stands, --make, --drop.")
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@click.option("--make", "does_make", is_flag=True, help="Make or mend what notes changes.")
@click.option("--drop", "does_drop", is_flag=True, help="Take everything away that was made for it.")
def capture_command(frame: Frame, systems: tuple[str, ...], does_make: bool, does_drop: bool) -> int:  # noqa: FBT001
    """How each system (all, or those named) tells which rows change: the way, the datasets, what it keeps for us,
    how much more it would keep, and whether changes were lost. Without it, sync compares digests of all rows now and
    then."""
    from dovetail.cli import show
    from dovetail.steps import capture

    if does_make and does_drop:
        raise click.UsageError("either --make or --drop", ctx=click.get_current_context())
    act = capture.make if does_make else capture.drop if does_drop else capture.captured
    with frame.workspace() as workspace:
        found = act(workspace, systems)
    document = capture.document(found)
    if does_drop:
        document["ok"] = all(one.feed is None for one in found)
    frame.answer(document, lambda: _shown(found, show.console(), is_dropped=does_drop))
    return DONE if document["ok"] else FOUND


def _shown(found: Sequence[Captured], out: Console, *, is_dropped: bool) -> None:
    """A table of the feeds, then what is noted in no way, and what a person could do about it."""
    from dovetail.cli import show

    made = show.table(
        "system", "way", "datasets", "kept", "room left", "state", right=("datasets", "kept", "room left")
    )
    for one in found:
        made.add_row(one.system, *_cells(one))
    out.print(made)
    for one in found:
        if not is_dropped:
            _unnoted(one, out)
        if one.feed is not None:
            _noted(one, one.feed, out)
    if not is_dropped and not all(one.is_sound for one in found):
        out.print("next: dovetail capture --make", highlight=False)


def _unnoted(one: Captured, out: Console) -> None:
    """Datasets whose changes the system does not note."""
    from rich.text import Text

    for seen in one.uncovered:
        is_able = seen.way not in ("digests", "reading")
        words = "it is not noted yet" if is_able else f"{seen.reason}; changes are looked for by {seen.way}"
        style = "red" if is_able else "yellow"
        out.print(Text.assemble((f"{one.system}.{seen.dataset}: ", "bold"), (words, style)))


def _noted(one: Captured, feed: Feed, out: Console) -> None:
    """What a person should know of a feed."""
    from rich.text import Text

    if feed.lost:
        out.print(Text(f"{one.system}: {feed.lost}", style="red"))
    for seen in one.visibility:
        if seen.missed and seen.dataset in feed.datasets:
            out.print(Text(f"{one.system}.{seen.dataset}: not seen: {seen.missed}", style="dim"))
    if feed.way == "slot" and feed.headroom_bytes is None:
        words = (
            "the log is kept without a bound while nobody reads it; ALTER SYSTEM SET max_slot_wal_keep_size = '10GB';"
        )
        out.print(Text(f"{one.system}: {words} sets one", style="yellow"))


def _cells(one: Captured) -> list[str]:
    feed: Feed | None = one.feed
    if feed is None:
        return ["-", "-", "-", "-", "nothing is noted"]
    room = "no bound" if feed.headroom_bytes is None else _size(feed.headroom_bytes)
    return [feed.way, str(len(feed.datasets)), _size(feed.kept_bytes), room, "lost" if feed.lost else "sound"]


def _size(count: int) -> str:
    """Bytes as a person reads them.

    >>> _size(512), _size(19797176)
    ('512 B', '18.9 MB')
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
