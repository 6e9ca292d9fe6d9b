"""What a person reads: help by step, tables that fit, alike findings once, both values of a difference."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from dovetail.cli import found
from dovetail.cli.main import GROUPS
from dovetail.cli.progress import spoken
from dovetail.state.rejects import Refusal, Reject

TIMES = re.compile(r"took \d+\.\d s|run \S+")

PLAN = """\
mapping   rows  to create  to update  unchanged  quarantined
category     2          1          1          -            -
product      3          1          1          -            1
category: whole: both members hold rows; rows of stock may have to be created at shop; rows of shop may have to be
created at stock
product: whole: both members hold rows; rows of stock may have to be created at shop; rows of shop may have to be
created at stock
DV-410 product.shop.price [id=13] price has no value

one sample a field (values are shown here only, no file holds them):
field                 row  now           then
category.stock.title  501  'GARDEN'      'Garden'
product.stock.label   901  'CAFE TABLE'  'Café table'

a new row of category.stock, from [id=1]: code 'pots', title 'Pots'

a new row of product.stock, from [id=11]: sku 'P-1', name 'Pan', price 49.50, active true, category 1

plan ...; nothing was written
next: dovetail apply .dovetail/plan
"""

VERIFY = """\
mapping   rows  to create  to update  unchanged  quarantined  different
category     2          -          -          2            -          -
product      3          -          1          1            1          1
DV-461 product.stock.name [no=901] stock does not hold what shop holds

one sample a field (values are shown here only, no file holds them):
field                row  it holds       it should hold
product.stock.label  901  'Café table '  'Café table'

verify ..., ...
next: dovetail plan
"""

REJECTS = """\
no  row                      why
 1  product.shop.price [13]  DV-410 price has no value
next: dovetail rejects show 1; after a fix: dovetail rejects retry
"""


def bare(text: str) -> str:
    """The text without times, names of runs, and blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in TIMES.sub("...", text).split("\n"))


def test_help_lists_every_command_under_its_step(run):
    lines = run("--help").out.split("\n")
    places = [lines.index(f"{title}:") for title, _ in GROUPS]
    assert places == sorted(places)
    for (_, names), place in zip(GROUPS, places, strict=True):
        below = lines[place + 1 : lines.index("", place)]
        assert [line.split()[0] for line in below if re.match(r"  \w", line)] == list(names)


@pytest.mark.parametrize("name", [name for _, names in GROUPS for name in names])
def test_every_command_has_help(run, name):
    answer = run(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: dovetail {name} ")


def test_a_plan(project, run):
    assert bare(run("plan").out) == PLAN


def test_a_difference_shows_both_values(project, run, touch):
    run("migrate")
    touch("stock", "UPDATE item SET label = label || ' ' WHERE code = 'P-2'")
    assert bare(run("verify").out) == VERIFY


def test_the_quarantine(project, run):
    assert run("rejects").out == "the quarantine is empty\n"
    run("migrate")
    assert bare(run("rejects").out) == REJECTS


def test_a_large_quarantine_is_told_by_kind(project, run, touch):
    touch("shop", "".join(f"INSERT INTO product VALUES ({n}, 'Q-{n}', 'x', NULL, TRUE, 1);" for n in range(100, 150)))
    run("migrate")
    lines = bare(run("rejects").out).split("\n")
    assert lines[:2] == [
        "rows  of                  why                        first",
        "  51  product.shop.price  DV-410 price has no value      1",
    ]
    assert "... 31 more: dovetail rejects list --all" in lines
    assert len(run("rejects", "--all").out.split("\n")) == len(lines) + 30
    assert len(run("rejects", "--json").document["rejects"]) == 51


def test_alike_findings_are_one_line(project, run, touch):
    touch("shop", "".join(f"INSERT INTO product VALUES ({n}, 'Q-{n}', 'x', NULL, TRUE, 1);" for n in range(100, 150)))
    said = run("plan").out
    assert (
        "DV-410 product.shop.price price has no value: 51 rows, [id=13] [id=100] [id=101] [id=102] ..."
        in said.replace("\n", " ")
    )
    assert said.count("DV-410") == 1


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize(
    "words", [("plan",), ("map", "show"), ("map", "test"), ("rejects",), ("status",), ("doctor",), ("analyze",)]
)
def test_nothing_is_cut_off_and_nothing_is_too_wide(project, run, monkeypatch, columns, words):
    monkeypatch.setenv("COLUMNS", str(columns))
    run("migrate")
    answer = run(*words)
    free = [line for line in answer.out.split("\n") if "next:" not in line and "/" not in line]
    assert max(map(len, free)) <= columns
    assert "…" not in answer.out


def test_very_narrow_lists_are_folded(project, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    run("migrate")
    assert "…" not in run("rejects").out


def test_a_table_too_wide_becomes_sentences(project, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert run("plan").out.startswith("category: 2 rows; 1 to create, 1 to update\n")


def test_no_colour_where_the_output_is_no_terminal(project, run):
    assert "\x1b" not in run("plan").out


def test_a_project_without_mappings_says_what_to_do(project, run):
    for path in (project / "mappings").iterdir():
        path.unlink()
    for command in ("plan", "migrate", "verify", "status"):
        assert "no mapping is declared yet" in run(command).out


def test_times_to_wait():
    assert [spoken(seconds) for seconds in (0.4, 7.6, 200, 9000)] == [
        "0 s left",
        "8 s left",
        "3 min left",
        "2.5 h left",
    ]


def test_init_says_what_to_do_next(project, run, touch):
    drafted = run("init", "one=shop.db", "two=stock.db", "--project", "joined").out
    assert drafted.endswith("next: read them, then dovetail check --project joined\n")
    assert run("check", "--project", "joined").code == 0


def test_init_says_where_nothing_is_alike(project, run, touch):
    touch("stock", "DROP TABLE item; DROP TABLE item_group; CREATE TABLE zebra (stripes INTEGER PRIMARY KEY)")
    assert (
        "no datasets of the two systems are alike"
        in run("init", "one=shop.db", "two=stock.db", "--project", "joined").out
    )


def test_brackets_in_keys_and_reasons_are_text_and_no_style():
    refusals = [Refusal("shop", key, "DV-302", "it says [no], and [/bold]") for key in ("account 7", "/x", "red")]
    rejects = [Reject(at, "customer", one, "open", "", "a", "a", 1, "") for at, one in enumerate(refusals * 7)]
    told = io.StringIO()
    found.rejects(rejects, Console(width=120, file=told), whole=True)
    assert all(told.getvalue().count(f"[{refusal.key}]") == 7 for refusal in refusals)
    assert "[no], and [/bold]" in told.getvalue()
