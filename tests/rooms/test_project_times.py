"""Times, calendars, windows and paces as people write them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dovetail.model.calendar import Window
from dovetail.project.calendar import read_calendar, read_days
from dovetail.project.load import load

PROJECT = """
dovetail: 1
project: lab
timezone: Europe/Berlin
systems:
  shop: {connector: sqlite, path: shop.db, rate: 100/s}
  crm: {connector: sqlite, path: crm.db, rate: 600 / min}
  desk: {connector: sqlite, path: desk.db}
"""
MAPPING = """
mapping: note
members: {shop: {dataset: note}, crm: {dataset: note}, desk: {dataset: note}}
match: id
fields: {id: {shop: id, crm: id, desk: id, owner: shop}}
"""


@pytest.fixture
def project(tmp_path: Path):
    (tmp_path / "mappings").mkdir()

    def read(more=""):
        (tmp_path / "dovetail.yaml").write_text(PROJECT)
        (tmp_path / "mappings" / "note.yaml").write_text(MAPPING + more)
        return load(tmp_path, variables={})

    return read


def test_zone_and_paces(project):
    found = project()
    assert found.timezone == "Europe/Berlin"
    assert [system.rate_s for system in found.systems] == [100, 10, None]


def test_without_a_word_there_is_neither_calendar_nor_window(project):
    note = project().mapping("note")
    assert (note.every_s, note.calendar, note.window) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("{from: 22:00, to: 6:00, days: mon-fri}", Window(dt.time(22), dt.time(6), (0, 1, 2, 3, 4))),
        ("{from: '08:30', to: 24:00}", Window(dt.time(8, 30), dt.time(0))),
        ("{from: 0:00, to: 0:00, days: [sat, sun]}", Window(dt.time(0), dt.time(0), (5, 6))),
    ],
)
def test_windows(project, text, window):
    assert project(f"window: {text}\n").mapping("note").window == window


def test_a_calendar_of_every(project):
    calendar = project("every: '*/15 8-18/2 * jan,jul MON-FRI'\n").mapping("note").calendar
    assert calendar.minutes == (0, 15, 30, 45)
    assert calendar.hours == (8, 10, 12, 14, 16, 18)
    assert calendar.months == (1, 7)
    assert calendar.weekdays == (0, 1, 2, 3, 4)
    assert (calendar.every_hour, calendar.either_day) == (False, False)


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0", (6,)),
        ("7", (6,)),
        ("1", (0,)),
        ("sun", (6,)),
        ("fri-sun", None),
        ("5-7", (4, 5, 6)),
        ("0-2", (0, 1, 6)),
        ("fri-7", (4, 5, 6)),
        ("sat-0", (5, 6)),
        ("*/2", (1, 3, 5, 6)),
        ("1/2", (0, 2, 4, 6)),
    ],
)
def test_days_of_the_week_in_a_calendar(text, weekdays):
    if weekdays is None:
        weekdays = (4, 5, 6)
    assert read_calendar(f"0 0 * * {text}").weekdays == weekdays


def test_days_and_weekdays_both_named():
    assert read_calendar("0 0 13 * fri").either_day
    assert not read_calendar("0 0 */2 * fri").either_day
    assert read_calendar("0 * * * *").every_hour
    assert read_calendar("0 */2 * * *").every_hour
    assert not read_calendar("0 0-23 * * *").every_hour


@pytest.mark.parametrize(
    "text",
    ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "1,,2 * * * *", "a * * * *",
     "* * * *", "* * * * * *", "*/0 * * * *", "1-2-3 * * * *", "-1 * * * *", "٣ * * * *", "* * L * *", "@daily"],
)  # fmt: skip
def test_what_is_no_calendar(text):
    with pytest.raises(ValueError, match=r"calendar|cannot be|step|begins"):
        read_calendar(text)


def test_days():
    assert read_days("mon-fri") == (0, 1, 2, 3, 4)
    assert read_days("Fri-Mon") == (0, 4, 5, 6)
    assert read_days("tue") == (1,)
    assert read_days("mon-sun") == tuple(range(7))
    with pytest.raises(ValueError, match="frx"):
        read_days("mon-frx")
