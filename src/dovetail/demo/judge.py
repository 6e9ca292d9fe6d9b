"""The independent judge: what an inventory holds against what it must hold; plain Python, knows nothing of Dovetail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dovetail.demo.generate import World
from dovetail.demo.mailing import expected_contacts, read_contacts
from dovetail.demo.schema import KEYS, read_phones, read_stock


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it must be; `key` is the natural key, `field` is empty where the whole row is meant."""

    table: str
    key: tuple[object, ...]
    field: str
    words: str

    def __str__(self) -> str:
        place = f"{self.table} {'/'.join(map(str, self.key))}"
        return f"{place} {self.field}: {self.words}" if self.field else f"{place}: {self.words}"


@dataclass(frozen=True)
class Judgement:
    """What the judge looked at, and all that is wrong."""

    rows: int
    values: int
    differences: tuple[Difference, ...]


def judge(world: World, shop: Path | str, warehouse: Path | str, mailing: Path | None = None) -> Judgement:
    """Compare every value of the inventory, the store's telephone numbers and, where there are any, the contacts of the
    mailing tool with the right answer."""
    found: list[Difference] = []
    rows = values = 0
    held = read_stock(warehouse)
    right_of, keys_of = dict(world.expected), dict(KEYS)
    if mailing is not None:
        held["contacts"], right_of["contacts"] = read_contacts(mailing), expected_contacts(world)
        keys_of["contacts"] = ("email",)
    for table, actual in held.items():
        expected = right_of[table]
        keys = [tuple(row[part] for part in keys_of[table]) for row in actual]
        for key, count in Counter(keys).items():
            if key not in expected:
                found.append(Difference(table, key, "", "must not be there"))
            elif count > 1:
                found.append(Difference(table, key, "", f"is there {count} times"))
        found += [Difference(table, key, "", "is missing") for key in expected.keys() - set(keys)]
        for key, row in zip(keys, actual, strict=True):
            right = expected.get(key, row)
            found += [
                Difference(table, key, name, f"{row[name]!r} must be {right[name]!r}")
                for name in row
                if row[name] != right[name] or type(row[name]) is not type(right[name])
            ]
            rows, values = rows + 1, values + len(row)
    phones = read_phones(shop)
    for number, phone in world.phones.items():
        if phones.get(number) != phone:
            found.append(Difference("customer", (number,), "phone", f"{phones.get(number)!r} must be {phone!r}"))
    return Judgement(rows, values + len(phones), tuple(found))
