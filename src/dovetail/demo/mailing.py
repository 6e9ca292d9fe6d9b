"""The third system of the demo: a mailing tool that takes its contacts from a CSV file, and what that must hold."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

from dovetail.demo.expect import Key
from dovetail.demo.generate import DISPUTED, World
from dovetail.demo.store import Row

NAMES = ("email", "name", "country", "born", "status")
"""The columns of the file."""

STATUS = {"A": "active", "B": "blocked", "Z": "closed"}
COUNTRY = {"DEU": "DE", "AUT": "AT", "CHE": "CH", "FRA": "FR", "NLD": "NL", "POL": "PL", "NOR": "NO"}

_KNOWN = 3
"""The tool knows every third contact already."""

_OUTDATED = 4
"""Of those, every fourth under another name than today's."""


def expected_contacts(world: World) -> dict[Key, Row]:
    """What the file must hold in the end: everybody whom the inventory knows, but for prospects and for those who are
    held."""
    found: dict[Key, Row] = {}
    held = {_mail(row) for row in world.store["customer"] if row["id"] in world.held["customer"]}
    for key, partner in world.expected["partner"].items():
        if partner["standing"] not in STATUS or key in DISPUTED["partner"] or partner["mail"] in held:
            continue
        found[partner["mail"],] = {
            "email": partner["mail"],
            "name": partner["full_name"],
            "country": COUNTRY[partner["country_code"]],
            "born": partner["birth_date"],
            "status": STATUS[partner["standing"]],
        }
    return found


def _mail(customer: Row) -> str:
    return (customer["email"] or "").strip().lower()


def make_contacts(folder: Path, world: World) -> None:
    """Write the file as the tool left it: some contacts, some of them outdated."""
    folder.mkdir(parents=True, exist_ok=True)
    known = list(expected_contacts(world).values())[::_KNOWN]
    with _file(folder).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for at, row in enumerate(known):
            name = f"{row['name']} (old)" if at % _OUTDATED == 0 else row["name"]
            writer.writerow([(row | {"name": name})[column] for column in NAMES])


def read_contacts(folder: Path) -> list[Row]:
    """All contacts, as the judge compares them."""
    with _file(folder).open(encoding="utf-8", newline="") as file:
        return [_exact(row) for row in csv.DictReader(file)]


def _exact(row: dict[str, str]) -> Row:
    texts = {name: row[name] or None for name in NAMES}
    return texts | {"born": dt.date.fromisoformat(texts["born"]) if texts["born"] else None}


def _file(folder: Path) -> Path:
    return folder / "contacts.csv"
