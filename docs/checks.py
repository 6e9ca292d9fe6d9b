"""The reference page of the checks, from the docstrings of their files."""

from __future__ import annotations

import inspect
import sys

from dovetail.quality import shelf

_HEAD = """# Checks

A check is a rule on the values that shared rows have, or would get. It stands under a field (`check: email`), or on the mapping
where it is about whole rows; several stand in a list: `check: [not_null, {length: [2, 40]}]`. A row that fails is put in
quarantine with the check, the field and the row's key; the value is kept encrypted. All other rows go on. A row whose value is
null passes every check but `not_null`.
"""


def checks() -> str:
    """Every check of the shelf with its arguments."""
    parts = [_HEAD]
    for name in shelf.names():
        shelved = shelf.get(name)
        module = sys.modules[f"dovetail.quality.checks.{name}"]
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(module.__doc__ or '')}\n")
        arguments = inspect.getdoc(shelved.validate) or ""
        said = arguments.partition("\n\n>>>")[0].rstrip(".")
        parts.append(
            f"Arguments: {said.removeprefix('It takes ')}. A row that fails gets the code `{vars(module)['CODE']}`.\n"
        )
    return "\n".join(parts)
