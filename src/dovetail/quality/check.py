"""Declared checks, turned into questions about shared rows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from dovetail.errors import DeclarationError, Declarations, UnknownName
from dovetail.model.mapping import Check, Mapping
from dovetail.quality import shelf
from dovetail.quality.question import Question, Scope, answerable, mistake


def declared(mapping: Mapping) -> tuple[Check, ...]:
    """All checks of a mapping: of its fields in their order, then of whole rows.

    A field's checks name the field; `unique` over several fields is a check of whole rows.
    """
    return (*(check for field in mapping.fields for check in field.checks), *mapping.checks)


def questions(checks: Sequence[Check], scope: Scope) -> tuple[Question, ...]:
    """What the checks ask of shared rows whose fields have these types, in the same order.

    Raises `DeclarationError`, or `Declarations` for several, where a check is unknown, its arguments are wrong, or it
    cannot judge values of that type.
    """
    asked: list[Question] = []
    mistakes: list[DeclarationError] = []
    for check in checks:
        try:
            asked.append(question(check, scope))
        except DeclarationError as error:
            mistakes.append(error)
    if len(mistakes) > 1:
        raise Declarations(mistakes)
    if mistakes:
        raise mistakes[0]
    return tuple(asked)


def question(check: Check, scope: Scope) -> Question:
    """What one check asks."""
    fault = wrong(check)
    if fault is not None:
        raise fault
    if check.field and check.field not in scope:
        raise mistake(check, f"there is no shared field {check.field!r} to check")
    return answerable(shelf.get(check.name).question(check, scope), scope)


def wrong(check: Check) -> DeclarationError | None:
    """What can be seen to be wrong with a check without knowing any type, or `None`."""
    known = shelf.names()
    if check.name not in known:
        near = difflib.get_close_matches(check.name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return UnknownName(f"no check is named {check.name!r}", where=check.at, hint=hint)
    if not check.field and check.name != "unique":
        return mistake(check, "it judges one field; write it under that field")
    fault = shelf.get(check.name).validate(check.arguments)
    return mistake(check, fault) if fault else None
