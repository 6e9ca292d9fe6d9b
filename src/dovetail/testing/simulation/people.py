"""People at work: they insert, edit, swap, delete and type again, as if nobody else did."""

from __future__ import annotations

from typing import TypeAlias

from dovetail.testing.simulation.cells import new_value, same
from dovetail.testing.simulation.database import Key, Row
from dovetail.testing.simulation.dice import Dice
from dovetail.testing.simulation.oracle import Oracle
from dovetail.testing.simulation.strand import Thing
from dovetail.testing.simulation.worker import Site
from dovetail.testing.simulation.world import CODE, NOTE, PARENT, TAG, Joined, Shared, typed_row

Changes: TypeAlias = "list[tuple[str, Key, Row | None]]"


class People:
    """Everybody who types; `serial` makes what they type new."""

    def __init__(self, site: Site, oracle: Oracle) -> None:
        self.site = site
        self.oracle = oracle

    def act(self, seed: int, serial: int) -> str:
        """One thing that somebody does; what it was, in a few words, empty where the system refused it."""
        dice = Dice(f"people {seed}")
        joined = dice.one(self.site.world.mappings)
        member = dice.one(self.site.world.members)
        deeds = (
            (self._insert, 3.0),
            (self._edit, 7.0),
            (self._edit_everywhere, 1.5),
            (self._delete, 1.2),
            (self._swap, 0.7),
            (self._rename, 0.7),
            (self._again, 0.8),
            (self._toggle, 1.5),
            (self._move, 1.0),
            (self._remark, 0.5),
        )
        return dice.weighed(deeds)(joined, member, dice, serial)

    # ----------------------------------------------------------------------------------------------------------- deeds

    def _insert(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        tag = f"{joined.name[0]}{serial}"
        places = [member]
        if joined.has_match and dice.chance(0.25):
            places = dice.some(self.site.world.members, dice.between(2, len(self.site.world.members)))
        done = [place for place in places if self._type_row(joined, place, tag, f"c{tag}", (dice, serial))]
        return f"insert {joined.name} {tag} at {' '.join(done)}" if done else ""

    def _type_row(self, joined: Joined, member: str, tag: str, code: str, by: tuple[Dice, int]) -> bool:
        dice, serial = by
        values: dict[str, object] = {TAG: tag, CODE: code}
        for shared in joined.edited():
            is_empty = shared.is_nullable and dice.chance(0.15)
            values[shared.name] = None if is_empty else new_value(shared.domain, dice, serial)
        if any(shared.name == PARENT for shared in joined.fields):
            values[PARENT] = self._some_parent(member, dice)
        database, table = self.site.databases[member], joined.tables[member]
        row = typed_row(self.site.world, joined, member, values, dice)
        row[NOTE] = f"remark {serial}"
        if database.tables[table].dataset.key == ("id",):
            row["id"] = database.draw(table)
        return database.edit([(table, database.tables[table].key(row), row)])

    def _some_parent(self, member: str, dice: Dice) -> object:
        parents = list(self.site.databases[member].rows[self.site.world.mappings[0].tables[member]])
        return dice.one(parents)[0] if parents and not dice.chance(0.15) else None

    def _edit(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        found = self._some_row(joined, member, dice)
        if found is None:
            return ""
        key, row = found
        known = [shared for shared in joined.edited() if member in shared.spellings]
        chosen = dice.some(known, dice.between(1, 2))
        words = [self._type_field(shared, member, row, (dice, serial)) for shared in chosen]
        return self._save(joined, member, key, row, f"edit {self._name(joined, member, row)} {' '.join(words)}")

    def _type_field(self, shared: Shared, member: str, row: Row, by: tuple[Dice, int]) -> str:
        dice, serial = by
        is_empty = shared.is_nullable and dice.chance(0.1)
        value = None if is_empty else new_value(shared.domain, dice, serial)
        spelling = shared.spellings[member]
        row.update(zip(spelling.columns, spelling.form.typed(value, dice), strict=True))
        return f"{shared.name}={spelling.view(row)}"

    def _edit_everywhere(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """Somebody at each member types into the same field of the same thing."""
        tags = [tag for (name, tag), thing in self.oracle.things.items() if name == joined.name and thing.keys]
        if not tags:
            return ""
        thing = self.oracle.things[joined.name, dice.one(tags)]
        shared = dice.one(joined.edited())
        words: list[str] = []
        for place, key in list(thing.keys.items()):
            held = self.site.databases[place].rows[joined.tables[place]].get(key)
            if place in shared.spellings and held is not None:
                row = dict(held)
                said = self._type_field(shared, place, row, (dice, serial + len(words)))
                if self._save(joined, place, key, row, said):
                    words.append(f"{place}:{said}")
        return f"edit everywhere {joined.name} {thing.tag} {' '.join(words)}" if words else ""

    def _toggle(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """Somebody puts a value back to what it was before."""
        found = self._some_row(joined, member, dice)
        if found is None:
            return ""
        key, row = found
        shared = dice.one(joined.edited())
        if member not in shared.spellings:
            return ""
        tag = joined.field(TAG).spellings[member].view(row)
        versions = self.oracle.things[joined.name, str(tag)].strand(shared.name, member).versions
        former = [one.value for one in versions if not same(one.value, versions[-1].value)]
        if not former:
            return ""
        spelling = shared.spellings[member]
        row.update(zip(spelling.columns, spelling.form.put(former[-1]), strict=True))
        return self._save(joined, member, key, row, f"toggle {joined.name} {tag} {shared.name}={former[-1]}")

    def _delete(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        found = self._some_row(joined, member, dice)
        if found is None:
            return ""
        key, row = found
        database = self.site.databases[member]
        writing = database.begin("people")
        children = writing.children(database.tables[joined.tables[member]], key)
        database.roll_back(writing)
        changes: Changes = [(table, child, None) for table, child in children]
        changes.append((joined.tables[member], key, None))
        is_done = database.edit(changes)
        return f"delete {self._name(joined, member, row)} and {len(children)} parts" if is_done else ""

    def _swap(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """Two things exchange their natural keys, in one transaction."""
        rows = self.site.databases[member].rows[joined.tables[member]]
        if not joined.has_match or len(rows) < 2:
            return ""
        (left, one), (right, other) = dice.some(list(rows.items()), 2)
        if not all(self._is_paired(joined, member, row) for row in (one, other)):
            return ""
        (column,) = joined.field(CODE).spellings[member].columns
        table = joined.tables[member]
        changes: Changes = [
            (table, left, {**one, column: other[column]}),
            (table, right, {**other, column: one[column]}),
        ]
        names = f"{self._name(joined, member, one)} {self._name(joined, member, other)}"
        return f"swap {names}" if self.site.databases[member].edit(changes) else ""

    def _rename(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """A thing gets another natural key."""
        found = self._some_row(joined, member, dice)
        if not joined.has_match or found is None or not self._is_paired(joined, member, found[1]):
            return ""
        key, row = found
        (column,) = joined.field(CODE).spellings[member].columns
        row[column] = f"C{serial}" if dice.chance(0.5) else f"c{serial}"
        return self._save(joined, member, key, row, f"rename {self._name(joined, member, row)} {row[column]}")

    def _again(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """A thing that was deleted is typed again, with the same natural key."""
        if not joined.has_match:
            return ""
        gone = [
            thing
            for (name, _), thing in self.oracle.things.items()
            if name == joined.name and member in thing.deaths and member not in thing.keys
        ]
        if not gone:
            return ""
        thing = dice.one(gone)
        code = thing.strand(CODE, member).latest.value
        if not self._is_free(joined, thing, str(code)):
            return ""
        is_done = self._type_row(joined, member, thing.tag, str(code), (dice, serial))
        return f"again {joined.name} {thing.tag} at {member}" if is_done else ""

    def _move(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """A part gets another parent."""
        found = self._some_row(joined, member, dice)
        if found is None or not any(shared.name == PARENT for shared in joined.fields):
            return ""
        key, row = found
        (column,) = joined.field(PARENT).spellings[member].columns
        row[column] = self._some_parent(member, dice)
        return self._save(joined, member, key, row, f"move {self._name(joined, member, row)} to {row[column]}")

    def _remark(self, joined: Joined, member: str, dice: Dice, serial: int) -> str:
        """Somebody types into a column that nobody mapped."""
        found = self._some_row(joined, member, dice)
        if found is None:
            return ""
        key, row = found
        row[NOTE] = f"remark {serial}"
        return self._save(joined, member, key, row, f"remark on {self._name(joined, member, row)}")

    # --------------------------------------------------------------------------------------------------------- within

    def _some_row(self, joined: Joined, member: str, dice: Dice) -> tuple[Key, Row] | None:
        rows = list(self.site.databases[member].rows[joined.tables[member]].items())
        if not rows:
            return None
        key, row = dice.one(rows)
        return key, dict(row)

    def _is_paired(self, joined: Joined, member: str, row: Row) -> bool:
        """Whether nothing but the cross-reference says which thing this row is: else its natural key is its name, and
        who changes that makes another thing of it."""
        thing = self.oracle.things[joined.name, str(joined.field(TAG).spellings[member].view(row))]
        return len(thing.keys) == 1 or thing.keys.keys() <= thing.known

    def _is_free(self, joined: Joined, thing: Thing, code: str) -> bool:
        """Whether a natural key still names this thing, wherever it stands, and no other one."""
        for (name, _), other in self.oracle.things.items():
            if name != joined.name:
                continue
            codes = {str(other.strand(CODE, member).latest.value).casefold() for member in other.keys}
            if other is thing and not codes <= {code.casefold()}:
                return False
            if other is not thing and code.casefold() in codes:
                return False
        return True

    def _save(self, joined: Joined, member: str, key: Key, row: Row, words: str) -> str:
        is_done = self.site.databases[member].edit([(joined.tables[member], key, row)])
        return words if is_done else ""

    def _name(self, joined: Joined, member: str, row: Row) -> str:
        return f"{joined.name} {joined.field(TAG).spellings[member].view(row)} at {member}"
