"""An independent row-by-row interpreter of the expression language: the oracle of the tests, never used in production.

It reads SQLGlot's tree and computes with fractions; it shares no line with the kernel and knows neither DuckDB nor
SQLGlot's generator.
"""
# ruff: noqa: FURB192, PLR0124

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
import uuid
import zoneinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlglot
from sqlglot import exp
from tests.oracle.typing import NULL, OracleType, Typist, digits_of, ends

BOUND = 2**63


class Fault(Exception):
    """A row has no value; the code says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


UNMAPPED, UNREADABLE, OVERFLOW, ZERO, ARGUMENT, LOCAL = (f"DV-{number}" for number in range(431, 437))


def interpret(text: str, scope: dict[str, OracleType], rows: list[dict[str, Any]]) -> list[Any]:
    """The value of each row, or its `Fault`; exact numbers as `Decimal` with the places of their type."""
    tree = sqlglot.parse_one(text, dialect="duckdb")
    typist = Typist(scope)
    given = typist.type(tree)
    answers: list[Any] = []
    for row in rows:
        try:
            answers.append(outward(Reader(typist, row).read(tree), given))
        except Fault as fault:
            answers.append(fault)
    return answers


def outward(value: Any, given: OracleType) -> Any:
    """A value as the kernel's columns hold it."""
    if given.kind != "decimal" or value is None:
        return value
    return Decimal(int(value * 10**given.scale)).scaleb(-given.scale, context=_WIDE)


_WIDE = __import__("decimal").Context(prec=100)


