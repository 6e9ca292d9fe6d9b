"""Dovetail: `dovetail sync` as a process of its own, between two schemas that have no column name in common."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.performance.sync.links.link import ONE_WAY, TWO_WAY
from tests.performance.sync.pair import ITEM, PRODUCT, Pair, Servers

_LAUNCH = "import sys; from dovetail.cli.main import main; sys.exit(main())"
_LIMIT_S = 60.0

_PROJECT = """\
dovetail: 1
project: bench-sync
systems:
  shop:
    connector: postgres
    url: ${SHOP_URL}
  stock:
    connector: postgres
    url: ${STOCK_URL}
defaults:
  guard: {rows: 1000000000, share: 100%}
"""

_MAPPING = """\
mapping: product
members:
  shop: {dataset: product}
  stock: {dataset: item}
match: code
fields:
  code:   {shop: upc,               stock: code,             owner: shop}
  title:  {shop: title,             stock: description,      policy: {prefer: shop}}
  price:  {shop: price_cents / 100, stock: list_price,       policy: {prefer: shop}}
  weight: {shop: weight_g,          stock: weight_kg * 1000, policy: {prefer: stock}}
  active: {shop: is_public,         stock: {field: status, codes: {A: true, X: false}}, policy: {prefer: shop}}
  remark: {shop: remark,            stock: note,             policy: {prefer: shop}}
deletes: {shop: ask, stock: ask}
"""


class Dovetail:
    """One mapping, always in both directions: what the peers are asked for in one direction only, it does in both."""

    name = "Dovetail"
    forms = (PRODUCT, ITEM)
    directions = (ONE_WAY, TWO_WAY)

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self.folder = Path()

    def missing(self, servers: Servers) -> str:
        return ""

    def make(self, pair: Pair, direction: str, folder: Path) -> None:
        self.folder = folder / f"dovetail-{pair.name}"  # one pair at a time is joined
        (self.folder / "mappings").mkdir(parents=True)
        (self.folder / "dovetail.yaml").write_text(_PROJECT)
        (self.folder / "mappings" / "product.yaml").write_text(_MAPPING)
        self.do(pair, "capture", "--make")
        self.do(pair, "sync", "--once")
        self.start(pair, direction)

    def start(self, pair: Pair, direction: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [*launcher(), "sync", "--project", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(pair),
                start_new_session=True,
            )

    def stop(self, pair: Pair, direction: str) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGTERM)
            try:
                self._running.wait(_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
            self._running = None

    def hold(self) -> bool:
        if self._running is not None:
            self._running.send_signal(signal.SIGSTOP)
        return self._running is not None

    def resume(self) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGCONT)

    def remove(self, pair: Pair, direction: str) -> None:
        self.stop(pair, direction)
        if self.folder.name:
            self.do(pair, "capture", "--drop")

    def processes(self) -> Sequence[int]:
        return () if self._running is None else (self._running.pid,)

    def fault(self) -> str:
        if self._running is None or self._running.poll() is None:
            return ""
        return f"ended with {self._running.returncode}: {(self.folder / 'log').read_text()[-280:]}"

    def do(self, pair: Pair, *words: str) -> None:
        """Run one command to its end."""
        command = [*launcher(), *words, "--project", str(self.folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(pair), timeout=_LIMIT_S)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"dovetail {' '.join(words)}: {(done.stderr or done.stdout).strip()[-600:]}")


def launcher() -> list[str]:
    """The installed command; in a tree without installation, the same by its function."""
    shipped = Path(sys.executable).with_name("dovetail")
    return [str(shipped)] if shipped.exists() else [sys.executable, "-c", _LAUNCH]


def environment(pair: Pair) -> dict[str, str]:
    """The project's variables, and the tree where it is not installed; a program that is installed is compiled once."""
    path = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    named = {"SHOP_URL": pair.url("a"), "STOCK_URL": pair.url("b"), "PYTHONPATH": path}
    return {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | named
