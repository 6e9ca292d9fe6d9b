"""Names of datasets and fields in comparable words: case, separators, plurals and common abbreviations do not count."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")

_LONG = {
    "acct": "account", "addr": "address", "amt": "amount", "bday": "birthday", "cat": "category", "cd": "code",
    "cnt": "count", "curr": "currency", "cust": "customer", "dept": "department", "desc": "description",
    "descr": "description", "dob": "birthday", "emp": "employee", "fname": "first name", "grp": "group",
    "img": "image", "inv": "invoice", "lname": "last name", "mgr": "manager", "msg": "message", "mob": "mobile",
    "nbr": "number", "no": "number", "nr": "number", "num": "number", "ord": "order", "org": "organisation",
    "pct": "percent", "pos": "position", "prod": "product", "qty": "quantity", "ref": "reference",
    "seq": "sequence", "stat": "status", "sts": "status", "tel": "phone", "telephone": "phone", "txt": "text",
    "upd": "updated", "usr": "user", "val": "value", "vend": "vendor", "warehse": "warehouse",
    "whse": "warehouse", "wt": "weight", "zip": "postcode",
}  # fmt: skip
"""Abbreviations, written out."""

_SAME = {
    "article": "product", "item": "product", "sku": "product code", "slug": "code", "client": "customer",
    "partner": "customer", "buyer": "customer", "contact": "customer", "email": "mail", "e mail": "mail",
    "title": "name", "label": "name", "caption": "name", "identifier": "id", "key": "id", "postal": "postcode",
    "cost": "price", "stock": "quantity", "purchase": "order", "sale": "order", "modified": "updated",
    "changed": "updated", "surname": "last name", "forename": "first name", "remark": "note", "comment": "note",
    "description": "name", "state": "status", "standing": "status", "group": "category", "supplier": "vendor",
    "birth": "birthday", "active": "status",
}  # fmt: skip
"""Words that often name the same thing; a pair found by them alone is a doubt."""


@lru_cache(maxsize=50_000)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in the singular and written out.

    >>> words("CustNo"), words("order_lines"), words("e-mail")
    (('customer', 'number'), ('order', 'line'), ('e', 'mail'))
    """
    found: list[str] = []
    for part in _PARTS.findall(name):
        word = part.lower()
        found += _LONG.get(word, _singular(word)).split()
    return tuple(found)


@lru_cache(maxsize=200_000)
def likeness(left: tuple[str, ...], right: tuple[str, ...], *, of: tuple[str, ...] = ()) -> float:
    """How alike two names are, from 0 to 1: the same words give 1, words that often mean the same 0.8.

    `of` are words that do not count, because they name the datasets: the `item_code` of an item is a `code`.

    >>> likeness(("customer", "number"), ("number", "customer")), likeness(("title",), ("name",))
    (1.0, 0.8)
    >>> likeness(("sku",), ("code",), of=("item",))
    0.8
    """
    if not left or not right:
        return 0.0
    if sorted(left) == sorted(right) or "".join(left) == "".join(right):
        return 1.0
    if sorted(_bare(left, of)) == sorted(_bare(right, of)):
        return 0.95
    context = _meant(of)
    mine, yours = _meant(left), _meant(right)
    mine, yours = mine - context or mine, yours - context or yours
    if mine == yours:
        return 0.8
    shared = len(mine & yours) / len(mine | yours)
    spelt = difflib.SequenceMatcher(None, " ".join(left), " ".join(right)).ratio()
    return max(0.75 * shared, 0.6 if mine < yours or yours < mine else 0.0, 0.85 * spelt if spelt > 0.7 else 0.0)


def _bare(name: tuple[str, ...], of: tuple[str, ...]) -> tuple[str, ...]:
    rest = tuple(word for word in name if word not in of)
    return rest or name


@lru_cache(maxsize=50_000)
def _meant(name: tuple[str, ...]) -> frozenset[str]:
    text = " ".join(name)
    meant = _SAME.get(text) or " ".join(_SAME.get(word, word) for word in name)
    return frozenset(meant.split())


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(?:ss|sh|ch|x|z)es$", word):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
