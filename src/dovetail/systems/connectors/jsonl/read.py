"""Rows of a file of JSON lines as batches: each value in its carrier, or the reason and the line why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.connectors.jsonl.lines import Doubled, Line, lines
from dovetail.systems.connectors.jsonl.shape import NESTED, is_float
from dovetail.systems.files.carry import Carried, Spelling, carry
from dovetail.systems.files.known import empty
from dovetail.systems.files.nested import dump

_NULL = type(None)
_CLASSES: dict[Kind, set[type]] = {
    Kind.BOOLEAN: {bool},
    Kind.INTEGER: {int},
    Kind.DECIMAL: {int, Decimal},
    Kind.TEXT: {str},
    Kind.JSON: {str},
    Kind.OPAQUE: {str},
}
"""Which values a column of each kind takes as they are."""


def rows(path: Path, fields: Sequence[Field], *, rows_max: int) -> Iterator[pa.RecordBatch]:
    """Every line that is not empty, these fields of it; at least one batch, which may be empty. A line that is
    no object is a row of nulls that says so."""
    is_empty = True
    for part in lines(path):
        for at in range(0, len(part), rows_max):
            is_empty = False
            yield batch(part[at : at + rows_max], fields, path.name)
    if is_empty:
        yield empty(fields)


def batch(part: Sequence[Line], fields: Sequence[Field], where: str) -> pa.RecordBatch:
    """Some lines as a batch."""
    reasons: dict[int, list[str]] = defaultdict(list)
    arrays = []
    for one in fields:
        carried = column([line.row.get(one.name) for line in part], one.type)
        arrays.append(carried.column)
        for at in carried.failed:
            reasons[at].append(f"{one.name}: {carried.words}")
    names = [one.name for one in fields]
    for at, line in enumerate(part):
        if line.fault and fields:
            reasons[at].insert(0, f"{line.field or fields[0].name}: {line.fault}")
    if reasons:
        words: list[str | None] = [None] * len(part)
        for at, told in reasons.items():
            words[at] = f"{'; '.join(told)} ({where}:{part[at].number})"
        names.append(UNREADABLE)
        arrays.append(pa.array(words, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def column(values: Sequence[object], kind: Type) -> Carried:
    """A column in its carrier; what it cannot hold exactly is null and failed."""
    if kind.kind is Kind.JSON and kind.native == NESTED:
        return _each(values, _nested, kind, "a nested value in which a name occurs twice, or a text that is no Unicode")
    if kind.kind not in _CLASSES:
        return _number(values, kind) if kind.kind is Kind.FLOAT else _text(values, kind)
    if set(map(type, values)) - {_NULL} <= _CLASSES[kind.kind]:
        try:
            return _short(pa.array(values, kind.arrow()), kind)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass
    return _each(values, lambda value: _strict(value, kind), kind, f"not {_article(kind)}")


def _strict(value: object, kind: Type) -> object:
    if type(value) not in _CLASSES[kind.kind]:
        raise ValueError
    if isinstance(value, str):
        value.encode()
    if isinstance(value, Decimal) and value.adjusted() > DECIMAL_PRECISION_MAX:
        raise ValueError
    return pa.array([value], kind.arrow())[0].as_py()


def _short(found: pa.Array, kind: Type) -> Carried:
    return carry(found, Spelling(kind)) if kind.length is not None else Carried(found)


def _text(values: Sequence[object], kind: Type) -> Carried:
    """Dates, times, UUIDs and bytes: texts of the right shape."""
    texts: list[str | None] = []
    odd: list[int] = []
    for at, value in enumerate(values):
        is_text = isinstance(value, str) and _is_unicode(value)
        texts.append(str(value) if is_text else None)
        if value is not None and not is_text:
            odd.append(at)
    carried = carry(pa.array(texts, pa.string()), Spelling(kind, is_strict=False))
    empty_texts = [at for at, text in enumerate(texts) if text == ""]
    failed = tuple(sorted({*carried.failed, *odd, *empty_texts}))
    return Carried(carried.column, failed, carried.words or f"not {_article(kind)}")


def _number(values: Sequence[object], kind: Type) -> Carried:
    return _each(values, _float, kind, "not a number that a 64-bit float holds exactly")


def _float(value: object) -> object:
    if value in ("NaN", "Infinity", "-Infinity") and isinstance(value, str):
        return float(value)
    if type(value) is int and int(float(value)) == value:
        return float(value)
    if isinstance(value, Decimal) and is_float(value):
        return float(value)
    raise ValueError


def _nested(value: object) -> object:
    if _has_doubled(value):
        raise ValueError
    return dump(value)


def _has_doubled(value: object) -> bool:
    if isinstance(value, dict):
        return isinstance(value, Doubled) or any(map(_has_doubled, value.values()))
    return isinstance(value, list) and any(map(_has_doubled, value))


def _each(values: Sequence[object], read: Callable[[object], object], kind: Type, words: str) -> Carried:
    found: list[object] = []
    failed: list[int] = []
    for at, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
        except (ValueError, OverflowError, RecursionError, pa.ArrowException):
            found.append(None)
            failed.append(at)
    return Carried(pa.array(found, kind.arrow()), tuple(failed), words)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _article(kind: Type) -> str:
    return f"{'an' if str(kind)[0] in 'aeiou' else 'a'} {kind} as the field has"