def away(value: Fraction) -> int:
    """The nearest whole number; halves go away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return -whole if value < 0 else whole


def placed(value: Fraction, given: OracleType) -> Fraction:
    """The number rounded to the places of a type."""
    return bounded(Fraction(away(value * 10**given.scale), 10**given.scale), given)


def kept(value: Fraction, given: OracleType) -> Fraction:
    """The number itself, if the type has places for all of it."""
    if (value * 10**given.scale).denominator != 1:
        raise Fault(OVERFLOW)
    return bounded(value, given)


def bounded(value: Fraction, given: OracleType) -> Fraction:
    """The number itself, if it has no more digits than its type."""
    if abs(value) >= Fraction(10) ** (given.precision - given.scale):
        raise Fault(OVERFLOW)
    return value


def whole(value: int) -> int:
    """The number itself, if it has no more than 64 bits."""
    if not -BOUND <= value < BOUND:
        raise Fault(OVERFLOW)
    return value


class Reader:
    """One row under interpretation."""

    def __init__(self, typist: Typist, row: dict[str, Any]) -> None:
        self.typist = typist
        self.row = row

    def read(self, tree: exp.Expression) -> Any:
        """The value of a node; exact numbers that are not integers are fractions."""
        return getattr(self, f"on_{type(tree).__name__.lower()}", self.on_other)(tree)

    def kind(self, tree: exp.Expression) -> str:
        return self.typist.type(tree).kind

    # ------------------------------------------------------------------------------------------------ leaves

    def on_column(self, tree: exp.Column) -> Any:
        value = self.row[f"old.{tree.name}" if tree.table else tree.name]
        return Fraction(value) if isinstance(value, Decimal) else value

    def on_literal(self, tree: exp.Literal) -> Any:
        if tree.is_string:
            return tree.this
        return int(tree.this) if self.kind(tree) == "integer" else Fraction(tree.this)

    def on_boolean(self, tree: exp.Boolean) -> Any:
        return tree.this

    def on_null(self, tree: exp.Null) -> Any:
        return None

    def on_paren(self, tree: exp.Paren) -> Any:
        return self.read(tree.this)

    # -------------------------------------------------------------------------------------------- arithmetic

    def on_neg(self, tree: exp.Neg) -> Any:
        if isinstance(tree.this, exp.Literal):
            value = -Fraction(tree.this.this)
            return int(value) if self.kind(tree) == "integer" else value
        value = self.read(tree.this)
        if value is None:
            return None
        return whole(-value) if self.kind(tree) == "integer" else -value

    def on_add(self, tree: exp.Expression) -> Any:
        return self.arithmetic(tree, lambda one, two: one + two)

    def on_sub(self, tree: exp.Expression) -> Any:
        return self.arithmetic(tree, lambda one, two: one - two)

    def on_mul(self, tree: exp.Expression) -> Any:
        return self.arithmetic(tree, lambda one, two: one * two)

    def arithmetic(self, tree: exp.Expression, run: Any) -> Any:
        one, two = self.both(tree)
        if one is None or two is None:
            return None
        given = self.typist.type(tree)
        if given.kind == "float":
            return self.floating(lambda: run(float(one), float(two)), float(one), float(two))
        return whole(run(one, two)) if given.kind == "integer" else kept(Fraction(run(one, two)), given)

    def floating(self, run: Any, *given: float) -> float:
        result = run()
        finite = all(value - value == 0 for value in given)
        if finite and result - result != 0:
            raise Fault(OVERFLOW)
        return result

    def on_div(self, tree: exp.Div) -> Any:
        one, two = self.both(tree)
        if one is None or two is None:
            return None
        given = self.typist.type(tree)
        if two == 0:
            raise Fault(ZERO)
        if given.kind == "float":
            return self.floating(lambda: float(one) / float(two), float(one), float(two))
        quotient = Fraction(one) / Fraction(two)
        constant = self.typist.constant(tree.expression)
        return kept(quotient, given) if constant is not None and ends(1 / constant) else placed(quotient, given)

    # -------------------------------------------------------------------------------------------- conditions

    def both(self, tree: exp.Expression) -> tuple[Any, Any]:
        """Both operands; the second is not looked at when the first is null."""
        one = self.read(tree.this)
        return one, None if one is None else self.read(tree.expression)

    def compared(self, tree: exp.Expression, run: Any) -> Any:
        one, two = self.both(tree)
        return None if one is None or two is None else run(order(one), order(two))

    def on_eq(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one == two)

    def on_neq(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one != two)

    def on_lt(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one < two)

    def on_lte(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one <= two)

    def on_gt(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one > two)

    def on_gte(self, tree: exp.Expression) -> Any:
        return self.compared(tree, lambda one, two: one >= two)

    def on_nullsafeeq(self, tree: exp.Expression) -> Any:
        one, two = self.read(tree.this), self.read(tree.expression)
        return one is two if one is None or two is None else order(one) == order(two)

    def on_nullsafeneq(self, tree: exp.Expression) -> Any:
        return not self.on_nullsafeeq(tree)

    def on_and(self, tree: exp.And) -> Any:
        one = self.read(tree.this)
        two = False if one is False else self.read(tree.expression)
        return False if two is False else (None if None in (one, two) else True)

    def on_or(self, tree: exp.Or) -> Any:
        one = self.read(tree.this)
        two = True if one is True else self.read(tree.expression)
        return True if two is True else (None if None in (one, two) else False)

    def on_not(self, tree: exp.Not) -> Any:
        return {True: False, False: True, None: None}[self.read(tree.this)]

    def on_is(self, tree: exp.Is) -> Any:
        wanted = None if isinstance(tree.expression, exp.Null) else tree.expression.this
        return self.read(tree.this) is wanted

    def on_in(self, tree: exp.In) -> Any:
        sought, unknown = self.read(tree.this), False
        if sought is None:
            return None
        for part in tree.expressions:
            value = self.read(part)
            if value is None:
                unknown = True
            elif order(sought) == order(value):
                return True
        return None if unknown else False

    def on_between(self, tree: exp.Between) -> Any:
        value = self.read(tree.this)
        if value is None:
            return None
        low = self.read(tree.args["low"])
        above = None if value is None or low is None else order(value) >= order(low)
        if above is False:
            return False
        high = self.read(tree.args["high"])
        below = None if value is None or high is None else order(value) <= order(high)
        return False if below is False else (None if None in (above, below) else True)

    def on_like(self, tree: exp.Like, escape: str = "") -> Any:
        value = self.read(tree.this)
        if value is None:
            return None
        found = like(value, tree.expression.this, escape)
        return not found if tree.args.get("negate") else found

    def on_escape(self, tree: exp.Escape) -> Any:
        return self.on_like(tree.this, tree.expression.this)

    def on_case(self, tree: exp.Case) -> Any:
        given = self.typist.type(tree)
        subject = self.read(tree.this) if tree.this is not None else None
        for arm in tree.args["ifs"] if tree.this is None or subject is not None else ():
            key = self.read(arm.this)
            if tree.this is None:
                hit = key is True
            else:
                hit = subject is not None and key is not None and order(subject) == order(key)
            if hit:
                return self.widened(arm.args["true"], given)
        default = tree.args.get("default")
        return self.widened(default, given) if default is not None else None

    def on_if(self, tree: exp.If) -> Any:
        return self.widened(tree.args["true" if self.read(tree.this) is True else "false"], self.typist.type(tree))

    def widened(self, tree: exp.Expression, given: OracleType) -> Any:
        value = self.read(tree)
        exact = value is not None and given.kind == "decimal" and self.typist.type(tree) != given
        return kept(Fraction(value), given) if exact else value

    def on_coalesce(self, tree: exp.Coalesce) -> Any:
        given = self.typist.type(tree)
        return next(
            (value for part in (tree.this, *tree.expressions) if (value := self.widened(part, given)) is not None), None
        )

    def on_nullif(self, tree: exp.Nullif) -> Any:
        one, two = self.both(tree)
        return None if one is not None and two is not None and order(one) == order(two) else one

    # -------------------------------------------------------------------------------------------------- texts

    def on_dpipe(self, tree: exp.DPipe) -> Any:
        one, two = self.both(tree)
        return None if one is None or two is None else one + two

    def on_concat(self, tree: exp.Concat) -> Any:
        return "".join(text for part in tree.expressions if (text := self.read(part)) is not None)

    def on_cast(self, tree: exp.Cast) -> Any:
        value = self.read(tree.this)
        if value is None:
            return None
        return Caster(self.typist.type(tree.this), self.typist.type(tree)).cast(value)

    def on_other(self, tree: exp.Expression) -> Any:
        name, arguments = self.typist.call(tree)
        alike = name in ("least", "greatest")
        values = []
        for part in arguments:
            values.append(self.widened(part, self.typist.type(tree)) if alike else self.read(part))
            if values[-1] is None:
                return None
        return getattr(Library(self.typist.type(tree)), name)(*values)


def order(value: Any) -> Any:
    """Numbers of all kinds compared exactly; not-a-number is the greatest and equals itself."""
    if isinstance(value, float):
        return (
            (1, 0) if value != value else (0, value) if value in (float("inf"), -float("inf")) else (0, Fraction(value))
        )
    return (0, value)


def like(text: str, pattern: str, escape: str) -> bool:
    """LIKE through a regular expression."""
    parts: list[str] = []
    signs = iter(pattern)
    for sign in signs:
        if escape and sign == escape:
            parts.append(re.escape(next(signs)))
        else:
            parts.append({"%": "(?:.|\n)*", "_": "(?:.|\n)"}.get(sign, re.escape(sign)))
    return re.fullmatch("".join(parts), text) is not None


class Caster:
    """Casts between two types."""

    def __init__(self, source: OracleType, target: OracleType) -> None:
        self.source = source
        self.target = target

    def cast(self, value: Any) -> Any:
        return getattr(self, f"to_{self.target.kind}")(value)

    def refuse(self, *, unless: object) -> None:
        if not unless:
            raise Fault(UNREADABLE)

    def number(self, value: Any, shape: str) -> Fraction:
        if isinstance(value, str):
            self.refuse(unless=re.fullmatch(shape, value, re.ASCII))
            return Fraction(value)
        if isinstance(value, float):
            self.refuse(unless=value - value == 0)
        return Fraction(value)

    def to_integer(self, value: Any) -> int:
        return whole(away(self.number(value, r"-?\d+")))

    def to_decimal(self, value: Any) -> Fraction:
        return placed(self.number(value, r"-?\d+(\.\d+)?"), self.target)

    def to_float(self, value: Any) -> float:
        if isinstance(value, float):
            return value
        return float(self.number(value, r"-?\d+(\.\d+)?"))

    def to_boolean(self, value: Any) -> bool:
        table = {"true": True, "false": False} if isinstance(value, str) else {1: True, 0: False}
        self.refuse(unless=value in table)
        return table[value]

    def to_text(self, value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if self.source.kind == "decimal":
            figures = str(abs(int(value * 10**self.source.scale))).rjust(self.source.scale + 1, "0")
            cut = len(figures) - self.source.scale
            return ("-" if value < 0 else "") + figures[:cut] + ("." + figures[cut:] if self.source.scale else "")
        if isinstance(value, dt.datetime):
            return f"{value.date()} {value.timetz()}"
        return value if isinstance(value, str) else str(value)

    def to_date(self, value: Any) -> dt.date:
        if isinstance(value, dt.datetime):
            return value.date()
        if isinstance(value, dt.date):
            return value
        return self.stamp(value, r"(\d{4})-(\d\d)-(\d\d)").date()

    def to_timestamp(self, value: Any) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day)
        return self.stamp(value, r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")

    def to_time(self, value: Any) -> dt.time:
        if isinstance(value, dt.time):
            return value
        if isinstance(value, dt.datetime):
            return value.time()
        return self.stamp(
            f"2000-01-01 {value}", r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?"
        ).time()

    def stamp(self, text: str, shape: str) -> dt.datetime:
        found = re.fullmatch(shape, text, re.ASCII)
        self.refuse(unless=found)
        assert found is not None
        parts = [part or "0" for part in found.groups()]
        if len(parts) == 7:
            parts[6] = parts[6].ljust(6, "0")
        try:
            return dt.datetime(*map(int, parts))
        except ValueError:
            raise Fault(UNREADABLE) from None

    def to_instant(self, value: Any) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        found = re.fullmatch(r"(.*\d)(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)", value, re.ASCII | re.DOTALL)
        self.refuse(unless=found)
        assert found is not None
        stamp = self.to_timestamp(found[1])
        hours, minutes = int(found[4] or 0), int(found[5] or 0)
        self.refuse(unless=hours <= 15 and minutes < 60)
        shift = dt.timedelta(hours=hours, minutes=minutes) * (-1 if found[3] == "-" else 1)
        try:
            return (stamp - shift).replace(tzinfo=dt.UTC)
        except OverflowError:
            raise Fault(UNREADABLE) from None

    def to_uuid(self, value: str) -> str:
        self.refuse(unless=re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value))
        return str(uuid.UUID(value))

    def to_json(self, value: str) -> str:
        def refused(word: str) -> None:
            raise ValueError(word)

        try:
            json.loads(value, parse_constant=refused)
        except ValueError:
            raise Fault(UNREADABLE) from None
        return value


class Library:
    """The functions, by name, over values none of which is null."""

    def __init__(self, given: OracleType) -> None:
        self.given = given

    def need(self, condition: object) -> None:
        if not condition:
            raise Fault(ARGUMENT)

    def lower(self, text: str) -> str:
        return text.lower()

    def upper(self, text: str) -> str:
        return text.upper()

    def left(self, text: str, count: int) -> str:
        self.need(count >= 0)
        return "".join(sign for at, sign in enumerate(text) if at < count)

    def right(self, text: str, count: int) -> str:
        self.need(count >= 0)
        return "".join(sign for at, sign in enumerate(text) if at >= len(text) - count)

    def substr(self, text: str, start: int, count: int | None = None) -> str:
        self.need(start >= 1)
        self.need(count is None or count >= 0)
        stop = len(text) if count is None else start - 1 + count
        return "".join(sign for at, sign in enumerate(text) if start - 1 <= at < stop)

    def split_part(self, text: str, separator: str, number: int) -> str:
        self.need(separator)
        self.need(number >= 1)
        for _ in range(number - 1):
            _, found, text = text.partition(separator)
            if not found:
                return ""
        return text.partition(separator)[0]

    def trim(self, text: str, signs: str = " ") -> str:
        return self.ltrim(self.rtrim(text, signs), signs)

    def ltrim(self, text: str, signs: str = " ") -> str:
        while text and text[0] in signs:
            text = text[1:]
        return text

    def rtrim(self, text: str, signs: str = " ") -> str:
        while text and text[-1] in signs:
            text = text[:-1]
        return text

    def squeeze(self, text: str) -> str:
        words, word = [], ""
        for sign in [*text, " "]:
            if not sign.isspace():
                word += sign
            elif word:
                words.append(word)
                word = ""
        return " ".join(words)

    def length(self, text: str) -> int:
        return len(text.encode("utf-32-le")) // 4

    def strpos(self, text: str, part: str) -> int:
        return next((at + 1 for at in range(len(text) + 1) if text[at : at + len(part)] == part), 0)

    def starts_with(self, text: str, part: str) -> bool:
        return text[: len(part)] == part

    def ends_with(self, text: str, part: str) -> bool:
        return len(part) <= len(text) and text[len(text) - len(part) :] == part

    def contains(self, text: str, part: str) -> bool:
        return self.strpos(text, part) > 0

    def regexp_matches(self, text: str, pattern: str) -> bool:
        return re.search(pattern, text, re.ASCII) is not None

    def replace(self, text: str, part: str, by: str) -> str:
        return by.join(text.split(part)) if part else text

    def lpad(self, text: str, count: int, fill: str) -> str:
        return self.filling(text, count, fill) + text

    def rpad(self, text: str, count: int, fill: str) -> str:
        return text + self.filling(text, count, fill)

    def filling(self, text: str, count: int, fill: str) -> str:
        missing = count - len(text)
        self.need(missing >= 0)
        self.need(fill or not missing)
        return "".join(fill[at % len(fill)] for at in range(missing))

    def nfc(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def nfkc(self, text: str) -> str:
        return unicodedata.normalize("NFKC", text)

    def abs(self, number: Any) -> Any:
        return whole(abs(number)) if self.given.kind == "integer" else abs(number)

    def round(self, number: Any, places: int = 0) -> Any:
        return number if self.given.kind == "integer" else Fraction(away(number * 10**places), 10**places)

    def floor(self, number: Any) -> Any:
        return number if self.given.kind == "integer" else Fraction(number.numerator // number.denominator)

    def ceil(self, number: Any) -> Any:
        return number if self.given.kind == "integer" else -Fraction(-number.numerator // number.denominator)

    def sign(self, number: Any) -> int:
        return 1 if number > 0 else -1 if number < 0 else 0

    def mod(self, number: Any, divisor: Any) -> Any:
        if divisor == 0:
            raise Fault(ZERO)
        times = abs(number) // abs(divisor)
        rest = abs(number) - times * abs(divisor)
        return -rest if number < 0 else rest

    def least(self, *values: Any) -> Any:
        return sorted(values)[0]

    def greatest(self, *values: Any) -> Any:
        return sorted(values)[-1]

    def year(self, date: dt.date) -> int:
        return int(date.strftime("%Y"))

    def month(self, date: dt.date) -> int:
        return int(date.strftime("%m"))

    def day(self, date: dt.date) -> int:
        return int(date.strftime("%d"))

    def hour(self, time: Any) -> int:
        return int(time.strftime("%H"))

    def minute(self, time: Any) -> int:
        return int(time.strftime("%M"))

    def date_trunc(self, unit: str, date: dt.date) -> dt.date:
        unit = unit.lower()
        if isinstance(date, dt.datetime):
            step = {"hour": 3600, "minute": 60, "second": 1}.get(unit)
            if step is None:
                start = self.date_trunc(unit, date.date())
                return dt.datetime(start.year, start.month, start.day)
            seconds = (date.hour * 3600 + date.minute * 60 + date.second) // step * step
            return dt.datetime(date.year, date.month, date.day) + dt.timedelta(seconds=seconds)
        months = {"year": 12, "quarter": 3, "month": 1}.get(unit)
        if months:
            return dt.date(date.year, (date.month - 1) // months * months + 1, 1)
        if unit == "week":
            return date - dt.timedelta(days=date.isoweekday() - 1)
        return date

    def at_zone(self, stamp: dt.datetime, zone: str) -> dt.datetime:
        place = zoneinfo.ZoneInfo(zone)
        found = set()
        try:
            for fold in (0, 1):
                instant = stamp.replace(tzinfo=place, fold=fold).astimezone(dt.UTC)
                if instant.astimezone(place).replace(tzinfo=None) == stamp:
                    found.add(instant)
        except OverflowError:
            raise Fault(LOCAL) from None
        if len(found) != 1:
            raise Fault(LOCAL)
        return found.pop()

    def in_zone(self, instant: dt.datetime, zone: str) -> dt.datetime:
        try:
            return instant.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        except OverflowError:
            raise Fault(LOCAL) from None

    def unmapped(self, value: Any) -> Any:
        raise Fault(UNMAPPED)


__all__ = ["NULL", "Fault", "digits_of", "interpret"]
