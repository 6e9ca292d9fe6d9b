"""Every key of the project's files, in one table: the loader, the JSON Schema and the reference page are made from
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Shape = Mapping[str, object]
"""What may stand behind a key: a fragment of JSON Schema."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what may stand behind it, and what it means. A `later` key is read, and answered with "not yet"."""

    name: str
    shape: Shape
    words: str
    required: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one kind of table. `others` says what any other key is; without it, other keys are mistakes."""

    title: str
    words: str
    keys: tuple[Key, ...]
    others: Key | None = None
    short: Shape | None = None
    """What may stand in place of the table."""
    rules: Shape = field(default_factory=dict)
    """What JSON Schema says besides about the table as a whole."""
    by_name: Mapping[str, Key] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({key.name: key for key in self.keys}))


def _ref(name: str) -> Shape:
    return {"$ref": f"#/$defs/{name}"}


def _list(of: Shape) -> Shape:
    return {"type": "array", "items": of, "minItems": 1}


def _table(of: Shape) -> Shape:
    return {"type": "object", "additionalProperties": of}


def _words(*words: str) -> Shape:
    return {"enum": list(words)}


def _either(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


TEXT: Shape = {"type": "string", "minLength": 1}
NAME: Shape = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"}
EXPRESSION: Shape = {"type": ["string", "number", "boolean"], "title": "expression"}
VALUE: Shape = {"type": ["string", "number", "boolean", "null"], "title": "value"}
ANYTHING: Shape = {}

CHECK: Shape = {"title": "checks", **_either(TEXT, _table(ANYTHING), _list(_either(TEXT, _table(ANYTHING))))}
"""The name of a check, a table of checks with their arguments, or a list of both."""

RULES = ("newest", "min", "max", "union", "delta", "ask")
"""The policies that are one word."""
DELETES = ("propagate", "soft", "detach", "restore", "ask")
"""What may happen elsewhere when a row vanished."""

PROJECT = Keys(
    "dovetail.yaml",
    "The systems that are joined, and what holds for all mappings.",
    (
        Key("dovetail", {"const": 1}, "The version of the format.", required=True),
        Key("project", NAME, "The project's name.", required=True),
        Key(
            "systems",
            _table(_ref("system")),
            "The joined systems, each under the name that mappings use.",
            required=True,
        ),
        Key(
            "state",
            TEXT,
            "Where Dovetail remembers: a PostgreSQL URL, where several machines work together. "
            "Without it: SQLite in `.dovetail/`.",
        ),
        Key("defaults", _ref("defaults"), "What holds where a mapping says nothing."),
        Key("timezone", TEXT, "The zone of `every` and `window`, such as `Europe/Berlin`; UTC if not said."),
        Key("journal", _ref("journal"), "How long Dovetail remembers what it wrote."),
        Key("vars", _table(VALUE), "Values that expressions may name. They are bound as values, never put in as text."),
        Key("environments", _table(_ref("environment")), "What differs elsewhere; chosen with `--env NAME`."),
        Key("goals", ANYTHING, "Goals with measured baselines. Read, and not used yet."),
        Key("people", ANYTHING, "Who answers for what. Read, and not used yet."),
    ),
)

SYSTEM = Keys(
    "a system",
    "A database, an API or a folder that is joined. Every other key is a setting of its connector.",
    (
        Key("connector", NAME, "The connector that speaks to it, such as `sqlite` or `postgres`.", required=True),
        Key("timezone", TEXT, "The zone of date-times that carry none, such as `Europe/Berlin`."),
        Key(
            "rate",
            TEXT,
            "The most rows that a running sync writes there, such as `100/s`, `600/m` or `5000/h`. "
            "A first look over all rows is not held to it; what it writes is made up for.",
        ),
        Key("queries", _table(_ref("query")), "Named queries, read like datasets; they are never written."),
    ),
    others=Key(
        "SETTING",
        ANYTHING,
        "A setting of the connector, such as `url` or `path`. `${NAME}` is taken from the environment, "
        "`${secret:name}` from the secret store. A password that is written out is refused.",
    ),
)

QUERY = Keys(
    "a named query",
    "A query in the system's own SQL that is read like a dataset.",
    (
        Key("sql", TEXT, "The query. It must read only.", required=True),
        Key("key", _list(TEXT), "The fields of the answer that identify a row.", required=True),
        Key("watches", _list(TEXT), "The datasets whose changes may change the answer."),
    ),
)

DEFAULTS = Keys(
    "defaults",
    "What holds where a mapping says nothing.",
    (
        Key(
            "policy",
            _ref("policy"),
            "The rule of shared fields that have none. Without it, such a field does not load.",
        ),
        Key("guard", _ref("guard"), "The guard of mappings that have none of their own."),
    ),
)

GUARD = Keys(
    "a guard",
    "The most that may change of what existed before, a member, over an hour; the first limit reached stops the run.",
    (
        Key("rows", {"type": "integer", "minimum": 0}, "Rows updated or deleted; 500 if not said."),
        Key(
            "share",
            _either(
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}, {"type": "number", "minimum": 0, "maximum": 1}
            ),
            "The part of the rows that exist, such as `10%`; it counts above 20 rows. 10% if not said.",
        ),
    ),
)

ENVIRONMENT = Keys(
    "an environment",
    "What differs from the rest of the file in one environment.",
    (
        Key(
            "systems",
            _table({"type": "object"}),
            "Settings of systems, laid over those above. With another `connector`, all settings are replaced.",
        ),
        Key("vars", _table(VALUE), "Other values of `vars`."),
        Key("state", TEXT, "Another place of the state."),
        Key("defaults", _ref("defaults"), "Other defaults."),
    ),
)

MAPPING = Keys(
    "a mapping file",
    "One kind of thing that several systems know, field by field.",
    (
        Key("mapping", NAME, "The mapping's name.", required=True),
        Key(
            "members",
            _table(_ref("member")),
            "Each system's part, under the system's name or under a name of its own.",
            required=True,
        ),
        Key("match", _ref("match"), "Which shared fields pair rows that already exist on several sides."),
        Key("fields", _table(_ref("field")), "The shared fields, and how each member expresses them.", required=True),
        Key(
            "deletes",
            _table(_words(*DELETES)),
            "By member: what happens elsewhere when a row vanished there; without it a person is asked.",
        ),
        Key(
            "every",
            TEXT,
            "The time after which a running sync looks over members that no feed tells of, such as `5s` or `2m`. Or a "
            "calendar: minute, hour, day, month and day of the week, as in `'0 2 * * mon-fri'`; the mapping is then "
            "worked on at these times only.",
        ),
        Key("window", _ref("window"), "The time of the day in which a running sync works on the mapping."),
        Key("guard", _ref("guard"), "The most that one run may change."),
        Key("check", CHECK, "Checks on whole rows: a name, a table of names with arguments, or a list of both."),
        Key(
            "groups",
            _table(_list(NAME)),
            "Names for several members that are alike: what is said of the group holds for each of them.",
        ),
        Key("within", ANYTHING, "The parent with which the rows are one unit.", later=True),
        Key("moves", ANYTHING, "The actions of a state machine.", later=True),
    ),
)

MEMBER = Keys(
    "a member",
    "One system's part in a mapping.",
    (
        Key("dataset", TEXT, "The table, view or named query that holds the rows.", required=True),
        Key("system", NAME, "The system; the member's own name if not said."),
        Key("where", EXPRESSION, "Which rows are read, over the member's fields."),
        Key("key", _list(TEXT), "The fields that identify a row, where the catalog has no key."),
        Key("let", _table(EXPRESSION), "Names for values that this member's cells use."),
        Key(
            "set",
            _table(_ref("fill")),
            "Columns that no single cell fills: over shared fields, and `old.x` for the member's own.",
        ),
        Key("changed", EXPRESSION, "When a row was last changed; `policy: newest` needs it."),
        Key("gone", EXPRESSION, "True for rows that this member holds as deleted."),
        Key(
            "remove",
            _table(EXPRESSION),
            "The columns that delete a row softly, each with its value. A delete that is carried to this member sets "
            "them, and removes no row.",
        ),
        Key(
            "revive",
            _table(EXPRESSION),
            "The columns that bring such a row back, each with its value; not needed where `gone` is one flag, or one "
            "field that is not null.",
        ),
        Key("wants", EXPRESSION, "Which rows belong to this member, over shared fields."),
        Key(
            "leaves",
            _words("detach", "remove"),
            "What happens here to a row that is no longer wanted; `detach` keeps it, and is the default.",
        ),
        Key(
            "creates",
            _words("propagate", "never"),
            "Whether rows that others hold are created here; `propagate` is the default.",
        ),
        Key("parts", ANYTHING, "Further tables that belong to the row.", later=True),
        Key("within", ANYTHING, "The parent with which the rows are one unit.", later=True),
        Key("write", ANYTHING, "Another system through which this member is written.", later=True),
        Key("moves", ANYTHING, "The actions of a state machine.", later=True),
    ),
)

FILL = Keys(
    "a filled column",
    "A value for a column that no single cell fills.",
    (
        Key("value", EXPRESSION, "The value, over shared fields, and `old.x` for the member's own.", required=True),
        Key("when", _words("always", "create"), "`create` fills it in new rows only; `always` is the default."),
    ),
    short=EXPRESSION,
)

MATCH = Keys(
    "match",
    "Which shared fields pair rows.",
    (
        Key("together", _list(NAME), "All of these must agree."),
        Key("any", _list(NAME), "Any one of these is enough; the first in the list counts most."),
        Key("nth", ANYTHING, "A number within rows that agree.", later=True),
    ),
    short=NAME,
    rules={"minProperties": 1, "maxProperties": 1},
)

FIELD = Keys(
    "a shared field",
    "One row of the mapping's table: a cell for each member that knows the field, and the rules of the field.",
    (
        Key(
            "owner",
            _either(NAME, _table(NAME)),
            "The member whose value counts. By value, as in `{true: mail, false: any}`, whoever holds that value.",
        ),
        Key(
            "elsewhere",
            _words("restore", "keep"),
            "What happens to an edit at a member that does not own the field; `restore` is the default.",
        ),
        Key("policy", _ref("policy"), "How edits on several sides are settled."),
        Key("first", NAME, "The member that wins when a pair meets for the first time."),
        Key("floor", {"type": "number"}, "The least value that `policy: delta` may reach."),
        Key("recount", EXPRESSION, "True where a new value is a count, and no movement; for `policy: delta`."),
        Key("ref", NAME, "The mapping that the field refers to; keys are translated."),
        Key("by", TEXT, "The shared field of that mapping by which both sides refer to it, where it is not the key."),
        Key(
            "check",
            CHECK,
            "Checks on the values, as in `[not_null, {within: [0, 10]}]`; rows that fail are quarantined.",
        ),
        Key("value", EXPRESSION, "A computed field: an expression over other shared fields. It is only written."),
        Key("moves", ANYTHING, "The actions of a state machine.", later=True),
    ),
    others=Key("MEMBER", _ref("cell"), "The member's cell: how it expresses this field."),
)

CELL = Keys(
    "a cell",
    "How one member expresses one shared field. "
    "The short form is a field's name or an expression over the member's fields.",
    (
        Key("field", TEXT, "The member's field, by its exact name."),
        Key("read", EXPRESSION, "The expression in the reading direction, instead of `field`."),
        Key(
            "write",
            _either(EXPRESSION, _table(EXPRESSION)),
            "The writing direction where none can be derived: for the field that `read` reads, or by field.",
        ),
        Key("codes", _table(VALUE), "The member's codes, each with the shared value: `{A: true, X: false}`."),
        Key(
            "null",
            VALUE,
            "The value by which this member says \"nothing\", such as `''`; `omit` leaves the column out.",
        ),
        Key("moves", ANYTHING, "The actions of a state machine.", later=True),
    ),
    short=EXPRESSION,
    rules={"oneOf": [{"required": ["field"]}, {"required": ["read"]}]},
)

POLICY = Keys(
    "policy",
    "How edits of one shared field on several sides are settled.",
    (
        Key("prefer", _either(NAME, _list(NAME)), "The member, or the members in order, whose edit wins."),
        Key("min", _ref("order"), "The least value wins, in this order of words."),
        Key("max", _ref("order"), "The greatest value wins, in this order of words."),
        Key("union", _ref("union"), "The words of all sides together, which this separator keeps apart."),
    ),
    short=_words(*RULES),
    rules={"minProperties": 1, "maxProperties": 1},
)

ORDER = Keys(
    "order",
    "The order of words, the least first.",
    (Key("order", _list(VALUE), "The words, the least first, as in `[new, paid, shipped]`.", required=True),),
)

UNION = Keys(
    "union",
    "What stands between the words of a text.",
    (
        Key(
            "separator",
            TEXT,
            "The separator, such as `;`. Blanks around words do not count. `, ` if not said.",
            required=True,
        ),
    ),
)

WINDOW = Keys(
    "a window",
    "A time of the day, by the clock on the wall of the project's time zone.",
    (
        Key("from", TEXT, "When it begins, such as `22:00`.", required=True),
        Key("to", TEXT, "When it ends; where that is not later than `from`, on the next day.", required=True),
        Key("days", _either(TEXT, _list(TEXT)), "The days on which it begins, such as `mon-fri`; all if not said."),
    ),
)

JOURNAL = Keys(
    "the journal",
    "How long values that were written, settled conflicts and closed rejects are kept. What is gone can be neither "
    "told "
    "nor undone.",
    (Key("keep", TEXT, "A time such as `30d`, or `forever`; 90 days if not said."),),
)

TABLES: Mapping[str, Keys] = {
    "project": PROJECT, "system": SYSTEM, "query": QUERY, "defaults": DEFAULTS, "guard": GUARD, "policy": POLICY,
    "order": ORDER, "union": UNION, "environment": ENVIRONMENT, "mapping": MAPPING, "member": MEMBER, "fill": FILL,
    "match": MATCH, "field": FIELD, "cell": CELL, "window": WINDOW, "journal": JOURNAL,
}  # fmt: skip
"""The tables by the names that shapes refer to."""

RESERVED = frozenset(FIELD.by_name)
"""Names that no member may have, because they are keys of a shared field."""
