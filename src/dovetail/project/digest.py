"""The digest of a project: a sha256 over what its files mean, whatever their comments and the order of their keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal

from dovetail.project.node import Listing, Node, Scalar, Table

_ORDERED = frozenset({"members", "let"})
"""Tables whose order has a meaning: earlier members come first where nothing else decides, later `let` values use
earlier ones."""


def digest(documents: Mapping[str, Node]) -> str:
    r"""The digest of the documents, by a name that does not depend on the file's own.

    >>> from dovetail.project.yaml import compose
    >>> one, two = compose(b"{a: 1, b: 1.50}", "f").root, compose(b"b: 1.5 # c\na: 1", "f").root
    >>> digest({"x": one}) == digest({"x": two})
    True
    """
    parts = {name: _canonical(node, "") for name, node in documents.items()}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(node: Node, key: str) -> object:
    if isinstance(node, Table):
        pairs = [[_scalar(entry.key), _canonical(entry.value, entry.name)] for entry in node]
        return {"table": pairs if key in _ORDERED else sorted(pairs, key=json.dumps)}
    if isinstance(node, Listing):
        return [_canonical(item, key) for item in node]
    return _scalar(node)


def _scalar(node: Scalar) -> object:
    value = node.value
    if isinstance(value, Decimal):
        return {"number": format(value.normalize(), "f") if value else "0"}
    return {"number": str(value)} if isinstance(value, int | float) and not isinstance(value, bool) else value
