"""What a function of the language is, and the decorator that puts one on the shelf."""

from __future__ import annotations

import datetime as dt
import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from dovetail.expression.tree import Node
from dovetail.model.type import Kind, Type


@dataclass(frozen=True, slots=True)
class Accepts:
    """The kinds that an argument may be of; a `constant` must stand in the expression itself."""

    kinds: tuple[Kind, ...]
    constant: bool = False


Text = Annotated[str, Accepts((Kind.TEXT,))]
ConstantText = Annotated[str, Accepts((Kind.TEXT,), constant=True)]
Whole = Annotated[int, Accepts((Kind.INTEGER,))]
ConstantWhole = Annotated[int, Accepts((Kind.INTEGER,), constant=True)]
Number = Annotated[int | Decimal, Accepts((Kind.INTEGER, Kind.DECIMAL))]
Truth = Annotated[bool, Accepts((Kind.BOOLEAN,))]
Day = Annotated[dt.date, Accepts((Kind.DATE, Kind.TIMESTAMP))]
Stamp = Annotated[dt.datetime, Accepts((Kind.TIMESTAMP,))]
Clock = Annotated[dt.datetime | dt.time, Accepts((Kind.TIMESTAMP, Kind.TIME))]
Instant = Annotated[dt.datetime, Accepts((Kind.INSTANT,))]
Ordered = Annotated[
    typing.Any, Accepts((Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT))
]
Anything = Annotated[object, Accepts(tuple(Kind))]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function, as its signature names it."""

    name: str
    accepts: Accepts
    optional: bool
    many: bool


Rule = Callable[[Sequence[Node]], Type | None]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: `run` maps the values of one row, none of them null, to the function's value
    or raises `RowFailure`.

    `gives` is the type of the value for typed arguments. `check` looks at the constants (`None` for the
    others) and raises
    `ValueError` when they make no sense. `aliases` are other names for the same.
    """

    name: str
    run: Callable[..., object]
    parameters: tuple[Parameter, ...]
    gives: Rule
    check: Callable[[Sequence[object]], None] | None = None
    aliases: tuple[str, ...] = ()
    alike: bool = False

    @property
    def signature(self) -> str:
        """The function as the reference shows it.

        Optional arguments stand in brackets."""
        shown = ""
        for position, parameter in enumerate(self.parameters):
            comma = ", " if position else ""
            if parameter.many:
                shown += f"{comma}{parameter.name}, ..."
            else:
                shown += f"[{comma}{parameter.name}]" if parameter.optional else f"{comma}{parameter.name}"
        return f"{self.name}({shown})"


_SHELF: dict[str, Function] = {}

_Run = typing.TypeVar("_Run", bound=Callable[..., object])


def function(
    *,
    gives: Rule | None = None,
    check: Callable[[Sequence[object]], None] | None = None,
    aliases: tuple[str, ...] = (),
    alike: bool = False,
) -> Callable[[_Run], _Run]:
    """Put a Python function on the shelf under its own name; its annotations say what it takes and gives.

    With `alike` all arguments are first brought to one type.
    """

    def shelve(run: _Run) -> _Run:
        hints = typing.get_type_hints(run, include_extras=True)
        parameters = tuple(
            Parameter(
                name=parameter.name,
                accepts=_accepts(hints[parameter.name]),
                optional=parameter.default is not parameter.empty,
                many=parameter.kind is parameter.VAR_POSITIONAL,
            )
            for parameter in inspect.signature(run).parameters.values()
        )
        name = run.__name__.rstrip("_")
        given = Function(name, run, parameters, gives or _fixed(hints["return"]), check, aliases, alike)
        for known in (name, *aliases):
            _SHELF[known] = given
        return run

    return shelve


def function_of(node: Node) -> Function:
    """The function that a call calls."""
    if not isinstance(node.value, Function):
        raise TypeError("the step is no call")
    return node.value


def shelf() -> dict[str, Function]:
    """Every function by each of its names."""
    return dict(_SHELF)


def _accepts(hint: object) -> Accepts:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Accepts):
            return extra
    raise TypeError(f"{hint!r} says no kind")


def _fixed(hint: object) -> Rule:
    if (hint is None) or hint is type(None):
        return lambda _: None
    kind = Type(_accepts(hint).kinds[0])
    return lambda _: kind
