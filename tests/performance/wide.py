"""The second schema, of another shape: 40 columns, mostly texts, and a key of two parts, one of them a text."""

from __future__ import annotations

from tests.performance.shape import Shape

_TRAITS = [f"trait_{number:02}" for number in range(1, 21)]

_PLAIN = {
    "region": "text",
    "number": "integer",
    "sku": "text",
    "title": "text",
    "edition": "text",
    "subtitle": "text",
    "summary": "text",
    "body": "text",
    "weight_g": "bigint",
    "price_mills": "bigint",
    "stock": "integer",
    "rating": "integer",
    "is_public": "boolean",
    "is_used": "boolean",
    "listed_on": "date",
    "changed_at": "timestamp",
    "state": "text",
    "maker": "text",
    "lang": "text",
    "origin": "text",
}
_TYPES = _PLAIN | dict.fromkeys(_TRAITS, "text")
_EMPTY = {"subtitle", "body", "rating", "listed_on", *_TRAITS[4:]}
"""The columns that may be null."""

_SOURCE = "CREATE TABLE article ({}, PRIMARY KEY (region, number));\n".format(
    ", ".join(f"{name} {said}{'' if name in _EMPTY else ' NOT NULL'}" for name, said in _TYPES.items())
)

_LITE = "CREATE TABLE article ({}, PRIMARY KEY (region, number));\n".format(
    ", ".join(
        f"{name} {'INTEGER' if said == 'bigint' else said.upper()}{'' if name in _EMPTY else ' NOT NULL'}"
        for name, said in _TYPES.items()
    )
)

_TRAIT = "CASE WHEN (h / {prime}) % 6 > {nulls} THEN substr(m, 1 + (h / {prime} % 20)::integer, ({least} + h / 7 % {most})::integer) END"

_FILL = """
INSERT INTO article
SELECT
    (ARRAY['North', 'South-East', 'Ä-West', 'Mid 2'])[1 + n % 4], n / 4, ' sk-' || n || '-' || substr(m, 1, 3) || ' ',
    initcap(substr(m, 3, 4 + (h % 9)::integer)) || ' für "' || substr(m, 9, 5) || '"', 1 + h % 9 || '. edition',
    CASE WHEN h % 4 > 0 THEN 'Ein Buch; a book, ' || substr(m, 5, 9) END,
    left(words, 40 + (h % 120)::integer), CASE WHEN h % 5 > 0 THEN left(words || E'\\n' || words, (h % 400)::integer) END,
    h * 31 % 900000, h * 7919 % 90000000, h % 5000 - 20, CASE WHEN h % 9 > 0 THEN h % 51 END, h % 2 = 0, h % 7 = 0,
    CASE WHEN h % 8 > 0 THEN DATE '1999-12-31' + (h % 9000)::integer END,
    TIMESTAMP '2015-06-07 08:09:10' + make_interval(secs => h * 17 % 300000000),
    (ARRAY['N', 'O', 'S', 'X'])[1 + h / 3 % 4], 'Maker & Söhne ' || h % 900, (ARRAY['DE', 'En', 'FR', 'pl'])[1 + h / 5 % 4],
    substr(m, 1, 2) || '-' || substr(m, 5, 4),
    {traits}
FROM (
    SELECT n, n * 2654435761 % 4294967291 AS h, md5(n::text) || md5('x' || n) AS m,
        'Wer reisen will, der schweig fein still, geh steten Schritt, nehm nicht viel mit; what is heavy stays at home, and what '
        || 'is light comes along: Größe, façade, ελαφρύ. "Quoted", back\\slash, tab' || E'\\t' || 'and the rest of it ' || n AS words
    FROM generate_series(1::bigint, {{rows}}) AS n
) AS drawn
""".format(
    traits=",\n    ".join(
        _TRAIT.format(prime=11 + 2 * at, nulls=-1 if at < 4 else at % 5, least=int(at < 4), most=9 + 2 * at)
        for at in range(len(_TRAITS))
    )
)

