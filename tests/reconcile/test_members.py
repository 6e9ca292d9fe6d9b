"""Three members, lossy cells, wanted rows and columns that several fields feed; after a pass the next one writes
nothing."""

import pytest
from lab import writes

from dovetail.errors import DovetailError

GENEROUS = "guard: {rows: 100000, share: 100%}"


def three(lab, rule):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v TEXT);"
    return lab(
        {"a": table, "b": table, "c": table},
        {
            "thing": f"""
            members: {{a: {{dataset: t}}, b: {{dataset: t}}, c: {{dataset: t}}}}
            match: n
            fields:
              n: {{a: n, b: n, c: n, owner: a}}
              v: {{a: v, b: v, c: v, {rule}}}
            {GENEROUS}
            """
        },
    )


def values(made):
    return [made.sql(name, "SELECT n, v FROM t ORDER BY n") for name in ("a", "b", "c")]


def test_three_members_agree_and_rest(lab):
    made = three(lab, "policy: {prefer: [b, c]}")
    made.sql("a", "INSERT INTO t VALUES (1, 'x', '1')")
    made.sql("b", "INSERT INTO t VALUES (9, 'y', '2')")
    made.sql("c", "INSERT INTO t VALUES (5, 'x', '3')")
    made.migrate()
    assert values(made) == [[("x", "3"), ("y", "2")]] * 3
    assert writes(made.migrate()) == 0
    made.sql("a", "UPDATE t SET v = 'new' WHERE n = 'x'")
    made.migrate()
    assert values(made) == [[("x", "new"), ("y", "2")]] * 3
    made.sql("a", "UPDATE t SET v = 'A' WHERE n = 'x'")
    made.sql("c", "UPDATE t SET v = 'C' WHERE n = 'x'")
    made.migrate()
    assert values(made) == [[("x", "C"), ("y", "2")]] * 3
    assert writes(made.migrate()) == 0
    assert made.verify().ok


LOSSY = [
    ("lower(trim(v))", "v", "TEXT", ["  Ada ", "", " ", "ÄB"]),
    ("round(v, 1)", "v", "NUMERIC(8,1)", [1.25, -3.14, 0, None]),
    ("coalesce(v, '-')", "v", "TEXT", [None, "x", "-"]),
    ("nullif(v, '')", "v", "TEXT", [None, "", "x"]),
    ("left(v, 3)", "v", "TEXT", ["abcdef", "ab", None]),
    ("upper(v)", "v", "TEXT", ["straße", "mixed Case"]),
    ("squeeze(v)", "v", "TEXT", ["a   b", " c "]),
    ("v * 1000", "v", "NUMERIC(12,3)", [1, 12, None]),
    ("v / 100", "v", "NUMERIC(12,2)", [1250, 5, None]),
    ("nfc(v)", "v", "TEXT", ["e\u0301", "\u00e9"]),
]


@pytest.mark.parametrize(("left", "right", "kind", "contents"), LOSSY)
def test_lossy_pairs_come_to_rest_and_keep_what_they_cannot_share(lab, left, right, kind, contents):
    own = "NUMERIC(12,3)" if kind.startswith("NUMERIC") else "TEXT"
    made = lab(
        {
            "a": f"CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v {own});",
            "b": f"CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v {kind});",
        },
        {
            "thing": f"""
            members: {{a: {{dataset: t}}, b: {{dataset: t}}}}
            match: n
            fields:
              n: {{a: n, b: n, owner: a}}
              v: {{a: "{left}", b: "{right}", policy: {{prefer: a}}}}
            {GENEROUS}
            """
        },
    )
    for at, content in enumerate(contents):
        made.sql("a", "INSERT INTO t VALUES (?, ?, ?)", at, f"n{at}", content)
    before = made.sql("a", "SELECT n, v FROM t ORDER BY n")
    made.migrate()
    assert writes(made.migrate()) == 0
    assert made.sql("a", "SELECT n, v FROM t ORDER BY n") == before
    assert made.verify().ok


