"""What a person declared: one kind of thing that several systems know, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dovetail.errors import Location
from dovetail.model.calendar import Calendar, Window

JOURNAL_KEEP_S = 90 * 86_400.0
"""Seconds for which the journal is kept where nobody says otherwise."""


class Rule(StrEnum):
    """How edits of one shared field on several sides are settled."""

    PREFER = "prefer"
    NEWEST = "newest"
    MIN = "min"
    MAX = "max"
    UNION = "union"
    DELTA = "delta"
    ASK = "ask"


class DeleteRule(StrEnum):
    """What happens elsewhere when a row vanished at one member."""

    PROPAGATE = "propagate"
    SOFT = "soft"
    DETACH = "detach"
    RESTORE = "restore"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule, with the members in order (`prefer`), the words in order (`min`, `max`) or what stands between words
    (`union`) where it takes any."""

    rule: Rule
    members: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    separator: str = ", "


@dataclass(frozen=True, slots=True)
class Cell:
    """How one member expresses one shared field.

    `read` is the expression in the reading direction; where `codes` is given it is the field (or expression) that holds
    the code, and `codes` are pairs of (member's value, shared value). `write` is given where the writing direction is
    declared: pairs of column and expression; the column is `""` where the cell reads one column only. `nothing` is the
    value that stands for null at this member (`null:`); `omit` says that null is spelt by leaving the column out.
    """

    read: str
    at: Location
    write: tuple[tuple[str, str], ...] = ()
    codes: tuple[tuple[object, object], ...] = ()
    nothing: str | int | Decimal | None = None
    omit: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One rule on data, by the name of its file on the shelf, with its arguments; `within: [0, 10]` gives `(0, 10)`."""

    name: str
    arguments: tuple[object, ...] = ()
    at: Location | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class SharedField:
    """One row of the mapping's table.

    `owner` is a member's name, or pairs of (shared value, member or `any`) where ownership depends on the value.
    `value` is the expression of a computed field over other shared fields (one-way)."""

    name: str
    cells: tuple[tuple[str, Cell], ...]
    at: Location
    owner: str | tuple[tuple[object, str], ...] | None = None
    elsewhere: str = "restore"
    policy: Policy | None = None
    first: str | None = None
    floor: str | None = None
    recount: str | None = None
    ref: str | None = None
    by: str | None = None
    checks: tuple[Check, ...] = ()
    value: str | None = None

    @property
    def adds_up(self) -> bool:
        """Whether edits are movements of a number, which add up (`policy: delta`)."""
        return self.policy is not None and self.policy.rule is Rule.DELTA

    @property
    def is_set(self) -> bool:
        """Whether the value is a set of words, which are merged one by one (`policy: union`)."""
        return self.policy is not None and self.policy.rule is Rule.UNION

    def cell(self, member: str) -> Cell | None:
        """How that member expresses this field, or `None` where it does not know it."""
        return next((cell for name, cell in self.cells if name == member), None)


@dataclass(frozen=True, slots=True)
class Fill:
    """A column that `set:` fills; `on` is `create` or `always`."""

    column: str
    expression: str
    on: str
    at: Location


@dataclass(frozen=True, slots=True)
class Member:
    """One system's part in a mapping."""

    name: str
    system: str
    dataset: str
    at: Location
    where: str | None = None
    key: tuple[str, ...] = ()
    lets: tuple[tuple[str, str], ...] = ()
    fills: tuple[Fill, ...] = ()
    changed: str | None = None
    gone: str | None = None
    remove: tuple[tuple[str, str], ...] = ()
    revive: tuple[tuple[str, str], ...] = ()
    wants: str | None = None
    leaves: str = "detach"
    creates: str = "propagate"
    deletes: DeleteRule | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which shared fields pair rows: all `together`, or `any` one of them."""

    fields: tuple[str, ...]
    together: bool = True


@dataclass(frozen=True, slots=True)
class Guard:
    """The most that one run may change of what existed before: `rows`, or `share` of them (0 to 1); either trips it."""

    rows: int = 500
    share: float = 0.10


@dataclass(frozen=True, slots=True)
class Mapping:
    """One kind of thing that several systems know.

    `every_s` is the time between two looks, `calendar` says when the mapping is worked on at all, `window` at which
    time of the day."""

    name: str
    members: tuple[Member, ...]
    fields: tuple[SharedField, ...]
    at: Location
    match: Match | None = None
    checks: tuple[Check, ...] = ()
    guard: Guard = Guard()
    every_s: float | None = None
    calendar: Calendar | None = None
    window: Window | None = None

    def member(self, name: str) -> Member | None:
        """The member of that name, or `None`."""
        return next((member for member in self.members if member.name == name), None)

    def field(self, name: str) -> SharedField | None:
        """The shared field of that name, or `None`."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Query:
    """A named query of a system, read-only, as a dataset."""

    name: str
    sql: str
    key: tuple[str, ...]
    watches: tuple[str, ...]
    at: Location


@dataclass(frozen=True, slots=True)
class System:
    """A joined system as declared; `settings` still hold `${...}` where they were written, never a resolved secret.
    `rate_s` are the rows that may be written there in a second, `None` where that is not bounded."""

    name: str
    connector: str
    settings: tuple[tuple[str, object], ...]
    at: Location
    timezone: str | None = None
    queries: tuple[Query, ...] = ()
    rate_s: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the declarations should know and that stops nothing."""

    message: str
    at: Location

    def __str__(self) -> str:
        return f"{self.at}: {self.message}"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that the project's files declare, for one environment.

    `folder` is the absolute path of the project; `state` the URL or path of the state as declared, `None` for the
    default. `vars` are bound values for expressions. `digest` is a sha256 over the meaning of all files, the same in
    every environment. `files` are the files that were read, relative to the folder. `timezone` is the zone of calendars
    and windows. `journal_keep_s` says for how many seconds the journal is kept, `None`: for ever."""

    name: str
    folder: str
    systems: tuple[System, ...]
    mappings: tuple[Mapping, ...]
    environment: str | None = None
    environments: tuple[str, ...] = ()
    state: str | None = None
    vars: tuple[tuple[str, object], ...] = ()
    digest: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    timezone: str | None = None
    journal_keep_s: float | None = JOURNAL_KEEP_S

    def system(self, name: str) -> System | None:
        """The system of that name, or `None`."""
        return next((system for system in self.systems if system.name == name), None)

    def mapping(self, name: str) -> Mapping | None:
        """The mapping of that name, or `None`."""
        return next((mapping for mapping in self.mappings if mapping.name == name), None)
