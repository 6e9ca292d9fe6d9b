"""What a file of delimited values holds: its fields and their types, detected from its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.csv.dialect import Dialect
from dovetail.systems.connectors.csv.read import texts
from dovetail.systems.files.carry import TRUTH, Spelling
from dovetail.systems.files.declared import Declared, check_names
from dovetail.systems.files.detect import Sight
from dovetail.systems.files.form import declared_form


@dataclass(frozen=True, slots=True)
class Habits:
    """What a person declares about values: their decimal sign, texts that are null, whether a quoted empty cell is
    null, how many rows types are detected from (`None`: all), the texts for true and false, and whether texts that look
    like formulas are guarded by an apostrophe."""

    decimal: str | None = None
    nulls: tuple[str, ...] = ()
    is_empty_null: bool = False
    sample_rows: int | None = None
    truth: tuple[str, str] = TRUTH
    is_guarded: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A file, how it is written, and how the values of each field are."""

    path: Path
    dialect: Dialect
    spellings: Mapping[str, Spelling]


def detect(path: Path, dialect: Dialect, habits: Habits, declared: Declared) -> tuple[Dataset, Mapping[str, Spelling]]:
    """What a file holds and how it is spelled, from its values and from what is declared."""
    where = path.name
    check_names(declared.key, dialect.names, where)
    check_names(tuple(declared.types), dialect.names, where)
    given = {name: declared_form(words, f"{where}: {name}") for name, words in declared.types.items()}
    open_names = [name for name in dialect.names if name not in given]
    sign = habits.decimal or "."
    is_sure = habits.decimal is not None
    sights = {name: Sight(sign, has_ungrouped=is_sure, truth=habits.truth) for name in open_names}
    found, rows = _see(path, dialect, habits, sights)
    if habits.decimal is None and not any(one.type.kind is Kind.DECIMAL for one in found.values()):
        texts_only = {name: Sight(",") for name, one in found.items() if one.type.kind is Kind.TEXT}
        again, _ = _see(path, dialect, habits, texts_only, is_counting=False)
        by_comma = {name: one for name, one in again.items() if one.type.kind is Kind.DECIMAL}
        found, sign = {**found, **by_comma}, "," if by_comma else "."
    spellings = {
        name: found[name]
        if name not in given
        else Spelling(given[name][0], decimal=sign, is_strict=False, form=given[name][1])
        for name in dialect.names
    }
    return _dataset(path, dialect, spellings, declared=declared, rows=rows, sign=sign), spellings


def _see(
    path: Path, dialect: Dialect, habits: Habits, sights: Mapping[str, Sight], *, is_counting: bool = True
) -> tuple[dict[str, Spelling], int | None]:
    """How the values of those fields are spelled, and the number of rows where all of them were seen."""
    rows: int | None = 0
    most = habits.sample_rows
    for found in texts(path, dialect, list(sights), habits.nulls) if dialect.names else ():
        columns = found.columns if most is None else found.columns.slice(0, max(most - found.before, 0))
        for name, sight in sights.items():
            sight.see(columns.column(name))
        rows = (rows or 0) + len(found.columns) + len(found.ragged)
        if most is not None and rows >= most:
            rows = None
            break
        if not is_counting and not any(sight.kinds for sight in sights.values()):
            break
    return {name: sight.spelling() for name, sight in sights.items()}, rows


def _dataset(
    path: Path,
    dialect: Dialect,
    spellings: Mapping[str, Spelling],
    *,
    declared: Declared,
    rows: int | None,
    sign: str,
) -> Dataset:
    fields = tuple(
        Field(name, spellings[name].type, nullable=name not in declared.key, comment=_words(spellings[name]))
        for name in dialect.names
    )
    has_comma = any(one.type.kind in (Kind.DECIMAL, Kind.FLOAT) for one in spellings.values()) and sign == ","
    comment = dialect.words + (", decimal comma" if has_comma else "")
    return Dataset(path.stem, DatasetKind.TABLE, fields, declared.key, rows=rows, comment=comment)


def _words(spelling: Spelling) -> str:
    nulls = [f"null is also written {', '.join(spelling.nulls)}"] if spelling.nulls else []
    return "; ".join([*nulls, *([f"written as {spelling.form}"] if spelling.form else [])])
