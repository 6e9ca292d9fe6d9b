"""Between the characters of a field and its value: exactly, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from dovetail.model.type import Type
from dovetail.systems.connectors.fixed.layout import Span, is_number
from dovetail.systems.files.carry import Carried, Spelling, carry
from dovetail.systems.files.form import formed, usual
from dovetail.systems.files.plain import plain
from dovetail.systems.files.render import render

_DIGITS = re.compile(r"[0-9]+")


def read(cuts: Sequence[str], span: Span, kind: Type) -> Carried:
    """The values of a field in the carrier of its type; `cuts` are its characters, record by record."""
    odd = {at for at, cut in enumerate(cuts) if not _is_text(cut)}
    texts = [None if at in odd else _text(cut, span, kind) for at, cut in enumerate(cuts)]
    found = carry(pa.array(texts, pa.string()), Spelling(kind, is_strict=False))
    if not odd:
        return found
    words = "not text in the file's encoding" + (f", or {found.words}" if found.words else "")
    return Carried(found.column, tuple(sorted({*odd, *found.failed})), words)


def written(given: pa.Array, span: Span, kind: Type) -> list[str | None]:
    """The characters of each value; `None` where they do not fit (nothing is ever cut)."""
    texts = render(given, Spelling(kind))
    nulls = given.is_null().to_pylist()
    return [
        (span.nulls[0] if span.nulls else "").ljust(span.size) if is_null else _placed(text, span, kind)
        for text, is_null in zip(texts, nulls, strict=True)
    ]


def unfit(given: pa.Array, span: Span, kind: Type, encoding: str) -> list[int]:
    """The rows whose characters would not fit, or not be read back as the same value."""
    cuts = written(given, span, kind)
    held = read(["" if cut is None else cut for cut in cuts], span, kind).column
    found = []
    for at, (sent, again) in enumerate(zip(plain(given), plain(held), strict=True)):
        cut = cuts[at]
        if cut is None or sent != again or type(sent) is not type(again) or not _has(cut, encoding):
            found.append(at)
    return found


def _text(cut: str, span: Span, kind: Type) -> str | None:
    """The usual spelling of the value; `None` where the field is null."""
    if not cut.strip(" ") or cut in span.nulls or cut.strip(" ") in span.nulls:
        return None
    at_right = span.align == "right" or (span.align is None and is_number(kind.kind))
    if is_number(kind.kind):
        return _number(cut, span, at_right=at_right)
    bare = cut.lstrip(span.pad) if at_right else cut.rstrip(span.pad)
    return usual(bare, span.form, kind.kind) if span.form is not None else bare


def _number(cut: str, span: Span, *, at_right: bool) -> str:
    bare = cut.lstrip(" ") if at_right else cut.rstrip(" ")
    sign, digits = "", bare
    if span.sign == "trailing" and bare[-1:] in ("-", "+"):
        sign, digits = bare[-1], bare[:-1]
    elif span.sign == "leading" and span.pad != " " and bare.lstrip(span.pad)[:1] in ("-", "+"):
        digits = bare.lstrip(span.pad)
        sign, digits = digits[0], digits[1:]
    elif span.sign == "leading" and bare[:1] in ("-", "+"):
        sign, digits = bare[0], bare[1:]
    if span.pad != " ":
        digits = digits.lstrip(span.pad) if at_right else digits.rstrip(span.pad)
        digits = digits if digits and digits[0] != "." else f"0{digits}"
    if span.decimals:
        if not _DIGITS.fullmatch(digits):
            return bare
        digits = digits.rjust(span.decimals + 1, "0")
        digits = f"{digits[: -span.decimals]}.{digits[-span.decimals :]}"
    return f"-{digits}" if sign == "-" else digits


def _placed(text: str | None, span: Span, kind: Type) -> str | None:
    if text is None:
        return None
    at_right = span.align == "right" or (span.align is None and is_number(kind.kind))
    if not is_number(kind.kind):
        bare = formed(text, span.form, kind.kind) if span.form is not None else text
        if bare is None or len(bare) > span.size or any(one in bare for one in "\r\n\x85"):
            return None
        return bare.rjust(span.size, span.pad) if at_right else bare.ljust(span.size, span.pad)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    if span.decimals is not None:
        whole, _, part = digits.partition(".")
        if len(part) > span.decimals or not _DIGITS.fullmatch(whole):
            return None
        digits = (whole + part.ljust(span.decimals, "0")).lstrip("0") or "0"
    room = span.size - len(sign)
    if len(digits) > room or (not at_right and span.pad == "0"):
        return None
    if span.pad == " ":
        number = f"{digits}{sign}" if span.sign == "trailing" else f"{sign}{digits}"
        return number.rjust(span.size) if at_right else number.ljust(span.size)
    digits = digits.rjust(room, span.pad) if at_right else digits.ljust(room, span.pad)
    return f"{digits}{sign}" if span.sign == "trailing" else f"{sign}{digits}"


def _is_text(cut: str) -> bool:
    try:
        cut.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has(cut: str, encoding: str) -> bool:
    try:
        cut.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
