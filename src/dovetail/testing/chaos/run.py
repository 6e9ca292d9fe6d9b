"""Runs a scenario: people type, things go wrong one after the other, and the verdict is told."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dovetail.errors import DeclarationError
from dovetail.testing.chaos.scenario import Fault, Scenario
from dovetail.testing.chaos.trial import Outcome, Trial
from dovetail.testing.program import Program
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.trace import Place

WITHIN_S = 1.5
"""Seconds after its start in which a kill strikes the worker."""

COMMAND_S = 300.0
"""Seconds that a command of the scenario may take."""

AIMS = (Place.CHUNK_COMMIT, Place.BETWEEN_COMMITS, Place.STATE_COMMIT, Place.TRANSACTION)
"""Where every other kill is to land."""

POSTGRES_PORT = 5432


@dataclass(frozen=True, slots=True)
class Survived:
    """One fault: what it was, and the seconds from its end to the first change that was carried over."""

    words: str
    recovery_s: float


@dataclass(slots=True)
class Told:
    """What came of a scenario."""

    name: str
    seed: int
    outcome: Outcome
    edits: int
    kills: int
    places: Mapping[str, int]
    faults: list[Survived] = field(default_factory=list)


def run(
    scenario: Scenario, folder: Path, *, variables: Mapping[str, str], say: Callable[[str], None] = lambda _: None
) -> Told:
    """Carry the scenario out; `folder` keeps the history and traces, `say` hears of each step."""
    with ExitStack() as stack:
        ways = {member: stack.enter_context(_way(scenario, member, variables)) for member in scenario.through}
        changed = {scenario.through[member]: url for member, (_, url) in ways.items()}
        program = Program(scenario.project, scenario.environment, {**variables, **changed})
        how = {"seed": scenario.seed, "rate": scenario.rate}
        trial = Trial(program, scenario.places, scenario.kinds, folder, **how)  # type: ignore[arg-type]
        stack.callback(trial.close)
        say(f"seed {trial.seed}: people type their first rows")
        trial.begin()
        survived = []
        for fault in scenario.faults:
            trial.wait_for(scenario.edits)
            words = _words(fault)
            say(words)
            _harm(trial, fault, ways[fault.system][0] if fault.system else None)
            survived.append(Survived(words, trial.recovery()))
            say(f"  recovered in {survived[-1].recovery_s:.1f} s; {trial.record.total:,} edits so far")
        trial.wait_for(scenario.edits)
        say("everybody goes home; what is left is carried over")
        outcome = trial.finish()
    toll = trial.keeper.toll
    places = {str(place): count for place, count in toll.places.most_common()}
    return Told(scenario.name, trial.seed, outcome, trial.record.total, toll.kills, places, survived)


def _words(fault: Fault) -> str:
    match fault.what:
        case "kill":
            return f"kill -9, {fault.times} times"
        case "pause":
            return f"the worker is stopped for {fault.amount:g} s"
        case "command":
            return "command " + " ".join(fault.words)
        case "reset":
            return f"connections to {fault.system} break, {fault.amount:.1%} of all that passes"
        case "stall":
            return f"nothing passes to {fault.system} for {fault.amount:g} s"
    return f"everything to {fault.system} arrives {fault.amount:g} s later"


def _harm(trial: Trial, fault: Fault, proxy: Proxy | None) -> None:
    """Let one thing go wrong; it is over when this returns."""
    match fault.what:
        case "kill":
            _kill(trial, fault.times)
        case "pause":
            running = trial.keeper.running
            if running is not None:
                running.send(signal.SIGSTOP)
                time.sleep(fault.amount)
                running.send(signal.SIGCONT)
        case "command":
            subprocess.run(fault.words, check=True, timeout=COMMAND_S)  # noqa: S603 - the tester's own command
        case _ if proxy is not None:
            _disturb(trial, fault, proxy)


def _kill(trial: Trial, times: int) -> None:
    wanted = trial.keeper.toll.kills + times
    while trial.keeper.toll.kills < wanted:
        trial.raise_if_anybody_failed()
        trial.keeper.kill(trial.dice, within_s=WITHIN_S, aims=AIMS if trial.dice.random() < 0.5 else ())


def _disturb(trial: Trial, fault: Fault, proxy: Proxy) -> None:
    """Make the way to a system unsteady, deaf or slow for some time."""
    if fault.what == "stall":
        proxy.plan(Break(How.STALL, after_bytes=random.Random(trial.seed).randrange(5_000)))  # noqa: S311 - dice
        time.sleep(fault.amount)
    else:
        proxy.cut(fault.amount if fault.what == "reset" else 0.0, seed=trial.seed)
        proxy.slow(fault.amount if fault.what == "slow" else 0.0)
        trial.wait_for(max(100, trial.record.total // 10))
    proxy.heal()


@contextmanager
def _way(scenario: Scenario, member: str, variables: Mapping[str, str]) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a member's system, and the URL that leads through it."""
    name = scenario.through[member]
    parts = urlsplit(variables.get(name, ""))
    if parts.hostname is None:
        raise DeclarationError(
            f"the variable {name} holds no URL of a server",
            where=scenario.name,
            hint="set it to the URL of the system",
            code="DV-723",
        )
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    with Proxy(parts.port or POSTGRES_PORT, parts.hostname) as proxy:
        yield proxy, urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{proxy.port}"))
