"""Which fields may hold personal data or secrets, with the evidence: what the name says, and what the values look
like."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

SHARE_MIN = 0.6
"""The least share of values that must look like a class before the values alone are believed."""

PEOPLE = frozenset(
    {
        "customer",
        "client",
        "user",
        "person",
        "people",
        "contact",
        "employee",
        "staff",
        "member",
        "guest",
        "patient",
        "student",
    }
    | {"supplier", "kunde", "kunden", "benutzer", "mitarbeiter", "kontakt", "ansprechpartner", "subscriber", "partner"}
    | {"author", "visitor", "applicant", "resident", "recipient", "passenger"}
)
"""Words in a dataset's name which say that its rows are about people."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A class of personal data (or of secrets) that a field may hold, and why it is thought so, in words without
    values."""

    label: str
    evidence: str


# Label, and the words of a field's name that mean it. A blank joins words that must stand together.
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "secret",
        ("password", "passwd", "passwort", "pwd", "secret", "api key", "token", "pin", "salt", "private key", "otp"),
    ),
    ("email", ("email", "e mail", "mail", "mailaddress")),
    ("phone", ("phone", "telephone", "telefon", "tel", "mobile", "fax", "handy", "cell")),
    ("bank account", ("iban", "bic", "bank account", "account number", "konto", "kontonummer", "routing number")),
    ("payment card", ("card number", "credit card", "cvv", "cvc", "card holder", "cardholder")),
    (
        "identity number",
        ("ssn", "social security", "passport", "national id", "tax id", "vat id", "nino", "steuernummer"),
    ),
    ("birth", ("birthday", "birthdate", "birth", "dob", "geburtsdatum", "geboren", "age")),
    (
        "person name",
        ("first name", "last name", "firstname", "lastname", "surname", "forename", "given name", "family name"),
    ),
    (
        "person name",
        ("full name", "fullname", "vorname", "nachname", "middle name", "maiden name", "contact name", "username"),
    ),
    (
        "address",
        ("street", "address", "strasse", "anschrift", "line1", "line2", "line3", "line4", "address1", "address2"),
    ),
    ("address", ("postcode", "postal code", "zip", "zipcode", "zip code", "plz", "house number", "hausnummer")),
    ("gender", ("gender", "sex", "geschlecht", "salutation", "anrede")),
    (
        "special category",
        ("religion", "ethnicity", "diagnosis", "disability", "nationality", "blood type", "political"),
    ),
    ("location", ("latitude", "longitude", "lat", "lng", "geo")),
    ("network address", ("ip", "ip address", "ipaddress", "mac address")),
)
_ABOUT_FIRST = ("is", "has", "num", "number", "count", "default")
_ABOUT_LAST = ("verified", "sent", "count", "at", "on", "type", "status", "valid", "template")
# A field of such a name says something about the thing, but does not hold it: `email_verified`, `mail_sent_at`.
_IN_PEOPLE = frozenset(
    {"name", "city", "town", "ort", "notes", "note", "comment", "comments", "remarks", "state", "company"}
)
_ON_CARDS = frozenset({"number", "holder", "expiry", "expires", "name"})

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\.[A-Za-z]{2,24}")
_PHONE = re.compile(r"(?:\+\d|00\d{2}[\s/-]|\(\+?\d)[\d\s()./-]{5,20}|\(?0\d{1,5}\)?[\s/-]\d[\d\s/-]{3,18}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_HASH = re.compile(r"(?:pbkdf2_|\$2[aby]\$|\$argon2|\$scrypt|\$6\$|bcrypt|sha1\$|md5\$).*")


def is_iban(text: str) -> bool:
    """Whether the text is a bank account number whose check digits are right.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB83 WEST 1234 5698 7654 32")
    (True, False)
    """
    bare = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(bare):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether the text is a payment card number whose check digit is right.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    bare = text.replace(" ", "").replace("-", "")
    if not (bare.isascii() and bare.isdigit() and 13 <= len(bare) <= 19 and bare[0] in "3456"):
        return False
    doubled = (int(sign) * (1 + at % 2) for at, sign in enumerate(reversed(bare)))
    return sum(part - 9 if part > 9 else part for part in doubled) % 10 == 0


def is_network_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address.

    >>> is_network_address("192.0.2.7"), is_network_address("1.2.3")
    (True, False)
    """
    if "." not in text and ":" not in text:
        return False
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


_LOOKS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("secret", _HASH.fullmatch),
    ("email", _EMAIL.fullmatch),
    ("bank account", is_iban),
    ("network address", is_network_address),
    ("phone", _PHONE.fullmatch),
    ("payment card", is_card),
)


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case.

    >>> words_of("customerFirst_name2"), words_of("e-Mail")
    (('customer', 'first', 'name2'), ('e', 'mail'))
    """
    parted = re.sub(r"([a-zäöüß0-9])([A-ZÄÖÜ])", r"\1 \2", name)
    return tuple(part for part in re.split(r"[\W_]+", parted.lower()) if part)


def sensitivity(dataset: str, field: str, values: Sequence[str | None], *, is_text: bool = True) -> Sensitivity | None:
    """What kind of personal data or secret a field may hold, or `None`.

    The values decide before the name, because a field `code` full of e-mail addresses is one of e-mail addresses. A
    name alone is
    enough: an empty column `password` is still no column to show. Numbers and dates are judged by their names only.
    """
    filled = [text.strip() for text in values if text and text.strip()] if is_text else []
    for label, looks in _LOOKS:
        alike = sum(1 for text in filled if looks(text))
        if filled and alike >= SHARE_MIN * len(filled):
            return Sensitivity(label, f"{100 * alike // len(filled)} % of the values look like it")
    label = _by_name(words_of(dataset), words_of(field), is_text=is_text)
    return Sensitivity(label, "its name says so") if label else None


def _by_name(dataset: tuple[str, ...], field: tuple[str, ...], *, is_text: bool) -> str:
    spoken = f" {' '.join(field)} "
    if len(field) > 1 and (field[0] in _ABOUT_FIRST or field[-1] in _ABOUT_LAST):
        return ""
    for label, words in _NAMES:
        if any(f" {word} " in spoken for word in words) and (is_text or label in _NUMBERS_TOO):
            return label
    if is_text and any(word.startswith(tuple(PEOPLE)) for word in dataset):
        return in_people(field)
    if any(word.endswith("card") for word in dataset) and _ON_CARDS & set(field):
        return "payment card"
    return ""


def in_people(field: tuple[str, ...]) -> str:
    """The class of a field of that name where the rows are about people; empty where it is none.

    >>> in_people(("name",)), in_people(("state",)), in_people(("name", "of", "file"))
    ('person name', 'about a person', '')
    """
    if len(field) > 2 or not _IN_PEOPLE & set(field):
        return ""
    return "person name" if "name" in field else "about a person"


_NUMBERS_TOO = frozenset(
    {"birth", "location", "identity number", "phone", "bank account", "payment card", "special category", "secret"}
)
