"""Plays the whole matrix and writes `docs/reference/fidelity.md` and `fidelity.json`: `python -m tests.fidelity.page`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.fidelity.hostile import VALUES
from tests.fidelity.pair import judge, rest
from tests.fidelity.pairs import connectors, every_pair, missing_server
from tests.fidelity.stand import stand_of
from tests.fidelity.table import Result, document, lines, page, result

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.servers import mariadb, postgres

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def servers(stack: ExitStack) -> dict[str, str]:
    """The address of each server that could be started."""
    found = {}
    for name, start, database in (("postgres", postgres.server, "postgres"), ("mariadb", mariadb.server, "mysql")):
        try:
            found[name] = stack.enter_context(start()).url(database)
        except (MissingDriver, Unreachable) as reason:
            found[f"{name} is missing"] = str(reason)
    return found


def values(addresses: Mapping[str, str]) -> int:
    """How many different values there are, by group and name."""
    names = {(group, name) for group, families in VALUES.items() for one in families.values() for name in one}
    with tempfile.TemporaryDirectory() as folder:
        for connector in connectors():
            if not missing_server(connector, addresses):
                stand = stand_of(connector, Path(folder) / connector, addresses)
                names |= {(column.group, name) for column in stand.extras for name in column.values}
                stand.close()
    return len(names)


def played(source: str, target: str, addresses: Mapping[str, str], *, two_way: bool) -> Result:
    """One pair, judged one-way or brought to rest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stands = [stand_of(one, folder / side, addresses) for side, one in (("a", source), ("b", target))]
        try:
            if not two_way:
                return result(judge(*stands, folder / "project"))
            wrong = rest(*stands, folder / "project")
            return Result(source, target, rests=not wrong, faults=wrong)
        except Exception as error:  # noqa: BLE001 - one pair that breaks is a fault of its own
            return Result(source, target, faults=[f"{type(error).__name__}: {error}"], rests=False if two_way else None)
        finally:
            for stand in stands:
                stand.close()


def results(addresses: Mapping[str, str]) -> Iterator[Result]:
    """Every pair, one-way and then two-way."""
    for two_way in (False, True):
        for source, target in every_pair():
            if missing_server(source, addresses) or missing_server(target, addresses):
                continue
            one = played(source, target, addresses, two_way=two_way)
            sys.stderr.write(f"{source} to {target}{' and back' if two_way else ''}: {one.silent} {one.faults}\n"[:400])
            yield one


def main() -> None:
    """Play everything, and write what came of it after every pair."""
    found = []
    with ExitStack() as stack:
        addresses = servers(stack)
        many = values(addresses)
        for one in results(addresses):
            found.append(one)
            (REFERENCE / "fidelity.md").write_text(page(found, values=many), encoding="utf-8")
            (REFERENCE / "fidelity.json").write_text(document(found), encoding="utf-8")
    sys.stdout.write("\n".join(lines(found)) + "\n")


if __name__ == "__main__":
    main()
