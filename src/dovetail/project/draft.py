"""Drafts a project from the catalogs of two systems: text for a person to read, check and change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dovetail.expression.parse import column
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.project.correspond import FieldPair, Pair, pairs, reference
from dovetail.project.literal import holds_secret
from dovetail.project.scalar import resolve
from dovetail.project.torn import in_quotes
from dovetail.project.words import words

SURE = 0.9
"""The score from which a pair of fields is written without a doubt."""

UNITS = frozenset({"mg", "g", "kg", "t", "lb", "oz", "cent", "mm", "cm", "m", "km", "ms", "s", "min", "h", "percent"})
"""Words of a name that are units."""

Side = tuple[str, str, str | Path, Catalog]
"""A system: its name, its connector, its URL or path, its catalog."""

_PLAIN = re.compile(r"[A-Za-z_./$][A-Za-z0-9_./ -]*")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of `fields`; a `comment` says what is in doubt, and a line that could not run is written as a
    comment."""

    name: str
    left: Field
    right: Field
    ref: str = ""
    comment: str = ""
    runs: bool = True


def draft(left: Side, right: Side) -> dict[str, str]:
    """The files of a project, by their paths relative to it. They load without mistakes; every doubt is a comment."""
    found = pairs(left[3], right[3])
    while True:
        names = _names(found)
        drafts = [_Draft(left[0], right[0], pair, found, names) for pair in found]
        whole = tuple(one.pair for one in drafts if any(line.runs for line in one.lines()))
        if len(whole) == len(found):
            break
        found = whole
    files = {"dovetail.yaml": _project(left, right, found)}
    return files | {f"mappings/{names[one.pair.left.name]}.yaml": one.text() for one in drafts}


def variable(system: str) -> str:
    """The environment variable for the URL of a system.

    >>> variable("web-shop")
    'WEB_SHOP_URL'
    """
    return re.sub(r"\W", "_", system).upper() + "_URL"


