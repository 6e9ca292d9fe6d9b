"""The text is an e-mail address.

Written `check: email`: one `@`; before it at most 64 characters, letters and digits of any script and the signs
`!#$%&'*+-/=?^_{|}~` and the backtick, with single points between
them; after it a domain of at least two labels, each of at most 63 letters and digits of any script with hyphens
inside, the last one
not all digits. At most 254 characters in all; no blanks, quotes, comments or addresses by number. Nothing is looked up.

`check: {email: strict}` asks the library email-validator on top: mixed-up scripts, labels that international domain
names do not allow,
and names that are reserved (`localhost`, `.test`, `.invalid`) fail too.
"""

from __future__ import annotations

import functools

from email_validator import EmailNotValidError, validate_email

from dovetail.model.mapping import Check
from dovetail.model.type import Kind
from dovetail.quality.question import Columns, Known, Question, Scope, mistake, over

CODE = "DV-412"
"""A text is not an e-mail address."""

_ATOM = r"[\pL\pM\pN!#$%&'*+\-/=?^_`{|}~]+"
_LABEL = r"[\pL\pN](?:[\pL\pM\pN\-]{0,61}[\pL\pM\pN])?"
_LAST = r"(?:[\pL\pN][\pL\pM\pN\-]{0,61})?[\pL\pM](?:[\pL\pM\pN\-]{0,61}[\pL\pM\pN])?"
PATTERN = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LAST}$"
"""The form of an address, for RE2."""

_TEMPLATE = "regexp_matches(value, pattern) AND length(value) <= 254 AND strpos(value, '@') <= 65"
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
    expression = over(_TEMPLATE, check, pattern=PATTERN)
    more = failing if check.arguments else None
    return Question(check, (check.field,), CODE, _REASON, expression=expression, failing=more)


def failing(columns: Columns, known: Known) -> list[int]:
    """The positions of texts that email-validator refuses.

    >>> import pyarrow as pa
    >>> failing([pa.array(["ada@example.org", "ada@localhost", "ada", None])], None)
    [1, 2]
    """
    return [at for at, text in enumerate(columns[0].to_pylist()) if text is not None and not _is_strict(text)]


@functools.lru_cache(maxsize=10_000)
def _is_strict(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
