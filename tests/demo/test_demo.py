"""The demo as a person starts it, and life after the migration: edits and deletes travel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.demo.folder import PROJECT
from dovetail.demo.generate import draw_world
from dovetail.demo.mailing import expected_contacts, make_contacts, read_contacts
from dovetail.demo.schema import opened, read_stock
from dovetail.demo.shell import dovetail

PROGRAM = "import sys; from dovetail.cli.main import main; sys.exit(main())"


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    known = os.pathsep.join(part for part in sys.path if part)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": known, "COLUMNS": "200"},
    )


def test_the_demo_runs_every_step_and_ends_well(tmp_path):
    done = start("--rows", "80", "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr + done.stdout
    for word in ("check", "doctor", "analyze", "map show", "map test", "plan", "migrate", "verify", "rejects"):
        assert f"dovetail {word}" in done.stdout
    assert "all as they must be" in done.stdout
    assert "a second time: 0 rows written" in done.stdout
    assert (tmp_path / "kept" / "shop.db").exists()


@pytest.mark.server
@pytest.mark.parametrize("systems", ["mariadb", "three"])
def test_the_demo_runs_on_other_systems(tmp_path, systems):
    done = start("--rows", "80", "--systems", systems, "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "all as they must be" in done.stdout
    assert "a second time: 0 rows written" in done.stdout
    assert (tmp_path / "kept" / "mailing" / "contacts.csv").exists() == (systems == "three")


def test_the_judge_reads_the_contacts_too(tmp_path):
    world = draw_world(80)
    make_contacts(tmp_path, world)
    held, right = {row["email"]: row for row in read_contacts(tmp_path)}, expected_contacts(world)
    assert 0 < len(held) < len(right)
    assert held.keys() <= {mail for (mail,) in right}
    outdated = [row for mail, row in held.items() if row != right[mail,]]
    assert outdated
    assert all(row["name"].endswith(" (old)") for row in outdated)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    done = start("--rows", "80", "--keep", str(tmp_path))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_example_folder_is_the_demos_project():
    example = Path(__file__).resolve().parents[2] / "examples" / "store-and-inventory"
    ours = {path.relative_to(PROJECT): path.read_text() for path in PROJECT.rglob("*") if path.is_file()}
    theirs = {path.relative_to(example): path.read_text() for path in example.rglob("*") if path.is_file()}
    assert theirs == ours


def test_an_edit_in_the_store_travels(copied):
    done = copied()
    code = next(key[0] for key, row in done.world.expected["item"].items() if key not in done.world.stock["item"])
    with opened(done.place.shop) as cursor:
        cursor.execute("UPDATE product SET price_cents = 4711 WHERE upc = ?", [code])
    answer = dovetail(done.place, "migrate", accept=(0, 1))
    assert answer.writes == 1
    row = next(row for row in read_stock(done.place.warehouse)["item"] if row["code"] == code)
    assert str(row["list_price"]) == "47.11"


def test_an_edit_of_an_owned_field_elsewhere_is_put_back(copied):
    done = copied()
    code = next(key[0] for key in done.world.expected["item"] if key not in done.world.stock["item"])
    with opened(done.place.warehouse) as cursor:
        cursor.execute("UPDATE item SET list_price = 1 WHERE code = ?", [code])
    dovetail(done.place, "migrate", accept=(0, 1))
    row = next(row for row in read_stock(done.place.warehouse)["item"] if row["code"] == code)
    assert row["list_price"] == done.world.expected["item"][(code,)]["list_price"]


def test_a_line_deleted_in_the_store_is_deleted_in_the_inventory(copied):
    done = copied()
    number, line = next(key for key in done.world.expected["sales_order_line"] if key[1] > 1)
    with opened(done.place.shop) as cursor:
        order = "(SELECT id FROM shop_order WHERE number = ?)"
        cursor.execute(f"DELETE FROM order_line WHERE order_id = {order} AND line_no = ?", [number, line])
    answer = dovetail(done.place, "migrate", accept=(0, 1))
    assert answer.total("deleted") == 1
    left = {(row["order_no"], row["line_no"]) for row in read_stock(done.place.warehouse)["sales_order_line"]}
    assert left == done.world.expected["sales_order_line"].keys() - {(number, line)}


def test_a_repaired_row_is_freed_with_what_waited_for_it(copied):
    done = copied()
    with opened(done.place.shop) as cursor:
        cursor.execute("UPDATE product SET price_cents = 1250 WHERE upc = 'ODD-NOPRICE'")
    answer = dovetail(done.place, "migrate", accept=(0, 1))
    assert answer.document["mappings"]["product"]["created"] == 1
    assert answer.document["mappings"]["order_line"]["created"] == 1
