"""The handful of cell kinds that simulated mappings use, each with a small interpreter of its own.

A *form* says how a member's columns spell a shared value. `read` is what the project's file says; `view` computes the
same in plain Python, `spell` is how a person there would type a value, `put` how anybody would write it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from dovetail.model.type import Kind, Type
from dovetail.testing.simulation.dice import Dice

TEXT = Type(Kind.TEXT)
INTEGER = Type(Kind.INTEGER)
FINE = Type(Kind.DECIMAL, 18, 4)
FINER = Type(Kind.DECIMAL, 18, 6)

Columns = Sequence[object]
"""The values of a cell's own columns, in order."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to spell a shared value.

    `rewrite` names what a trigger of the system makes of the (only) column."""

    name: str
    types: tuple[Type, ...]
    read: str
    view: Callable[[Columns], object]
    put: Callable[[object], tuple[object, ...]]
    spell: Callable[[object, Dice], tuple[object, ...]] | None = None
    rewrite: str = ""
    nullable: bool = True

    def norm(self, value: object) -> object:
        """What a reader here sees after the value was written."""
        return self.view([rewritten(self.rewrite, one) for one in self.put(value)])

    def declared(self, value: object) -> object:
        """The same as far as the cell alone tells; nobody outside knows the system's triggers."""
        return self.view(self.put(value))

    def typed(self, value: object, dice: Dice) -> tuple[object, ...]:
        """What a person types here who means that value."""
        return self.spell(value, dice) if self.spell is not None else self.put(value)


def same(left: object, right: object) -> bool:
    """Whether two shared values are one."""
    return left == right and (left is None) == (right is None)


def rewritten(trigger: str, value: object) -> object:
    """What a trigger makes of a value."""
    if value is None:
        return None
    if trigger == "trim":
        return str(value).strip(" ")
    if trigger == "upper":
        return str(value).upper()
    if trigger == "round":
        return placed(Decimal(str(value)), 1).quantize(Decimal("0.0001"))
    return value


