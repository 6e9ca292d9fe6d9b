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

from dovetail.errors import DeclarationError, DovetailError, MissingDriver, UnknownName
from dovetail.systems import connectors
from dovetail.systems.guard import guarded
from dovetail.systems.protocol import Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ALIASES: Mapping[str, str] = {"mysql": "mariadb"}
"""Other names of our own connectors."""

_REPORT = "tell the people who wrote it; CONTRIBUTING.md says what a connector must have"

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
    foreign = None if own in _own() else _foreign().get(name)
    if own not in _own() and foreign is None:
        raise _unknown(name)
    try:
        found = foreign.load() if foreign is not None else importlib.import_module(f"{connectors.__name__}.{own}")
    except DovetailError:
        raise
    except ModuleNotFoundError as error:
        raise _missing(name, own, error, foreign) from error
    except Exception as error:
        words = f"the connector {name!r} of {_package(foreign)} cannot be loaded: {type(error).__name__}: {error}"
        raise DeclarationError(words, where=name, hint=_REPORT, code="DV-312") from error
    connector = getattr(found, "Connector", found)
    if not isinstance(connector, type):
        raise DeclarationError(f"{found!r} holds no class named Connector", where=name, hint=_REPORT, code="DV-312")
    lacking = [verb for verb in ("describe", "read", "close") if not callable(getattr(connector, verb, None))]
    if lacking:
        words = f"the connector {name!r} of {_package(foreign)} has no {lacking[0]}"
        raise DeclarationError(words, where=name, hint=_REPORT, code="DV-312")
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
        opened = connector(**settings)
    except TypeError as error:
        raise DeclarationError(
            f"the connector {name!r} cannot be opened: {error}", where=name, code="DV-311"
        ) from error
    return opened if ALIASES.get(name, name) in _own() else guarded(opened, name)


def _own() -> tuple[str, ...]:
    return tuple(module.name for module in pkgutil.iter_modules(connectors.__path__) if module.name[0] != "_")


def _foreign() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _missing(name: str, own: str, error: ModuleNotFoundError, foreign: EntryPoint | None) -> MissingDriver:
    """What is to be installed: our extra, or what a foreign connector wants."""
    module = error.name or "its driver"
    if foreign is None:
        hint = f"pip install 'dovetail[{own}]'"
    else:
        hint = f"pip install {module}; {_package(foreign)} should have said that it needs it"
    return MissingDriver(f"the connector {name!r} needs {module}, which is not installed", where=name, hint=hint)


def _package(foreign: EntryPoint | None) -> str:
    """The package that brings a connector."""
    if foreign is None:
        return "dovetail"
    return foreign.dist.name if foreign.dist is not None else foreign.value


def _unknown(name: str) -> UnknownName:
    return UnknownName(f"no connector is named {name!r}", hint=_nearest(name, names()))


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known names: {', '.join(known)}"
