"""Dates and times as a file spells them, such as DD.MM.YYYY, and in their usual spelling."""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import DeclarationError
from dovetail.model.type import Kind, Type
from dovetail.systems.files.declared import declared_type

FORM = re.compile("(YYYY|MM|DD|HH|MI|SS)")
"""What stands for digits in a form."""

_TOKENS = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2, "MI": 2, "SS": 2}
_DAY, _CLOCK = "{YYYY}-{MM}-{DD}", "{HH}:{MI}:{SS}"
_USUAL = {Kind.DATE: _DAY, Kind.TIME: _CLOCK, Kind.TIMESTAMP: f"{_DAY} {_CLOCK}"}


def has_form(kind: Kind) -> bool:
    """Whether values of that kind can be spelled by a form."""
    return kind in _USUAL


def declared_form(words: str, where: str) -> tuple[Type, str]:
    """The type that a person wrote, and the form of its values where one follows.

    >>> kind, form = declared_form("date DD.MM.YYYY", "")
    >>> str(kind), form
    ('date', 'DD.MM.YYYY')
    """
    named, _, form = words.strip().partition(" ")
    if not FORM.search(form):
        return declared_type(words, where), ""
    kind = declared_type(named, where)
    tokens = FORM.findall(form)
    known = FORM.findall(_USUAL.get(kind.kind, ""))
    if len(set(tokens)) < len(tokens) or not set(known) >= set(tokens):
        hint = "such as date DD.MM.YYYY, or timestamp DD.MM.YYYY HH:MI:SS; each part once"
        raise DeclarationError(f"{words!r} is no form of a date or time", where=where, hint=hint, code="DV-334")
    return kind, form


def usual(text: str, form: str, kind: Kind) -> str:
    """The usual spelling of a text in that form; the text itself where it is in another one.

    >>> usual("31.12.2025", "DD.MM.YYYY", Kind.DATE)
    '2025-12-31'
    """
    found = re.fullmatch(_pattern(form), text)
    parts = dict.fromkeys(_TOKENS, "00") | (found.groupdict() if found is not None else {})
    return text if found is None else _USUAL[kind].format(**parts)


def formed(text: str, form: str, kind: Kind) -> str | None:
    """A value's usual spelling in that form; `None` where the form has no place for all of it.

    >>> formed("2025-12-31 10:00:00", "DD.MM.YYYY", Kind.TIMESTAMP) is None
    True
    """
    found = re.fullmatch(_pattern(_USUAL[kind].replace("{", "").replace("}", "")), text)
    if found is None or any(value.strip("0") for token, value in found.groupdict().items() if token not in form):
        return None
    return FORM.sub(lambda token: found[token[0]] if token[0] in found.groupdict() else "00", form)


def all_usual(texts: pa.Array, form: str, kind: Kind) -> pa.Array:
    """As `usual`, for a column."""
    order = FORM.findall(form)
    shape = FORM.sub(lambda token: rf"\{order.index(token[0]) + 1}" if token[0] in order else "00", _bare(kind))
    return pc.replace_substring_regex(texts, f"^{_groups(form)}$", shape)


def all_formed(texts: pa.Array, form: str, kind: Kind) -> pa.Array:
    """As `formed`, for a column; null where the form has no place for all of a value."""
    order = FORM.findall(_bare(kind))
    left_out = {token: "0" * _TOKENS[token] for token in order if token not in form}
    pattern = FORM.sub(lambda token: left_out.get(token[0], f"({'[0-9]' * _TOKENS[token[0]]})"), re.escape(_bare(kind)))
    kept = [token for token in order if token not in left_out]
    fits = pc.match_substring_regex(texts, f"^{pattern}$")
    shape = FORM.sub(lambda token: rf"\{kept.index(token[0]) + 1}", form.replace("\\", "\\\\"))
    return pc.if_else(fits, pc.replace_substring_regex(texts, f"^{pattern}$", shape), pa.scalar(None, pa.string()))


def _bare(kind: Kind) -> str:
    """The usual spelling of a kind, as a form."""
    return _USUAL[kind].replace("{", "").replace("}", "")


@cache
def _pattern(form: str) -> str:
    return FORM.sub(lambda token: f"(?P<{token[0]}>[0-9]{{{_TOKENS[token[0]]}}})", re.escape(form))


def _groups(form: str) -> str:
    return FORM.sub(lambda token: f"([0-9]{{{_TOKENS[token[0]]}}})", re.escape(form))
