"""What a system of files remembers beside its data: fences, ledger, how files were made, what was committed last.

It is one file that is replaced as a whole: its renaming is the moment at which data and ledger are committed together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dovetail.errors import SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import LedgerEntry
from dovetail.model.type import Kind, Type
from dovetail.systems.files.carry import TRUTH, Spelling
from dovetail.systems.files.place import Place

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pinned:
    """A dataset as it was when it was made or first written here: later values do not change its types.

    `style` is what its format must know besides, such as a delimiter."""

    dataset: Dataset
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    style: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that was committed and may still have to be put in its place: its name, that of the place, the mark of
    what was read there (empty: there was nothing; `None`: nobody knows), and its own mark."""

    beside: str
    place: str
    base: str | None = None
    made: str = ""


@dataclass(frozen=True, slots=True)
class Growing:
    """A file to which a load adds rows, and which is put in its place later: its name, that of the place, the mark and
    the rows of what was read there, and how many of its bytes are committed; what follows them never counted."""

    beside: str
    place: str
    base: str
    rows: int
    length: int


@dataclass(slots=True)
class Manifest:
    """Everything that is remembered. `pending` and `growing` are by dataset; `fresh` are the ledger's entries that were
    committed with what is pending. `mark` tells the state of the file that all this was read from."""

    generation: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, int], LedgerEntry] = field(default_factory=dict)
    pinned: dict[str, Pinned] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    growing: dict[str, Growing] = field(default_factory=dict)
    fresh: list[tuple[str, int]] = field(default_factory=list)
    mark: str = ""


def load(place: Place, name: str) -> Manifest:
    """The manifest; an empty one where there is none."""
    content, mark = place.read(name)
    try:
        found = _decoded(json.loads(content)) if content else Manifest()
    except (ValueError, KeyError, TypeError, IndexError) as error:
        words = "the file in which Dovetail remembers what it wrote is damaged"
        hint = "bring it back from a backup; or remove it: then all rows are compared again, and differences ask"
        raise SystemFault(words, where=name, hint=hint, code="DV-339") from error
    found.mark = mark
    return found


def save(place: Place, name: str, manifest: Manifest) -> None:
    """Replace the manifest durably: after this it is the new one, before it the old one, whatever dies."""
    manifest.mark = place.publish(name, json.dumps(_encoded(manifest)).encode(), manifest.mark)


def _encoded(manifest: Manifest) -> dict[str, object]:
    return {
        "dovetail": _VERSION,
        "generation": manifest.generation,
        "epochs": manifest.epochs,
        "entries": [
            [one.partition, one.chunk, one.run, base64.b64encode(one.content).decode()]
            for one in manifest.entries.values()
        ],
        "pinned": {name: _encoded_pin(pinned) for name, pinned in manifest.pinned.items()},
        "pending": {name: [one.beside, one.place, one.base, one.made] for name, one in manifest.pending.items()},
        "growing": {
            name: [one.beside, one.place, one.base, one.rows, one.length] for name, one in manifest.growing.items()
        },
        "fresh": manifest.fresh,
    }


def _decoded(found: dict[str, Any]) -> Manifest:
    if found["dovetail"] != _VERSION:
        raise ValueError(found["dovetail"])
    entries = [LedgerEntry(one[0], one[1], one[2], base64.b64decode(one[3])) for one in found["entries"]]
    return Manifest(
        generation=found["generation"],
        epochs=dict(found["epochs"]),
        entries={(one.partition, one.chunk): one for one in entries},
        pinned={name: _decoded_pin(one) for name, one in found["pinned"].items()},
        pending={name: Pending(*one) for name, one in found["pending"].items()},
        growing={name: Growing(*one) for name, one in found.get("growing", {}).items()},
        fresh=[(one[0], one[1]) for one in found.get("fresh", ())],
    )


def _encoded_pin(pinned: Pinned) -> dict[str, object]:
    dataset = pinned.dataset
    return {
        "name": dataset.name,
        "fields": [_parts(one) for one in dataset.fields],
        "key": dataset.key,
        "uniques": dataset.uniques,
        "comment": dataset.comment,
        "style": dict(pinned.style),
        "spellings": {name: _parts(one) for name, one in pinned.spellings.items()},
    }


def _decoded_pin(found: dict[str, Any]) -> Pinned:
    fields = tuple(Field(**{**one, "type": _type(one["type"])}) for one in found["fields"])
    dataset = Dataset(
        found["name"],
        DatasetKind.TABLE,
        fields,
        tuple(found["key"]),
        tuple(tuple(one) for one in found["uniques"]),
        comment=found["comment"],
    )
    spellings = {
        name: Spelling(**{**one, "type": _type(one["type"]), "nulls": tuple(one["nulls"]), "truth": _truth(one)})
        for name, one in found["spellings"].items()
    }
    return Pinned(dataset, spellings, dict(found["style"]))


def _parts(one: Field | Spelling) -> dict[str, object]:
    """The parts of a frozen value by name, those of its type too."""
    parts = {name: getattr(one, name) for name in one.__slots__}
    return parts | {"type": {name: getattr(one.type, name) for name in one.type.__slots__}}


def _type(found: dict[str, Any]) -> Type:
    return Type(**{**found, "kind": Kind(found["kind"])})


def _truth(found: dict[str, Any]) -> tuple[str, str]:
    """The texts for true and false; the usual ones where an older version wrote the manifest."""
    given = found.get("truth", TRUTH)
    return str(given[0]), str(given[1])
