"""How a live demo looks: a ledger with the store on the left and the inventory on the right, above it the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dovetail.demo.live_board import Board, Trace
from dovetail.demo.live_edits import SHOP, WAREHOUSE

ROWS_MAX = 14
REFRESH_HZ = 8
LINE_S = 1.0
"""Seconds between plain lines where there is no terminal."""

_BARS = " ▁▂▃▄▅▆▇█"
_ARROWS = {(SHOP,): "→", (WAREHOUSE,): "←", (SHOP, WAREHOUSE): "⇄"}
_FIGURE_GAP = 4


class Screen:
    """Shows a board while it changes."""

    def __init__(self, board: Board, console: Console, seconds: float) -> None:
        self._board, self._console, self._seconds = board, console, seconds
        self._told_s = 0.0
        self.status = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the block lasts; plain lines where there is no terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, get_renderable=self.draw, refresh_per_second=REFRESH_HZ):
            yield

    def tell(self) -> None:
        """A plain line now and then, where there is no terminal."""
        if not self._console.is_terminal and self._board.seconds >= self._told_s + LINE_S:
            self._told_s = self._board.seconds
            self._console.print(line(self._board), highlight=False, soft_wrap=True)

    def draw(self) -> RenderableType:
        """The whole picture as of now."""
        board, width = self._board, min(self._console.width, 118)
        parts = Group(_figures(board), Text(), _divergence(board, width - 22), Text(), _ledger(board, width))
        clock = f"{min(board.seconds, self._seconds):.0f} of {self._seconds:.0f} s"
        title = Text.assemble(("An online store and its inventory, live", "bold"), f"  {clock}")
        return Panel(parts, title=title, title_align="left", subtitle=self.status, subtitle_align="left", width=width)


def line(board: Board) -> str:
    """The figures in one line."""
    return (
        f"  {board.seconds:5.1f} s  {board.total} edits, {board.arrived} arrived, {len(board.pending)} on their way, "
        f"lag {seconds(board.lag_now_s)} (p95 {seconds(board.lag_s(0.95))}), {board.conflicts} in conflict"
    )


def seconds(value: float | None) -> str:
    """A short time in words.

    >>> seconds(0.0123), seconds(2.345), seconds(None)
    ('12 ms', '2.3 s', '-')
    """
    if value is None:
        return "-"
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _figures(board: Board) -> Table:
    shown = (
        ("edits", f"{board.total}", ""),
        ("arrived", f"{board.arrived}", "green"),
        ("on their way", f"{len(board.pending)}", "yellow" if board.pending else "green"),
        ("lag now", seconds(board.lag_now_s), ""),
        ("lag p95", seconds(board.lag_s(0.95)), ""),
        ("in conflict", f"{board.conflicts}", "red" if board.conflicts else ""),
    )
    table = Table.grid(padding=(0, _FIGURE_GAP, 0, 0))
    table.add_row(*(Text(value, style=f"bold {style}") for _, value, style in shown))
    table.add_row(*(Text(name, style="dim") for name, _, _ in shown))
    return table


def _divergence(board: Board, width: int) -> Text:
    """The number of edits on their way as bars, the newest on the right."""
    return Text.assemble(("divergence ", "dim"), (bars(board.divergence[-max(width, 1) :]), "yellow"))


def bars(numbers: Sequence[int]) -> str:
    """Numbers as bars; none is a blank.

    >>> bars([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max([*numbers, len(_BARS) - 1])
    return "".join(_BARS[-(-number * (len(_BARS) - 1) // most)] for number in numbers)


def _ledger(board: Board, width: int) -> Table:
    """The last edits: words on the side where they were made, an arrow to where they went, and how late they came."""
    table = Table.grid(padding=(0, 1), expand=True)
    side = (width - 18) // 2
    table.add_column(width=side, no_wrap=True, overflow="ellipsis")
    table.add_column(width=7, justify="right")
    table.add_column(width=3, justify="center")
    table.add_column(width=side, no_wrap=True, overflow="ellipsis")
    table.add_row(Text("store", style="bold"), Text("lag", style="dim"), "", Text("inventory", style="bold"))
    with board.lock:
        recent = list(board.recent)[-ROWS_MAX:]
    for trace in recent:
        table.add_row(*_row(trace))
    for _ in range(ROWS_MAX - len(recent)):
        table.add_row("", "", "", "")
    return table


def _row(trace: Trace) -> tuple[Text, Text, Text, Text]:
    edit, lag = trace.edit, trace.lag_s
    is_dispute = not edit.signs
    style = "red" if is_dispute else "yellow" if lag is None else ""
    arrow = Text("≠" if is_dispute else _ARROWS[edit.sides], style=style or "green")
    told = Text("asks" if is_dispute else "…" if lag is None else seconds(lag), style=style or "dim")
    words = Text(" ".join(edit.words.split()), style=style)  # some names hold a tab or the end of a line
    return (words, told, arrow, Text()) if SHOP in edit.sides else (Text(), told, arrow, words)
