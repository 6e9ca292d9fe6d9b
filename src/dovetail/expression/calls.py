"""SQLGlot's many nodes for functions, brought back to a name and arguments in the order people write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

_PLAIN: dict[type[exp.Expression], tuple[str, tuple[str, ...]]] = {
    exp.Abs: ("abs", ("this",)),
    exp.Ceil: ("ceil", ("this",)),
    exp.Contains: ("contains", ("this", "expression")),
    exp.Day: ("day", ("this",)),
    exp.EndsWith: ("ends_with", ("this", "expression")),
    exp.Floor: ("floor", ("this",)),
    exp.Hour: ("hour", ("this",)),
    exp.Left: ("left", ("this", "expression")),
    exp.Length: ("length", ("this",)),
    exp.Lower: ("lower", ("this",)),
    exp.Minute: ("minute", ("this",)),
    exp.Mod: ("mod", ("this", "expression")),
    exp.Month: ("month", ("this",)),
    exp.RegexpLike: ("regexp_matches", ("this", "expression")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Right: ("right", ("this", "expression")),
    exp.Round: ("round", ("this", "decimals")),
    exp.Sign: ("sign", ("this",)),
    exp.SplitPart: ("split_part", ("this", "delimiter", "part_index")),
    exp.StartsWith: ("starts_with", ("this", "expression")),
    exp.StrPosition: ("strpos", ("this", "substr")),
    exp.Substring: ("substr", ("this", "start", "length")),
    exp.Upper: ("upper", ("this",)),
    exp.Year: ("year", ("this",)),
}

_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}

Call = tuple[str, Sequence[exp.Expression]]


def call_of(node: exp.Expression) -> Call | None:
    """The function's name and its arguments, or `None` where the node is no function of the shelf."""
    plain = _PLAIN.get(type(node))
    if plain is not None:
        name, keys = plain
        return name, [node.args[key] for key in keys if node.args.get(key) is not None]
    special = _SPECIAL.get(type(node))
    return special(node) if special else None


def _anonymous(node: exp.Expression) -> Call:
    return str(node.this).lower(), node.expressions


def _many(name: str) -> Callable[[exp.Expression], Call]:
    return lambda node: (name, [node.this, *node.expressions])


def _trim(node: exp.Expression) -> Call:
    signs = node.args.get("expression")
    return _TRIMS[str(node.args.get("position") or "BOTH").upper()], [
        node.this,
        *([signs] if signs is not None else []),
    ]


def _pad(node: exp.Expression) -> Call:
    fill = node.args.get("fill_pattern") or exp.Literal.string(" ")
    return "lpad" if node.args.get("is_left") else "rpad", [node.this, node.expression, fill]


def _truncated(node: exp.Expression) -> Call:
    return "date_trunc", [exp.Literal.string(node.args["unit"].name), node.this]


def _extracted(node: exp.Expression) -> Call:
    return node.this.name.lower(), [node.expression]


_SPECIAL: dict[type[exp.Expression], Callable[[exp.Expression], Call]] = {
    exp.Anonymous: _anonymous,
    exp.DateTrunc: _truncated,
    exp.Extract: _extracted,
    exp.Greatest: _many("greatest"),
    exp.Least: _many("least"),
    exp.Pad: _pad,
    exp.TimestampTrunc: _truncated,
    exp.Trim: _trim,
}
