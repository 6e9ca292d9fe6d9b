"""The oracle's own reading of the typing rules in docs/reference/expressions.md."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sqlglot import exp

TEXT_FUNCTIONS = frozenset(
    "lower upper left right substr split_part trim ltrim rtrim squeeze replace lpad rpad nfc nfkc".split()
)
INTEGER_FUNCTIONS = frozenset("length strpos sign year month day hour minute".split())
TRUTH_FUNCTIONS = frozenset("starts_with ends_with contains regexp_matches".split())

_TRUTHS = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.And, exp.Or, exp.Not, exp.Is, exp.In,
    exp.Between, exp.Like, exp.Escape, exp.Boolean,
)  # fmt: skip

_CASTS = {
    "BIGINT": "integer", "INT": "integer", "TEXT": "text", "VARCHAR": "text", "BOOLEAN": "boolean", "DOUBLE": "float", "DATE": "date",
    "TIME": "time", "TIMESTAMP": "timestamp", "TIMESTAMPNTZ": "timestamp", "TIMESTAMPTZ": "instant", "UUID": "uuid", "JSON": "json",
}  # fmt: skip


@dataclass(frozen=True)
class OracleType:
    """A kind; digits for numbers."""

    kind: str
    precision: int = 0
    scale: int = 0


NULL = OracleType("null")
INTEGER = OracleType("integer", 19)


def digits_of(precision: int, scale: int) -> OracleType:
    """An exact type; at most 38 digits."""
    return OracleType("decimal", max(1, min(38, max(precision, scale))), scale)


def ends(value: Fraction) -> bool:
    """Whether the decimal fraction has an end, within 38 places."""
    return (value * 10**38).denominator == 1


def limited(precision: int, scale: int, least: int) -> OracleType:
    """A product's type: beyond 38 digits, at most 18 places, or what the operand has."""
    return digits_of(precision, scale) if precision <= 38 else digits_of(38, min(scale, max(18, least)))


