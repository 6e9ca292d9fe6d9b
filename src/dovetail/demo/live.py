"""The live demo: people edit both systems while a sync keeps them joined, and a judge of its own has the last word."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import monotonic, sleep

from rich.console import Console

from dovetail.demo import tell
from dovetail.demo.folder import Place, build
from dovetail.demo.judge import Judgement
from dovetail.demo.live_board import Board, Desk
from dovetail.demo.live_edits import People
from dovetail.demo.live_judge import judge_live
from dovetail.demo.live_scene import set_up
from dovetail.demo.live_screen import Screen, seconds
from dovetail.demo.run import ON, make_folder, placed, say
from dovetail.demo.shell import dovetail
from dovetail.engine.open import open_workspace
from dovetail.engine.turn import Turn
from dovetail.steps.sync import sync

DEFAULT_ROWS = 200
DEFAULT_SECONDS = 20.0
EDITS_PER_S = 6.0
DRAIN_S = 60.0
"""Seconds at most in which what is on its way must arrive once nobody edits any more."""

JOINED = (
    (("migrate", "--allow", "1000000"), "both systems hold the same, as far as they share it"),
    (("capture", "--make"), "from now on they note which rows change"),
    (("sync", "--once"), "what came into being by the first is joined, too"),
)
"""What is done before anybody edits."""

_LOOK_S = 0.03
_SAMPLE_S = 0.25
_FIRST_DISPUTE = 9


def run_live(
    rows: int | None = None,
    keep: Path | None = None,
    systems: str = "sqlite",
    *,
    seconds: float = DEFAULT_SECONDS,
    console: Console,
) -> int:
    """Run the live demo; the answer is the exit code: 0 where nothing is on its way and the judge found nothing."""
    folder = make_folder(keep)
    with placed(folder, systems) as place:
        console.print(f"[bold]An online store and an inventory system, live[/bold] on {ON[systems]}, in {folder}")
        world = build(place, rows or DEFAULT_ROWS)
        people = People(world, Random(DEFAULT_ROWS))
        set_up(place, people)
        for words, said in JOINED:
            answer = dovetail(place, *words, accept=(0, 1))
            say(console, f"dovetail {words[0]}", said, answer.seconds)
        board = Board()
        _play(place, people, board, Screen(board, console, seconds), seconds)
        verdict = judge_live(world, people, place)
    _conclude(console, board, verdict, folder)
    return int(bool(verdict.differences) or not board.is_settled)


class _Keeper(threading.Thread):
    """`dovetail sync`, in a thread of this process."""

    def __init__(self, place: Place, board: Board) -> None:
        super().__init__(daemon=True)
        self._place, self._board = place, board
        self.over = threading.Event()
        self.fault: Exception | None = None

    def run(self) -> None:
        """Keep the systems joined until `over`."""
        variables = os.environ | dict(self._place.environment)
        try:
            with open_workspace(self._place.folder, variables=variables) as workspace:
                open_before = sum(workspace.store.conflicts.counts().values())

                def hear(_: Turn) -> None:
                    """Count what a person must settle."""
                    self._board.conflicts = sum(workspace.store.conflicts.counts().values()) - open_before

                sync(workspace, self.over, told=hear)
        except Exception as fault:  # noqa: BLE001 - told by the thread that waits for it
            self.fault = fault


def _play(place: Place, people: People, board: Board, screen: Screen, seconds: float) -> None:
    """Let people edit for so long, then wait until everything has arrived. A first Ctrl-C ends the editing early."""
    keeper, stop = _Keeper(place, board), threading.Event()
    looker = threading.Thread(target=_look, args=(place, board, keeper), daemon=True)
    keeper.start()
    looker.start()
    try:
        with _until_interrupted(stop), screen.shown():
            screen.status = "people work on both sides; Ctrl-C ends it"
            _edit(place, people, board, screen, (stop, keeper, seconds))
            screen.status = "nobody edits any more; what is on its way arrives"
            limit = monotonic() + DRAIN_S
            while not board.is_settled and monotonic() < limit and keeper.is_alive():
                screen.tell()
                sleep(_LOOK_S)
            sleep(2 * _SAMPLE_S)
            screen.status = "nobody edits any more, and nothing is on its way"
    finally:
        keeper.over.set()
        keeper.join(DRAIN_S)
        looker.join(DRAIN_S)
    if keeper.fault is not None:
        raise keeper.fault


def _edit(
    place: Place, people: People, board: Board, screen: Screen, terms: tuple[threading.Event, _Keeper, float]
) -> None:
    stop, keeper, seconds = terms
    with Desk(place) as desk:
        while board.seconds < seconds and not stop.is_set() and keeper.is_alive():
            edit = people.draw("dispute" if board.total == _FIRST_DISPUTE else None)
            desk.do(edit)
            board.note(edit)
            screen.tell()
            stop.wait(max(0.0, board.total / EDITS_PER_S - board.seconds))


def _look(place: Place, board: Board, keeper: _Keeper) -> None:
    """See again and again what has arrived."""
    sampled_s = 0.0
    with Desk(place) as desk:
        while not keeper.over.is_set():
            board.look(desk)
            if board.seconds >= sampled_s + _SAMPLE_S:
                sampled_s = board.seconds
                board.sample()
            sleep(_LOOK_S)


@contextmanager
def _until_interrupted(stop: threading.Event) -> Iterator[None]:
    """While the block lasts, a first Ctrl-C asks for an end; a second one is one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(number: int, frame: object) -> None:
        """End the editing, or everything."""
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _conclude(console: Console, board: Board, verdict: Judgement, folder: Path) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in board.made.most_common())
    say(console, f"{board.total} edits", f"on both sides: {kinds}")
    say(
        console,
        f"{board.arrived} arrived",
        f"half of them within {seconds(board.lag_s(0.5))}, p95 {seconds(board.lag_s(0.95))}",
    )
    say(
        console,
        f"{board.conflicts} in conflict",
        "no rule says who wins, so each side keeps its value and a person is asked",
    )
    say(console, f"divergence {len(board.pending)}", "edits that have not arrived")
    say(console, "an independent judge", tell.verdict(verdict))
    console.print(f"\n  [cyan]dovetail conflicts --project {folder}[/cyan]", highlight=False, soft_wrap=True)