def placed(value: Decimal, places: int) -> Decimal:
    """The number with so many decimal places, half away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _text(change: Callable[[str], str]) -> Callable[[Columns], object]:
    return lambda columns: None if columns[0] is None else change(str(columns[0]))


def _number(change: Callable[[Decimal], Decimal]) -> Callable[[Columns], object]:
    return lambda columns: None if columns[0] is None else change(Decimal(str(columns[0])))


def _as_is(value: object) -> tuple[object, ...]:
    return (value,)


def _fine(value: object) -> tuple[object, ...]:
    return (None if value is None else Decimal(str(value)).quantize(Decimal("0.0001")),)


def _any_case(value: object, dice: Dice) -> tuple[object, ...]:
    if value is None:
        return (None,)
    return (dice.one([str(value).lower(), str(value).upper(), str(value)]),)


def _any_blanks(value: object, dice: Dice) -> tuple[object, ...]:
    return (None if value is None else dice.one(["", " "]) + str(value) + dice.one(["", "  "]),)


def _any_digits(value: object, dice: Dice) -> tuple[object, ...]:
    if value is None:
        return (None,)
    return ((placed(Decimal(str(value)), 1) + Decimal(dice.between(-4, 4)).scaleb(-2)).quantize(Decimal("0.0001")),)


def _coded(codes: Mapping[str, object]) -> Callable[[Columns], object]:
    return lambda columns: None if columns[0] is None else codes[str(columns[0])]


def _code_for(codes: Mapping[str, object]) -> Callable[[object], tuple[object, ...]]:
    return lambda value: (next((code for code, shared in codes.items() if shared == value), None),)


def _one_of(codes: Mapping[str, object]) -> Callable[[object, Dice], tuple[object, ...]]:
    return lambda value, dice: (dice.one([code for code, shared in codes.items() if shared == value]),)


def _split(value: object) -> tuple[object, ...]:
    if value is None:
        return (None, None)
    first, _, last = str(value).rpartition(" ")
    return (first, last)


def _halves(value: object, dice: Dice) -> tuple[object, ...]:
    words = str(value).split(" ")
    at = dice.between(1, len(words) - 1)
    return (" ".join(words[:at]), " ".join(words[at:]))


_FLAGS = {"A": "yes", "X": "no"}
_MANY = {"A": "yes", "B": "yes", "X": "no"}
_CASE = "\"CASE @0 WHEN 'A' THEN 'yes' WHEN 'B' THEN 'yes' WHEN 'X' THEN 'no' END\""
_WORDS = {"N": "new", "P": "paid", "S": "shipped"}


def _codes(name: str, codes: Mapping[str, object]) -> Form:
    listed = ", ".join(f"{code}: '{shared}'" for code, shared in codes.items())
    read = "{field: @0, codes: {" + listed + "}}"
    return Form(name, (TEXT,), read, _coded(codes), _code_for(codes), _one_of(codes), nullable=False)


PLAIN_TEXT = Form("plain text", (TEXT,), "@0", _text(str), _as_is)
PLAIN_NUMBER = Form("plain number", (FINE,), "@0", _number(Decimal), _fine)

FORMS: dict[str, tuple[Form, ...]] = {
    "text": (
        PLAIN_TEXT,
        Form("lower", (TEXT,), "lower(@0)", _text(str.lower), _as_is, _any_case),
        Form("trim", (TEXT,), "trim(@0)", _text(lambda text: text.strip(" ")), _as_is, _any_blanks),
        Form("upper trigger", (TEXT,), "@0", _text(str), _as_is, rewrite="upper"),
        Form("trim trigger", (TEXT,), "@0", _text(str), _as_is, rewrite="trim"),
        Form(
            "null spelt blank",
            (TEXT,),
            "{field: @0, 'null': ''}",
            lambda columns: columns[0] or None,
            lambda value: ("" if value is None else value,),
        ),
    ),
    "number": (
        PLAIN_NUMBER,
        Form(
            "cents",
            (INTEGER,),
            "@0 / 100",
            _number(lambda cents: cents / 100),
            lambda value: (None if value is None else int(Decimal(str(value)) * 100),),
        ),
        Form("round", (FINE,), '"round(@0, 1)"', _number(lambda number: placed(number, 1)), _fine, _any_digits),
        Form("round trigger", (FINE,), "@0", _number(Decimal), _fine, rewrite="round"),
        Form(
            "thousandths",
            (FINER,),
            "@0 * 1000",
            _number(lambda kilograms: kilograms * 1000),
            lambda value: (None if value is None else (Decimal(str(value)) / 1000).quantize(Decimal("0.000001")),),
        ),
    ),
    "name": (
        Form("plain name", (TEXT,), "@0", _text(str), _as_is, nullable=False),
        Form(
            "first and last",
            (TEXT, TEXT),
            "@0 || ' ' || @1",
            lambda columns: None if None in columns else f"{columns[0]} {columns[1]}",
            _split,
            _halves,
            nullable=False,
        ),
    ),
    "flag": (
        Form("plain flag", (TEXT,), "@0", _text(str), _as_is, nullable=False),
        _codes("codes", _FLAGS),
        Form("many to one", (TEXT,), _CASE, _coded(_MANY), _code_for(_MANY), _one_of(_MANY), nullable=False),
    ),
    "word": (
        Form("plain word", (TEXT,), "@0", _text(str), _as_is, nullable=False),
        _codes("word codes", _WORDS),
    ),
}
"""The forms of each kind of shared value."""


def new_value(domain: str, dice: Dice, serial: int) -> object:
    """A value that somebody might mean; most of them were never typed before."""
    fresh = dice.chance(0.7)
    number = serial if fresh else dice.below(3)
    match domain:
        case "text":
            return dice.one([f"v{number}", f"Word {number}", f"x{number} "])
        case "number":
            return Decimal(number) + Decimal(dice.one([0, 10, 25, 4, 50])).scaleb(-2)
        case "name":
            return dice.one([f"Mary Jo {number}", f"Ada {number}", f"Van der Berg {number}"])
        case "flag":
            return dice.one(["yes", "no"])
    return dice.one(["new", "paid", "shipped"])
