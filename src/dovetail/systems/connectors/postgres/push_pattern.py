r"""Regular expressions that mean the same in RE2 and in PostgreSQL: plain signs, lists of signs, groups and counts.

A question whether a text matches has one answer for such expressions, whatever way an engine takes. Lists of signs are
written anew, each bound by its number. `\pZ` and `\pC` are known for Latin letters only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COUNT_MAX = 255
"""Repetitions that PostgreSQL counts at most."""

GROUPS_MAX = 20
"""Groups of one expression at most."""

LATIN_END = 0x17F
"""Up to this character every sign's category is known and fixed."""

_LAST = 0x10FFFF
_COUNT = re.compile(r"[?*+]|\{(\d{1,3})(,(\d{1,3})?)?\}")
_PLAIN = re.compile(r"[^\\\[\](){}.*+?^$|\x00-\x1f]")
_SIGN = re.compile(r"\\x([0-9A-Fa-f]{2})|\\x\{([0-9A-Fa-f]{1,6})\}|\\([!-/:-@\[-`{-~])|([^\\\[\]\x00-\x1f])")
_KNOWN: dict[str, tuple[tuple[int, int], ...]] = {
    r"\d": ((0x30, 0x39),),
    r"\w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    r"\s": ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20)),
    r"\pZ": ((0x20, 0x20), (0xA0, 0xA0)),
    r"\pC": ((0x01, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD)),
}
_LATIN_ONLY = (r"\pZ", r"\pC")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern for PostgreSQL. With `is_latin` it is the same for texts without a sign beyond `LATIN_END` only.

    No text of fewer than `least` characters matches."""

    text: str
    is_latin: bool
    least: int


@dataclass(frozen=True, slots=True)
class _Token:
    size: int
    shown: str
    kind: str
    is_latin: bool = False
    least: int = 1


def pattern(given: str) -> Pattern | None:
    r"""The same pattern for PostgreSQL, or `None` where that is not certain.

    >>> pattern(r"^(?:\d{5}|[A-Z]-.+)$")
    Pattern(text='^(?:[\\u0030-\\u0039]{5}|[\\u0041-\\u005a]-[^\\u000a]+)$', is_latin=False, least=3)
    >>> pattern(r"(?i)a"), pattern(r"\bword"), pattern(r"[\pZ\pC]").is_latin
    (None, None, True)
    """
    tokens: list[_Token] = []
    position = depth = groups = 0
    may_repeat = False
    while position < len(given):
        token = next((found for rule in _RULES if (found := rule(given, position)) is not None), None)
        if token is None or (token.kind == "count" and not may_repeat):
            return None
        depth += (token.kind == "open") - (token.kind == "close")
        groups += token.kind == "open"
        if depth < 0 or groups > GROUPS_MAX:
            return None
        may_repeat = token.kind in ("one", "close")
        tokens.append(token)
        position += token.size
    if depth or not tokens:
        return None
    text = "".join(token.shown for token in tokens)
    return Pattern(text, any(token.is_latin for token in tokens), _least(tokens))


def _least(tokens: Sequence[_Token]) -> int:
    """The characters that a matching text has at least."""
    outer: list[tuple[int | None, int]] = []
    shortest: int | None = None
    length = last = 0
    for token in tokens:
        match token.kind:
            case "one":
                length, last = length + 1, 1
            case "count":
                length += last * (token.least - 1)
            case "open":
                outer.append((shortest, length))
                shortest, length = None, 0
            case "close":
                last = length if shortest is None else min(shortest, length)
                shortest, length = outer.pop()
                length += last
            case "between" if token.shown == "|":
                shortest, length = (length if shortest is None else min(shortest, length)), 0
    return length if shortest is None else min(shortest, length)


def _group(given: str, at: int) -> _Token | None:
    if given.startswith("(?:", at):
        return _Token(3, "(?:", "open")
    if given[at] == "(" and not given.startswith("(?", at):
        return _Token(1, "(?:", "open")
    return _Token(1, ")", "close") if given[at] == ")" else None


def _between(given: str, at: int) -> _Token | None:
    return _Token(1, given[at], "between") if given[at] in "^$|" else None


def _any(given: str, at: int) -> _Token | None:
    return _Token(1, f"[^{_written(0x0A)}]", "one") if given[at] == "." else None


def _count(given: str, at: int) -> _Token | None:
    found = _COUNT.match(given, at)
    if found is None:
        return None
    counts = [int(part) for part in (found[1], found[3]) if part]
    is_fine = all(count <= COUNT_MAX for count in counts) and counts == sorted(counts)
    least = counts[0] if counts else int(found[0] == "+")
    return _Token(len(found[0]), found[0], "count", least=least) if is_fine else None


def _short(given: str, at: int) -> _Token | None:
    name = next((name for name in _KNOWN if given.startswith(name, at)), None)
    if name is None:
        return None
    return _Token(len(name), _list(_KNOWN[name]), "one", name in _LATIN_ONLY)


def _plain(given: str, at: int) -> _Token | None:
    if given[at] == "\\":
        found = _SIGN.match(given, at)
        if found is None or not 0 < _number(found) <= _LAST:
            return None
        return _Token(len(found[0]), _list([(_number(found), _number(found))]), "one")
    found = _PLAIN.match(given, at)
    return None if found is None else _Token(1, found[0], "one")


def _listed(given: str, at: int) -> _Token | None:
    """A list of signs in brackets."""
    if given[at] != "[":
        return None
    is_not = given.startswith("[^", at)
    position = at + 1 + is_not
    ranges: list[tuple[int, int]] = []
    is_latin = False
    while not given.startswith("]", position):
        name = next((name for name in _KNOWN if given.startswith(name, position)), None)
        if name is not None:
            ranges += _KNOWN[name]
            is_latin |= name in _LATIN_ONLY
            position += len(name)
            continue
        found = _SIGN.match(given, position)
        if found is None or (found[0] == "-" and not given.startswith("]", position + 1)):
            return None
        low = high = _number(found)
        position += len(found[0])
        if given.startswith("-", position) and not given.startswith("-]", position):
            found = _SIGN.match(given, position + 1)
            if found is None:
                return None
            high = _number(found)
            position += 1 + len(found[0])
        if low > high or high > _LAST:
            return None
        ranges.append((max(low, 1), high))
    ranges = [(low, high) for low, high in ranges if high]
    if not ranges:
        return None
    return _Token(position + 1 - at, _list(ranges, "^" if is_not else ""), "one", is_latin)


_RULES: tuple[Callable[[str, int], _Token | None], ...] = (_group, _between, _any, _count, _short, _listed, _plain)


def _number(found: re.Match[str]) -> int:
    """The number of the sign that was found."""
    digits = found[1] or found[2]
    return int(digits, 16) if digits else ord(found[3] or found[4])


def _list(ranges: Sequence[tuple[int, int]], sign: str = "") -> str:
    shown = [_written(low) if low == high else f"{_written(low)}-{_written(high)}" for low, high in ranges]
    return f"[{sign}{''.join(shown)}]"


def _written(number: int) -> str:
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
