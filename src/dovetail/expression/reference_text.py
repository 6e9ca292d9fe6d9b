"""The part of the reference page that is written by hand: what expressions mean."""

from __future__ import annotations

from dovetail.expression.failure import FailureCode

INTRODUCTION = """
# Expressions

A cell of a mapping is the name of a field, or an expression over the fields of one row. Expressions are written as
SQL; what they mean is told on this page, and is the same for every system and for one row or a million. They are
strict: a value is exact, or null because something was null, or its row *fails* and is put aside with the reason.
Nothing is rounded, cut off or guessed unless the expression says so.

This page is made from the program (`dovetail.expression.reference`); a test holds it current.

## Names and constants

- `price` is a field; a name that is no plain word stands in double quotes: `"first name"`. Capitals matter.
- `old.price` is, in the writing direction, what the member's own row holds.
- `'text'` (a quote inside is written twice: `'O''Neil'`), `42`, `0.19`, `TRUE`, `FALSE`, `NULL`, `DATE '2026-11-21'`,
  `TIME '10:30:00'`, `TIMESTAMP '2026-11-21 10:30:00'`, `TIMESTAMPTZ '2026-11-21 10:30:00+01:00'`.
- An expression with a comma inside YAML's `{...}` must be quoted.

## Null

Null in, null out: an operator or function with a null operand gives null, and what stands behind that operand is not
computed (so it cannot fail). The exceptions are `coalesce`, `CASE`,
`if`, `IS NULL`, `IS TRUE`, `IS [NOT] DISTINCT FROM`, `nullif`, the three-valued `AND`, `OR` and `IN`, and `concat`,
for which null is the empty text (`||` gives null).

## Operators

| written | means |
|---|---|
| `a + b`, `a - b`, `a * b`, `-a` | exact arithmetic; integers have 64 bits, decimals 38 digits |
| `a / b` | exact division, also of integers; see below |
| `a % b` | what is left of a division, with the sign of `a` |
| `=`, `<>`, `<`, `<=`, `>`, `>=`, `BETWEEN`, `IN (...)` | comparison; texts by their characters' numbers |
| `a IS [NOT] DISTINCT FROM b` | comparison in which null equals null |
| `AND`, `OR`, `NOT` | from left to right; what the first operand decides, the second cannot make fail |
| `a \\|\\| b`, `concat(a, b, ...)` | texts behind one another |
| `x LIKE 'a%'`, `x LIKE '50!%' ESCAPE '!'` | patterns; there is no escape sign unless it is named |
| `CASE WHEN c THEN v ... ELSE w END`, `CASE x WHEN k THEN v ... END` | only what is chosen is computed |
| `if(c, v, w)` | the same in short |
| `coalesce(a, b, ...)` | the first that is not null; what stands behind it is not computed |
| `nullif(a, b)` | null where both are equal, else `a` |
| `CAST(a AS type)`, `a::type` | see below |

Both sides of a comparison and all values of a `CASE` are of one kind: texts are not compared with numbers, nor dates
with texts. Integers and decimals meet in a decimal that holds both.

## Exact numbers

| operation | digits of the result |
|---|---|
| sum, difference | the longer fraction; room for one digit more before the point |
| product | all digits of both factors; beyond 38 digits at most 18 places, see below |
| division by 2, 5, 8, 100, 0.5, ... (the inverse ends) | exact, with the places needed: cents `/ 100` has two more |
| any other division | ten places more than the operands, at most 18, rounded half away from zero |

Where all digits of a product would be more than 38, at most 18 places are kept (or as many as the longer factor
has), and a row whose product needs more places fails; so does any number with more digits than its type. Division
by zero is a failure.
A decimal field without declared digits has 38, of which 18 are places. Numbers of kind DOUBLE may be
renamed, compared and computed with; arithmetic on them is not exact, and a mapping that does so says that it loses
digits. Not-a-number equals itself and is above all other numbers.

## Types and casts

Types are INTEGER (also INT, BIGINT; 64 bits), DECIMAL(digits, places), DOUBLE, TEXT (also VARCHAR), BOOLEAN, DATE,
TIME, TIMESTAMP (without a zone), TIMESTAMPTZ (an instant), UUID and JSON.

| from | to | rule |
|---|---|---|
| text | INTEGER | `-`, digits; nothing else, no blanks |
| text | DECIMAL, DOUBLE | `-`, digits, and digits behind a point; no exponent |
| text | BOOLEAN | `true` or `false` |
| text | DATE, TIME | `2026-11-21`; `10:30:00`, with up to six digits of a second |
| text | TIMESTAMP | both, with a blank or `T` between them |
| text | TIMESTAMPTZ | that, with `Z` or `+01:00` behind it |
| text | UUID | with hyphens; made lower case |
| text | JSON | must be well formed; kept as written |
| number | DECIMAL, INTEGER | rounded half away from zero; too many digits before the point is a failure |
| number | DOUBLE | the nearest one |
| INTEGER | BOOLEAN | 0 and 1 only; and back |
| decimal | text | with the places of its type: 1.50 |
| other | text | integers plainly, `true` / `false`, ISO dates, time stamps with a blank |
| DATE | TIMESTAMP | midnight |
| TIMESTAMP | DATE, TIME | that part of it |

Between TIMESTAMP and TIMESTAMPTZ there is no cast: `at_zone` and `in_zone` name the zone. Bytes, and values of types
that no connector has proved, can be renamed and tested for null.

## Bounds

An expression has at most 2,000 characters, 40 parentheses inside one another, and, with everything that `let:` and
`vars:` put into it, 100 levels and 20,000 parts. There are no comments, statements, queries, aggregates, parameters,
lists or clocks. A refusal has a code:

| code | what was refused |
|---|---|
| DV-120 | cannot be read: quotes, parentheses, grammar |
| DV-121 | too long, too deep, too many parts |
| DV-122 | signs that are no part of an expression: comments, parameters, semicolons |
| DV-123 | an unknown function; the nearest names are given |
| DV-124 | SQL that is not part of the language |
| DV-125 | a qualifier other than `old.` |
| DV-126 | a cast that does not exist |
| DV-127 | operands whose types do not meet |
| DV-128 | wrong arguments or constants |
| DV-129 | a name that is not a field here |
"""

FAILURE_WORDS: dict[FailureCode, str] = {
    FailureCode.UNFIT: "the value does not fit the field that it is for: too long, too many digits or places",
    FailureCode.UNMAPPED: "`codes:` has no entry for the value",
    FailureCode.UNREADABLE: "a cast met a text or number that is not of the type",
    FailureCode.OVERFLOW: "a number has more digits than its type carries, or a date lies outside the years 1 to 9999",
    FailureCode.ZERO: "division by zero",
    FailureCode.ARGUMENT: "a function's argument is outside what it takes: a negative length, an empty separator",
    FailureCode.LOCAL_TIME: "a local time that its zone skips or has twice, or an instant outside the years 1 to 9999",
}
"""What each failure means, in the words of the page."""
