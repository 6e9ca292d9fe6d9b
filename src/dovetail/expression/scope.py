"""What an expression may read, and how its mistakes are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dovetail.errors import DeclarationError, Location
from dovetail.model.type import Kind, Type


@dataclass(frozen=True, slots=True)
class Scope:
    """The types of the names that may be read, and where the expression stands."""

    types: Mapping[str, Type]
    at: Location | None

    def mistake(self, message: str, code: str, hint: str) -> DeclarationError:
        """An error at the expression's place."""
        return DeclarationError(message, where=self.at, code=code, hint=hint)


def cast_hint(kind: Kind) -> str:
    """The cast to try where a value of another kind is wanted."""
    names = {
        Kind.TEXT: "TEXT",
        Kind.INTEGER: "INTEGER",
        Kind.DECIMAL: "DECIMAL(12, 2)",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.DATE: "DATE",
    }
    return f"write CAST(... AS {names.get(kind, str(kind).upper())})"
