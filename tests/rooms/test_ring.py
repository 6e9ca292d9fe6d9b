"""Mappings that form a ring are refused by name, unless values flow one way."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reconcile.lab import Lab, writes

from dovetail.errors import Declarations

DDL = "CREATE TABLE thing (id INTEGER PRIMARY KEY, code TEXT UNIQUE, words TEXT, other TEXT);"
PAIR = """
members: {{{one}: {{dataset: thing}}, {other}: {{dataset: thing}}}}
match: code
fields:
  code: {{{one}: code, {other}: code, owner: {one}}}
  words: {{{one}: {left}, {other}: {right}, {rule}}}
guard: {{rows: 1000, share: 100%}}
"""


def ring(folder: Path, rule: str, last: str = "words") -> Lab:
    pairs = {"ab": ("a", "b"), "bc": ("b", "c"), "ca": ("c", "a")}
    mappings = {
        name: PAIR.format(
            one=one, other=other, left="words", right=last if name == "ca" else "words", rule=rule.format(one=one)
        )
        for name, (one, other) in pairs.items()
    }
    mappings["ca"] = mappings["ca"].replace("owner: c}", "owner: a}")
    return Lab(folder, dict.fromkeys("abc", DDL), mappings)


@pytest.mark.parametrize("rule", ["policy: ask", "policy: {{prefer: {one}}}", "policy: min"])
def test_a_ring_of_edits_is_refused_by_name(tmp_path: Path, rule: str) -> None:
    with pytest.raises(Declarations) as refused:
        ring(tmp_path, rule).plan()
    assert [one.code for one in refused.value.mistakes] == ["DV-284"]
    assert "ab and bc and ca" in refused.value.mistakes[0].message


def test_a_ring_through_other_columns_is_none(tmp_path: Path) -> None:
    ring(tmp_path, "policy: ask", last="other").plan()


def test_three_members_of_one_mapping_come_to_rest(tmp_path: Path) -> None:
    mapping = """
    members: {a: {dataset: thing}, b: {dataset: thing}, c: {dataset: thing}}
    match: code
    fields:
      code: {a: code, b: code, c: code, owner: a}
      words: {a: words, b: words, c: words, policy: {prefer: [b, c]}}
    guard: {rows: 1000, share: 100%}
    """
    lab = Lab(tmp_path, dict.fromkeys("abc", DDL), {"thing": mapping})
    lab.sql("a", "INSERT INTO thing (code, words) VALUES ('k', 'old')")
    lab.migrate(for_sync=True)
    for name in "abc":
        lab.sql(name, f"UPDATE thing SET words = 'typed at {name}'")
    lab.migrate(for_sync=True)
    assert {lab.sql(name, "SELECT words FROM thing")[0][0] for name in "abc"} == {"typed at b"}
    assert writes(lab.migrate(for_sync=True)) == 0
