"""One generated integration: systems with different schemas, and the project that joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dovetail.model.catalog import Dataset, DatasetKind, Field, Reference
from dovetail.testing.simulation.cells import FORMS, INTEGER, PLAIN_TEXT, TEXT, Form
from dovetail.testing.simulation.database import Database, Row, Table
from dovetail.testing.simulation.dice import Dice

SYSTEMS = ("shop", "depot", "crm")
"""The systems, in the order in which they join."""
TAG = "tag"
"""The shared field by which the oracle knows a thing; people type it once and never edit it."""
CODE = "code"
"""The natural key, where there is one."""
PARENT = "parent"
"""The reference from a part to a thing."""
NOTE = "remark"
"""A column that no mapping knows."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one member spells one shared field: its form, and the columns that it uses."""

    form: Form
    columns: tuple[str, ...]

    def view(self, row: Mapping[str, object]) -> object:
        """The shared value that a row shows."""
        return self.form.view([row[name] for name in self.columns])

    @property
    def read(self) -> str:
        """The cell, as a project's file says it."""
        text = self.form.read
        for at, column in enumerate(self.columns):
            text = text.replace(f"@{at}", column)
        return text


@dataclass(frozen=True, slots=True)
class Ruled:
    """The rule of a shared field: `owner`, `prefer`, or the name of a policy; `members` in order, `words` likewise."""

    kind: str
    members: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    elsewhere: str = "restore"

    @property
    def text(self) -> str:
        """As a project's file says it."""
        if self.kind == "owner":
            return f"owner: {self.members[0]}" + (", elsewhere: keep" if self.elsewhere == "keep" else "")
        if self.kind == "prefer":
            return f"policy: {{prefer: [{', '.join(self.members)}]}}"
        if self.kind == "delta":
            return f"policy: delta, first: {self.members[0]}"
        if self.words:
            return f"policy: {{{self.kind}: {{order: [{', '.join(self.words)}]}}}}"
        return f"policy: {self.kind}"


@dataclass(frozen=True, slots=True)
class Shared:
    """One shared field: what kind of values it has, its rule, and how each member spells it."""

    name: str
    domain: str
    rule: Ruled
    spellings: Mapping[str, Spelling]
    is_nullable: bool = False
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """One mapping: its shared fields, the table of each member, and what becomes of deletes."""

    name: str
    fields: tuple[Shared, ...]
    tables: Mapping[str, str]
    deletes: Mapping[str, str]
    has_match: bool
    guard: int = 100_000

    def field(self, name: str) -> Shared:
        """The shared field of that name."""
        return next(one for one in self.fields if one.name == name)

    def edited(self) -> list[Shared]:
        """The fields that people edit in place."""
        return [one for one in self.fields if one.name not in (TAG, CODE, PARENT)]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that one seed declares. `hidden` names, by system, the capabilities that it lacks."""

    members: tuple[str, ...]
    mappings: tuple[Joined, ...]
    tables: Mapping[str, tuple[Table, ...]]
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def mapping(self, name: str) -> Joined:
        """The mapping of that name."""
        return next(one for one in self.mappings if one.name == name)

    def databases(self) -> dict[str, Database]:
        """The systems, empty."""
        return {name: Database(name, self.tables[name]) for name in self.members}

    def write(self, folder: Path) -> None:
        """Write the project's files."""
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        systems = "".join(f"  {name}: {{connector: simulated}}\n" for name in self.members)
        (folder / "dovetail.yaml").write_text(f"dovetail: 1\nproject: simulated\nsystems:\n{systems}", encoding="utf-8")
        for joined in self.mappings:
            (folder / "mappings" / f"{joined.name}.yaml").write_text(declared(joined), encoding="utf-8")


