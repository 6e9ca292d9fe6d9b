"""Functions applied to arguments, and parts brought to one type."""

from __future__ import annotations

from dovetail.expression.function import Function
from dovetail.expression.meeting import EXACT_NUMBERS, meet
from dovetail.expression.scope import Scope, cast_hint
from dovetail.expression.tree import Node, Op
from dovetail.model.type import Type


def called(function: Function, parts: list[Node], scope: Scope) -> Node:
    """The call of a function, its arguments checked; raises `DeclarationError`."""
    _check_count(function, parts, scope)
    for position, part in enumerate(parts):
        _check_argument(function, min(position, len(function.parameters) - 1), part, scope)
    if function.check is not None:
        try:
            function.check([part.value if part.op is Op.LITERAL else None for part in parts])
        except ValueError as error:
            raise scope.mistake(f"{function.name}: {error}", "DV-128", f"write {function.signature}") from None
    if function.alike:
        parts = alike(parts, scope, function.name)
    return Node(Op.CALL, function.gives(parts), tuple(parts), function)


def _check_count(function: Function, parts: list[Node], scope: Scope) -> None:
    least = sum(1 for parameter in function.parameters if not parameter.optional and not parameter.many) or 1
    most = None if any(parameter.many for parameter in function.parameters) else len(function.parameters)
    if len(parts) < least or (most is not None and len(parts) > most):
        raise scope.mistake(f"{function.name} is given {len(parts)} arguments", "DV-128", f"write {function.signature}")


def _check_argument(function: Function, position: int, part: Node, scope: Scope) -> None:
    parameter = function.parameters[position]
    if part.type is not None and part.type.kind not in parameter.accepts.kinds:
        wanted = " or ".join(str(kind) for kind in parameter.accepts.kinds)
        message = f"{function.name} takes {wanted} for {parameter.name!r}, not {part.type}"
        raise scope.mistake(message, "DV-127", cast_hint(parameter.accepts.kinds[0]))
    if parameter.accepts.constant and (part.op is not Op.LITERAL or part.value is None):
        message = f"{function.name} wants a constant for {parameter.name!r}"
        raise scope.mistake(message, "DV-128", f"write the value itself: {function.signature}")


def alike(parts: list[Node], scope: Scope, what: str) -> list[Node]:
    """The parts brought to the type in which they meet; raises `DeclarationError` where there is none."""
    try:
        common = meet([part.type for part in parts])
    except ValueError as error:
        raise scope.mistake(
            f"the values of {what} are of types that do not meet: {error}",
            "DV-127",
            "write CAST(... AS ...) around one of them",
        ) from None
    return [_widened(part, common) for part in parts]


def _widened(part: Node, common: Type | None) -> Node:
    if common is None or part.type is None or part.type.kind not in EXACT_NUMBERS or part.type == common:
        return part
    return Node(Op.CAST, common, (part,), "widen")