class Typist:
    """Types of trees over a scope."""

    def __init__(self, scope: dict[str, OracleType]) -> None:
        self.scope = scope
        self.known: dict[int, OracleType] = {}

    def type(self, tree: exp.Expression) -> OracleType:
        """The type of a node."""
        if id(tree) not in self.known:
            self.known[id(tree)] = self.find(tree)
        return self.known[id(tree)]

    def find(self, tree: exp.Expression) -> OracleType:
        if isinstance(tree, exp.Paren):
            return self.type(tree.this)
        if isinstance(tree, exp.Column):
            return self.scope[f"old.{tree.name}" if tree.table else tree.name]
        if isinstance(tree, exp.Null):
            return NULL
        if isinstance(tree, _TRUTHS):
            return OracleType("boolean")
        if isinstance(tree, exp.DPipe | exp.Concat):
            return OracleType("text")
        constant = self.constant(tree)
        if constant is not None:
            return self.written(tree)
        if isinstance(tree, exp.Literal):
            return OracleType("text")
        if isinstance(tree, exp.Neg):
            given = self.type(tree.this)
            return INTEGER if given.kind == "integer" else given
        if isinstance(tree, exp.Add | exp.Sub | exp.Mul | exp.Div):
            return self.arithmetic(tree)
        if isinstance(tree, exp.Cast):
            return self.target(tree)
        return self.form(tree)

    def form(self, tree: exp.Expression) -> OracleType:
        if isinstance(tree, exp.Case):
            default = tree.args.get("default")
            return self.meet(
                [arm.args["true"] for arm in tree.args["ifs"]] + ([default] if default is not None else [])
            )
        if isinstance(tree, exp.If):
            return self.meet([tree.args["true"], tree.args["false"]])
        if isinstance(tree, exp.Coalesce):
            return self.meet([tree.this, *tree.expressions])
        if isinstance(tree, exp.Nullif):
            return self.type(tree.this)
        return self.function(*self.call(tree))

    def constant(self, tree: exp.Expression) -> Fraction | None:
        """The value of a number written out, `None` for all else (and for zero, by which nothing is divided)."""
        if isinstance(tree, exp.Paren):
            return self.constant(tree.this)
        if isinstance(tree, exp.Neg):
            inner = self.constant(tree.this)
            return None if inner is None else -inner
        if isinstance(tree, exp.Literal) and not tree.is_string:
            return Fraction(tree.this)
        return None

    def written(self, tree: exp.Expression) -> OracleType:
        while not isinstance(tree, exp.Literal):
            tree = tree.this
        before, point, behind = tree.this.partition(".")
        if not point and -(2**63) <= int(before) < 2**63:
            return OracleType("integer", len(str(int(before))))
        figures = (before + behind).lstrip("0")
        return digits_of(max(len(figures), len(behind), 1), len(behind))

    def arithmetic(self, tree: exp.Expression) -> OracleType:
        left, right = self.type(tree.this), self.type(tree.expression)
        if NULL in (left, right):
            known = left if right == NULL else right
            return known if known.kind != "integer" else INTEGER
        if "float" in (left.kind, right.kind):
            return OracleType("float")
        if isinstance(tree, exp.Div):
            return self.division(left, right, self.constant(tree.expression))
        if left.kind == right.kind == "integer":
            return INTEGER
        if isinstance(tree, exp.Mul):
            return limited(left.precision + right.precision, left.scale + right.scale, max(left.scale, right.scale))
        scale = max(left.scale, right.scale)
        return digits_of(max(left.precision - left.scale, right.precision - right.scale) + scale + 1, scale)

    def division(self, left: OracleType, right: OracleType, constant: Fraction | None) -> OracleType:
        if constant and ends(1 / constant):
            factor = abs(1 / constant)
            places = next(places for places in range(39) if (factor * 10**places).denominator == 1)
            figures = str(int(factor * 10**places))
            if max(len(figures), places) <= 38:
                precision = left.precision + (0 if figures == "1" else len(figures))
                return limited(max(precision, left.scale + places), left.scale + places, left.scale)
        longest = max(left.scale, right.scale)
        return digits_of(38, max(longest, min(18, longest + 10)))

    def target(self, tree: exp.Cast) -> OracleType:
        name = tree.to.this.name if hasattr(tree.to.this, "name") else str(tree.to.this)
        if name == "DECIMAL":
            given = [int(part.name) for part in tree.to.expressions]
            return digits_of(given[0], given[1] if len(given) > 1 else 0)
        return INTEGER if _CASTS[name] == "integer" else OracleType(_CASTS[name])

    def meet(self, trees: list[exp.Expression]) -> OracleType:
        types = [given for tree in trees if (given := self.type(tree)) != NULL]
        if not types:
            return NULL
        if all(given == types[0] for given in types):
            return types[0]
        if {given.kind for given in types} == {"integer"}:
            return INTEGER
        if "decimal" in {given.kind for given in types}:
            scale = max(given.scale for given in types)
            return digits_of(max(given.precision - given.scale for given in types) + scale, scale)
        return OracleType("text") if len({given.kind for given in types}) > 1 else types[0]

    def call(self, tree: exp.Expression) -> tuple[str, list[exp.Expression]]:
        """A function's name in the language, and its arguments."""
        name = type(tree).__name__.lower()
        if name == "anonymous":
            return tree.this.lower(), tree.expressions
        if name == "trim":
            name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(tree.args.get("position")), "trim")
            return name, [part for part in (tree.this, tree.args.get("expression")) if part is not None]
        if name == "pad":
            return "lpad" if tree.args["is_left"] else "rpad", [tree.this, tree.expression, tree.args["fill_pattern"]]
        if name in ("timestamptrunc", "datetrunc"):
            return "date_trunc", [exp.Literal.string(tree.args["unit"].name), tree.this]
        if name == "extract":
            return tree.this.name.lower(), [tree.expression]
        renamed = {
            "substring": "substr", "splitpart": "split_part", "strposition": "strpos", "startswith": "starts_with", "endswith": "ends_with",
            "regexplike": "regexp_matches",
        }  # fmt: skip
        keys = ("this", "expression", "replacement", "substr", "start", "length", "delimiter", "part_index", "decimals")
        given = [tree.args[key] for key in keys if tree.args.get(key) is not None]
        return renamed.get(name, name), [*given, *tree.expressions]

    def function(self, name: str, arguments: list[exp.Expression]) -> OracleType:
        if name in TEXT_FUNCTIONS:
            return OracleType("text")
        if name in INTEGER_FUNCTIONS:
            return INTEGER
        if name in TRUTH_FUNCTIONS:
            return OracleType("boolean")
        if name in ("least", "greatest"):
            return self.meet(arguments)
        if name == "date_trunc":
            return self.type(arguments[1])
        if name in ("at_zone", "in_zone"):
            return OracleType("instant" if name == "at_zone" else "timestamp")
        return NULL if name == "unmapped" else self.number(name, arguments)

    def number(self, name: str, arguments: list[exp.Expression]) -> OracleType:
        given = self.type(arguments[0])
        if name == "mod":
            other = self.type(arguments[1])
            if "decimal" not in (given.kind, other.kind):
                return INTEGER
            scale = max(given.scale, other.scale)
            return digits_of(max(given.precision - given.scale, other.precision - other.scale) + scale, scale)
        if given.kind != "decimal":
            return INTEGER if given.kind == "integer" else given
        if name == "abs":
            return given
        places = int(self.constant(arguments[1]) or 0) if len(arguments) > 1 else 0
        return digits_of(given.precision - given.scale + places + 1, places) if places < given.scale else given
