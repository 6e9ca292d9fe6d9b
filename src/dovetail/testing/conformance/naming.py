"""What names promise: every name is only a name, or it is refused before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dovetail.errors import DovetailError
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Verb
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction
from dovetail.testing.conformance.bench import Bench
from dovetail.testing.conformance.datasets import INTEGER, TEXT, dataset
from dovetail.testing.conformance.promise import promise
from dovetail.testing.conformance.verdict import decline, expect

ODD = (
    'say "hello"',
    "a.b",
    " blank ",
    "select",
    "naïve 🐘",
    "100%s",
    "semi;colon",
    "it's",
    "$1",
    "back\\slash",
    "?1",
    ":x",
    "`tick`",
    "[x]",
    "{x}",
    "--",
    "a,b",
    "trailing ",
    "%(name)s",
    "x" * 63,
    "é" * 31,
    "日本語",
    "1st",
    "Order",
    "id ",
)
"""Names that must be quoted wherever they go."""

_FIELDS = 4
_LONG = ("y" * 64, "y" * 65, "y" * 200, "é" * 40)
_TWINS = (("Twin", "twin"), ("ÄÖ", "äö"))


def refused(bench: Bench, names: Sequence[str], *, are_fields: bool) -> set[str]:
    """The names that the system refuses to give; nothing is made of a name that is refused."""
    found = set()
    for at, name in enumerate(names):
        named = f"probe_{at}" if are_fields else name
        fields = (Field(name if are_fields else "n", TEXT),)
        end = bench.attempt(
            partial(bench.make, dataset(named, Field("key", INTEGER, nullable=False), *fields, key=("key",)))
        )
        if isinstance(end, DovetailError):
            found.add(name)
            expect(bench.system.describe().dataset(named) is None, f"{name!r} was refused, and something was made")
    return found


@promise(needs=(SupportsCreate,))
def odd_names_are_names(bench: Bench) -> None:
    """Names with quotes, dots, blanks, per cent signs, other scripts, reserved words, and long ones, of fields as of
    datasets, are only names; or they are refused when they are to be made."""
    end = bench.attempt(lambda: bench.make(dataset("all", *(Field(name, TEXT) for name in ("k", *ODD)), key=("k",))))
    gone = refused(bench, ODD, are_fields=True) if isinstance(end, DovetailError) else set()
    kept = [name for name in ODD if name not in gone]
    if not kept:
        decline("every odd name of a field is refused")
    for at, name in enumerate(ODD):
        some = [kept[(at + step) % len(kept)] for step in range(_FIELDS)]
        key, other = some[0], some[-1]
        others = [odd for odd in dict.fromkeys(some) if odd != key]
        fields = (Field(key, INTEGER, nullable=False), *(Field(odd, TEXT) for odd in others))
        rows: list[dict[str, object]] = [
            {key: 1, **{odd: odd for odd in others}},
            {key: 2, **dict.fromkeys(others, "")},
        ]
        found = bench.attempt(partial(bench.filled, dataset(name, *fields, key=(key,)), rows))
        if not isinstance(found, Dataset):
            expect(bench.system.describe().dataset(name) is None, f"{name!r} was refused, and something was made")
            continue
        if other == key:
            continue
        receipt = bench.change(found, Verb.UPDATE, [{key: 2, other: "new"}], [{key: 2, other: ""}])
        expect(receipt.applied == 1, f"a row under odd names is not updated: {name!r}, {other!r}")
        expect(bench.find(found, [other, key], [{key: 2}]) == [("new", 2)], f"a row of {name!r} is not found")
        expect(
            bench.find(found, others, [{key: 1}]) == [tuple(others)], "a field under an odd name has another's value"
        )
        expect(bench.change(found, Verb.DELETE, [{key: 1}]).applied == 1, f"a row of {name!r} is not deleted")
        expect(len(bench.rows(found)) == 1, "another number of rows is left")


@promise(needs=(SupportsCreate,))
def a_long_name_is_whole_or_refused(bench: Bench) -> None:
    """A name that is longer than the system can carry is refused, for datasets as for fields, and never cut."""
    for are_fields in (False, True):
        gone = refused(bench, _LONG, are_fields=are_fields)
        names = [one.name for one in bench.system.describe().datasets]
        for name in _LONG:
            if are_fields or name in gone:
                continue
            expect(name in names, f"a name of {len(name)} letters is described as something else")


@promise(needs=(SupportsCreate,), uses=(SupportsTransaction,))
def names_that_differ_in_case_are_kept_apart(bench: Bench) -> None:
    """Two names that differ only in their case are two, of datasets as of fields; or the second is refused, and the
    first is as it was."""
    declined = 0
    for at, (one, other) in enumerate(_TWINS):
        key = Field("key", INTEGER, nullable=False)
        found = bench.filled(dataset(one, key, Field("n", TEXT), key=("key",)), [{"key": 1, "n": one}])
        end = bench.attempt(partial(bench.make, dataset(other, key, Field("n", TEXT), key=("key",))))
        if isinstance(end, DovetailError):
            declined += 1
        else:
            second = bench.filled(dataset(other, key, Field("n", TEXT), key=("key",)), [{"key": 1, "n": other}])
            expect(bench.rows(second) == [(1, other)], f"{other!r} has other rows: {bench.rows(second)}")
        expect(bench.rows(found) == [(1, one)], f"beside {other!r}, {one!r} holds {bench.rows(found)}")
        fields = dataset(f"both_{at}", key, Field(one, TEXT), Field(other, TEXT), key=("key",))
        end = bench.attempt(partial(bench.filled, fields, [{"key": 1, one: "first", other: "second"}]))
        if isinstance(end, DovetailError):
            declined += 1
            continue
        made = bench.make(fields)
        expect(bench.rows(made, [one, other]) == [("first", "second")], f"{one!r} and {other!r} are mixed up")
    if declined == 2 * len(_TWINS):
        decline("names that differ in case alone are refused")
