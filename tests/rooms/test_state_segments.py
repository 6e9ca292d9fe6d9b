"""Chunks of a bulk load: put, confirmed, dropped, read, damaged, and what is told of a load that broke off."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dovetail.errors import StateFault
from dovetail.merge.packed import CELL
from dovetail.model.change import Verb
from dovetail.state import store as store_module
from dovetail.state.journal import Created
from dovetail.state.keyset import HASH_BITS, KeySet, hashes, whole_numbers
from dovetail.state.lookups import rows_in_segments
from dovetail.state.planes import Packing, Unpacking
from dovetail.state.schema import FORMAT, MIGRATIONS
from dovetail.state.segment import Segment, checksum
from dovetail.state.segments import Standing
from dovetail.state.shelf import Shelf

ROWS = 1000


def fault(code):
    return pytest.raises(StateFault, check=lambda error: error.code == code)


def chunk(first=1, *, letter="", **parts):
    """A segment of rows that follow each other; the shop's keys are numbers, the warehouse's are texts."""
    rows = np.arange(first, first + ROWS)
    keys = {"shop": pa.array(rows).cast(pa.string()), "warehouse": pa.array([f"w{letter}{row}" for row in rows])}
    return Segment("m", pa.array(rows), **({"keys": keys} | parts))


def cells(count=ROWS):
    marks = np.zeros((count, 3, 2), dtype=CELL)
    marks["mark"][:, 0, 0] = marks["mark"][:, 0, 1] = np.arange(count) * 7919
    marks["mark"][:, 1, 0] = np.arange(count)
    marks["agreement"][:, 1, 0] = np.arange(count) % 3
    marks["agreement"][:, 2, :] = 2
    return marks


def live(store, number, segment):
    store.segments.put("p", number, segment)
    assert store.segments.confirm("p", number)


def test_a_segment_comes_back_as_it_was_put(store):
    digests = {"shop": pa.array([-5, None, 2**63 - 1], pa.int64())}
    keys = {"shop": pa.array([10, None, -3]), "warehouse": pa.array(["a", "ä|", None])}
    segment = Segment(
        "m", pa.array([2, 5, 9]), keys, "layout", cells(3), digests=digests, place=b"\x00end", counts={"read": 4}
    )
    store.segments.put("p", 1, segment)
    for _ in range(2):
        again = store.segments.get("p", 1)
        assert (again.mapping, again.layout, again.place, again.counts) == ("m", "layout", b"\x00end", {"read": 4})
        assert again.rows.to_pylist() == [2, 5, 9]
        assert again.keys["shop"].to_pylist() == ["10", None, "-3"]
        assert again.keys["warehouse"].to_pylist() == ["a", "ä|", None]
        assert again.digests["shop"].to_pylist() == digests["shop"].to_pylist()
        assert (again.marks == cells(3)).all()
        store.segments.confirm("p", 1)
    assert store.segments.get("p", 2) is None


def test_a_pending_segment_is_seen_by_nobody_and_a_live_one_by_all(store, reopen):
    other = reopen()
    store.segments.put("p", 1, chunk(layout="l", marks=cells()))
    assert store.segments.pending("p") == other.segments.pending("p") == (1,)
    assert (other.crossref.count("m"), other.base.count("m"), other.crossref.members("m")) == (0, 0, ())
    assert store.segments.confirm("p", 1)
    assert other.segments.pending("p") == ()
    assert (other.crossref.count("m"), other.crossref.paired("m"), other.base.count("m")) == (ROWS, ROWS, ROWS)
    assert other.crossref.find("m", "warehouse", "w17") == 17
    assert other.crossref.members("m") == ("shop", "warehouse")
    assert not store.segments.confirm("p", 2)


def test_a_chunk_that_never_was_leaves_nothing(store):
    store.segments.put("p", 1, chunk())
    store.journal.append_segment("run", "p", 1, member="warehouse")
    assert len(store.journal.history("m", 1)) == 1
    store.segments.drop("p", 1)
    store.segments.drop("p", 1)
    assert store.segments.pending("p") == ()
    assert store.journal.history("m", 1) == store.journal.of_run("run") == ()
    live(store, 1, chunk())
    assert store.journal.history("m", 1) == ()
    with fault("DV-509"):
        store.segments.drop("p", 1)
    with fault("DV-509"):
        store.segments.put("p", 1, chunk(5000))


def test_rows_that_the_target_refused_are_left_out(store):
    store.segments.put("p", 1, chunk(layout="l", marks=cells()))
    store.journal.append_segment("run", "p", 1, member="warehouse")
    assert store.segments.confirm("p", 1, without=[0, 998])
    assert store.crossref.count("m", member="shop") == store.base.count("m") == ROWS - 2
    assert store.crossref.rows("m", "shop", ["1", "2", "999", "1000"]).to_pylist() == [None, 2, None, 1000]
    assert store.base.load_rows("m", [1, 2, 999]).column("row").to_pylist() == [2]
    assert store.journal.history("m", 999) == ()
    assert store.journal.history("m", 998)[0].entry.key == "w998"


def test_the_journal_keeps_the_key_of_a_row_that_was_unlinked(store):
    store.segments.put("p", 7, chunk())
    store.journal.append_segment("run", "p", 7, member="warehouse")
    store.segments.confirm("p", 7)
    store.crossref.unlink("m", range(1, ROWS + 1))
    ((told),) = store.journal.history("m", 500)
    entry = told.entry
    assert (entry.row, entry.member, entry.verb, entry.key, entry.chunk) == (500, "warehouse", Verb.CREATE, "w500", 7)
    assert len(store.journal.of_run("run")) == ROWS
    assert store.crossref.members("m") == ()
    with fault("DV-509"):
        store.journal.append_segment("run", "p", 8, member="warehouse")


@pytest.mark.parametrize(
    ("rows", "keys"),
    [([2000], ["5"]), ([5], ["2000"]), ([5, 6], ["6", "5"])],
    ids=["key of another row", "row of another key", "swapped"],
)
def test_one_to_one_holds_across_segments_and_single_links(store, rows, keys):
    live(store, 1, chunk())
    with fault("DV-506"):
        store.crossref.link("m", "shop", rows, keys)
    with fault("DV-506"):
        store.segments.put("p", 2, Segment("m", pa.array(rows), {"shop": pa.array(keys)}))
    store.crossref.link("m", "shop", [5, 6], ["5", "6"])
    assert store.crossref.count("m", member="shop") == ROWS


def test_a_link_that_comes_between_put_and_confirm_is_met(store):
    store.segments.put("p", 1, chunk())
    store.crossref.link("m", "warehouse", [5000], ["w5"])
    with fault("DV-506"):
        store.segments.confirm("p", 1)
    assert store.segments.pending("p") == (1,)
    store.crossref.unlink("m", [5000])
    assert store.segments.confirm("p", 1)
    assert store.crossref.find("m", "warehouse", "w5") == 5


@pytest.mark.parametrize("bad", [{"shop": ["a", "a"]}, {"shop": ["1", "1"]}, {"shop": ["a"]}])
def test_a_segment_that_contradicts_itself_is_refused(store, bad):
    with pytest.raises(StateFault):
        store.segments.put("p", 1, Segment("m", pa.array([1, 2]), {name: pa.array(keys) for name, keys in bad.items()}))
    for rows in ([2, 1], [1, 1]):
        with fault("DV-509"):
            store.segments.put("p", 1, Segment("m", pa.array(rows), {}))
    assert store.segments.pending("p") == ()


def test_a_state_that_was_rolled_back_shows_nothing_of_what_was_read_in_between(store):
    def half(letter):
        with store.transaction():
            live(store, 1, chunk(letter=letter))
            assert store.crossref.find("m", "warehouse", f"w{letter}3") == 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half("x")
    assert store.crossref.find("m", "warehouse", "wx3") is None
    live(store, 1, chunk(letter="y"))
    assert store.crossref.find("m", "warehouse", "wy3") == 3
    assert store.crossref.keys("m", "warehouse", [3]).to_pylist() == ["wy3"]


def test_many_keys_are_found_in_many_segments(store):
    order = np.random.default_rng(1).permutation(9 * ROWS)
    texts = np.array([f"{row * 7919 % 99991:x}" for row in range(9 * ROWS)], dtype=object)
    for number in range(9):
        rows = np.arange(number * ROWS, (number + 1) * ROWS)
        live(store, number + 1, Segment("m", pa.array(rows + 1), {"warehouse": pa.array(texts[rows])}))
    asked = pa.array([*texts[order], "nobody", "w"])
    assert store.crossref.rows("m", "warehouse", asked).to_pylist() == [*(order + 1).tolist(), None, None]
    assert store.crossref.keys("m", "warehouse", pa.array(order + 1)).to_pylist() == texts[order].tolist()
    batches = list(store.crossref.batches("m"))
    assert [len(rows) for rows, _ in batches] == [ROWS] * 9
    assert pa.concat_arrays([keys["warehouse"] for _, keys in batches]).to_pylist() == texts.tolist()


def test_what_is_unpacked_is_bounded_and_used_again(store, monkeypatch):
    for number in range(4):
        live(store, number + 1, chunk(number * ROWS + 1, letter="z"))
    shelf = Shelf(store._database, cache_bytes_max=40_000)
    extents = shelf.links("m", "warehouse")
    for _ in range(2):
        assert rows_in_segments(shelf, extents, KeySet(["wz7", "wz3007"])).array(pa.int64()).to_pylist() == [7, 3007]
        assert 0 < shelf._bytes == sum(size for _, size in shelf._cache.values()) <= 40_000
    roomy = Shelf(store._database)
    for extent in extents:
        roomy.keys(extent)
    monkeypatch.setattr(roomy, "opened", None)
    assert [len(roomy.keys(extent).values) for extent in extents] == [ROWS] * 4


DAMAGE = ["rows", "keys shop", "keys warehouse", "hashes warehouse", "base"]


def read_everything(store):
    store.crossref.load("m", "shop")
    store.crossref.find("m", "warehouse", "w5")
    store.base.load("m")


@pytest.mark.parametrize("part", DAMAGE)
def test_damage_is_found_and_told(store, reopen, part):
    live(store, 1, chunk(layout="l", marks=cells()))
    assert store.examine() == ""
    ((content,),) = store._database.rows("SELECT content FROM segment_parts WHERE name = ?", part)
    for place in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        store._database.run("UPDATE segment_parts SET content = ? WHERE name = ?", bytes(changed), part)
        with reopen() as other:
            assert "was changed" in other.examine()
            with fault("DV-503"):
                read_everything(other)
    store._database.run("UPDATE segment_parts SET content = ? WHERE name = ?", content, part)
    with reopen() as other:
        read_everything(other)
        assert other.examine() == ""


def test_parts_that_changed_places_are_damage(store, reopen):
    for number in (1, 2):
        live(store, number, chunk(number * ROWS, letter=str(number)))
    (one, first, checked), (two, second, other) = store._database.rows(
        "SELECT segment_id, content, checksum FROM segment_parts WHERE name = 'keys warehouse' ORDER BY segment_id"
    )
    for number, content, total in ((one, second, other), (two, first, checked)):
        store._database.run(
            "UPDATE segment_parts SET content = ?, checksum = ? WHERE segment_id = ? AND name = 'keys warehouse'",
            content,
            total,
            number,
        )
    with reopen() as again:
        assert "was changed" in again.examine()
        with fault("DV-503"):
            again.crossref.load("m", "warehouse")


def test_a_part_that_asks_for_too_much_is_not_unpacked(store, reopen):
    live(store, 1, chunk())
    packing = Packing()
    packing.numbers("rows", np.arange(1, ROWS + 1))
    bomb = packing.written().replace(b'"count":1000', b'"count":9e14')
    store._database.run(
        "UPDATE segment_parts SET content = ?, checksum = ? WHERE name = 'rows'", bomb, checksum(bomb, "1 rows")
    )
    with reopen() as other:
        assert "cannot be read" in other.examine()


def test_a_segment_without_a_part_is_damage(store, reopen):
    live(store, 1, chunk(layout="l", marks=cells()))
    store._database.run("DELETE FROM segment_parts WHERE name = 'hashes warehouse'")
    with reopen() as other, fault("DV-503"):
        other.crossref.find("m", "warehouse", "w5")
    for name in ("base", "keys shop", "rows"):
        store._database.run("DELETE FROM segment_parts WHERE name = ?", name)
        assert "missing" in store.examine(), name


def test_what_is_said_of_keys_is_examined(store):
    live(store, 1, chunk())
    store._database.run("UPDATE segment_links SET lowest = 2 WHERE member = 'shop'")
    assert "is not what is said of its keys" in store.examine()


@pytest.mark.parametrize(
    "values",
    [[], [5], [1, 2, 3], [7, 7, 7], [5, 1, 2**62, -(2**62)], [2**63 - 1, -(2**63), 0], list(range(300, 0, -3))],
)
def test_numbers_are_packed_and_come_back(values):
    packing = Packing()
    packing.numbers("n", np.array(values, dtype=np.int64))
    assert Unpacking(packing.written()).numbers("n").tolist() == values


def test_hashes_are_pinned():
    mask = 2**64 - 1

    def slow(text):
        content = text.encode()
        value = (len(content) + 1) * 0x9E3779B97F4A7C15 & mask
        for at in range(0, len(content), 8):
            mixed = (value ^ int.from_bytes(content[at : at + 8], "little")) * 0xC2B2AE3D27D4EB4F & mask
            value = (mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15 & mask
        return value >> 64 - HASH_BITS

    texts = pa.array(["", "a", "abcdefgh", "abcdefghi", "ä" * 30, *("q" * length for length in range(40))])
    assert hashes(texts).tolist() == [slow(text) for text in texts.to_pylist()]
    assert hashes(texts[3:9]).tolist() == [slow(text) for text in texts.to_pylist()[3:9]]
    assert hashes(pa.array([], pa.string())).tolist() == []


@pytest.mark.parametrize("text", ["007", "+5", "-0", " 5", "5 ", "0x10", "1e3", "1.0", "", "9" * 19, "9" * 20, "١"])
def test_only_texts_that_come_back_are_kept_as_numbers(text):
    assert whole_numbers(pa.array(["7", text])) is None
    assert whole_numbers(pa.array(["7", None, "-12", "9223372036854775807"])).to_pylist() == [7, None, -12, 2**63 - 1]


def test_where_a_load_broke_off_is_known(store, reopen):
    assert store.segments.last("p") is None
    live(store, 1, chunk(place=b"a", counts={"read": 5}))
    live(store, 2, Segment("m", pa.array([], pa.int64()), {}, place=b"b", counts={"read": 9, "held": 9}))
    store.segments.put("p", 3, chunk(3000, letter="l", place=b"c"))
    assert reopen().segments.last("p") == Standing(2, b"b", {"read": 9, "held": 9})


def test_a_load_goes_on_until_it_is_closed(store, clock):
    assert store.loads.get("m", "shop") is None
    first = store.loads.begin("m", "shop", {"read": 0})
    clock.move(60)
    store.loads.note("m", "shop", {"read": 7})
    again = store.loads.begin("m", "shop", {"read": 0})
    assert (again.number, again.document, again.is_open) == (first.number, {"read": 7}, True)
    assert again.opened_at == first.opened_at
    store.loads.close("m", "shop")
    done = store.loads.get("m", "shop")
    assert (done.is_open, done.document, done.closed_at) == (False, {"read": 7}, "2026-11-21T10:01:00.000000Z")
    with fault("DV-509"):
        store.loads.note("m", "shop", {})
    assert store.loads.begin("m", "shop", {"read": 0}).number == first.number + 1


def test_a_state_of_the_first_format_keeps_what_it_holds(reopen, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "MIGRATIONS", MIGRATIONS[:1])
        patch.setattr(store_module, "FORMAT", 1)
        with reopen() as old:
            old.crossref._database.run(
                "INSERT INTO crossref (mapping, member, row_id, row_key) VALUES (?, ?, ?, ?)", "m", "shop", 1, "a"
            )
            old.journal.append_created("run", "m", Created("shop", 4, range(1, 4), ["a", "b", "c"]))
    new = reopen()
    assert new.meta.format == FORMAT
    assert new.crossref.find("m", "shop", "a") == 1
    assert [one.entry.key for one in new.journal.history("m", 2)] == ["b"]
    assert new.examine() == ""
