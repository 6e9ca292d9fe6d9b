"""The shelf of functions: one file a group, registered by being there."""

from __future__ import annotations

import importlib
import pkgutil

from dovetail.expression.function import shelf

__all__ = ["shelf"]

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")
