"""The name under which an installation's feeds stand in the joined systems."""

from __future__ import annotations

import re
from hashlib import blake2b

_NAME_MAX = 18
_DIGEST_BYTES = 5


def feed_name(project: str, environment: str | None, installation: str) -> str:
    """A name of its own for each state of each project and environment, in letters that every system takes.

    >>> feed_name("Shop & Warehouse", None, "7d1f")
    'dovetail_shop_warehouse_4a75cabc8e'
    """
    told = "\0".join((project, environment or "", installation))
    digest = blake2b(told.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    spoken = re.sub("[^a-z0-9]+", "_", project.lower())[:_NAME_MAX].strip("_")
    return "_".join(part for part in ("dovetail", spoken, digest) if part)
