"""Holds settings against the fields of their connector, whose class is its own description."""

from __future__ import annotations

import dataclasses
import itertools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

from dovetail.errors import DeclarationError, Declarations, MissingDriver, UnknownName
from dovetail.model.placeholder import filled, placeholders
from dovetail.project.locate import Mistakes, is_slip, nearest, shown
from dovetail.project.node import Entry, Listing, Node, Scalar, Table

if typing.TYPE_CHECKING:
    from pydantic import TypeAdapter

SettingsOf = Callable[[str], type]
"""Gives the class of a connector by its name; raises `UnknownName` or `MissingDriver`."""


_EXPECTED = (
    ("int_", "a whole number is expected"),
    ("float_", "a number is expected"),
    ("bool_", "true or false is expected"),
    ("string_", "a text is expected"),
    ("path_", "a path is expected"),
    ("list_", "a list is expected"),
    ("tuple_", "a list is expected"),
    ("dict_", "a table is expected"),
)
"""What pydantic says, in our words, by the beginning of its kind of fault."""

_PLAIN = (bool, int, float)
"""Types, besides texts and paths, whose values are taken as they are where they are asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a connector."""

    name: str
    type: typing.Any
    is_required: bool
    connector: type

    @property
    def words(self) -> str:
        """The words written under the field."""
        return _words(self.connector).get(self.name, "")


def check_settings(
    mistakes: Mistakes,
    connector: Scalar,
    entries: tuple[Entry, ...],
    *,
    settings_of: SettingsOf,
    variables: Mapping[str, str],
) -> None:
    """Tell settings that the connector does not know, lacks, or cannot read; values of variables are not repeated."""
    try:
        found = settings_of(connector.text)
    except UnknownName as error:
        mistakes.take(UnknownName(error.message, where=connector.at, hint=error.hint))
        return
    except MissingDriver as error:
        mistakes.note(f"settings of {connector.text!r} are not checked: {error.message}", connector.at)
        return
    known = settings(found)
    for entry in entries:
        if entry.name not in known:
            message = f"the connector {connector.text!r} has no setting {shown(entry.name)}"
            mistakes.unknown(message, entry.key.at, name=entry.name, known=known)
        elif not _is_open(entry.value, variables):
            value = native(entry.value, lambda text: filled(text, lambda found: variables[found.name]))
            for fault in _faults(known[entry.name], value):
                mistakes.add(f"`{entry.name}`: {fault}", entry.value.at, code="DV-155", hint=_hint(known[entry.name]))
    given = {entry.name for entry in entries}
    for setting in known.values():
        if setting.is_required and setting.name not in given and not is_slip(setting.name, given - set(known)):
            message = f"the connector {connector.text!r} needs `{setting.name}`"
            hint = f"add `{setting.name}:` - {setting.words}" if setting.words else f"add `{setting.name}:`"
            mistakes.add(message, connector.at, code="DV-103", hint=hint)


def prepared(connector: type, given: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Settings with all placeholders filled in, each in the type that its connector asks for; relative paths stand
    in `folder`.

    Raises `Declarations` with every setting that does not fit; values are not repeated.
    """
    known = settings(connector)
    ready: dict[str, object] = {}
    mistakes: list[DeclarationError] = []
    for name, value in given.items():
        setting = known.get(name)
        if setting is None:
            mistakes.append(UnknownName(f"the connector has no setting {shown(name)}", hint=nearest(name, known)))
            continue
        faults = _faults(setting, value)
        mistakes += [DeclarationError(f"`{name}`: {fault}", code="DV-155", hint=_hint(setting)) for fault in faults]
        if not faults:
            ready[name] = _placed(name, _typed(setting, value), folder)
    if mistakes:
        raise Declarations(mistakes)
    return ready


@cache
def settings(connector: type) -> Mapping[str, Setting]:
    """The settings of a connector by name: the public fields of its dataclass, with the words written under them."""
    if not dataclasses.is_dataclass(connector):
        return {}
    hints = typing.get_type_hints(connector)
    return {
        field.name: Setting(
            field.name,
            hints.get(field.name, object),
            is_required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            connector=connector,
        )
        for field in dataclasses.fields(connector)
        if field.init and not field.name.startswith("_")
    }


def native(node: Node, text: Callable[[str], str] = str) -> object:
    """A setting as plain Python; texts go through `text`."""
    if isinstance(node, Table):
        return {entry.name: native(entry.value, text) for entry in node}
    if isinstance(node, Listing):
        return [native(item, text) for item in node]
    if isinstance(node.value, str):
        return text(node.value)
    return float(node.value) if isinstance(node.value, Decimal) else node.value


def _is_open(node: Node, variables: Mapping[str, str]) -> bool:
    """Whether a placeholder in the setting cannot be filled in yet: a secret, or a variable that is not set."""
    if isinstance(node, Scalar):
        return any(found.is_secret or found.name not in variables for found in placeholders(node.text))
    parts: Iterator[Node] = (entry.value for entry in node) if isinstance(node, Table) else iter(node)
    return any(_is_open(part, variables) for part in parts)


def _hint(setting: Setting) -> str:
    return f"{setting.name}: {setting.words}" if setting.words else "docs/reference/connectors.md says what is expected"


def _faults(setting: Setting, value: object) -> list[str]:
    """Why a value does not fit, in words that do not repeat it."""
    if _plain(setting, value) is not None:
        return []
    from pydantic import ValidationError

    try:
        _adapter(setting).validate_python(value)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        return [
            next((words for kind, words in _EXPECTED if fault["type"].startswith(kind)), fault["msg"])
            for fault in faults
        ]
    return []


def _plain(setting: Setting, value: object) -> object | None:
    """The value, if it is of a plain type that is asked for, so that pydantic has nothing to doubt or to convert."""
    asked = typing.get_args(setting.type) if isinstance(setting.type, types.UnionType) else (setting.type,)
    if isinstance(value, str):
        return value if str in asked else Path(value) if Path in asked else None
    if type(value) is int and int not in asked and float in asked:
        return float(value)
    return value if type(value) in asked and type(value) in _PLAIN else None


def _typed(setting: Setting, value: object) -> object:
    plain = _plain(setting, value)
    if plain is not None:
        return plain
    typed: object = _adapter(setting).validate_python(value)
    return value if isinstance(value, str) and typed == value else typed


def _adapter(setting: Setting) -> TypeAdapter[object]:
    from pydantic import ConfigDict, TypeAdapter

    config = None if dataclasses.is_dataclass(setting.type) else ConfigDict(arbitrary_types_allowed=True)
    return TypeAdapter(setting.type, config=config)


def _placed(name: str, value: object, folder: Path) -> object:
    if isinstance(value, Path):
        return folder / value.expanduser()
    if name == "path" and isinstance(value, str) and value != ":memory:" and "://" not in value:
        return str(folder / Path(value).expanduser())
    return value


@cache
def _words(connector: type) -> dict[str, str]:
    """The texts under the fields of a dataclass, as they stand in its source; none where the source is not at hand."""
    import ast
    import inspect
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(connector)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: " ".join(words.value.value.split())
        for field, words in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant) and isinstance(words.value.value, str)
    }
