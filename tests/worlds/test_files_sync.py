"""Two-way sync with a folder of files as a member, into which a program drops whole files and from which it takes them
away: nothing is lost, nothing doubled, also where the command is killed again and again."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio

from dovetail.testing.trace import Place

pytestmark = pytest.mark.timeout(600)
AIMS = (Place.CHUNK_COMMIT, Place.BETWEEN_COMMITS, Place.OTHER_COMMIT, Place.STATE_COMMIT, Place.TRANSACTION)


def strike(made, kills, *, within_s=1.5):
    """Kill so often: every other time at random, else at one of the places where it could hurt."""
    while made.keeper.toll.kills < kills:
        made.raise_if_anybody_failed()
        made.keeper.kill(made.dice, within_s=within_s, aims=AIMS if made.keeper.toll.kills % 2 else ())


def judged(made, told, words):
    ended = made.finish()
    verdict, toll, typed = ended.verdict, made.keeper.toll, made.record.counts
    print("seed", made.seed, "typed", dict(typed), "toll", toll, "passes", ended.passes)
    print("\n".join(verdict.told()))
    assert verdict.is_clean, (made.seed, verdict.told())
    assert not toll.tracebacks
    landed = ", ".join(f"{count} {place}" for place, count in toll.places.most_common())
    told(
        f"{toll.kills} times kill -9, {words}",
        f"{typed.total():,} edits ({verdict.contested} rows edited by two at once, {typed['delete']} deletes): 0 lost, 0 doubled; "
        f"{toll.recovered} chunks only a ledger knew; landed: {landed}",
        ended.seconds,
    )
    return ended


def test_a_row_that_is_deleted_everywhere_and_typed_again_has_its_old_key(tmp_path):
    """A file's key is the natural key; a database would never give the same one twice."""
    made = trio.trial(tmp_path / "trio", "", ("lite", "file"))
    place = tmp_path / "trio" / "drop" / "goods.csv"

    def drop(*codes: str) -> None:
        (tmp_path / "fresh").write_text("code,title,words,maker\n" + "".join(f"{code},t,w,m\n" for code in codes))
        (tmp_path / "fresh").replace(place)

    def settled() -> None:
        ended = made.program.run("sync", "--once", "--allow", "1000")
        assert ended.code == 0, (ended.errors, ended.words)

    drop("A", "B")
    settled()
    drop("B")
    with closing(sqlite3.connect(tmp_path / "trio" / "lite.db")) as lite, lite:
        lite.execute("DELETE FROM item WHERE sku = 'A'")
        lite.execute("INSERT INTO item (sku, descr, remark, maker) VALUES ('A', 'again', 'w', 'm')")
    settled()
    assert "A,again,w,m" in place.read_text()
    settled()
    assert made.program.run("verify").code == 0


def test_three_systems_of_three_kinds_while_people_type_in_all(tmp_path, postgres_url, told):
    made = trio.trial(tmp_path / "trio", postgres_url, ("shop", "lite", "file"))
    made.begin()
    strike(made, 3)
    ended = judged(made, told, "PostgreSQL, SQLite and a folder of CSV files")
    assert ended.verdict.contested > 3
    assert made.record.total > 100


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("members", [("lite", "file"), ("shop", "lite", "file")], ids=["two", "three"])
def test_two_hundred_kills(tmp_path, postgres_url, told, members):
    made = trio.trial(tmp_path / "trio", postgres_url, members, rows=200, rate=10)
    made.begin()
    strike(made, 200, within_s=3.0)
    judged(made, told, " and ".join(members))