def declared(joined: Joined) -> str:
    """The file of a mapping."""
    lines = [f"mapping: {joined.name}", "members:"]
    lines += [f"  {member}: {{dataset: {table}}}" for member, table in joined.tables.items()]
    if joined.has_match:
        lines.append(f"match: {CODE}")
    lines.append("fields:")
    for shared in joined.fields:
        cells = [f"{member}: {spelling.read}" for member, spelling in shared.spellings.items()]
        ref = [f"ref: {shared.ref}"] if shared.ref else []
        lines.append(f"  {shared.name}: {{{', '.join([*cells, *ref, shared.rule.text])}}}")
    rules = [f"{member}: {rule}" for member, rule in joined.deletes.items() if rule]
    if rules:
        lines.append(f"deletes: {{{', '.join(rules)}}}")
    lines.append(f"guard: {{rows: {joined.guard}, share: 100%}}")
    return "\n".join(lines) + "\n"


CAPABILITIES = ("SupportsLookup", "SupportsReserve", "SupportsDigest", "SupportsOrder", "SupportsCapture")
"""What a system may lack without losing a promise."""
POLICIES = ("owner", "prefer", "ask", "min", "max")
"""The rules about who wins."""


class Maker:
    """Draws a world."""

    def __init__(self, dice: Dice, policies: Sequence[str] = POLICIES) -> None:
        self.dice = dice
        self.policies = policies
        self.members = SYSTEMS[: 2 if dice.chance(0.65) else 3]
        self.tables: dict[str, list[Table]] = {name: [] for name in self.members}

    def world(self) -> World:
        """A world."""
        dice = self.dice
        mappings = [self._mapping("thing", None)]
        if dice.chance(0.45):
            mappings.append(self._mapping("part", mappings[0]))
        hidden = {name: tuple(capability for capability in CAPABILITIES if dice.chance(0.2)) for name in self.members}
        if "delta" not in self.policies and mappings[0].has_match and mappings[-1].has_match:
            hidden = {
                name: (*lacks, "SupportsTransaction") if dice.chance(0.07) else lacks for name, lacks in hidden.items()
            }
        tables = {name: tuple(tables) for name, tables in self.tables.items()}
        return World(self.members, tuple(mappings), tables, hidden)

    def _mapping(self, name: str, parent: Joined | None) -> Joined:
        dice = self.dice
        has_match = dice.chance(0.65)
        fields = [self._plain(TAG, "text", Ruled("ask"))]
        if has_match:
            fields.append(self._plain(CODE, "text", self._rule("text")))
        if parent is not None:
            fields.append(self._plain(PARENT, "ref", self._rule("text"), ref=parent.name))
        for at in range(dice.between(1, 3)):
            domain = dice.weighed((("text", 4), ("number", 4), ("name", 1), ("flag", 1), ("word", 1)))
            fields.append(self._field(f"{domain}{at}", domain))
        tables = {member: f"{name}_{member}" for member in self.members}
        joined = Joined(name, tuple(fields), tables, {member: self._deletes() for member in self.members}, has_match)
        for member in self.members:
            self.tables[member].append(self._table(joined, member, parent))
        return joined

    def _deletes(self) -> str:
        return self.dice.weighed((("propagate", 5), ("restore", 2), ("detach", 1), ("ask", 1), ("", 1)))

    def _plain(self, name: str, domain: str, rule: Ruled, *, ref: str = "") -> Shared:
        cells = {member: Spelling(PLAIN_TEXT, (f"{name}_{member[0]}",)) for member in self.members}
        return Shared(name, domain, rule, cells, is_nullable=bool(ref), ref=ref)

    def _field(self, name: str, domain: str) -> Shared:
        dice, members = self.dice, list(self.members)
        if len(members) > 2 and dice.chance(0.2):
            members.remove(dice.one(members))
        cells = {member: self._spelling(name, domain, member) for member in members}
        rule = self._rule(domain, members)
        if rule.kind == "delta":
            plain = FORMS[domain][0]
            cells = {
                member: one if one.form.name in _EXACT else replace(one, form=plain) for member, one in cells.items()
            }
        is_nullable = rule.kind != "delta" and all(one.form.nullable for one in cells.values())
        return Shared(name, domain, rule, cells, is_nullable=is_nullable)

    def _spelling(self, name: str, domain: str, member: str) -> Spelling:
        form = self.dice.one(FORMS[domain]) if self.dice.chance(0.5) else FORMS[domain][0]
        suffixes = ("",) if len(form.types) == 1 else ("_first", "_last")
        return Spelling(form, tuple(f"{name}_{member[0]}{suffix}" for suffix in suffixes))

    def _rule(self, domain: str, members: Sequence[str] = ()) -> Ruled:
        dice, members = self.dice, members or self.members
        fitting = {"min": ("number", "word"), "max": ("number", "word"), "delta": ("number",)}
        kind = dice.one([kind for kind in self.policies if domain in fitting.get(kind, (domain,))])
        if kind == "delta":
            return Ruled(kind, (dice.one(members),))
        if kind == "owner":
            return Ruled(kind, (dice.one(members),), elsewhere="keep" if dice.chance(0.15) else "restore")
        if kind == "prefer":
            return Ruled(kind, tuple(dice.some(members, dice.between(1, len(members)))))
        return Ruled(kind, words=("new", "paid", "shipped") if domain == "word" and kind in ("min", "max") else ())

    def _table(self, joined: Joined, member: str, parent: Joined | None) -> Table:
        dice = self.dice
        is_drawn = dice.chance(0.7)
        tag = joined.field(TAG).spellings[member].columns[0]
        key = "id" if is_drawn else tag
        columns = [Field("id", INTEGER, nullable=False, drawn=True)] if is_drawn else []
        uniques, references, triggers = [], [], {}
        for shared in joined.fields:
            spelling = shared.spellings.get(member)
            if spelling is None:
                continue
            kinds = spelling.form.types
            if shared.ref and parent is not None:
                owner = self.tables[member][0].dataset
                references.append(Reference(spelling.columns, owner.name, owner.key))
                kinds = (INTEGER,) if owner.key == ("id",) else (TEXT,)
            for column, kind in zip(spelling.columns, kinds, strict=True):
                columns.append(Field(column, kind, nullable=column != key))
                if spelling.form.rewrite:
                    triggers[column] = spelling.form.rewrite
            if shared.name == CODE:
                uniques.append(spelling.columns)
        touched = "touched" if dice.chance(0.25) else ""
        columns += [Field(NOTE, TEXT), *([Field(touched, INTEGER)] if touched else [])]
        dataset = Dataset(
            joined.tables[member], DatasetKind.TABLE, tuple(columns), (key,), tuple(uniques), tuple(references)
        )
        folded = frozenset(column for unique in uniques for column in unique if dice.chance(0.25))
        return Table(dataset, folded, triggers, touched, is_strict=dice.chance(0.8))


