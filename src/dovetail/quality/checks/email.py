"""The text is an e-mail address.

Written `check: email`. One `@`. Before it at most 64 characters: letters, digits, the signs ``!#$%&'*+-/=?^_`{|}~``
and whatever is not ASCII, with single points between them. After it a domain of at least two labels, each of at most
63 letters, digits, hyphens inside and whatever is not ASCII; the last one holds a letter. At most 254 characters in
all, no blanks, control characters, quotes, comments or addresses by number. Nothing is looked up.

`check: {email: strict}` asks the library email-validator on top: labels that international domain names do not allow,
and names that are reserved (`localhost`, `.test`, `.invalid`) fail too.
"""

from __future__ import annotations

import functools

import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

from dovetail.model.mapping import Check
from dovetail.model.type import Kind
from dovetail.quality.question import Columns, Known, Question, Scope, mistake, over, places

CODE = "DV-412"
"""A text is not an e-mail address."""

_ATOM = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\].\pZ\pC]+"
_EDGE = r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\pZ\pC]"
_INSIDE = r"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\pZ\pC]*"
_LETTER = r"[^\x00-\x40\x5b-\x60\x7b-\x7f\pZ\pC]"
_LABEL = f"{_EDGE}(?:{_INSIDE}{_EDGE})?"
_LAST = f"(?:[0-9]{_INSIDE})?{_LETTER}(?:{_INSIDE}{_EDGE})?"
PATTERN = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LAST}$"
"""The form of an address, for RE2: no blanks and control characters of any script either."""

LONG_LABEL = r"@(?:[^@]*\.)?[^@.]{64}"
"""A label that is too long."""

_TEMPLATE = """regexp_matches(value, pattern) AND length(value) <= 254 AND strpos(value, '@') <= 65
AND NOT regexp_matches(value, long_label)"""
_REASON = "is not an e-mail address"


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes nothing, or `strict`.

    >>> validate(("mx",))
    'it takes nothing, or strict: {email: strict}'
    """
    return None if arguments in ((), ("strict",)) else "it takes nothing, or strict: {email: strict}"


def question(check: Check, scope: Scope) -> Question:
    """Asks for the form, as an expression; with `strict` the library is asked too, value by value."""
    if scope[check.field].kind is not Kind.TEXT:
        raise mistake(check, f"it judges text, and the field is of type {scope[check.field]}")
    expression = over(_TEMPLATE, check, pattern=PATTERN, long_label=LONG_LABEL)
    more = failing if check.arguments else None
    return Question(check, (check.field,), CODE, _REASON, expression=expression, failing=more)


def failing(columns: Columns, known: Known) -> list[int]:
    """The positions of texts that email-validator refuses.

    >>> failing([pa.array(["ada@example.org", "ada@localhost", "ada", None])], None)
    [1, 2]
    """
    texts = columns[0].combine_chunks() if isinstance(columns[0], pa.ChunkedArray) else columns[0]
    domains = pc.struct_field(pc.extract_regex(texts, _PLAIN), "domain")
    refused = [domain for domain in domains.unique().drop_null().to_pylist() if not _is_strict(f"a@{domain}")]
    bad = places(pc.and_(domains.is_valid(), pc.is_in(domains, value_set=pa.array(refused, pa.string()))))
    others = places(pc.and_(texts.is_valid(), domains.is_null()))
    odd = zip(others, texts.take(pa.array(others, pa.int64())).to_pylist(), strict=True)
    return sorted([*bad, *(at for at, text in odd if not _is_strict(text))])


_PLAIN = "^[0-9A-Za-z_]{1,20}(?:[.+-][0-9A-Za-z_]{1,20}){0,2}@(?P<domain>[0-9A-Za-z.-]{1,190})$"
"""Short addresses whose first part is certainly well formed: what the library says of their domain, it says of them."""


@functools.lru_cache(maxsize=10_000)
def _is_strict(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
