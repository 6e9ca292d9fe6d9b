"""Values that get lost on the way elsewhere: each comes back exactly, or is refused, or is said to be unreadable; never
changed in silence."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import SupportsCreate, SupportsTransaction
from dovetail.testing.conformance.bench import Bench, Unreadable, comparable, listed
from dovetail.testing.conformance.datasets import INTEGER, dataset
from dovetail.testing.conformance.promise import PROMISES, Promise, expect

_DAY = 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_NINES = "9" * 38
_WHOLE, _FREE, _FINE = Decimal(_NINES), Decimal(f"{_NINES[:20]}.{_NINES[20:]}"), Decimal(f"0.{_NINES}")

_MOMENTS: tuple[object, ...] = (
    0, 1, -1, 999_999, -999_999, 1_700_000_000_123_456, _FIRST_DAY * _DAY, _LAST_DAY * _DAY + _DAY - 1, 2_147_483_648_000_000,
    -12_219_292_800_000_000, (_LAST_DAY + 1) * _DAY, _FIRST_DAY * _DAY - 1,
)  # fmt: skip
VALUES: dict[str, tuple[Type, tuple[object, ...]]] = {
    "booleans": (Type(Kind.BOOLEAN), (True, False)),
    "integers": (Type(Kind.INTEGER), (0, -1, 2**63 - 1, -(2**63), 2**31, -(2**31) - 1, 2**53 + 1)),
    "prices": (
        Type(Kind.DECIMAL, precision=12, scale=2),
        tuple(map(Decimal, ("0.00", "0.01", "-0.01", "9999999999.99", "-9999999999.99", "1.10", "0.10", "100.00"))),
    ),
    "whole_decimals": (Type(Kind.DECIMAL, precision=38, scale=0), (Decimal(0), _WHOLE, _WHOLE.copy_negate(), Decimal(2) ** 63, Decimal(2) ** 64)),
    "fine_decimals": (Type(Kind.DECIMAL, precision=38, scale=38), (Decimal(1).scaleb(-38), _FINE, _FINE.copy_negate())),
    "free_decimals": (
        Type(Kind.DECIMAL),
        (_FREE, _FREE.copy_negate(), Decimal(1).scaleb(-18), Decimal("0.1"), Decimal("1.5"), Decimal(10) ** 19, Decimal("-7.25")),
    ),
    "floats": (
        Type(Kind.FLOAT),
        (0.0, -0.0, 0.1, 0.1 + 0.2, 1e22, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53 + 2,
         float("nan"), float("inf"), float("-inf"), 1.0, 123456789.123456789),
    ),
    "texts": (
        Type(Kind.TEXT),
        ("", " ", "  ", "a ", " a", "\t", "\n", "\r", "\r\n", "a\nb", "NULL", "null", "\\N", "\\.", "\\", "\\n", '"', '""', "'", "''",
         ",", ";", "a,b", "=cmd|' /C calc'!A0", "{}", "{NULL}", "%s", "$1", "0", "007", "1e5", "+1", "-0", "1.0", "true", "NaN", "infinity",
         "2024-01-31", "é", "e\u0301", "ß", "İ", "ı", "\u200b", "\ufeff", "\u202eabc", "👩‍👩‍👧‍👦", "\U0010ffff", "\u2028", "\x01", "\x7f", "\x1f",
         "日本語", "𝒳", "x" * 10_000, "a\0b", "\0"),
    ),
    "short_texts": (Type(Kind.TEXT, length=5), ("", "abcde", "abcdef", "abcde ", "a    ", "日本語日本", "👍👍👍👍👍", "éééééé")),
    "bytes": (Type(Kind.BYTES), (b"", b"\0", b"\\", b"\\x00", bytes(range(256)), b"\xff\xfe", b"'", b"x" * 70_000)),
    "dates": (Type(Kind.DATE), (0, -1, _FIRST_DAY, _LAST_DAY, -141_428, -25_508, 19_782, _LAST_DAY + 1, _FIRST_DAY - 1, 2**31 - 1, -(2**31))),
    "times": (Type(Kind.TIME), (0, 1, _DAY - 1, 43_200_000_000, 100_000, 3_600_000_000)),
    "timestamps": (Type(Kind.TIMESTAMP), _MOMENTS),
    "instants": (Type(Kind.INSTANT), _MOMENTS),
    "uuids": (
        Type(Kind.UUID),
        ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07", "no uuid"),
    ),
    "json": (
        Type(Kind.JSON),
        ("{}", "[]", "null", '"x"', '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', "1e400", "12345678901234567890123", "1.10", " 1 ",
         '"\\u0000"', '"\\ud800"', "not json", ""),
    ),
    "opaque_texts": (Type(Kind.OPAQUE), ("", " ", "a\nb", "007", "1e5", "é", "{1,2}")),
}  # fmt: skip
"""For each kind its values; whole numbers stand for the days and microseconds of dates and times."""


def survive(bench: Bench, kind: Type, values: Sequence[object]) -> None:
    """Write the values, and look what became of them; then update each row, expecting of it what was read."""
    table = dataset(
        f"hostile_{kind.kind}", Field("id", INTEGER, nullable=False), Field("value", kind), Field("n", INTEGER)
    )
    found = bench.make(table)
    described = found.field("value")
    expect(
        described and described.type.arrow() == kind.arrow(),
        f"the field is described as {described and described.type}",
    )
    given = (*values, None)
    receipt = bench.change(found, Verb.CREATE, [{"id": at, "value": value} for at, value in enumerate(given)])
    _check(bench, found, receipt, given)
    _update(bench, found, receipt)


def _check(bench: Bench, found: Dataset, receipt: Receipt, given: Sequence[object]) -> None:
    """Each value has one of the allowed ends."""
    refused = {reject.position for reject in receipt.rejects}
    expect(
        receipt.applied + len(refused) == len(given),
        f"{receipt.applied} applied and {len(refused)} refused of {len(given)}",
    )
    held = bench.by_key(found, "value")
    told = listed(receipt.held.column("value")) if receipt.held is not None else None
    for at, value in enumerate(given):
        if at in refused:
            expect(at not in held, f"{value!r} was refused and written")
            bench.tally["refused"] += 1
            continue
        expect(at in held, f"{value!r} was applied and is not there")
        read, wanted = held[at], comparable(value)
        if isinstance(read, Unreadable):
            expect(read.words, f"{value!r} is unreadable without a reason")
            bench.tally["unreadable"] += 1
        elif read == wanted and type(read) is type(wanted):
            bench.tally["exact"] += 1
        else:
            expect(told is not None and told[at] == read, f"{value!r} was changed in silence: {read!r}")
            bench.tally["rewritten, and said so"] += 1


def _update(bench: Bench, found: Dataset, receipt: Receipt) -> None:
    """What was read is what is expected: a guard recognises every value that the system holds, or nothing would ever
    settle."""
    batches = list(bench.system.read(found, ["id", "value"]))
    for one in batches:
        keys = one.select(["id"])
        rows = keys.append_column("n", pa.array(range(len(keys)), pa.int64()))
        marks = one.column(UNREADABLE).is_valid().to_pylist() if UNREADABLE in one.schema.names else [False] * len(one)
        answer = bench.write(found, Change(Verb.UPDATE, rows, one.select(["id", "value"])))
        missed = [at for at in answer.missed if not marks[at]]
        expect(not missed, f"a guard does not recognise the value in row {missed[:3]} that was read just now")


def _promise(name: str, kind: Type, values: Sequence[object]) -> Promise:
    def check(bench: Bench) -> None:
        survive(bench, kind, values)

    words = f"Hostile {name.replace('_', ' ')} come back exactly, or are refused, or are said to be unreadable or rewritten."
    return Promise(f"hostile_{name}", words, check, (SupportsCreate,), (SupportsTransaction,))


PROMISES.update((made.name, made) for made in (_promise(name, *given) for name, given in VALUES.items()))
