"""Rejects and conflicts: each thing once, under a short number, until it is gone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from dovetail.state.conflicts import Dispute
from dovetail.state.rejects import Parent, Refusal
from dovetail.state.store import open_state

KEY = bytes(range(32))
BAD = Refusal(
    "shop", "17", "DV-412", "is not an e-mail address", field="email", check="email", value="ada(at)example.org"
)
PARKED = Refusal("shop", "18", "DV-440", "its parent is missing", waiting_for=Parent("category", "shop", "5"))


def test_a_reject_is_kept_under_a_short_number(store):
    store.rejects.record("r1", "customer", [BAD, PARKED])
    one, two = store.rejects.list()
    assert (one.id, two.id) == (1, 2)
    assert (one.refusal, two.refusal) == (BAD, PARKED)
    assert (one.first_run, one.last_run, one.times, one.status) == ("r1", "r1", 1, "open")
    assert store.rejects.get(2) == two
    assert store.rejects.get(3) is None
    assert store.rejects.counts() == {"customer": 2}
    assert store.rejects.list("product") == ()
    assert store.rejects.keys("customer", "shop") == ("17", "18")


def test_the_same_reject_again_is_not_doubled(store):
    store.rejects.record("r1", "customer", [BAD])
    changed = replace(BAD, value=Decimal("1.50"), row=4)
    store.rejects.record("r2", "customer", [changed, changed, replace(BAD, field="name")])
    one, two = store.rejects.list("customer")
    assert (one.id, one.first_run, one.last_run, one.times) == (1, "r1", "r2", 2)
    assert one.refusal == changed
    assert (two.id, two.refusal.field) == (2, "name")


def test_parked_children_are_found_by_their_parent(store):
    store.rejects.record("r1", "product", [BAD, PARKED])
    assert [one.refusal for one in store.rejects.waiting("category", "shop", ["4", "5"])] == [PARKED]
    assert store.rejects.waiting("category", "warehouse", ["5"]) == ()
    assert store.rejects.close(2, "its parent arrived")
    assert not store.rejects.close(2, "again")
    assert store.rejects.waiting("category", "shop", ["5"]) == ()
    assert store.rejects.list(status="closed")[0].how == "its parent arrived"


def test_what_a_run_does_not_meet_again_is_closed(store):
    others = [replace(BAD, key=str(number)) for number in range(3)]
    store.rejects.record("r1", "customer", others)
    store.rejects.record("r1", "product", [BAD])
    store.rejects.record("r2", "customer", others[:1])
    assert store.rejects.close_keys("r2", "customer", member="shop", keys=["0", "1"]) == 1
    assert store.rejects.close_absent("r2", "customer") == 1
    assert [one.refusal.key for one in store.rejects.list("customer")] == ["0"]
    assert store.rejects.counts() == {"customer": 1, "product": 1}
    store.rejects.record("r3", "customer", others[1:2])
    assert [one.id for one in store.rejects.list("customer")] == [1, 5]


DISPUTE = Dispute(
    7,
    "price",
    "DV-450",
    "both sides changed",
    {"shop": "17", "warehouse": "A|3"},
    Decimal("1.50"),
    {"shop": 2, "warehouse": None},
)


def test_a_conflict_stays_the_same_one_while_it_is_open(store):
    store.conflicts.record("r1", "product", [DISPUTE])
    again = replace(DISPUTE, sides={"shop": 3, "warehouse": None}, reason="still")
    store.conflicts.record("r2", "product", [again, replace(DISPUTE, row=None, field="", code="DV-451")])
    one, two = store.conflicts.list()
    assert (one.id, one.first_run, one.last_run, one.times, one.dispute) == (1, "r1", "r2", 2, again)
    assert two.dispute.row is None
    assert store.conflicts.get(1) == one
    assert store.conflicts.get(9) is None
    assert store.conflicts.counts() == {"product": 2}
    assert store.conflicts.list("customer") == ()


def test_conflicts_end_by_decision_or_by_themselves(store):
    store.conflicts.record("r1", "product", [DISPUTE, replace(DISPUTE, row=8), replace(DISPUTE, row=9)])
    assert store.conflicts.resolve(1, "shop wins")
    assert not store.conflicts.resolve(1, "again")
    store.conflicts.record("r2", "product", [replace(DISPUTE, row=8)])
    assert store.conflicts.close_absent("r2", "product") == 1
    assert [one.dispute.row for one in store.conflicts.list("product")] == [8]
    assert [one.how for one in store.conflicts.list("product", status="resolved")] == ["shop wins"]
    assert [one.dispute.row for one in store.conflicts.list("product", status="gone")] == [9]
    store.conflicts.record("r3", "product", [DISPUTE])
    assert [one.id for one in store.conflicts.list()] == [2, 4]


def test_the_files_show_no_value(tmp_path, clock):
    with open_state(tmp_path / "state.db", key=KEY, clock=clock) as store:
        store.rejects.record("r1", "customer", [BAD])
        store.conflicts.record("r1", "customer", [replace(DISPUTE, base="Lovelace", sides={"shop": "Countess"})])
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (b"ada(at)", b"Lovelace", b"Countess"):
        assert secret not in content
