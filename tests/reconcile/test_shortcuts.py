"""Every short way of the engine is walked beside the plain one: what they say is the same."""

from collections import Counter
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.engine import decide, marks, natural, put, record
from dovetail.engine.arrays import differs, taken
from dovetail.identity.pair import ABSENT
from dovetail.merge.fingerprint import fingerprints
from dovetail.merge.judge import judge

SYSTEMS = {
    "left": """CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT, price DECIMAL(9,2), heavy REAL, maker INTEGER);""",
    "right": """CREATE TABLE firm (no INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
        CREATE TABLE thing (no INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT, price DECIMAL(9,2), heavy REAL,
            firm INTEGER REFERENCES firm(no));""",
}
MAKER = """
    members: {left: {dataset: maker}, right: {dataset: firm}}
    match: name
    fields:
      name: {left: name, right: name, policy: ask}
    guard: {rows: 100000, share: 100%}
"""
ITEM = """
    members: {left: {dataset: item}, right: {dataset: thing}}
    match: code
    fields:
      code: {left: code, right: code, OWN}
      price: {left: price, right: price, OWN}
      heavy: {left: heavy, right: heavy, OWN}
      maker: {left: maker, right: firm, ref: maker, OWN}
    guard: {rows: 100000, share: 100%}
"""


class Walker:
    """Takes each short way and the plain one beside it, and counts the short ones."""

    def __init__(self):
        self.ways = Counter()
        self.judged = []
        self.seeds = []
        self.judge_fields, self.nobody_meets, self.alone = decide._judge_fields, decide._nobody_meets, decide._alone
        self.marks_after, self.marks = record._marks_after, marks.field_marks
        self.shared_column, self.pair_naturals = put.shared_column, natural.pair_naturals

    def judging(self, decision, seed):
        self.seeds.append(seed)
        return self.judge_fields(decision, seed)

    def meeting(self, decision):
        nobody = self.nobody_meets(decision)
        self.judged.append((decision, 0))
        return nobody

    def standing_alone(self, rule, active):
        self.ways["alone"] += 1
        short = self.alone(rule, active)
        decision, at = self.judged[-1]
        marks.mark(decision, self.seeds[-1])
        plain = judge(rule, decide._evidence(decision, at, active))
        assert np.array_equal(short.winner, plain.winner)
        assert np.array_equal(short.source, plain.source)
        self.judged[-1] = (decision, at + 1)
        return short

    def marked_after(self, decision, at, sources, places, after):
        self.ways["marks after"] += 1
        short = self.marks_after(decision, at, sources, places, after)
        rows, seeds = after
        assert np.array_equal(short, fingerprints(rows.shared.column(decision.agreed.fields[at]), seeds))
        return short

    def marked(self, survey, name, seeds):
        self.ways["marks"] += 1
        short = self.marks(survey, name, seeds)
        for side, rows in enumerate(survey.sides):
            at = np.flatnonzero(survey.index[side] != ABSENT)
            if rows.member.cell(name) is not None:
                values = taken(rows.shared.column(name), survey.index[side, at])
                assert np.array_equal(short[side, at], fingerprints(values, seeds[at]))
        return short

    def column(self, survey, field, source, places, settled=None):
        self.ways["column"] += 1
        short = self.shared_column(survey, field, source, places, settled)
        plain = put._from_several(survey, field, source[places].astype(np.int64), (places, settled))
        assert short.type == plain.type
        assert not differs(short, plain).any()
        return short

    def paired(self, together, sides, given, known):
        self.ways["pairing"] += 1
        short = self.pair_naturals(together, sides, given, known)
        plain = by_values(together, sides, given, known)
        assert short.known.tolist() == plain.known.tolist()
        assert short.index.tolist() == plain.index.tolist()
        assert (short.attached, short.disputes) == (plain.attached, plain.disputes)
        return short


def by_values(*given):
    """Pairing by natural keys, value by value."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(natural, "_is_comparable", lambda _: False)
        return natural.pair_naturals(*given)


@pytest.fixture
def walked(monkeypatch):
    walker = Walker()
    monkeypatch.setattr(decide, "_judge_fields", walker.judging)
    monkeypatch.setattr(decide, "_nobody_meets", walker.meeting)
    monkeypatch.setattr(decide, "_alone", walker.standing_alone)
    monkeypatch.setattr(record, "_marks_after", walker.marked_after)
    monkeypatch.setattr(marks, "field_marks", walker.marked)
    monkeypatch.setattr(put, "shared_column", walker.column)
    monkeypatch.setattr("dovetail.engine.survey.pair_naturals", walker.paired)
    return walker.ways


@pytest.mark.parametrize("own", ["policy: ask", "owner: left"])
def test_short_ways_say_what_the_plain_ones_say(lab, walked, own):
    made = lab(SYSTEMS, {"maker": MAKER, "item": ITEM.replace("OWN", own)})
    made.sql("left", "INSERT INTO maker VALUES (1, 'Ada'), (2, NULL), (3, 'Bo'), (4, 'Bo')")
    made.sql(
        "left",
        "INSERT INTO item VALUES (1,'a',1.5,-0.0,1), (2,'b',NULL,1e300,NULL), (3,'c',100,0.1,3), (4,'d',2,NULL,9)",
    )
    made.migrate()
    made.sql("right", "UPDATE thing SET price = 7 WHERE code = 'b'")
    made.sql("right", "INSERT INTO thing (code, price, heavy) VALUES ('e', 3, 0.0), (NULL, 1, 1), ('f', 1, 1)")
    made.sql("left", "INSERT INTO item VALUES (5,'f',1,1,1), (6,'g',1,1,1), (7,'g',1,1,1)")
    made.migrate()
    made.migrate()
    least = {"column", "pairing", "marks", "marks after"} if own == "policy: ask" else {"column", "pairing", "alone"}
    assert least <= walked.keys()


class Rows(list):
    """Rows as pairing asks for them: how many, and what is wrong with them."""

    problems = MappingProxyType({})


KINDS = {
    pa.int64(): st.integers(0, 2),
    pa.string(): st.sampled_from(["", "a", "a|b", "\\", "b"]),
    pa.float64(): st.sampled_from([0.0, -0.0, 1.0, float("nan")]),
    pa.bool_(): st.booleans(),
    pa.date32(): st.integers(-1, 1).map(lambda day: day or 10_000_000),
}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_natural_keys_in_columns_pair_as_their_values_do(data):
    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=2))
    together = data.draw(st.booleans())
    sides, naturals, linked = [], [], []
    for _ in range(2):
        size = data.draw(st.integers(0, 4))
        lists = [data.draw(st.lists(st.none() | KINDS[kind], min_size=size, max_size=size)) for kind in kinds]
        naturals.append({f"f{at}": pa.array(values, kinds[at]) for at, values in enumerate(lists)})
        sides.append(Rows(range(size)))
        linked.append(np.full(size, natural.NO_ROW, dtype=np.int64))
    given_both = (linked, naturals)
    short = natural.pair_naturals(together, sides, given_both, np.array([], dtype=np.int64))
    plain = by_values(together, sides, given_both, np.array([], dtype=np.int64))
    assert short.index.tolist() == plain.index.tolist()
    assert short.disputes == plain.disputes
