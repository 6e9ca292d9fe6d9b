"""Numbers and names as people read them on a page."""

from __future__ import annotations

import hashlib


def short(number: int) -> str:
    """A number in few signs.

    >>> short(999), short(12_345), short(1_960_000)
    ('999', '12.3k', '1.96m')
    """
    if number < 1000:
        return str(number)
    for unit, size in (("k", 1e3), ("m", 1e6), ("bn", 1e9)):
        shown = f"{number / size:.3g}"
        if float(shown) < 1000:
            return shown + unit
    return f"{number / 1e12:.3g}tn"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2000, "row"), counted(0, "cross-reference")
    ('1 row', '2,000 rows', '0 cross-references')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """A share in per cent that says 0 or 100 only when it is.

    >>> share(1, 3), share(1, 1000), share(999, 1000), share(0, 0)
    ('33 %', '< 1 %', '> 99 %', '–')
    """
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "< 1 %"
    if 99 < percent < 100:
        return "> 99 %"
    return f"{percent:.0f} %"


def anchor(*names: str) -> str:
    """The place of a thing within the page, from its names, whatever signs they hold."""
    return "d" + hashlib.sha256("\x00".join(names).encode()).hexdigest()[:12]
