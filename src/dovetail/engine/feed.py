"""The name under which a project's systems note its changes."""

from __future__ import annotations

import hashlib
import re

_WORDS_MAX = 20


def feed_name(project: str, environment: str | None, installation: str) -> str:
    """Lower case letters, digits and `_`, at most 40 of them; the same for the same project, environment and state.

    >>> feed_name("Shop & Warehouse", None, "1f")
    'dovetail_shop_warehouse_0cedbb33'
    """
    words = re.sub("[^a-z0-9]+", "_", project.lower()).strip("_")[:_WORDS_MAX]
    mark = hashlib.sha256(f"{project}\x00{environment or ''}\x00{installation}".encode()).hexdigest()[:8]
    return f"dovetail_{words}_{mark}"
