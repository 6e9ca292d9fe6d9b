"""The reference page of the language, made from the functions' own words and examples."""

from __future__ import annotations

import ast
import datetime as dt
import doctest
import inspect
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal

from dovetail.expression.failure import FailureCode
from dovetail.expression.function import Function
from dovetail.expression.functions import shelf
from dovetail.expression.parse import literal
from dovetail.expression.reference_text import FAILURE_WORDS, INTRODUCTION

_MAKERS = {"Decimal": Decimal, "date": dt.date, "time": dt.time, "datetime": dt.datetime}


def reference() -> str:
    """The whole page, as Markdown."""
    lines = [INTRODUCTION.strip(), "", "## Failures of a row", "", "| code | when |", "|---|---|"]
    lines += [f"| {code} | {FAILURE_WORDS[code]} |" for code in FailureCode]
    lines += ["", "## Functions", ""]
    for title, functions in _groups():
        lines += [f"### {title}", ""]
        for function in functions:
            lines += [*_entry(function), ""]
    return "\n".join(lines).rstrip() + "\n"


def _groups() -> Iterator[tuple[str, list[Function]]]:
    """The functions by the file they stand in; a file's title is its first sentence."""
    groups: dict[str, list[Function]] = {}
    for name, function in sorted(shelf().items()):
        if name == function.name:
            groups.setdefault(function.run.__module__, []).append(function)
    for module in sorted(groups):
        yield _sentence(sys.modules[module].__doc__ or "").rstrip("."), groups[module]


def _sentence(words: str) -> str:
    return words.strip().split("\n\n")[0]


def _entry(function: Function) -> list[str]:
    told = inspect.getdoc(function.run) or ""
    words = " ".join(told.partition(">>>")[0].split())
    examples = doctest.DocTestParser().get_examples(told)
    title = "x LIKE pattern [ESCAPE 'c']" if function.name == "like" else function.signature
    also = f" Also called `{'`, `'.join(function.aliases)}`." if function.aliases else ""
    return [f"**`{title}`**: {words}{also}", *_examples(function, (example.source for example in examples))]


def _examples(function: Function, sources: Iterable[str]) -> list[str]:
    shown = [
        _shown(function, [_value(argument) for argument in call.args])
        for source in sources
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function.run.__name__
    ]
    return ["", *(f"- {line}" for line in shown)] if shown else []


def _shown(function: Function, arguments: list[object]) -> str:
    spelled = [_spelled(argument) for argument in arguments]
    if function.name == "like":
        written = f"{spelled[0]} LIKE {spelled[1]}" + (f" ESCAPE {spelled[2]}" if arguments[2] else "")
    else:
        written = f"{function.name}({', '.join(spelled)})"
    return f"`{written}` gives `{_spelled(function.run(*arguments))}`"


def _spelled(value: object) -> str:
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP{'TZ' if value.tzinfo else ''} '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date | dt.time):
        return f"{'DATE' if isinstance(value, dt.date) else 'TIME'} '{value.isoformat()}'"
    return literal(value).text.replace("\t", "⇥")


def _value(node: ast.expr) -> object:
    """The value of an example's argument: a constant, or a number or time made from constants."""
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    zone = {"tzinfo": dt.UTC} if node.keywords else {}
    return _MAKERS[name](*(ast.literal_eval(argument) for argument in node.args), **zone)


if __name__ == "__main__":
    sys.stdout.write(reference())
