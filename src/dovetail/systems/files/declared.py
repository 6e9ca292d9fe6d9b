"""What a person declares about the datasets of a system of files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dovetail.errors import DeclarationError, UnknownName
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

_TYPE = re.compile(r"([a-z]+) *(?:\( *(\d{1,9}) *(?:, *(\d{1,2}) *)?\))?", re.ASCII)
_NAMED = "boolean integer decimal(12, 2) float text text(80) bytes date time timestamp instant uuid json"


@dataclass(frozen=True, slots=True)
class Declared:
    """What stands under one dataset: the fields of its key, and the types of fields that are not to be detected.

    `parts` is a pattern such as `orders-*.csv` or `orders/*.csv`: all files of that name together are the dataset;
    `file_field` then names a field that holds the name of the file. `write` is `replace` (any change; the file is
    replaced as a whole) or `append` (only new rows, for parts as new files)."""

    key: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    parts: str = ""
    file_field: str | None = None
    write: str = "replace"

    def __post_init__(self) -> None:
        if self.write not in ("replace", "append"):
            raise DeclarationError("`write` is replace or append", where="datasets", code="DV-315")
        if self.parts.count("/") > 1 or self.parts.startswith("/") or ".." in self.parts:
            words = "`parts` names files of this folder, or of one folder in it, such as orders/*.csv"
            raise DeclarationError(words, where="datasets", code="DV-315")


NOTHING = Declared()
"""A dataset that nobody declared anything about."""


def declared_type(words: str, where: str) -> Type:
    """The type that a person wrote.

    >>> str(declared_type("decimal(12, 2)", ""))
    'decimal(12, 2)'
    """
    found = _TYPE.fullmatch(words.strip().lower())
    kinds = {kind.value: kind for kind in Kind if kind is not Kind.OPAQUE}
    if found is None or found[1] not in kinds:
        near = difflib.get_close_matches(words, kinds, n=1)
        hint = f"did you mean {near[0]}?" if near else f"types are: {_NAMED}"
        raise DeclarationError(f"no type is called {words!r}", where=where, hint=hint, code="DV-334")
    kind, first, second = kinds[found[1]], found[2], found[3]
    if first is None:
        return Type(kind, native=str(kind))
    if kind is Kind.DECIMAL and 1 <= int(first) <= DECIMAL_PRECISION_MAX and int(second or 0) <= int(first):
        return Type(kind, precision=int(first), scale=int(second or 0), native=words.strip())
    if kind in (Kind.TEXT, Kind.BYTES) and second is None and int(first):
        return Type(kind, length=int(first), native=words.strip())
    raise DeclarationError(f"{words!r} is no type", where=where, hint=f"types are: {_NAMED}", code="DV-334")


def check_names(given: Sequence[str], known: Sequence[str], where: str) -> None:
    """Raise `UnknownName` where a declared field is not in the file."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"fields: {', '.join(known[:20])}"
            raise UnknownName(f"the file has no field {name!r}", where=where, hint=hint)
