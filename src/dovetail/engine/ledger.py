"""What one committed chunk of writes claims, as bytes for the target's ledger, and its way into the state."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pyarrow as pa

from dovetail.state.base import Words
from dovetail.state.store import Store


@dataclass(frozen=True, slots=True)
class Claim:
    """Shared rows that one chunk wrote: their numbers, their keys at each member, and their base after the write.

    It says nothing of members that are still to be written. `words` are what the base of `union` fields keeps besides.
    `gone` are, by member, the rows of which it has no key any more, `baseless` those of which nothing is agreed on any
    more."""

    installation: str
    mapping: str
    layout: str
    numbers: tuple[int, ...]
    keys: dict[str, tuple[str | None, ...]]
    packed: tuple[bytes, ...]
    words: tuple[Words, ...] = ()
    gone: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    baseless: tuple[int, ...] = ()

    def content(self) -> bytes:
        """The claim as bytes."""
        document = {
            "installation": self.installation,
            "mapping": self.mapping,
            "layout": self.layout,
            "numbers": self.numbers,
            "keys": self.keys,
            "packed": base64.b64encode(b"".join(self.packed)).decode(),
            "words": [(one.row, one.member, one.field, sorted(one.marks)) for one in self.words],
            "gone": dict(self.gone),
            "baseless": self.baseless,
        }
        return zlib.compress(json.dumps(document).encode(), 1)


@dataclass(frozen=True, slots=True)
class Bulk:
    """What a bulk chunk claims: the rows that the state has kept together beforehand are there, `without` those at some
    positions, which the target refused; `rows` rows of that `version`."""

    installation: str
    without: tuple[int, ...] = ()
    version: str | None = None
    rows: int = 0

    def content(self) -> bytes:
        """The claim as bytes."""
        return zlib.compress(json.dumps(asdict(self)).encode(), 1)


_HEAD = struct.Struct(">BQ")
_STAMP = 1
"""The first byte of what `stamped` makes."""


def stamped(known: int, content: bytes) -> bytes:
    """The content of a ledger entry: the last chunk that the state knew when it was written, and the claim."""
    return _HEAD.pack(_STAMP, known) + content


def unstamped(content: bytes) -> tuple[int, bytes]:
    """What `stamped` was given; an entry of an older version knows nothing.

    >>> unstamped(stamped(7, b"claim")), unstamped(b"x")
    ((7, b'claim'), (0, b'x'))
    """
    if content[:1] != bytes([_STAMP]):
        return 0, content
    return int(_HEAD.unpack_from(content)[1]), content[_HEAD.size :]


def read_claim(content: bytes) -> Claim | Bulk:
    """The claim that `Claim.content` or `Bulk.content` wrote."""
    document = json.loads(zlib.decompress(content))
    if "without" in document:
        return Bulk(**{**document, "without": tuple(document["without"])})
    whole = base64.b64decode(document["packed"])
    numbers = tuple(document["numbers"])
    width = len(whole) // len(numbers) if numbers else 0
    return Claim(
        installation=document["installation"],
        mapping=document["mapping"],
        layout=document["layout"],
        numbers=numbers,
        keys={member: tuple(keys) for member, keys in document["keys"].items()},
        packed=tuple(whole[at * width : (at + 1) * width] for at in range(len(numbers))),
        words=tuple(
            Words(row, member, field, frozenset(marks)) for row, member, field, marks in document.get("words", ())
        ),
        gone={member: tuple(rows) for member, rows in document["gone"].items()},
        baseless=tuple(document["baseless"]),
    )


def confirm(store: Store, claim: Claim) -> None:
    """Bring a claim into the state; call inside a transaction of the state. Doing it twice equals once."""
    for member, rows in claim.gone.items():
        store.crossref.unlink(claim.mapping, rows, member=member)
    if claim.baseless:
        forget(store, claim.mapping, claim.baseless)
    for member, keys in claim.keys.items():
        _link(store, claim, member, keys)
    based = [
        (number, cells) for number, cells in zip(claim.numbers, claim.packed, strict=bool(claim.packed)) if any(cells)
    ]
    if based:
        layout = store.base.layout(claim.mapping, claim.layout)
        store.base.save(claim.mapping, layout, *map(list, zip(*based, strict=True)))
        store.base.save_words(claim.mapping, claim.words)


def forget(store: Store, mapping: str, rows: Sequence[int]) -> None:
    """Forget what was agreed on about rows that no member shares any more, and who stood apart from those that no
    member has a key of."""
    store.base.remove(mapping, rows)
    if store.detached.count(mapping):
        linked = [store.crossref.keys(mapping, member, rows).is_valid() for member in store.crossref.members(mapping)]
        store.detached.forget(mapping, [row for row, *any_key in zip(rows, *linked, strict=True) if not _is(any_key)])


def _is(flags: Sequence[pa.BooleanScalar]) -> bool:
    return any(flag.as_py() for flag in flags)


def _link(store: Store, claim: Claim, member: str, keys: Sequence[str | None]) -> None:
    """Link rows to their keys; a row that was paired anew gives up its former key first."""
    links = {number: key for number, key in zip(claim.numbers, keys, strict=True) if key is not None}
    if not links:
        return
    standing = store.crossref.keys(claim.mapping, member, list(links)).to_pylist()
    former = [number for (number, key), old in zip(links.items(), standing, strict=True) if old not in (None, key)]
    if former:
        store.crossref.unlink(claim.mapping, former, member=member)
    store.crossref.link(claim.mapping, member, list(links), list(links.values()))
