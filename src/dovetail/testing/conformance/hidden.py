"""A system with some of its capabilities hidden: slower it may be, but never different."""

from __future__ import annotations

from typing import Any

from dovetail.systems import protocol
from dovetail.systems.protocol import Target

CAPABILITIES: tuple[type, ...] = tuple(getattr(protocol, name) for name in dir(protocol) if name.startswith("Supports"))
"""Every optional protocol."""


def verbs(capability: type) -> tuple[str, ...]:
    """The verbs of a protocol.

    >>> verbs(protocol.SupportsLookup)
    ('lookup',)
    """
    return tuple(name for name, part in vars(capability).items() if callable(part) and not name.startswith("_"))


def hide(system: Target, *hidden: type) -> Target:
    """The same system, which does not have those capabilities."""
    kept = [*verbs(protocol.Target), *verbs(protocol.Source)]
    for capability in CAPABILITIES:
        if capability not in hidden and isinstance(system, capability):
            kept += verbs(capability)
    delegates: dict[str, Any] = {name: _delegate(system, name) for name in kept}
    found: Target = type("Hidden", (), delegates)()
    return found


def _delegate(system: Target, name: str) -> Any:
    def verb(_: object, *arguments: Any, **named: Any) -> Any:
        return getattr(system, name)(*arguments, **named)

    return verb
