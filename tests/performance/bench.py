"""How fast it is on this machine: `make bench`. Numbers to compare with those of the same machine only.

`ROWS=20000` sets the number of products of the demo's systems; the other datasets grow in proportion.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from dovetail.demo.folder import Place, build
from dovetail.expression.parse import parse
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.type import Kind, Type
from dovetail.systems import registry

ROWS = int(os.environ.get("ROWS", "5000"))
EVALUATED = 200_000
COMMAND = [sys.executable, "-c", "import sys; from dovetail.cli.main import main; sys.exit(main())"]
CELLS = (
    "upper(trim(code))",
    "cents / 100",
    "grams / 1000",
    "CASE status WHEN 'A' THEN TRUE ELSE FALSE END",
    "code || '-' || status",
)


def timed(work: Callable[[], int]) -> tuple[int, float]:
    """The work's answer, and the seconds that it took."""
    started = time.perf_counter()
    answer = work()
    return answer, time.perf_counter() - started


def show(what: str, rows: int, seconds: float) -> None:
    """One line of the table."""
    print(f"{what:44} {seconds:8.2f} s  {rows:>9,} rows  {rows / seconds if seconds else 0:>12,.0f} rows/s", flush=True)


def kernel() -> int:
    """Five usual cells over many rows."""
    scope = {
        "code": Type(Kind.TEXT),
        "cents": Type(Kind.INTEGER),
        "grams": Type(Kind.DECIMAL, 12, 3),
        "status": Type(Kind.TEXT),
    }
    table = pa.table(
        {
            "code": pa.array([f" p-{at} " for at in range(EVALUATED)]),
            "cents": pa.array(range(EVALUATED), pa.int64()),
            "grams": pa.array([Decimal(at) / 8 for at in range(EVALUATED)], pa.decimal128(12, 3)),
            "status": pa.array(["A" if at % 3 else "X" for at in range(EVALUATED)]),
        }
    )
    outputs = [Output(f"cell{at}", parse(text)) for at, text in enumerate(CELLS)]
    return evaluate(outputs, scope, table).table.num_rows


def read(path: Path) -> int:
    """Every dataset of a SQLite file, whole."""
    connector = registry.open("sqlite", {"path": path})
    try:
        return sum(
            batch.num_rows
            for dataset in connector.describe().datasets
            for batch in connector.read(dataset, dataset.names)
        )
    finally:
        connector.close()


def step(folder: Path, *arguments: str) -> int:
    """One command, as a person runs it; the answer is 1 where it did not answer."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)}
    done = subprocess.run([*COMMAND, *arguments, "--json"], cwd=folder, env=environment, capture_output=True, text=True)
    if not done.stdout.startswith("{") or done.returncode not in (0, 1):
        print(done.stdout, done.stderr, file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = time.perf_counter()
        world = build(Place(folder, folder / "shop.db", folder / "warehouse.db"), ROWS)
        rows = sum(len(table) for table in world.store.values())
        print(f"demo of {ROWS:,} products, {rows:,} rows in the store, built in {time.perf_counter() - seconds:.1f} s")
        show("evaluate five cells", *timed(kernel))
        show("read SQLite whole", *timed(lambda: read(folder / "shop.db")))
        failed = False
        allowed = ("migrate", "--allow", str(10 * rows))
        for command in (("analyze",), ("plan",), allowed, ("verify",), allowed):
            code, spent = timed(lambda command=command: step(folder, *command))
            failed |= bool(code)
            show(f"dovetail {command[0]}", rows, spent)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
