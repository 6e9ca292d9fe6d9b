"""The list of mistakes that the tests must notice follows the code: each one's text and tests are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.mutants.named import NAMED, Named
from tests.mutants.sync import SYNC

EVERY = (*NAMED, *SYNC)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("named", EVERY, ids=lambda named: f"{named.path}: {named.promise}")
def test_the_mistake_can_be_made(named: Named) -> None:
    text = (ROOT / "src" / "dovetail" / named.path).read_text(encoding="utf-8")
    assert named.old in text
    assert named.old != named.new
    missing = [test for test in named.tests if not (ROOT / test).is_file()]
    assert not missing
    compile(text.replace(named.old, named.new), named.path, "exec")


def test_each_promise_is_broken_once() -> None:
    assert [promise for promise, times in Counter(named.promise for named in EVERY).items() if times > 1] == []
