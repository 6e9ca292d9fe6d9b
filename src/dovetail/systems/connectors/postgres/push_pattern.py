"""Regular expressions that mean the same in RE2 and in PostgreSQL: plain signs, lists of ASCII signs, groups and counts.

A question whether a text matches has one answer for such expressions, whatever way an engine takes.
"""

from __future__ import annotations

import re

COUNT_MAX = 255
"""Repetitions that PostgreSQL counts at most."""

_GROUPS_MAX = 20

_CLASS = re.compile(r"\[\^?(?:[A-Za-z0-9 _.,;:@#%&+*/!=<>\"'()-])+\]")
_RANGE = re.compile(r"[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]")
_COUNT = re.compile(r"[?*+]|\{(\d{1,3})(,(\d{1,3})?)?\}")
_PLAIN = re.compile(r"[^\\\[\](){}.*+?^$|\x00-\x1f]")
_ESCAPED = re.compile(r"\\[.*+?^$|()\[\]{}/\\-]")
_SHORT = {r"\d": "[0-9]", r"\w": "[A-Za-z0-9_]"}


def pattern(given: str) -> str | None:
    r"""The same pattern for PostgreSQL, or `None` where that is not certain.

    >>> pattern(r"^(?:\d{5}|[A-Z]{2}-.+)$"), pattern(r"(?i)a"), pattern(r"\bword")
    ('^(?:[0-9]{5}|[A-Z]{2}-[^\n]+)$', None, None)
    """
    parts: list[str] = []
    position = depth = groups = 0
    may_repeat = False
    while position < len(given):
        token, shown, kind = _token(given, position)
        if token is None:
            return None
        if kind == "count" and not may_repeat:
            return None
        depth += (kind == "open") - (kind == "close")
        groups += kind == "open"
        if depth < 0 or groups > _GROUPS_MAX:
            return None
        may_repeat = kind in ("one", "close")
        parts.append(shown)
        position += len(token)
    return "".join(parts) if not depth and parts else None


def _token(given: str, at: int) -> tuple[str | None, str, str]:
    """The sign or group of signs at a place, how PostgreSQL writes it, and what it is."""
    sign = given[at]
    if given.startswith("(?:", at):
        return "(?:", "(?:", "open"
    if sign in "()":
        return (None, "", "") if given.startswith("(?", at) else (sign, "(?:" if sign == "(" else ")", _PAREN[sign])
    if sign in "^$|":
        return sign, sign, "between"
    if sign == ".":
        return sign, "[^\n]", "one"
    found = _COUNT.match(given, at)
    if found is not None:
        counts = [int(part) for part in (found[1], found[3]) if part]
        is_fine = all(count <= COUNT_MAX for count in counts) and counts == sorted(counts)
        return (found[0], found[0], "count") if is_fine else (None, "", "")
    return _sign(given, at)


_PAREN = {"(": "open", ")": "close"}


def _sign(given: str, at: int) -> tuple[str | None, str, str]:
    short = given[at : at + 2]
    if short in _SHORT:
        return short, _SHORT[short], "one"
    escaped = _ESCAPED.match(given, at)
    if escaped is not None:
        return escaped[0], escaped[0], "one"
    listed = _CLASS.match(given, at)
    if listed is not None:
        return (listed[0], listed[0], "one") if _is_plain_list(listed[0][1:-1]) else (None, "", "")
    plain = _PLAIN.match(given, at)
    return (plain[0], plain[0], "one") if plain is not None else (None, "", "")


def _is_plain_list(inside: str) -> bool:
    """Whether a list holds ranges of one kind of signs and single signs only; a hyphen stands at its end."""
    signs = inside.removeprefix("^")
    if any(found[0][0] > found[0][2] for found in _RANGE.finditer(signs)):
        return False
    rest = _RANGE.sub("", signs)
    return "-" not in rest.removesuffix("-") and "[:" not in rest and bool(signs)
