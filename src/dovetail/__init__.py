"""Join business systems and keep them joined: one declaration, from analysis to two-way synchronisation.

>>> import dovetail
>>> dovetail.open("shop-and-warehouse").migrate().ok  # doctest: +SKIP
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dovetail.engine.workspace import Workspace
    from dovetail.errors import DovetailError
    from dovetail.model.finding import Finding
    from dovetail.model.run import Summary
    from dovetail.opened import Opened, open  # noqa: A004 - read as dovetail.open

__all__ = ["DovetailError", "Finding", "Opened", "Summary", "Workspace", "open"]

_HOMES = {
    "DovetailError": "dovetail.errors",
    "Finding": "dovetail.model.finding",
    "Opened": "dovetail.opened",
    "Summary": "dovetail.model.run",
    "Workspace": "dovetail.engine.workspace",
    "open": "dovetail.opened",
}


def __getattr__(name: str) -> object:
    """Public names are imported when they are first asked for, so that `import dovetail` stays light."""
    if name not in _HOMES:
        message = f"module 'dovetail' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)
