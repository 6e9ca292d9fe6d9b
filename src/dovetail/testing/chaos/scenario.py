"""A scenario as a file: whose rows people type, how much, and what goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dovetail.errors import DeclarationError
from dovetail.model.placeholder import Placeholder, filled
from dovetail.project.keys import Key, Keys
from dovetail.project.locate import Mistakes
from dovetail.project.node import Listing, Node, Table, plain
from dovetail.project.shape import Reader
from dovetail.project.yaml import compose
from dovetail.testing.chaos import scene
from dovetail.testing.chaos.place import Place
from dovetail.testing.chaos.scene import Column, Field, Kind

FAULTS = ("kill", "pause", "reset", "stall", "slow", "command")
"""What can be made to go wrong."""

_ANY: Mapping[str, object] = {}


def _key(name: str, words: str, *, required: bool = False) -> Key:
    return Key(name, _ANY, words, required=required)


SCENARIO = Keys(
    "a scenario",
    "What people do to systems that a project joins, and what goes wrong meanwhile.",
    (
        _key("chaos", "The version of this format: 1.", required=True),
        _key("project", "The folder of the project, counted from this file.", required=True),
        _key("environment", "The environment to run in."),
        _key("seed", "The seed of all dice; without it another one is drawn each time."),
        _key("edits", "How much people type before each fault and after the last one (default: 1000)."),
        _key("rate", "Transactions a second of the people at one place, at most (default: 50)."),
        _key("places", "By member: where its people work, a URL of PostgreSQL or a path of SQLite.", required=True),
        _key("through", "By member: the variable in which the project finds its URL, so that faults can come between."),
        _key("rows", "The kinds of rows that people type, by name.", required=True),
        _key("faults", "What goes wrong, one after the other."),
    ),
)
ROWS = Keys(
    "a kind of rows",
    "Rows of one mapping, as people know them.",
    (
        _key("mapping", "The mapping that carries them (default: the name)."),
        _key("known_by", "The field, never edited, that tells rows apart everywhere.", required=True),
        _key("natural", "Whether the mapping pairs rows by that field."),
        _key("rows", "How many rows there shall be, about (default: 200)."),
        _key("deeds", "How often people `edit`, `insert`, `delete`, or delete and type `again`."),
        _key("fields", "The fields, by name.", required=True),
        _key("tables", "By member: the table that holds the rows.", required=True),
    ),
)
FIELD = Keys(
    "a field",
    "What people do with one field.",
    (
        _key("edited_by", "The members where it is edited once the row is there."),
        _key("wins", "The members in the order in which they win where people did not know of each other."),
        _key("number", "Whether it is a whole number."),
        _key("sum", "Whether people add to it."),
        _key("folds", "Whether a system may keep it in other letters than were typed."),
    ),
)
TABLE = Keys(
    "a table",
    "Where a member keeps the rows.",
    (
        _key("table", "Its name.", required=True),
        _key("key", "The column that the system fills with the row's key.", required=True),
        _key("columns", "By field: the column, or `{column, scale, refers}`.", required=True),
    ),
)
COLUMN = Keys(
    "a column",
    "Where a member keeps one field.",
    (
        _key("column", "Its name.", required=True),
        _key("scale", "Digits behind the point, where the field is a whole number of the smallest unit."),
        _key("refers", "The kind of rows whose key stands there."),
    ),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, so many `times`; `amount` is a share, or seconds. `system` is the member whose way is
    disturbed, `words` the command that is run."""

    what: str
    times: int = 1
    amount: float = 0.0
    system: str = ""
    words: tuple[str, ...] = ()


FAULT = Keys(
    "a fault",
    "One thing that goes wrong: its name, and how often or how long.",
    (
        _key("kill", "`kill -9` of the worker, so many times."),
        _key("pause", "The worker is stopped for so many seconds."),
        _key("reset", "This share of all that passes to a system breaks its connection."),
        _key("stall", "Nothing passes to a system for so many seconds, and nobody is told."),
        _key("slow", "Everything arrives so many seconds later."),
        _key("command", "A command of yours is run, such as one that restarts a server."),
        _key("system", "The member whose way is disturbed."),
    ),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says, with placeholders filled."""

    name: str
    project: Path
    environment: str | None
    seed: int | None
    edits: int
    rate: float
    places: tuple[Place, ...]
    through: Mapping[str, str]
    kinds: tuple[Kind, ...]
    faults: tuple[Fault, ...]


def read_scenario(path: Path, variables: Mapping[str, str]) -> Scenario:
    """What the file says; raises `Declarations` with all mistakes."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeclarationError(
            f"the scenario cannot be read: {error.strerror}", where=str(path), code="DV-720"
        ) from error
    document = compose(content, path.name)
    reader = _ScenarioReader(Mistakes(), path, variables)
    for mistake in document.mistakes:
        reader.mistakes.take(mistake)
    found = reader.scenario(document.root) if document.root is not None else None
    reader.mistakes.raise_all()
    assert found is not None
    return found


