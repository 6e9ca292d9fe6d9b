"""Finds connectors by name: files of the shelf `connectors`, and entry points of other packages.

Listing names imports no connector. A foreign package registers a connector with an entry point in the group
`dovetail.connectors`, named as in `connector: NAME`, that points to the module or to the class `Connector` in it.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dovetail.errors import DeclarationError, MissingDriver, UnknownName
from dovetail.systems import connectors
from dovetail.systems.protocol import Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ALIASES: Mapping[str, str] = {"mysql": "mariadb"}
"""Other names of our own connectors."""

GROUP = "dovetail.connectors"
"""The entry point group of foreign connectors."""


def names() -> tuple[str, ...]:
    """The names of all connectors, in alphabetical order; no driver is imported."""
    return tuple(sorted({*_own(), *_foreign()}))


def load(name: str) -> type[Source]:
    """The class `Connector` of that name; its fields are its settings.

    Raises `UnknownName` with the nearest names, and `MissingDriver` where the driver is not installed.
    """
    own = ALIASES.get(name, name)
    try:
        if own in _own():
            found = importlib.import_module(f"{connectors.__name__}.{own}")
        elif (foreign := _foreign().get(name)) is not None:
            found = foreign.load()
        else:
            raise _unknown(name)
    except ImportError as error:
        missing = error.name or "its driver"
        raise MissingDriver(
            f"the connector {name!r} needs {missing}, which is not installed",
            where=name,
            hint=f"pip install 'dovetail[{own}]'",
        ) from error
    connector = getattr(found, "Connector", found)
    if not isinstance(connector, type):
        raise DeclarationError(f"{found!r} holds no class named Connector", where=name, code="DV-312")
    return connector


def settings_class(name: str) -> type[Source]:
    """The class whose fields are the settings of a connector: the connector itself."""
    return load(name)


def open(name: str, settings: Mapping[str, object]) -> Source:  # noqa: A001 - read as `registry.open`
    """A connector with its settings; unknown and missing settings are refused. No connection is made yet."""
    connector = load(name)
    known = [field for field in getattr(connector, "__dataclass_fields__", {}) if not field.startswith("_")]
    for setting in settings:
        if setting not in known:
            raise UnknownName(f"the connector {name!r} has no setting {setting!r}", hint=_nearest(setting, known))
    try:
        return connector(**settings)
    except TypeError as error:
        raise DeclarationError(
            f"the connector {name!r} cannot be opened: {error}", where=name, code="DV-311"
        ) from error


def _own() -> tuple[str, ...]:
    return tuple(module.name for module in pkgutil.iter_modules(connectors.__path__) if module.name[0] != "_")


def _foreign() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _unknown(name: str) -> UnknownName:
    return UnknownName(f"no connector is named {name!r}", hint=_nearest(name, names()))


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known names: {', '.join(known)}"
