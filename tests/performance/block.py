"""One block of the benchmark: the same work and rows by every way, each load in turn, run after run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.performance import judge, world
from tests.performance.choice import Choice
from tests.performance.ends import End, InFolder, InMaria, InPostgres
from tests.performance.maria import Maria
from tests.performance.measure import CommandFailed, Cost, measured
from tests.performance.server import Server
from tests.performance.ways.task import EMPTY, LOADS, Task, Way

_PARTS = 99
_MB = 1024**2


@dataclass(slots=True)
class Line:
    """What one way took for one load: its costs run by run, and what was found wrong."""

    shape: str
    work: str
    load: str
    rows: int
    way: str
    lines: int
    costs: list[Cost] = field(default_factory=list)
    fault: str = ""
    failure: str = ""
    kept_mb: float = 0.0
    """Size of what the way remembers afterwards."""

    @property
    def cost(self) -> Cost | None:
        """The median of the runs, number by number; None where no run came to its end."""
        if not self.costs:
            return None
        return Cost(
            median(cost.seconds for cost in self.costs),
            median(cost.cpu_s for cost in self.costs),
            max(cost.peak_mb for cost in self.costs),
            max(cost.tree_mb for cost in self.costs),
        )


class Block:
    """The ways, their databases and their lines."""

    def __init__(self, servers: tuple[Server, Maria | None], choice: Choice, folder: Path, **work: Any) -> None:
        self._server, self._maria = servers
        self._choice = choice
        self._shape, self._work, self._rows = work["shape"], work["work"], work["rows"]
        shape, rows = self._shape, self._rows
        self._folder = folder / f"{shape.name}-{self._work}-{rows}"
        self._files = self._folder / "source"
        self._files.mkdir(parents=True)
        self._source = f"source_{shape.name}_{rows}"
        self._lines: dict[tuple[str, str], Line] = {}
        self._meant: judge.Sum | None = None
        self._broken: set[str] = set()

    def run(self, ways: Sequence[Way]) -> Iterator[str]:
        """Measure; the answers tell what was just done."""
        shape, server = self._shape, self._server
        yield f"{shape.name}, {self._work}: making {self._rows:,} rows"
        world.make_source(server, shape, self._source, self._rows)
        world.make_files(server, shape, self._source, self._files, self._work)
        self._make_maria()
        most = max(self._choice.runs_of(self._rows, slow=way.slow) for way in ways)
        for number in range(most):
            turned = [*ways[number % len(ways) :], *ways[: number % len(ways)]]
            here = [way for way in turned if number < self._choice.runs_of(self._rows, slow=way.slow)]
            for load in self._needed():
                if load == "changed":
                    part = 1 + number % _PARTS
                    world.change(server, shape, self._source, folder=self._files, work=self._work, part=part)
                    if self._is_from_maria:
                        self._there.run(shape.change.format(part=part), self._source)
                    self._meant = None
                self._meant = self._meant or judge.expected(server, shape, self._source)
                for way in here:
                    said = self._measure(way, load)
                    if load == "upsert" and not self._choice.keep:
                        # Nothing builds upon it, and the next run makes another.
                        self._end(way).drop()
                    if said:
                        yield f"run {number + 1}/{most}  {load:8} {said}"

    def lines(self, ways: Sequence[Way]) -> list[Line]:
        """What was measured, load by load, in the ways' order."""
        return [
            self._lines[way.name, load]
            for load in LOADS
            if load in self._choice.loads
            for way in ways
            if (way.name, load) in self._lines
        ]

    def remove(self, ways: Sequence[Way]) -> None:
        """Drop the databases of the block."""
        for way in ways:
            self._end(way).drop()
        if self._is_from_maria:
            self._there.drop(self._source)

    # -------------------------------------------------------------------------------------------------------- within

    @property
    def _is_from_maria(self) -> bool:
        return self._work.startswith("maria-")

    @property
    def _there(self) -> Maria:
        assert self._maria is not None
        return self._maria

    def _make_maria(self) -> None:
        """The source's tables in MariaDB, too, where the work reads them there."""
        if not self._is_from_maria:
            return
        self._there.create(self._source, self._shape.maria_source)
        for table, types in self._shape.tables.items():
            columns = ", ".join(f"{name}::integer" if said == "boolean" else name for name, said in types.items())
            self._there.take(self._source, table, types, (self._server, self._source, f"SELECT {columns} FROM {table}"))

    def _end(self, way: Way) -> End:
        name = self._target(way)
        if self._work.endswith("-maria"):
            return InMaria(self._server, self._there, name)
        return (
            InFolder(self._server, self._folder / name / "target")
            if self._work.endswith("-parquet")
            else InPostgres(self._server, name)
        )

    def _needed(self) -> list[str]:
        """The chosen loads, and those that they build upon."""
        chosen = set(self._choice.loads)
        if chosen & {"again", "changed"}:
            chosen.add("first")
        return [load for load in LOADS if load in chosen]

    def _target(self, way: Way) -> str:
        name = "".join(sign if sign.isalnum() else "_" for sign in way.name.lower())
        return f"{name}_{self._shape.name}_{self._work.replace('-', '_')}_{self._rows}"[-63:]

    def _measure(self, way: Way, load: str) -> str:
        if self._work not in way.works or (way.name in self._broken and load in ("again", "changed")):
            return ""
        target, folder = self._target(way), self._folder / self._target(way)
        folder.mkdir(exist_ok=True)
        task = Task(
            self._server,
            self._shape,
            self._work,
            load,
            self._rows,
            self._source,
            target,
            self._files,
            folder,
            self._choice.homes,
            self._maria,
        )
        end = self._end(way)
        steps = way.steps(task)
        if load == "upsert" and steps:
            end.fill(self._shape, self._source, older=True)
        if load in EMPTY and steps:
            end.make(self._shape)
        if (
            load == "first"
            and not steps
            and any(way.steps(replace(task, load=later)) for later in ("again", "changed"))
        ):
            # The way begins with a filled table, however it came to be filled.
            end.fill(self._shape, self._source, older=False)
        if steps is None:
            return ""
        line = self._lines.setdefault(
            (way.name, load), Line(self._shape.name, self._work, load, self._rows, way.name, steps.lines)
        )
        try:
            cost = measured(steps.commands, folder / f"{load}.log")
        except CommandFailed as failure:
            line.failure = str(failure)
            self._broken.add(way.name)
            return f"{way.name}: FAILED: {failure}"
        self._broken.discard(way.name)
        line.costs.append(cost)
        if way.kept is not None:
            line.kept_mb = sum(path.stat().st_size for path in way.kept(task).rglob("*") if path.is_file()) / _MB
        assert self._meant is not None
        line.fault = end.fault(self._shape, self._meant) or line.fault
        return f"{way.name:36} {cost.seconds:8.2f} s  {'wrong: ' + line.fault if line.fault else 'right'}"
