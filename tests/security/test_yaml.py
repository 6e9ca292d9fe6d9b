"""Hostile and treacherous YAML: bounded, told with its place, and never read as something else."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.errors import Declarations, Location
from dovetail.project.load import load
from dovetail.project.node import Listing, Scalar, Table, plain
from dovetail.project.yaml import ALIASES_MAX, BYTES_MAX, DEPTH_MAX, NODES_MAX, compose

SECONDS_MAX = 2.0


def value(text: str) -> object:
    document = compose(f"v: {text}\n".encode(), "f.yaml")
    assert not document.mistakes, document.mistakes
    assert isinstance(document.root, Table)
    return plain(document.root.get("v"))


def codes(content: bytes) -> list[str]:
    return [mistake.code for mistake in compose(content, "f.yaml").mistakes]


@pytest.mark.parametrize(
    "text",
    [
        "NO", "no", "yes", "Yes", "on", "off", "y", "n", "010", "0777", "-010", "007.5", "12:30", "12:30:45", "1:00", "190:20:30", "2026-11-21",
        "2026-11-21T10:00:00Z", "1_000", "0b11", "1,5", "1e", ".", "~x", "nULL", "tRUE", "=", "+", "Infinity", "NaN", "0xZZ", "0o9",
    ],
)  # fmt: skip
def test_traps_stay_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("true", True), ("False", False), ("0", 0), ("-12", -12), ("+7", 7), ("0x1F", 31),
        ("0o17", 15), ("1.50", Decimal("1.50")), ("-.5", Decimal("-0.5")), ("1e3", Decimal(1000)), ("0.1", Decimal("0.1")),
        ("0.12345678901234567890123", Decimal("0.12345678901234567890123")), (".inf", float("inf")),
        ("'NO'", "NO"), ('"1"', "1"), ("!!str 1", "1"), ("! 1", "1"),
    ],
)  # fmt: skip
def test_core_values(text: str, read: object) -> None:
    assert value(text) == read
    assert type(value(text)) is type(read)


def test_keys_are_what_they_say() -> None:
    root = compose(b"on: 1\nNO: 2\nnull: 3\n010: 4\n12:30: 5\ntrue: 6\n", "f.yaml").root
    assert isinstance(root, Table)
    assert [entry.name for entry in root] == ["on", "NO", "null", "010", "12:30", "true"]


def test_positions_count_from_one_and_in_characters() -> None:
    root = compose("é: 'ü'\nb:\n  - {ä: x}\n".encode(), "dir/f.yaml").root
    assert isinstance(root, Table)
    assert str(root.entries[0].value.at) == "dir/f.yaml:1:4"
    items = root.get("b")
    assert isinstance(items, Listing)
    inner = items.items[0]
    assert isinstance(inner, Table)
    assert str(inner.entries[0].value.at) == "dir/f.yaml:3:9"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a: 1\na: 2\n", "DV-112"),
        (b"a: {b: 1, b: 2}\n", "DV-112"),
        (b"a: {1: x, 1: y}\n", "DV-112"),
        (b"{a: 1, 'a': 2}\n", "DV-112"),
        (b"a: !!python/object/apply:os.system [id]\n", "DV-115"),
        (b"a: !!binary aGk=\n", "DV-115"),
        (b"a: !ruby x\n", "DV-115"),
        (b"a: !!int '5'\n", "DV-115"),
        (b"a: &x [*x]\n", "DV-115"),
        (b"a: *x\n", "DV-115"),
        (b"a: 1\n---\nb: 2\n", "DV-115"),
        (b"%YAML 1.1\n---\na: 1\n", "DV-115"),
        (b"<<: {a: 1}\n", "DV-115"),
        (b"[a]: 1\n", "DV-115"),
        (b"? {a: b}\n: c\n", "DV-115"),
        (b"", "DV-116"),
        (b"\n\n# only words\n", "DV-116"),
        (b"---\n", "DV-116"),
        (b"\xef\xbb\xbf", "DV-116"),
        (b"a: \xff\n", "DV-114"),
        ("a: ü\n".encode("latin-1"), "DV-114"),
        ("a: 1\n".encode("utf-16"), "DV-114"),
        (b"a: \x00\n", "DV-114"),
        (b"a: \x1b[31m\n", "DV-114"),
        ("a: \u2028\n".encode(), "DV-114"),
        ("a: \u202e\n".encode(), "DV-114"),
        ("a: \ufeff\n".encode(), "DV-114"),
        (b"a:\n\tb: 1\n", "DV-111"),
        (b"a: b: c\n", "DV-111"),
        (b"a: 'x\n", "DV-111"),
        (b"a: [x\n", "DV-111"),
        (b'a: "\\q"\n', "DV-111"),
        (b"a: " + b"9" * 5000 + b"\n", "DV-113"),
        (b"a: 0x" + b"f" * 5000 + b"\n", "DV-113"),
        (b"a: 1e999999999999999999999\n", "DV-113"),
        (b"a: 1e101\n", "DV-113"),
        (b"#" * (BYTES_MAX + 1), "DV-113"),
    ],
)
def test_refused_with_a_place(content: bytes, code: str) -> None:
    document = compose(content, "f.yaml")
    assert [mistake.code for mistake in document.mistakes] == [code]
    assert str(document.mistakes[0].where).startswith("f.yaml:")
    assert document.mistakes[0].hint


def bomb(levels: int, width: int) -> bytes:
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * width)}]" for at in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bomb(9, 9), "DV-113"),
        (bomb(20, 4), "DV-113"),
        (b"a: &a x\n" + b"".join(b"b%d: *a\n" % at for at in range(ALIASES_MAX + 1)), "DV-113"),
        (b"[" * 5_000, "DV-113"),
        (b"[" * 500_000 + b"]" * 400_000, "DV-113"),
        (b"{" * 200_000, "DV-113"),
        (b"- " * 200_000, "DV-113"),
        (b"? " * 200_000, "DV-113"),
        (b"a: &a " + b"[" * 30 + b"]" * 30 + b"\nb: " + b"[" * 30 + b"*a" + b"]" * 30, "DV-113"),
    ],
)
def test_bombs_go_off_nowhere(content: bytes, code: str) -> None:
    start = time.perf_counter()
    assert codes(content) == [code]
    assert time.perf_counter() - start < SECONDS_MAX


def test_what_lies_within_the_bounds_is_read() -> None:
    assert codes(b"a: " + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1)) == []
    assert codes(b"a: " + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX) == ["DV-113"]
    assert codes(b"a: &a x\n" + b"".join(b"b%d: *a\n" % at for at in range(ALIASES_MAX))) == []
    assert codes(b"v: " + b"x" * (BYTES_MAX - 10)) == []


def test_many_values_are_bounded() -> None:
    items = ", ".join("x" * (NODES_MAX // 8))
    content = f"a: &a [{items}]\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n".encode()
    assert codes(content) == ["DV-113"]


def test_nothing_in_a_repr_but_places() -> None:
    document = compose(b"url: postgresql://ada:hunter2@db/shop\n", "f.yaml")
    assert "hunter2" not in repr(document)


def test_a_hostile_folder_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_bytes(b"[" * 100_000)
    (tmp_path / "mappings" / "a.yaml").write_bytes(bomb(9, 9))
    (tmp_path / "mappings" / "b.yaml").write_bytes(b"mapping: b\nmembers: []\n")
    (tmp_path / "mappings" / "c.yaml").mkdir()
    with pytest.raises(Declarations) as caught:
        load(tmp_path, variables={})
    places = [mistake.where for mistake in caught.value.mistakes]
    assert {place.file for place in places if isinstance(place, Location)} == {
        "dovetail.yaml",
        "mappings/a.yaml",
        "mappings/b.yaml",
    }


SIGNS = st.sampled_from(
    [*"ab1:,-?[]{}#&*!|>'\"%@`\n\t ~<.\\", "é", "\u202e", "\x07", "${A}", "a: ", "- ", "&a ", "*a "]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SIGNS, max_size=40).map("".join))
def test_any_text_is_read_or_told(text: str) -> None:
    document = compose(text.encode(), "f.yaml")
    assert document.root is not None or document.mistakes
    lines = text.split("\n")
    for mistake in document.mistakes:
        assert 1 <= mistake.where.line <= len(lines) + 1  # type: ignore[union-attr]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_told(content: bytes) -> None:
    document = compose(content, "f.yaml")
    assert document.root is not None or document.mistakes


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1))
def test_quoted_text_arrives_unchanged(text: str) -> None:
    root = compose(("v: '" + text.replace("'", "''") + "'").encode(), "f.yaml").root
    assert isinstance(root, Table)
    node = root.get("v")
    assert isinstance(node, Scalar)
    assert node.value == text
