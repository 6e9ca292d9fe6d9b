"""Rows that make trouble while people type on both sides: refused, rewritten, emptied, all changed at once, the same twice."""

from __future__ import annotations

import time

import faulty
import pytest
import two

from dovetail.testing.chaos.place import Place
from dovetail.testing.chaos.trial import BY_SYNC, Trial
from dovetail.testing.chaos.typed import Deed, Typed
from dovetail.testing.program import Program

pytestmark = [pytest.mark.timeout(900)]
PAIRS = [("sqlite", "postgres"), ("postgres", "postgres")]


@pytest.fixture
def trial(world, tmp_path):
    """Makes a trial with its world."""

    def make(left="sqlite", right="postgres", *, timeout_s=10, **how):
        made = world(left, right, timeout_s=timeout_s)
        return faulty.trial(made, tmp_path / "trial", **how), made

    return make


def typed(made, side, name, values, deed=Deed.EDIT):
    """Somebody does one thing to one row, known by its name, and it is recorded; `False` where the row is not there."""
    kind = made.kinds[0] if name.startswith("person") else made.kinds[1]
    here, place = kind.tables[side], next(place for place in made.places if place.member == side)
    with place.session() as session:
        keys = {shared[kind.known_by]: key for key, shared in session.rows(here)}
        if deed is not Deed.INSERT and name not in keys:
            return False
        with session.transaction():
            before = {} if deed is Deed.INSERT else session.lock(here, keys[name])
            if deed is Deed.INSERT:
                session.insert(here, {kind.known_by: name, **values})
            elif deed is Deed.EDIT:
                session.edit(here, keys[name], values)
            else:
                session.delete(here, keys[name])
    after = {at: str(value) for at, value in values.items()}
    after |= {kind.known_by: name} if deed is Deed.INSERT else {}
    made.record.add(Typed(made.record.next_number(), side, kind.name, name, deed, before, after, time.monotonic()))
    return True


def person(word, number):
    return {"name": f"{word} {number}", "phone": f"{word} {number}", "city": f"{word} {number}", "balance": number}


# ------------------------------------------------------------------------------------------------------- refused rows