@dataclass(frozen=True, slots=True)
class _Draft:
    left: str
    right: str
    pair: Pair
    others: Sequence[Pair]
    names: Mapping[str, str]

    def text(self) -> str:
        """The mapping file."""
        one, other = self.pair.left, self.pair.right
        lines = [
            f"# {_line(one.name)} ({self.left}) and {_line(other.name)} ({self.right}):",
            f"# names alike {self.pair.names:.0%}, fields {self.pair.share:.0%}.",
            f"mapping: {self.names[one.name]}",
            "members:",
            f"  {self.left}: {_flow(self._member(one))}",
            f"  {self.right}: {_flow(self._member(other))}",
        ]
        fields = self.lines()
        lines += self._match([line for line in fields if line.runs])
        lines += ["fields:", *(self._written(line) for line in fields)]
        lines += [f"deletes: {{{self.left}: ask, {self.right}: ask}}"]
        lines += [*self._alone(self.left, one), *self._alone(self.right, other)]
        return "\n".join(lines) + "\n"

    def _member(self, dataset: Dataset) -> dict[str, str]:
        keys = {"dataset": _yaml(dataset.name)}
        if not dataset.key:
            keys["key"] = "[" + ", ".join(_yaml(name) for name in dataset.uniques[0]) + "]"
        return keys

    def lines(self) -> list[_Line]:
        """The lines of `fields`, those that run first."""
        taken: set[str] = set()
        lines = []
        for pair in self.pair.fields:
            ref, comment, runs = self._reference(pair)
            name = _unique(_name(pair.left.name, drop_id=bool(ref)), taken)
            doubts = [comment] if comment else _doubts(pair, translated=bool(ref))
            lines.append(_Line(name, pair.left, pair.right, ref, "; ".join(doubts), runs and (pair.fits or bool(ref))))
        return sorted(lines, key=lambda line: not line.runs)

    def _reference(self, pair: FieldPair) -> tuple[str, str, bool]:
        """The mapping that both fields refer to, else a doubt; and whether the line can run."""
        mine = reference(self.pair.left, pair.left.name)
        yours = reference(self.pair.right, pair.right.name)
        if mine is None and yours is None:
            return "", "", True
        if mine is None or yours is None:
            side, found = (self.left, mine) if mine else (self.right, yours)
            parent = found.dataset if found else ""
            return "", f"only {side} refers to another dataset ({_line(parent)}); keys of two systems differ", False
        for other in self.others:
            if (other.left.name, other.right.name) == (mine.dataset, yours.dataset):
                return self.names[mine.dataset], "", True
        return (
            "",
            f"refers to {_line(mine.dataset)} and {_line(yours.dataset)}, which are not joined; join them and add ref:",
            False,
        )

    def _match(self, lines: Sequence[_Line]) -> list[str]:
        """What identifies a row on both sides, on one side, or advice."""
        by_left = {line.left.name: line for line in lines}
        mine = [key for key in _keys(self.pair.left) if all(name in by_left for name in key)]
        yours = {frozenset(key) for key in _keys(self.pair.right)}
        for key in mine:
            if frozenset(by_left[name].right.name for name in key) in yours:
                return [f"match: {_matching([by_left[name].name for name in key])}"]
        for key in mine:
            return [f"match: {_matching([by_left[name].name for name in key])}  # doubt: unique at {self.left} only"]
        right = {line.right.name: line.name for line in lines}
        for other in sorted(yours, key=sorted):
            if all(name in right for name in other):
                names = sorted(right[name] for name in other)
                return [f"match: {_matching(names)}  # doubt: unique at {self.right} only"]
        return [
            "# match: FIELD",
            "# Nothing identifies a row on both sides, so no existing rows are paired: every row would count as new.",
        ]

    def _written(self, line: _Line) -> str:
        cells = {self.left: _cell(line.left), self.right: _cell(line.right)}
        if line.ref:
            cells["ref"] = line.ref
        comment = f"  # doubt: {line.comment}" if line.comment else ""
        return f"  {'' if line.runs else '# '}{line.name}: {_flow(cells)}{comment}"

    def _alone(self, system: str, dataset: Dataset) -> list[str]:
        """The fields without a partner, as comments; those that a new row needs first."""
        paired = {field.name for pair in self.pair.fields for field in (pair.left, pair.right)}
        alone = [field for field in dataset.fields if field.name not in paired and not field.drawn]
        needed = [field for field in alone if not field.nullable and field.default is None and not field.computed]
        lines = []
        if needed:
            lines.append(f"# doubt: a new row of {_line(dataset.name)} needs these; fill them with set: on {system}:")
            lines += [f"#   {_line(field.name)} ({field.type})" for field in needed]
        if rest := [field for field in alone if field not in needed]:
            lines.append(f"# without a partner at {system}:")
            lines += [f"#   {_line(field.name)} ({field.type})" for field in rest]
        return lines


def _project(left: Side, right: Side, found: Sequence[Pair]) -> str:
    lines = [
        f"# Drafted from the catalogs of {left[0]} and {right[0]}.",
        "# Read it and the files in mappings/; lines with a doubt say so.",
        "# Then: dovetail check",
        "dovetail: 1",
        f"project: {left[0]}-and-{right[0]}"[:63],
        "systems:",
        *_system(left),
        *_system(right),
        "defaults:",
        "  policy: ask                      # where no rule says who wins, a person is asked",
        "  guard: {rows: 500, share: 10%}   # a run that would change more of what exists stops before the first write",
    ]
    for side, joined in ((left, {pair.left.name for pair in found}), (right, {pair.right.name for pair in found})):
        if rest := [dataset for dataset in side[3].datasets if dataset.name not in joined]:
            lines.append(f"# Not drafted, for want of a partner: {len(rest)} of {side[0]}")
            lines += [f"#   {_line(dataset.name)} ({dataset.kind})" for dataset in rest]
    return "\n".join(lines) + "\n"