def test_a_name_of_three_words_survives_a_split(lab):
    made = lab(
        {
            "a": "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, first TEXT, last TEXT);",
            "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, name TEXT);",
        },
        {
            "thing": f"""
            members: {{a: {{dataset: t}}, b: {{dataset: t}}}}
            match: k
            fields:
              k: {{a: k, b: k, owner: a}}
              name: {{a: "first || ' ' || last", b: name, policy: {{prefer: b}}}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'k', 'Mary Jo', 'Poe')")
    made.migrate()
    assert made.sql("b", "SELECT name FROM t") == [("Mary Jo Poe",)]
    made.sql("b", "UPDATE t SET name = 'Mary Jo Smith'")
    made.migrate()
    assert made.sql("a", "SELECT first, last FROM t") == [("Mary Jo", "Smith")]
    assert writes(made.migrate()) == 0


def test_rows_that_nobody_wants_stay_where_they_are(lab):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, depot TEXT);"
    made = lab(
        {"a": table, "b": table},
        {
            "thing": f"""
            members:
              a: {{dataset: t, creates: never}}
              b: {{dataset: t, wants: depot = 'N'}}
            match: n
            fields:
              n: {{a: n, b: n, owner: a}}
              depot: {{a: depot, b: depot, owner: a}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 'N'), (2, 'y', 'S'), (3, 'z', NULL)")
    made.sql("b", "INSERT INTO t VALUES (8, 'only here', 'N')")
    summary = made.migrate()
    assert made.sql("b", "SELECT n FROM t ORDER BY n") == [("only here",), ("x",)]
    assert made.sql("a", "SELECT count(*) FROM t") == [(3,)]
    assert summary.mappings["thing"].filtered == 3
    assert made.verify().ok


def test_a_computed_field_is_the_sum_of_two_regions(lab):
    region = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, stock INTEGER);"
    made = lab(
        {
            "shop": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, stock INTEGER, half INTEGER);",
            "a": region,
            "b": region,
        },
        {
            "thing": f"""
            members: {{shop: {{dataset: t}}, a: {{dataset: t}}, b: {{dataset: t}}}}
            match: n
            fields:
              n: {{shop: n, a: n, b: n, owner: shop}}
              na: {{a: stock}}
              nb: {{b: stock}}
              total: {{value: "coalesce(na, 0) + coalesce(nb, 0)", shop: stock}}
              half: {{value: "total - 1", shop: half}}
            {GENEROUS}
            """
        },
    )
    for name, stock in (("a", 3), ("b", 4)):
        made.sql(name, "INSERT INTO t VALUES (1, 'x', ?)", stock)
    made.sql("shop", "INSERT INTO t VALUES (5, 'x', 99, 99)")
    made.migrate()
    assert made.sql("shop", "SELECT stock, half FROM t") == [(7, 6)]
    made.sql("a", "UPDATE t SET stock = NULL")
    made.sql("shop", "UPDATE t SET half = 50")
    made.migrate()
    assert made.sql("shop", "SELECT stock, half FROM t") == [(4, 3)]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_vars_are_bound_in_set_and_wants(lab):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, depot TEXT, company INTEGER);"
    made = lab(
        {"a": table, "b": table},
        {
            "thing": """
            members:
              a: {dataset: t}
              b: {dataset: t, wants: depot = home, set: {company: company}}
            match: n
            fields:
              n: {a: n, b: n, owner: a}
              depot: {a: depot, b: depot, owner: a}
            """
        },
        head="vars: {company: 7, home: N}",
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 'N', 1), (2, 'y', 'S', 1)")
    made.migrate()
    assert made.sql("b", "SELECT n, company FROM t") == [("x", 7)]