class _ScenarioReader:
    """Reads the tables of a scenario; what is wrong goes to `mistakes`."""

    def __init__(self, mistakes: Mistakes, path: Path, variables: Mapping[str, str]) -> None:
        self.mistakes = mistakes
        self._reader = Reader(mistakes)
        self._path = path
        self._variables = variables

    def scenario(self, root: Node) -> Scenario | None:
        read = self._reader
        top = read.table(root, SCENARIO)
        if top is None or self.mistakes.found:
            return None
        places = [Place(name, self._filled(node)) for name, node in self._entries(top.get("places"), "`places`")]
        kinds = [self._kind(name, node) for name, node in self._entries(top.get("rows"), "`rows`")]
        listed = top.get("faults")
        faults = [self._fault(node) for node in listed] if isinstance(listed, Listing) else []
        seed = top.get("seed")
        return Scenario(
            name=self._path.stem,
            project=self._path.parent / str(plain(top.get("project"))),
            environment=read.text(top.get("environment"), "`environment`"),
            seed=None if seed is None else int(self._number(seed, 0)),
            edits=int(self._number(top.get("edits"), 1_000)),
            rate=self._number(top.get("rate"), 50),
            places=tuple(places),
            through={name: str(plain(node)) for name, node in self._entries(top.get("through"), "`through`")},
            kinds=tuple(kind for kind in kinds if kind is not None),
            faults=tuple(fault for fault in faults if fault is not None),
        )

    def _entries(self, node: Node | None, what: str) -> list[tuple[str, Node]]:
        table = self._reader.any_table(node, what)
        return [(entry.name, entry.value) for entry in table or ()]

    def _filled(self, node: Node) -> str:
        text = str(plain(node))

        def value(found: Placeholder) -> str:
            if found.name not in self._variables:
                self.mistakes.add(f"the variable {found.name} is not set", node.at, code="DV-721", hint="set it")
            return self._variables.get(found.name, "")

        full = filled(text, value)
        return full if "://" in full else str(self._path.parent / full)

    def _number(self, node: Node | None, default: float) -> float:
        found = self._reader.number(node, "this", hint="write a number")
        return default if found is None else float(found)

    def _words(self, node: Node | None, what: str) -> tuple[str, ...]:
        return tuple(word for word, _ in self._reader.texts(node, what)) if node is not None else ()

    def _kind(self, name: str, node: Node) -> Kind | None:
        top = self._reader.table(node, ROWS)
        if top is None or self.mistakes.found:
            return None
        fields = {at: self._field(one) for at, one in self._entries(top.get("fields"), "`fields`")}
        tables = {member: self._table(one, fields) for member, one in self._entries(top.get("tables"), "`tables`")}
        deeds = {deed: self._number(one, 0) for deed, one in self._entries(top.get("deeds"), "`deeds`")}
        known_by = str(plain(top.get("known_by")))
        if known_by not in fields:
            self.mistakes.unknown("`known_by` names no field", top.at, name=known_by, known=fields)
        for deed in deeds.keys() - scene.DEEDS.keys():
            self.mistakes.unknown(f"people do not {deed}", top.at, name=deed, known=scene.DEEDS)
        return Kind(
            name=name,
            mapping=self._reader.text(top.get("mapping"), "`mapping`") or name,
            known_by=known_by,
            fields=fields,
            tables={member: one for member, one in tables.items() if one is not None},
            rows=int(self._number(top.get("rows"), 200)),
            deeds=deeds or scene.DEEDS,
            is_natural=bool(plain(top.get("natural"))),
        )

    def _field(self, node: Node) -> Field:
        top = self._reader.table(node, FIELD)
        if top is None:
            return Field()
        edited_by, wins = (self._words(top.get(name), f"`{name}`") for name in ("edited_by", "wins"))
        is_number, is_sum, folds = (bool(plain(top.get(name))) for name in ("number", "sum", "folds"))
        return Field(edited_by, wins, is_number=is_number, is_sum=is_sum, folds=folds)

    def _table(self, node: Node, fields: Iterable[str]) -> scene.Table | None:
        top = self._reader.table(node, TABLE)
        if top is None or self.mistakes.found:
            return None
        columns = {}
        for name, one in self._entries(top.get("columns"), "`columns`"):
            if name not in fields:
                self.mistakes.unknown(f"there is no field {name}", one.at, name=name, known=fields)
            columns[name] = self._column(one)
        return scene.Table(str(plain(top.get("table"))), str(plain(top.get("key"))), columns)

    def _column(self, node: Node) -> Column:
        if not isinstance(node, Table):
            return Column(str(plain(node)))
        top = self._reader.table(node, COLUMN)
        if top is None:
            return Column("")
        refers = self._reader.text(top.get("refers"), "`refers`") or ""
        return Column(str(plain(top.get("column"))), int(self._number(top.get("scale"), 0)), refers)

    def _fault(self, node: Node) -> Fault | None:
        top = self._reader.table(node, FAULT)
        if top is None:
            return None
        named = [entry for entry in top if entry.name in FAULTS]
        if len(named) != 1:
            hint = f"name one of {', '.join(FAULTS)}"
            self.mistakes.add("a fault is one thing", top.at, code="DV-722", hint=hint)
            return None
        what, node = named[0].name, named[0].value
        system = self._reader.text(top.get("system"), "`system`") or ""
        if what == "command":
            return Fault(what, words=self._words(node, "`command`"), system=system)
        number = self._number(node, 1)
        return Fault(what, times=int(number) if what == "kill" else 1, amount=number, system=system)
