"""`dovetail capture`: what it shows, makes and drops, and the exit codes by which a script can tell."""

from __future__ import annotations

import sqlite3


def schema(project, name: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(project / f"{name}.db") as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_made_shown_and_dropped_it_leaves_nothing(project, run):
    before = schema(project, "shop"), schema(project, "stock")
    nothing = run("capture", "--json")
    assert (nothing.code, nothing.document["ok"]) == (1, False)
    made = run("capture", "--make", "--json")
    assert (made.code, made.document["ok"]) == (0, True)
    assert made.document["systems"]["shop"]["datasets"] == ["category", "product"]
    assert made.document["systems"]["stock"]["way"] == "triggers"
    assert run("capture", "--json").document["systems"] == made.document["systems"]
    assert schema(project, "shop") != before[0]
    dropped = run("capture", "--drop", "--json")
    assert (dropped.code, dropped.document["systems"]["shop"]["feed"]) == (0, None)
    assert (schema(project, "shop"), schema(project, "stock")) == before


def test_one_system_alone(project, run):
    made = run("capture", "--make", "stock", "--json").document
    assert list(made["systems"]) == ["stock"]
    systems = run("capture", "--json").document["systems"]
    assert (systems["shop"]["feed"], bool(systems["stock"]["feed"])) == (None, True)
    assert run("capture", "nobody", "--json").code == 2
    assert run("capture", "--make", "--drop", "--json").code == 2


def test_a_lost_feed_is_told_and_mended(project, run, touch):
    run("capture", "--make")
    name = next(name for kind, name, sql in schema(project, "stock") if kind == "trigger" and 'ON "item"' in sql)
    touch("stock", f'DROP TRIGGER "{name}"')
    lost = run("capture", "--json")
    assert lost.code == 1
    assert "triggers of item" in lost.document["systems"]["stock"]["lost"]
    assert "dovetail capture --make" in run("capture").out + run("capture").err
    mended = run("capture", "--make", "--json")
    assert (mended.code, mended.document["systems"]["stock"]["lost"]) == (0, "")


def test_a_setting_switches_it_off(project, run):
    path = project / "dovetail.yaml"
    path.write_text(path.read_text().replace("path: stock.db", "path: stock.db, capture_by: none"))
    made = run("capture", "--make", "--json").document["systems"]["stock"]
    assert made["feed"] is None
    assert made["visibility"]["item"]["reason"] == "capture_by is none"
    path.write_text(path.read_text().replace("capture_by: none", "capture_by: magic"))
    assert "capture_by is one of" in run("capture").out + run("capture").err