_NUMBERS = {"weight_kg": "numeric(12, 3)", "price": "numeric(12, 3)", "rating": "numeric(4, 1)"}
_COLUMNS = {
    "area": "a.region",
    "number": "a.number",
    "code": "upper(trim(a.sku))",
    "label": "a.title || ' (' || a.edition || ')'",
    "subtitle": "a.subtitle",
    "summary": "a.summary",
    "body": "a.body",
    "weight_kg": "CAST(a.weight_g / 1000.0 AS numeric(12, 3))",
    "price": "CAST(a.price_mills / 1000.0 AS numeric(12, 3))",
    "stock": "a.stock",
    "rating": "CAST(a.rating / 10.0 AS numeric(4, 1))",
    "is_public": "a.is_public",
    "is_used": "a.is_used",
    "listed_on": "a.listed_on",
    "changed_at": "a.changed_at",
    "state": "CASE a.state WHEN 'N' THEN 'new' WHEN 'O' THEN 'on sale' WHEN 'S' THEN 'sold out' WHEN 'X' THEN 'gone' END",
    "maker": "a.maker",
    "lang": "lower(a.lang)",
    "origin": "replace(a.origin, '-', ' ')",
} | {f"t{name[-2:]}": f"a.{name}" for name in _TRAITS}

_READ = {
    "code": ("upper(trim(sku))", "{matches: 'SK-[0-9]+-[0-9A-F]{3}'}"),
    "label": ("\"title || ' (' || edition || ')'\"", "{length: [1, 120]}"),
    "weight_kg": ("weight_g / 1000", "{within: [0, 1000]}"),
    "price": ("price_mills / 1000", "not_null"),
    "rating": ("rating / 10", "{within: [0, 5]}"),
    "state": ("{field: state, codes: {N: new, O: on sale, S: sold out, X: gone}}", ""),
    "lang": ("lower(lang)", "{one_of: [de, en, fr, pl]}"),
    "origin": ("\"replace(origin, '-', ' ')\"", ""),
}
"""Cells that are more than a name, with their checks."""


def _field(name: str, expression: str) -> str:
    cell, check = _READ.get(name, (expression.removeprefix("a."), ""))
    return f"  {name}: {{shop: {cell}, stock: {name}, owner: shop{f', check: {check}' if check else ''}}}\n"


_MAPPING = """\
mapping: article
members:
  shop:  {dataset: article, creates: never}
  stock: {dataset: ware}
match: {together: [area, number]}
deletes: {shop: ask, stock: ask}
fields:
""" + "".join(_field(name, expression) for name, expression in _COLUMNS.items())


def _target() -> str:
    nulls = {"subtitle", "body", "rating", "listed_on", *(f"t{name[-2:]}" for name in _TRAITS[4:])}
    types = {name: _NUMBERS.get(name, _PLAIN.get(name, "text")) for name in _COLUMNS} | {"number": "integer"}
    cells = ", ".join(f"{name} {said}{'' if name in nulls else ' NOT NULL'}" for name, said in types.items())
    return f"CREATE TABLE ware ({cells}, PRIMARY KEY (area, number));\n"


WIDE = Shape(
    name="wide",
    source="article",
    target="ware",
    key=("area", "number"),
    columns=_COLUMNS,
    origin="article AS a",
    tables={"article": _TYPES},
    exact={name: said.replace("numeric", "decimal").replace(" ", "") for name, said in _NUMBERS.items()}
    | {"changed_at": "timestamp_ntz", "is_public": "boolean", "is_used": "boolean", "listed_on": "date"}
    | {"number": "int", "stock": "int"},
    source_ddl=_SOURCE,
    fill=_FILL,
    target_ddl=_target(),
    lite_ddl=_LITE,
    change="UPDATE article SET stock = stock + 1, summary = 'changed' WHERE number % 100 = {part}",
    older={
        "stock": "a.stock - 1 + a.number % 2",
        "t03": "CASE WHEN a.number % 2 = 0 THEN 'older' ELSE a.trait_03 END",
    },
    mappings={"article.yaml": _MAPPING},
    keys={"article": ("region", "number")},
)
