"""Sets of words in one text: taken apart, put together, and merged word by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xxhash import xxh3_64_intdigest

Marks = frozenset[int]


@dataclass(frozen=True, slots=True)
class Edited:
    """What one member holds today, and the marks of the words that it last agreed on (`None`: it never did)."""

    words: Sequence[str]
    base: Marks | None


def words_of(text: str | None, separator: str) -> list[str]:
    """The words, each once, without the blanks around them.

    >>> words_of("red, blue,,red", ", ")
    ['red', 'blue']
    """
    parts = (part.strip() for part in (text or "").split(separator.strip() or separator))
    return list(dict.fromkeys(part for part in parts if part))


def marks_of_words(words: Iterable[str], seed: int) -> Marks:
    """A number for each word, other ones under another seed."""
    return frozenset(xxh3_64_intdigest(word.encode(), seed) for word in words)


def merged(standing: Edited, others: Sequence[Edited], seed: int) -> list[str]:
    """What all of them together make: the words that stand at the member which holds the last agreement, without those
    that others took away since theirs, and with those that others added. Without a base nothing was taken away.

    >>> base = marks_of_words(["a", "b"], 7)
    >>> merged(Edited(["a", "b", "c"], base), [Edited(["b", "d"], base)], 7)
    ['b', 'c', 'd']
    """
    found = dict.fromkeys(standing.words)
    for other in others:
        if other.base is not None:
            removed = other.base - marks_of_words(other.words, seed)
            found = {word: None for word in found if not marks_of_words([word], seed) <= removed}
    for other in others:
        known = other.base or frozenset()
        found |= {word: None for word in other.words if not marks_of_words([word], seed) <= known}
    return list(found)
