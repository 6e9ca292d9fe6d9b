"""Unicode where PostgreSQL's answer is certain: ASCII everywhere, Latin letters by a list of their own.

What a server makes of other letters depends on its version, its library and the collation; texts that hold them are in
doubt.
"""

from __future__ import annotations

import functools

from sqlglot import exp

from dovetail.systems.connectors.postgres.push_casts import matches
from dovetail.systems.connectors.postgres.push_pattern import LATIN_END
from dovetail.systems.connectors.postgres.push_piece import SQL, Piece, binary, call, choice, text

COMPOSED_END = 0x2FF
"""Up to this character every text is its own composed form (NFC)."""

BLANKS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
BLANKS += "\u200a\u2028\u2029\u202f\u205f\u3000"
"""Every character that counts as white space, in the order of their numbers."""


def is_ascii(value: SQL) -> SQL:
    """Whether a text has as many bytes as characters; the database's encoding is UTF-8."""
    return binary(exp.EQ, call("octet_length", value), call("char_length", value.copy()))


@functools.cache
def _changed(to: str) -> tuple[str, str, str]:
    """The Latin letters that one letter replaces, their replacements, and those that more than one would replace."""
    given = [chr(number) for number in range(0x80, LATIN_END + 1)]
    pairs = [(sign, getattr(sign, to)()) for sign in given]
    single = [(sign, other) for sign, other in pairs if sign != other and len(other) == 1]
    return (
        "".join(sign for sign, _ in single),
        "".join(other for _, other in single),
        "".join(sign for sign, other in pairs if len(other) > 1),
    )


def beyond(value: SQL, last: int, *, many: str = "") -> SQL:
    """Whether a text holds a sign beyond the last that is known, or one of `many`."""
    other = binary(exp.NEQ, call("octet_length", value), call("char_length", value.copy()))
    strange = f"[^\u0001-{chr(last)}]" + (f"|[{many}]" if many else "")
    return binary(exp.And, other, matches(value.copy(), strange))


def changed_case(piece: Piece, to: str) -> Piece:
    """The text in `lower` or `upper` case."""
    before, after, many = _changed(to)
    plain = call(to, piece.copy())
    value = choice([(is_ascii(piece.copy()), plain)], call("translate", plain.copy(), text(before), text(after)))
    doubt = beyond(piece.copy(), LATIN_END, many=many)
    return Piece(value, piece.type, (*piece.doubts, doubt), piece.most)


def composed(piece: Piece) -> Piece:
    """The text composed (NFC): itself, up to a certain character."""
    return Piece(piece.copy(), piece.type, (*piece.doubts, beyond(piece.copy(), COMPOSED_END)), piece.most)


def compatible(piece: Piece) -> Piece:
    """The text in its compatible form (NFKC): itself, where it is ASCII."""
    other = binary(exp.NEQ, call("octet_length", piece.copy()), call("char_length", piece.copy()))
    return Piece(piece.copy(), piece.type, (*piece.doubts, other), piece.most)


def squeezed(piece: Piece) -> Piece:
    """The text with every run of white space made one blank, and none at its ends."""
    inner = call("btrim", piece.copy(), text(BLANKS))
    value = call("regexp_replace", inner, text(f"[{BLANKS}]+"), text(" "), text("g"))
    return Piece(value, piece.type, piece.doubts, piece.most)
