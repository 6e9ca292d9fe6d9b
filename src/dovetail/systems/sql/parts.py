"""Names of the parts in which a table is read: ranges of whole numbers that together hold every row once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dovetail.errors import SchemaDrift

ALL = ":"
"""The part that is the whole."""

_NAME = re.compile(r"(-?\d*):(-?\d*)")


def named_parts(found: tuple[int, int] | None, parts: int) -> Sequence[str]:
    """Names `first:end`, an open end meaning everything beyond; together they hold every row once.

    >>> named_parts((1, 100), 3), named_parts(None, 3)
    ([':35', '35:69', '69:'], [':'])
    """
    if found is None or parts < 2:
        return [ALL]
    low, high = found
    width = max(1, -(-(high - low + 1) // parts))
    starts = list(range(low, high + 1, width))
    return [
        f"{start if at else ''}:{starts[at + 1] if at + 1 < len(starts) else ''}" for at, start in enumerate(starts)
    ]


def ends(partition: str, *, where: str) -> tuple[int | None, int | None]:
    """Where a part begins and before what it ends; `None` for an open end.

    >>> ends("35:69", where="t"), ends(":-2", where="t"), ends(ALL, where="t")
    ((35, 69), (None, -2), (None, None))
    """
    named = _NAME.fullmatch(partition)
    if named is None:
        raise SchemaDrift(f"no part is named {partition!r}", where=where)
    first, end = (int(text) if text else None for text in named.groups())
    return first, end