def test_an_unreadable_cell_does_not_keep_a_row_from_its_partner(lab):
    made = lab(
        {
            "a": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v TEXT);",
            "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v TEXT);",
        },
        {
            "thing": """
            members: {a: {dataset: t}, b: {dataset: t}}
            match: n
            fields:
              n: {a: n, b: n, owner: a}
              v: {a: v, b: {field: v, codes: {A: active}}, owner: a}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 'active')")
    made.sql("b", "INSERT INTO t VALUES (9, 'x', 'unknown')")
    summary = made.migrate()
    assert (summary.mappings["thing"].rows, summary.mappings["thing"].quarantined) == (1, 1)
    assert made.sql("b", "SELECT count(*) FROM t") == [(1,)]


def test_set_fills_columns_from_several_fields_and_once(lab):
    made = lab(
        {
            "a": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, city TEXT, zip TEXT);",
            "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, address TEXT NOT NULL, made TEXT NOT NULL);",
        },
        {
            "thing": f"""
            members:
              a: {{dataset: t}}
              b: {{dataset: t, set: {{address: "zip || ' ' || city", made: {{value: "'dovetail'", when: create}}}}}}
            match: n
            fields:
              n: {{a: n, b: n, owner: a}}
              city: {{a: city, owner: a}}
              zip: {{a: zip, owner: a}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 'Berlin', '10115')")
    made.migrate()
    assert made.sql("b", "SELECT address, made FROM t") == [("10115 Berlin", "dovetail")]
    made.sql("b", "UPDATE t SET made = 'theirs'")
    made.sql("a", "UPDATE t SET city = 'Bonn'")
    made.migrate()
    assert made.sql("b", "SELECT address, made FROM t") == [("10115 Bonn", "theirs")]
    assert writes(made.migrate()) == 0


def test_a_member_that_cannot_be_matched_is_a_mistake(lab):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT);"
    made = lab(
        {"a": table, "b": table, "c": table},
        {
            "thing": """
            members: {a: {dataset: t}, b: {dataset: t}, c: {dataset: t}}
            match: code
            fields:
              code: {a: n, b: n, owner: a}
              n: {c: n}
            """
        },
    )
    with pytest.raises(DovetailError) as caught:
        made.migrate()
    assert "DV-218" in str(caught.value)
    assert "'c' does not give" in str(caught.value)


def test_a_member_that_only_takes_computed_values_is_written(lab):
    made = lab(
        {
            "a": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, v INTEGER);",
            "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, c TEXT GENERATED ALWAYS AS (n), v INTEGER);",
        },
        {
            "thing": f"""
            members: {{a: {{dataset: t, creates: never}}, b: {{dataset: t, creates: never}}}}
            match: n
            fields:
              n: {{a: n, b: c, owner: b}}
              v: {{a: v}}
              twice: {{value: v * 2, b: v}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t VALUES (1, 'x', 4)")
    made.sql("b", "INSERT INTO t (id, n, v) VALUES (9, 'x', 1)")
    assert made.migrate().mappings["thing"].updated == 1
    assert made.sql("b", "SELECT v FROM t") == [(8,)]
    assert writes(made.migrate()) == 0


def test_a_delete_reaches_a_member_that_nothing_else_is_written_to(lab):
    computed = "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, c TEXT GENERATED ALWAYS AS (n));"
    made = lab(
        {"a": computed, "b": "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT);"},
        {
            "thing": f"""
            members: {{a: {{dataset: t}}, b: {{dataset: t}}}}
            match: n
            fields: {{n: {{a: c, b: n, owner: a}}}}
            deletes: {{a: ask, b: propagate}}
            {GENEROUS}
            """
        },
    )
    made.sql("a", "INSERT INTO t (id, n) VALUES (1, 'x'), (2, 'y')")
    made.migrate()
    made.sql("b", "DELETE FROM t WHERE n = 'x'")
    made.sql("b", "INSERT INTO t VALUES (77, 'only here')")
    assert made.migrate().mappings["thing"].deleted == 1
    assert made.sql("a", "SELECT n FROM t") == [("y",)]