@pytest.mark.slow
def test_f15_rows_that_the_target_refuses_hold_nobody_else(trial, fault, edits):
    """One in ten values cannot be held on the right: these wait, all others go over; when they may be held, they are."""
    made, world = trial()

    def refuse():
        world.sql("right", "ALTER TABLE item ADD CONSTRAINT fine CHECK (descr NOT LIKE 'left %7') NOT VALID")
        made.wait_for(edits // 2)
        made.recovery()
        assert world.sql("left", "SELECT count(*) FROM article WHERE title LIKE 'left %7'")[0][0]
        world.sql("right", "ALTER TABLE item DROP CONSTRAINT fine")

    made.begin()
    made.wait_for(edits // 4)
    refuse()
    seconds = made.recovery()
    made.wait_for(edits // 4)
    retried = made.program.run("rejects", "retry")
    print("retry", retried.code, retried.document)
    words = faulty.judged(made.finish(), made)
    fault("F15 constraint violations, one in ten", words, seconds)


@pytest.mark.slow
def test_f30_a_poison_row_in_every_position(trial, fault, edits):
    """Twenty rows are typed in one transaction, of which one is refused: the first, then the second, and so on."""
    made, world = trial()
    world.sql("right", "ALTER TABLE customer ADD CONSTRAINT fine CHECK (tel <> 'poison')")
    made.begin()
    longest = 0.0
    for position in range(20):
        here, place = made.kinds[0].tables["left"], made.places[0]
        rows = [(f"person {position} {at}", person("poison" if at == position else "fine", at)) for at in range(20)]
        rows[position][1]["phone"] = "poison"
        with place.session() as session, session.transaction():
            for name, values in rows:
                session.insert(here, {"tag": name, **values})
        began = time.monotonic()
        for name, values in rows:
            after = {"tag": name, **{at: str(value) for at, value in values.items()}}
            stamp = made.record.next_number()
            made.record.add(Typed(stamp, "left", "person", name, Deed.INSERT, {}, after, began))
        count = f"SELECT count(*) FROM customer WHERE label LIKE 'person {position} %'"
        faulty.wait_until(lambda: world.sql("right", count)[0][0] >= 19, 60)  # noqa: B023 - called at once
        longest = max(longest, time.monotonic() - began)
    for people in made.people:
        people.stop()
    world.sql("right", "ALTER TABLE customer DROP CONSTRAINT fine")
    retried = made.program.run("rejects", "retry")
    print("retry", retried.code, retried.document)
    words = faulty.judged(made.finish(), made)
    fault("F30 a poison row in each of 20 positions", f"the other 19 went over each time; {words}", longest)


SHOUTING = """
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.remark := upper(NEW.remark); RETURN NEW; END';
    CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON pos FOR EACH ROW EXECUTE FUNCTION shout();
"""


@pytest.mark.slow
def test_f21_a_trigger_that_rewrites_our_values(trial, fault, edits):
    made, world = trial(folds="note")
    world.sql("right", SHOUTING)
    words, seconds = faulty.survive(made, lambda: None, edits=edits, verified=False)
    fault("F21 a trigger rewrites our values", words, seconds)


# --------------------------------------------------------------------------------------------------------- many rows


@pytest.mark.slow
def test_f32_half_of_all_rows_change_at_once(trial, fault, edits):
    made, _ = trial(rows=2_000)
    made.begin()
    made.wait_for(edits // 4)
    people, kind = made.people[1], made.kinds[0]
    here = kind.tables["right"]
    people.stop()
    with people.place.session() as session:
        rows = session.rows(here)[::2]
        done = []
        with session.transaction():
            for number, (key, shared) in enumerate(rows):
                before = session.lock(here, key)
                session.edit(here, key, {"city": f"mass {number}"})
                done.append((shared["tag"], before, {"city": f"mass {number}"}))
        for tag, before, after in done:
            stamp = made.record.next_number()
            made.record.add(Typed(stamp, "right", "person", tag, Deed.EDIT, before, after, time.monotonic()))
    seconds = made.recovery()
    made.wait_for(edits // 4)
    words = faulty.judged(made.finish(), made)
    fault(f"F32 mass update of {len(done):,} rows", words, seconds)


@pytest.mark.slow
def test_f33_a_hot_row(trial, fault, edits):
    """One row is typed on as fast as the system takes it; all others must not wait for it."""
    made, _ = trial("postgres")
    made.begin()
    typed(made, "left", "person hot", person("hot", 1), Deed.INSERT)
    people, kind = made.people[0], made.kinds[0]
    people.stop()
    here, began, number, last = kind.tables["left"], time.monotonic(), 0, {}
    with people.place.session() as session:
        key = next(key for key, shared in session.rows(here) if shared["tag"] == "person hot")
        longest = []
        while time.monotonic() - began < 6:
            number += 1
            with session.transaction():
                before = session.lock(here, key)
                last = {"phone": f"hot {number}"}
                session.edit(here, key, last)
            stamp = made.record.next_number()
            made.record.add(Typed(stamp, "left", "person", "person hot", Deed.EDIT, before, last, time.monotonic()))
            if number % 2_000 == 1_000:
                longest.append(made.recovery())
    seconds = made.recovery()
    words = faulty.judged(made.finish(), made)
    rate = number / 6
    fault(
        f"F33 hot row, {rate:,.0f} updates a second",
        f"others waited {max([0, *longest]):.1f} s at most; {words}",
        seconds,
    )


@pytest.mark.slow
def test_f34_a_side_that_is_suddenly_empty_empties_nothing(trial, fault, edits):
    """All articles vanish on the left, as after a restore that failed: the guard holds the mapping, the others go on."""
    made, world = trial(ways=BY_SYNC)
    made.begin()
    made.wait_for(edits // 2)
    for people in made.people:
        people.stop()
    for keeper in made.keepers:
        keeper.stop()
    assert made.program.run("sync", "--once").is_done
    stood = world.sql("left", "SELECT id, code, title, words FROM article")
    there = world.sql("right", "SELECT count(*) FROM item")
    world.sql("left", "DELETE FROM article")
    held = [made.program.run("sync", "--once") for _ in range(3)]
    assert world.sql("right", "SELECT count(*) FROM item") == there
    assert len(there) == 1
    assert there[0][0] > 50
    for row in stood:
        world.sql("left", "INSERT INTO article (id, code, title, words) VALUES (?, ?, ?, ?)", *row)
    made.keepers.clear()
    words = faulty.judged(made.finish(), made)
    told = {code for one in held for code in one.errors} | {one.code for one in held}
    fault("F34 a side that is suddenly empty", f"held ({told}), nothing deleted; rows came back; {words}")


# ------------------------------------------------------------------------------------------------- twice, and at once


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_f35_both_sides_insert_the_same_natural_key(trial, fault, left, right):
    made, _ = trial(left, right)
    for people in made.people:
        people.prepare()
    for number in range(50):
        for side in two.BOTH:
            values = {"title": f"{side} title {number}", "words": f"{side} words {number}"}
            typed(made, side, f"twin {number}", values, Deed.INSERT)
    words = faulty.judged(made.settle(), made)
    fault(f"F35 same natural key typed on both sides ({left}, {right})", words)


DEEDS = (Deed.INSERT, Deed.EDIT, Deed.DELETE)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_f36_the_nine_pairs_of_insert_update_and_delete(trial, fault, left, right):
    """Each side does one thing to the same row before anybody carried the other's over; for rows with a natural key an
    insert is one that follows a delete. Four times: other fields, the same field, first left, first right."""
    made, _ = trial(left, right)
    for people in made.people:
        people.prepare()
    pairs = [(one, other, field, first) for one in DEEDS for other in DEEDS for field in (0, 1) for first in (0, 1)]
    names = [f"pair {at}" for at in range(len(pairs))]
    for name, pair in zip(names, pairs, strict=True):
        if Deed.INSERT not in pair[:2]:
            typed(made, "left", name, {"title": f"old {name}", "words": f"old {name}"}, Deed.INSERT)
    assert made.program.run("sync", "--once").is_done
    for name, (one, other, field, first) in zip(names, pairs, strict=True):
        acts = [("left", one, "title"), ("right", other, ("words", "title")[field])]
        for side, deed, column in acts[:: -1 if first else 1]:
            values = {"title": f"{side} {name}", "words": f"{side} {name}"} if deed is Deed.INSERT else {}
            typed(made, side, name, values or ({column: f"{side} {name}"} if deed is Deed.EDIT else {}), deed)
    words = faulty.judged(made.settle(), made)
    fault(f"F36 nine pairs of insert, update, delete, {len(pairs)} ways ({left}, {right})", words)


RING = {"ab": ("a", "b"), "bc": ("b", "c"), "ca": ("c", "a")}
RING_MAPPING = """
    members: {{{one}: {{dataset: thing}}, {other}: {{dataset: thing}}}}
    match: code
    deletes: {{{one}: propagate}}
    fields:
      code: {{{one}: code, {other}: code, {rule}}}
      words: {{{one}: words, {other}: words, {rule}}}
      n: {{{one}: n, {other}: n, {rule}}}
    guard: {{rows: 1000000, share: 100%}}
    every: 200ms
    """


@pytest.fixture
def ring(place, tmp_path):
    """Three systems, each joined with the next, so that every edit could come round."""
    from world import World

    places = {name: place(kind) for name, kind in zip("abc", ("sqlite", "postgres", "postgres"), strict=True)}
    made = World(tmp_path / "project", places)
    for name, where in places.items():
        key = "serial" if where.startswith("postgresql:") else "INTEGER"
        made.sql(name, f"CREATE TABLE thing (id {key} PRIMARY KEY, code text UNIQUE, words text, n bigint)")
    return made


def ring_trial(ring, folder, mappings, edited_by="abc", rate=40):
    fields = {
        "code": two.Field(wins=("a", "b", "c")),
        "words": two.Field(tuple(edited_by), ("a", "b", "c")),
        "n": two.Field((edited_by[-1],), is_number=True),
    }
    tables = {name: two.table("thing", "id", code="code", words="words", n="n") for name in "abc"}
    kind = two.Kind(
        "thing", mappings[0], "code", fields, tables, rows=60, is_natural=True, deeds={"edit": 9, "insert": 1}
    )
    folder.mkdir()
    program = Program(ring.folder, ring.environment, ring.variables, timeout_s=120)
    made = Trial(
        program, [Place(name, ring.places[name]) for name in "abc"], [kind], folder, rate=rate, ways=two.ALLOWED
    )
    two.OPEN.append(made)
    return made


def test_f37_a_ring_in_which_edits_would_chase_each_other_is_refused(ring, fault):
    for name, (one, other) in RING.items():
        ring.map(name, RING_MAPPING.format(one=one, other=other, rule=f"policy: {{prefer: {min(one, other)}}}"))
    refused = Program(ring.folder, ring.environment, ring.variables).run("sync", "--once")
    assert (refused.code, refused.errors) == (2, ["DV-284"])
    fault("F37 a ring of two-way mappings", f"refused with {refused.errors}, by name")


@pytest.mark.slow
def test_f37_a_ring_of_three_comes_to_rest(ring, tmp_path, fault, edits):
    """Each system owns what the next holds, so what people type may be put back by the last: but all agree in the end,
    on something that somebody typed, and nothing is written any more."""
    for name, (one, other) in RING.items():
        ring.map(name, RING_MAPPING.format(one=one, other=other, rule=f"owner: {one}"))
    made = ring_trial(ring, tmp_path / "trial", list(RING), edited_by="a")
    first = made.people[0]
    first.prepare()
    assert made.program.run("sync", "--once").is_done
    first.start()
    made.keeper.start()
    made.wait_for(edits // 4)
    seconds = made.recovery()
    first.stop()
    made.keeper.stop()
    made.record.close()
    ends = [made.program.run("sync", "--once") for _ in range(4)]
    writes = [end.writes for end in ends]
    assert writes[-2:] == [0, 0], writes
    one, *others = [{row["code"]: row for _, row in rows} for rows in made.stands()["thing"].values()]
    assert all(other == one for other in others)
    typed_ever = {
        value for row in made.record.rows.values() for chain in row.chains.values() for _, value in chain.typed
    }
    assert {value for row in one.values() for value in row.values()} <= typed_ever
    fault(
        "F37 a ring of three one-way mappings", f"{made.record.total:,} edits; at rest after {writes} writes", seconds
    )


@pytest.mark.slow
def test_f37_one_mapping_of_three_members(ring, tmp_path, fault, edits):
    """As above with one mapping, whose preference is an order of all three: every edit must come out as it says."""
    members = ", ".join(f"{name}: {{dataset: thing}}" for name in "abc")
    deletes = ", ".join(f"{name}: propagate" for name in "abc")
    cells = {at: ", ".join(f"{name}: {at}" for name in "abc") for at in ("code", "words", "n")}
    fields = "\n".join(f"      {at}: {{{cell}, policy: {{prefer: [a, b, c]}}}}" for at, cell in cells.items())
    ring.map(
        "thing",
        f"""
    members: {{{members}}}
    match: code
    deletes: {{{deletes}}}
    fields:
{fields}
    guard: {{rows: 1000000, share: 100%}}
    every: 200ms
    """,
    )
    made = ring_trial(ring, tmp_path / "trial", ["thing"])
    words, seconds = faulty.survive(made, lambda: None, edits=edits)
    fault("F37 one mapping of three members", words, seconds)
