"""What the state keeps encrypted opens only where it was put: moved to another row, run or chunk it is an error."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dovetail.errors import StateFault
from dovetail.model.change import Verb
from dovetail.state.conflicts import Dispute
from dovetail.state.journal import JournalEntry
from dovetail.state.rejects import Refusal
from dovetail.state.seal import KEY_BYTES, Seal, new_key

KEY = bytes(range(32))
BAD = Refusal("shop", "17", "DV-412", "is not an e-mail address", field="email", value="ada(at)example.org")
DISPUTE = Dispute(7, "name", "DV-440", "both changed", {"shop": "17"}, "Ada", {"shop": "Eda"})


@pytest.fixture
def seal():
    return Seal(KEY, place="here")


def does_not_open(read):
    with pytest.raises(StateFault) as caught:
        read()
    said = re.sub("state_[0-9a-f]+", "", str(caught.value).lower())  # a schema's drawn name may spell anything
    assert "ada" not in said


def swap(store, table, column="content"):
    """Let the two rows of a table change their sealed contents."""
    key = {"journal": "block", "rejects": "reject_id", "conflicts": "conflict_id", "intents": "chunk"}[table]
    (one, first), (two, second) = store._database.rows(f"SELECT {key}, {column} FROM {table} ORDER BY {key}")
    for number, content in ((one, second), (two, first)):
        store._database.run(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", content, number)


def test_what_was_closed_opens_again_and_only_as_itself(seal):
    sealed = seal.close(b"Ada", "row 1")
    assert seal.open(sealed, "row 1") == b"Ada"
    assert b"Ada" not in sealed
    for wrong in (sealed[:-1], sealed[:20], b"", b"\x02" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        does_not_open(lambda wrong=wrong: seal.open(wrong, "row 1"))
    does_not_open(lambda: seal.open(sealed, "row 2"))
    does_not_open(lambda: Seal(bytes(32), place="there").open(sealed, "row 1"))


def test_the_same_content_is_never_sealed_the_same_way_twice(seal):
    assert len({seal.close(b"Ada", "row 1") for _ in range(50)}) == 50
    assert len({new_key() for _ in range(50)}) == 50
    assert len(new_key()) == KEY_BYTES


def test_marks_are_the_same_for_the_same_parts_under_the_same_key_only(seal):
    assert seal.mark("a", "bc") == seal.mark("a", "bc")
    others = [("ab", "c"), ("abc",), ("a", "bc", ""), ("", "a", "bc"), ("A", "bc")]
    assert len({seal.mark("a", "bc"), *(seal.mark(*parts) for parts in others)}) == len(others) + 1
    assert seal.mark("a", "bc") != Seal(bytes(32), place="here").mark("a", "bc")


def test_a_journal_block_of_another_row_does_not_open(store):
    for row, name in ((1, "Ada"), (2, "Eda")):
        store.journal.append("r", "person", [JournalEntry(row, "shop", Verb.UPDATE, str(row), before={"name": name})])
    assert store.journal.history("person", 1)[0].entry.before == {"name": "Ada"}
    swap(store, "journal")
    does_not_open(lambda: store.journal.history("person", 1))
    swap(store, "journal")
    assert store.journal.history("person", 1)[0].entry.before == {"name": "Ada"}
    store._database.run("UPDATE journal SET run_id = ?", "another")
    does_not_open(lambda: store.journal.history("person", 1))


def test_a_reject_of_another_row_does_not_open(store):
    store.rejects.record("r", "person", [BAD, replace(BAD, key="18", value="eda(at)example.org")])
    assert [one.refusal.key for one in store.rejects.list()] == ["17", "18"]
    swap(store, "rejects")
    does_not_open(store.rejects.list)
    does_not_open(lambda: store.rejects.get(1))


def test_a_conflict_of_another_row_does_not_open(store):
    store.conflicts.record("r", "person", [DISPUTE, replace(DISPUTE, row=8, base="Eda")])
    assert [one.dispute.base for one in store.conflicts.list()] == ["Ada", "Eda"]
    swap(store, "conflicts")
    does_not_open(store.conflicts.list)


def test_an_intent_of_another_chunk_does_not_open(store):
    for chunk in (1, 2):
        store.intents.put("shop/person", chunk, run="r", content=b"%d" % chunk)
    assert [one.content for one in store.intents.list("shop/person")] == [b"1", b"2"]
    swap(store, "intents")
    does_not_open(lambda: store.intents.list("shop/person"))
    swap(store, "intents")
    store._database.run("UPDATE intents SET part = ?", "warehouse/person")
    does_not_open(lambda: store.intents.list("warehouse/person"))