def drifted(world: World, dice: Dice) -> World:
    """The same world, after somebody changed one cell to another form over the same column; the world itself where
    none can be."""
    choices = [
        (joined, shared, member)
        for joined in world.mappings
        for shared in joined.edited()
        for member, spelling in shared.spellings.items()
        if shared.domain in ("text", "number") and not spelling.form.rewrite and spelling.form.name in _SOFT
    ]
    if not choices:
        return world
    joined, shared, member = dice.one(choices)
    soft = [form for form in FORMS[shared.domain] if form.name in _SOFT and form != shared.spellings[member].form]
    spelling = replace(shared.spellings[member], form=dice.one(soft))
    changed = replace(shared, spellings={**shared.spellings, member: spelling})
    fields = tuple(changed if one is shared else one for one in joined.fields)
    mappings = tuple(replace(one, fields=fields) if one is joined else one for one in world.mappings)
    return replace(world, mappings=mappings)


_EXACT = ("plain number", "cents", "thousandths")
"""Forms of numbers that lose nothing."""
_SOFT = ("plain text", "lower", "trim", "plain number", "round")
"""Forms that can follow each other over the same column."""


def typed_row(world: World, joined: Joined, member: str, values: Mapping[str, object], dice: Dice) -> Row:
    """The row that a person there types for these shared values; a reference is the parent's key there."""
    dataset = next(one for one in world.tables[member] if one.dataset.name == joined.tables[member]).dataset
    row: Row = dict.fromkeys(dataset.names)
    for shared in joined.fields:
        spelling = shared.spellings.get(member)
        if spelling is not None and shared.name in values:
            given = values[shared.name]
            typed = (given,) if shared.ref else spelling.form.typed(given, dice)
            row.update(zip(spelling.columns, typed, strict=True))
    return row
