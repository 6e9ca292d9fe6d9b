"""Where the target of a work stands: made, filled and brought to where the judge looks, outside the measured time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.performance import judge, world
from tests.performance.maria import Maria
from tests.performance.parquet import read_parquet, write_parquet
from tests.performance.server import Server
from tests.performance.shape import Shape


class End(Protocol):
    """The target of one way."""

    def make(self, shape: Shape) -> None:
        """An empty target."""
        ...

    def fill(self, shape: Shape, source: str, *, older: bool) -> None:
        """A target that holds all rows; with `older`, every second one in an older version."""
        ...

    def fault(self, shape: Shape, meant: judge.Sum) -> str:
        """What is wrong with what it holds, in words."""
        ...

    def drop(self) -> None:
        """Remove it."""
        ...


@dataclass(frozen=True, slots=True)
class InPostgres:
    """A database of the server."""

    server: Server
    name: str

    def make(self, shape: Shape) -> None:
        world.make_target(self.server, shape, self.name)
        self.server.run("CHECKPOINT", self.name)

    def fill(self, shape: Shape, source: str, *, older: bool) -> None:
        world.make_filled(self.server, shape, source, self.name, older=older)
        self.server.run("CHECKPOINT", self.name)

    def fault(self, shape: Shape, meant: judge.Sum) -> str:
        self.server.settle(self.name, shape.target)
        return judge.fault(self.server, shape, self.name, meant)

    def drop(self) -> None:
        self.server.drop(self.name)


@dataclass(frozen=True, slots=True)
class InMaria:
    """A database of the MariaDB server."""

    server: Server
    maria: Maria
    name: str

    def make(self, shape: Shape) -> None:
        self.maria.create(self.name, shape.maria_target)

    def fill(self, shape: Shape, source: str, *, older: bool) -> None:
        self.make(shape)
        query = shape.select(older=older, numbered=True)
        self.maria.take(self.name, shape.target, shape.columns, (self.server, source, query))

    def fault(self, shape: Shape, meant: judge.Sum) -> str:
        """A copy of it in PostgreSQL is judged."""
        judged = InPostgres(self.server, f"judged_{self.name}"[:63])
        judged.make(shape)
        try:
            query = f"SELECT {', '.join(shape.columns)} FROM {shape.target}"
            self.maria.give(
                self.name, query, (self.server, judged.name, f"{shape.target} ({', '.join(shape.columns)})")
            )
            return judged.fault(shape, meant)
        finally:
            judged.drop()

    def drop(self) -> None:
        self.maria.drop(self.name)


@dataclass(frozen=True, slots=True)
class InFolder:
    """A folder of Parquet files."""

    server: Server
    folder: Path

    def make(self, shape: Shape) -> None:
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)
        self.folder.mkdir(parents=True)
        scratch = InPostgres(self.server, "scratch_of_files")
        scratch.make(shape)
        for table in filter(None, shape.files):
            write_parquet(self.server, scratch.name, table, self.folder / f"{table}.parquet")
        scratch.drop()

    def fill(self, shape: Shape, source: str, *, older: bool) -> None:
        raise NotImplementedError("no way begins with a filled folder")

    def fault(self, shape: Shape, meant: judge.Sum) -> str:
        judged = InPostgres(self.server, "judged_files")
        judged.make(shape)
        try:
            read_parquet(self.server, judged.name, shape.target, self.folder / f"{shape.target}.parquet")
            return judged.fault(shape, meant)
        finally:
            judged.drop()

    def drop(self) -> None:
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)