def _system(side: Side) -> list[str]:
    name, connector, place, catalog = side
    lines = [f"  {name}:", f"    connector: {connector}"]
    if isinstance(place, Path) or connector == "sqlite":
        return [*lines, f"    path: {_yaml(str(place))}", *_keyless(catalog)]
    if holds_secret(place):
        hint = f"    # The URL holds a password and is not written here; first: export {variable(name)}='...'"
        return [*lines, hint, f"    url: ${{{variable(name)}}}"]
    return [*lines, f"    url: {_yaml(place)}"]


def _keyless(catalog: Catalog) -> list[str]:
    """Where files do not tell their keys: what to declare, with the first field as a guess."""
    keyless = [one for one in catalog.datasets if one.kind is DatasetKind.TABLE and not one.key and one.fields]
    if not keyless:
        return []
    lines = (f"    #   {_yaml(one.name)}: {{key: [{_yaml(one.names[0])}]}}" for one in keyless)
    question = "    # Which fields identify a row? Nothing can be written to a dataset without that."
    return [question, "    # datasets:", *lines]


def _doubts(pair: FieldPair, *, translated: bool) -> list[str]:
    """What a person should look at; the types of references do not matter, for their keys are translated."""
    if translated:
        return [f"names alike {pair.score:.0%}"] if pair.score < SURE else []
    doubts = []
    if not pair.fits:
        doubts.append(f"{pair.left.type} against {pair.right.type}: write an expression in one of the cells")
    elif pair.score < SURE:
        doubts.append(f"names alike {pair.score:.0%}")
    if pair.fits and str(pair.left.type) != str(pair.right.type):
        doubts.append(f"{pair.left.type} against {pair.right.type}")
    mine, yours = (UNITS & set(words(field.name)) for field in (pair.left, pair.right))
    if mine != yours:
        doubts.append("the names speak of different units; convert in one of the cells")
    if pair.left.computed or pair.right.computed:
        doubts.append("one side is computed by its system and only read")
    return doubts


def _keys(dataset: Dataset) -> list[tuple[str, ...]]:
    """What identifies a row, the shortest first."""
    return sorted({key for key in (dataset.key, *dataset.uniques) if key}, key=lambda key: (len(key), key))


def _matching(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else "{together: [" + ", ".join(names) + "]}"


def _names(found: Sequence[Pair]) -> dict[str, str]:
    """The mappings' names, by the left dataset."""
    taken: set[str] = set()
    return {pair.left.name: _unique(_name(pair.left.name.rpartition(".")[2], drop_id=False), taken) for pair in found}


def _name(name: str, *, drop_id: bool) -> str:
    """A name for a shared field or a mapping, from that of a field or dataset."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()
    if drop_id:
        text = re.sub(r"_(?:id|no|nr|key|code)$", "", text) or text
    if not text or not text[0].isalpha() or text == "old" or text.startswith("dv_"):
        text = f"x_{text}".rstrip("_")
    return text[:60]


def _unique(name: str, taken: set[str]) -> str:
    free = next(one for one in (name, *(f"{name}_{at}" for at in range(2, len(taken) + 3))) if one not in taken)
    taken.add(free)
    return free


def _cell(field: Field) -> str:
    return _yaml(column(field.name).text)


def _flow(keys: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}"


def _yaml(text: str) -> str:
    """A text as YAML inside `{...}`, in quotes where it would be read as something else."""
    plain = _PLAIN.fullmatch(text) and text == text.strip() and isinstance(resolve(text), str)
    return text if plain else in_quotes(text)


def _line(text: str) -> str:
    """A name of a system's catalog as it may stand in a comment: on one line."""
    return re.sub(r"[^\x20-\x7e\xa0-\u2027\u2030-\ud7ff]", "?", text)
