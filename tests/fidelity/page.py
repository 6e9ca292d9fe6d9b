"""Plays the whole matrix and writes `docs/reference/fidelity.md` and `fidelity.json`: `python -m tests.fidelity.page`.

With `--keep` pairs that came out well in an earlier call are not played again."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from tests.fidelity.hostile import VALUES
from tests.fidelity.pair import judge, rest
from tests.fidelity.pairs import connectors, every_pair, missing_server, ring
from tests.fidelity.scenes import play
from tests.fidelity.stand import stand_of
from tests.fidelity.table import Result, document, lines, page, result

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.servers import mariadb, postgres

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PARTS = ("values", "tables", "rest")


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


def played(source: str, target: str, addresses: Mapping[str, str], part: str) -> Result:
    """One pair: its values, its whole tables, or its passes to and fro."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stands = [stand_of(one, folder / side, addresses) for side, one in (("a", source), ("b", target))]
        try:
            if part != "rest":
                return result((judge if part == "values" else play)(*stands, folder / "project"))
            wrong = rest(*stands, folder / "project")
            return Result(source, target, rests=not wrong, faults=wrong)
        except Exception as error:  # noqa: BLE001 - one pair that breaks is a fault of its own
            words = [f"{part}: {type(error).__name__}: {error}"]
            return Result(source, target, faults=words, rests=False if part == "rest" else None)
        finally:
            for stand in stands:
                stand.close()


def results(addresses: Mapping[str, str], known: Sequence[Result]) -> Iterator[Result]:
    """Every pair, part by part, but for what is known and came out well; the ring comes first."""
    done = {(one.source, one.target, part) for one in known for part in PARTS if is_known(one, part)}
    for pairs, part in product((ring(), every_pair()), PARTS):
        for source, target in pairs:
            if missing_server(source, addresses) or missing_server(target, addresses):
                continue
            if (source, target, part) in done:
                continue
            done.add((source, target, part))
            one = played(source, target, addresses, part)
            sys.stderr.write(f"{part}, {source} to {target}: {one.silent} {one.faults}\n"[:400])
            yield one


def is_known(one: Result, part: str) -> bool:
    """Whether that part of a pair was played before."""
    return one.rests is True if part == "rest" else ("V17" if part == "values" else "V33") in one.counts


def before() -> list[Result]:
    """What an earlier call found and came out well, where `--keep` asks for it."""
    path = REFERENCE / "fidelity.json"
    if "--keep" not in sys.argv or not path.exists():
        return []
    pairs = [Result.of(one) for one in json.loads(path.read_text(encoding="utf-8"))["pairs"]]
    return [one for one in pairs if not one.silent and not one.faults]


def main() -> None:
    """Play everything, and write what came of it after every pair."""
    found = before()
    with ExitStack() as stack:
        addresses = servers(stack)
        many = values(addresses)
        for one in results(addresses, tuple(found)):
            found.append(one)
            (REFERENCE / "fidelity.md").write_text(page(found, values=many), encoding="utf-8")
            (REFERENCE / "fidelity.json").write_text(document(found), encoding="utf-8")
    sys.stdout.write("\n".join(lines(found)) + "\n")


if __name__ == "__main__":
    main()
