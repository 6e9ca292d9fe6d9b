"""The target is there and says no: locks, deadlocks, rights, drift, poison rows, triggers."""

import threading
import time

import psycopg
import pytest
from plain import RIGHT, THING, Watch, add, arrived, count, fill

from dovetail.engine import attempt
from dovetail.engine.partition import Partition
from dovetail.errors import SchemaDrift


@pytest.fixture
def made(world, quick, monkeypatch):
    return fill(world("sqlite", "postgres", timeout_s=1))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(attempt, "TRIES_MAX", 2)


@pytest.fixture
def stranger(made):
    """A session of somebody else."""
    with psycopg.connect(made.places["right"]) as connection:
        yield connection
        connection.rollback()


# ------------------------------------------------------------------------------------------------------------- locks


@pytest.mark.parametrize("mode", ["ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE"])
def test_a_locked_table_is_waited_for_then_said(made, stranger, impatient, told, mode):
    stranger.execute(f"LOCK TABLE b IN {mode} MODE")
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-303"])
    stranger.rollback()
    made.migrate()
    arrived(made)
    told(f"table locked ({mode.lower()})", "DV-303 after the deadline; the next run did the work")


def test_a_locked_row_is_waited_for_and_the_run_goes_on(made, stranger, told):
    made.migrate()
    made.sql("left", "UPDATE a SET v = v || '!'")
    stranger.execute("SELECT * FROM b WHERE n = 7 FOR UPDATE")
    released = threading.Timer(1.5, stranger.rollback)
    released.start()
    answer = made.migrate()
    released.join()
    assert (answer.code, answer.count("updated")) == (0, 300)
    assert made.sql("right", "SELECT count(*) FROM b WHERE v LIKE '%!'") == [(300,)]
    assert made.settled()
    told("row locked for longer than the deadline", "tried again; the run went on by itself")


def test_a_deadlock_is_given_way_to_and_the_run_goes_on(world, quick, told):
    made = fill(world("sqlite", "postgres", timeout_s=10))
    made.migrate()
    made.sql("left", "UPDATE a SET v = v || '!'")
    stranger = psycopg.connect(made.places["right"])
    stranger.execute("SET deadlock_timeout = '60s'")
    stranger.execute("SELECT * FROM b WHERE n = 100 FOR UPDATE")

    def cross():
        # Once ours waits for row 100, it holds the others of that chunk.
        with psycopg.connect(made.places["right"], autocommit=True) as watch:
            while not watch.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
                time.sleep(0.01)
        stranger.execute("UPDATE b SET n = n WHERE n = 1")
        stranger.commit()

    thread = threading.Thread(target=cross)
    thread.start()
    answer = made.migrate()
    thread.join()
    stranger.close()
    assert (answer.code, answer.count("updated")) == (0, 300)
    assert made.sql("right", "SELECT count(*) FROM b WHERE v LIKE '%!'") == [(300,)]
    assert made.settled()
    told("deadlock with an application", "ours gave way and was tried again; the run went on")


FLAKY = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION flaky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END IF;
        RETURN NULL; END $$;
    CREATE TRIGGER flaky AFTER INSERT ON b EXECUTE FUNCTION flaky();"""


@pytest.mark.parametrize(("times", "code"), [(3, 0), (1000, 4)])
def test_a_serialization_failure_is_tried_again_a_bounded_number_of_times(made, told, times, code):
    made.sql("right", FLAKY.format(times=times))
    answer = made.run("migrate")
    assert answer.code == code, answer.out
    if code:
        assert answer.errors == ["DV-314"]
        assert made.sql("right", "SELECT last_value FROM tries") == [(attempt.TRIES_MAX,)]
        made.sql("right", "DROP TRIGGER flaky ON b")
        made.migrate()
    arrived(made)
    told(f"serialization failure, {times} times", "DV-314 after 7 tries" if code else "tried again; the run went on")


def test_a_statement_that_takes_too_long_is_said(made, impatient, told):
    made.sql(
        "right",
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$;"
        "CREATE TRIGGER slow AFTER INSERT ON b EXECUTE FUNCTION slow()",
    )
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-303"])
    assert count(made, "right") == 0
    made.sql("right", "DROP TRIGGER slow ON b")
    made.migrate()
    arrived(made)
    told("statement longer than the deadline", "DV-303; nothing of it stays; the next run did the work")


# ------------------------------------------------------------------------------------------------------------ rights


@pytest.fixture
def clerk(made, postgres_server):
    """The account `clerk` may do everything that is needed, and is the one that Dovetail uses."""
    made.sql(
        "right",
        "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'open-sesame';"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON b TO clerk; GRANT USAGE ON SEQUENCE b_no_seq TO clerk;"
        "GRANT CREATE, USAGE ON SCHEMA public TO clerk",
    )
    database = made.places["right"].rsplit("/", 1)[1]
    made.declare(right=postgres_server.url(database, user="clerk", password="open-sesame"))
    yield made
    made.sql("right", "DROP OWNED BY clerk; DROP ROLE clerk")


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "SELECT"])
def test_a_revoked_right_is_said_and_given_back_the_run_goes_on(clerk, told, right):
    clerk.migrate()
    add(clerk, 50)
    clerk.sql("left", "UPDATE a SET n = n")
    clerk.sql("right", f"UPDATE b SET v = 'wrong' WHERE n <= 20; REVOKE {right} ON b FROM clerk")
    answer = clerk.fail()
    assert (answer.code, answer.errors) == (4, ["DV-304"]), answer.out
    assert "open-sesame" not in answer.out + answer.err
    assert "secret value" not in answer.out
    clerk.sql("right", f"GRANT {right} ON b TO clerk")
    clerk.migrate()
    arrived(clerk)
    told(f"{right} revoked", "DV-304, exit 4; granted again, the next run did the work")


def test_a_wrong_password_is_said_without_it(clerk, postgres_server, told):
    database = clerk.places["right"].rsplit("/", 1)[1]
    clerk.declare(right=postgres_server.url(database, user="clerk", password="wrong-sesame"))
    answer = clerk.fail()
    assert (answer.code, answer.errors) == (4, ["DV-304"])
    assert "sesame" not in answer.out + answer.err
    told("password expired", "DV-304, exit 4")


def test_a_server_that_is_read_only_is_said(made, told):
    """Only a default: an account that may write still may."""
    made.sql("right", "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET transaction_read_only = on; "
             "INSERT INTO b VALUES (-1); RETURN NULL; END $$; CREATE TRIGGER stop AFTER INSERT ON b EXECUTE FUNCTION stop()")  # fmt: skip
    answer = made.fail()
    assert (answer.code, answer.errors) == (4, ["DV-304"]), answer.out
    made.sql("right", "DROP TRIGGER stop ON b")
    name = made.places["right"].rsplit("/", 1)[1]
    made.sql("right", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    made.migrate()
    arrived(made)
    told("read-only transaction", "DV-304, exit 4; where it is only the default, it is written")


# ------------------------------------------------------------------------------------------------------------- drift


def test_a_missing_table_is_a_mistake_of_the_declaration(made, told):
    made.migrate()
    made.sql("right", "ALTER TABLE b RENAME TO gone")
    answer = made.fail()
    assert (answer.code, answer.errors) == (2, ["DV-201"])
    made.sql("right", "ALTER TABLE gone RENAME TO b")
    arrived(made)
    told("table missing", "DV-201, exit 2")


DRIFTS = {
    "dropped": "ALTER TABLE b DROP COLUMN v",
    "renamed": "ALTER TABLE b RENAME COLUMN v TO w",
    "swapped": "ALTER TABLE b RENAME COLUMN v TO w; ALTER TABLE b ADD COLUMN v int",
    "narrowed": "ALTER TABLE b ALTER COLUMN v TYPE varchar(5) USING ''",
    "retyped": "ALTER TABLE b ALTER COLUMN v TYPE int USING 0",
    "now computed": "ALTER TABLE b DROP COLUMN v; ALTER TABLE b ADD COLUMN v text GENERATED ALWAYS AS ('x') STORED",
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_column_that_changed_since_the_plan_is_never_written_wrongly(made, told, drift):
    assert made.run("plan").code == 0
    made.sql("right", DRIFTS[drift])
    answer = made.run("apply", str(made.folder / ".dovetail" / "plan"))
    assert answer.code in (1, 2), answer.out
    assert count(made, "right") == 0
    told(
        f"column {drift} since the plan",
        f"exit {answer.code}, {', '.join(answer.errors or sorted(answer.codes))}; nothing written",
    )


def test_a_plan_covers_the_columns_that_it_fills(made, told):
    """The right side owns the field, and now computes it: new rows would be created otherwise than the plan shows."""
    made.map("thing", THING.replace("v: {left: v, right: v, owner: left}", "v: {left: v, right: v, owner: right}"))
    assert made.run("plan").code == 0
    made.sql("right", DRIFTS["now computed"])
    answer = made.run("apply", str(made.folder / ".dovetail" / "plan"))
    assert (answer.code, answer.codes, count(made, "right")) == (1, {"DV-453"}, 0)
    told("columns to be filled changed since the plan", "DV-453, exit 1: left out, in a follow-up plan")


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_column_that_changes_in_mid_run_is_never_written_wrongly(made, told, drift):
    error = made.migrate_with(Watch(1, lambda: made.sql("right", DRIFTS[drift])))
    there = count(made, "right")
    told(
        f"column {drift} in mid-run", f"{error.code if error else 'rows in quarantine'}; {there} rows written before it"
    )
    assert there in (100, 200), "the second chunk is under way while the first one is confirmed"
    assert error is None or (isinstance(error, SchemaDrift) or error.code == "DV-308")
    assert "secret value" not in str(error)


# -------------------------------------------------------------------------------------------- rows that are refused


def test_poison_rows_hold_only_themselves(world, told):
    made = world("sqlite", "postgres")
    rule = RIGHT["postgres"].replace("n int)", "n int CHECK (n NOT IN (1, 2500, 5000) AND n % 100 <> 17))")
    fill(made, 5_000, right=rule)
    began = time.monotonic()
    answer = made.migrate()
    seconds = time.monotonic() - began
    assert (answer.code, answer.count("created"), answer.count("quarantined")) == (1, 4_947, 53)
    assert made.sql("right", "SELECT count(*), count(DISTINCT v) FROM b") == [(4_947, 4_947)]
    assert "secret value" not in answer.out
    again = made.migrate()
    assert (again.writes, again.count("quarantined")) == (0, 53)
    assert made.run("verify").code == 0
    made.sql("right", "ALTER TABLE b DROP CONSTRAINT b_n_check")
    assert made.run("rejects", "retry").code == 0
    arrived(made)
    told("53 poison rows among 5,000", f"all others written in {seconds:.1f} s; the 53 after the fix")


def test_an_edit_between_reading_and_writing_is_not_overwritten(made, monkeypatch, told):
    made.migrate()
    made.sql("left", "UPDATE a SET v = 'ours'")
    original = Partition.write

    def late(self, *arguments):
        made.sql("right", "UPDATE b SET v = 'theirs' WHERE n = 5 AND v LIKE 'secret%'")
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", late)
        answer = made.migrate()
    assert (answer.codes, answer.count("updated"), answer.count("conflicts")) == ({"DV-451"}, 299, 1)
    assert made.sql("right", "SELECT n FROM b WHERE v = 'theirs'") == [(5,)]
    assert "secret value" not in answer.out
    made.migrate()
    assert made.settled()
    told("a row edited between reading and writing", "DV-451: that edit stands; the next run decides it by the rules")


def test_a_trigger_that_rewrites_is_not_fought(made, told):
    made.sql(
        "right",
        "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := upper(NEW.v); RETURN NEW; END $$;"
        "CREATE TRIGGER loud BEFORE INSERT OR UPDATE ON b FOR EACH ROW EXECUTE FUNCTION loud()",
    )
    assert made.migrate().count("created") == 300
    assert made.sql("right", "SELECT count(*) FROM b WHERE v = 'SECRET VALUE ' || n") == [(300,)]
    assert made.migrate().writes == 0
    made.sql("left", "UPDATE a SET v = 'new' WHERE n = 5")
    assert made.migrate().count("updated") == 1
    assert made.sql("right", "SELECT v FROM b WHERE n = 5") == [("NEW",)]
    assert made.migrate().writes == 0
    told("a trigger rewrites what is written", "kept as the system holds it; the next run writes 0")


def test_a_value_that_could_never_arrive_is_refused_before_anything_happens(world, told):
    """The right side computes the column itself, so what the left owns would vanish without a trace."""
    made = fill(
        world("sqlite", "postgres"),
        right=RIGHT["postgres"].replace("v text", "v text GENERATED ALWAYS AS ('x') STORED"),
    )
    for command in ("plan", "migrate", "verify"):
        answer = made.fail(command)
        assert (answer.code, answer.errors) == (2, ["DV-209"]), answer.out
    assert count(made, "right") == 0
    told("the target computes a column that is to be written", "DV-209, exit 2, before anything is read")


def test_retrying_without_rejects_does_nothing(made):
    answer = made.run("rejects", "retry")
    assert (answer.code, count(made, "right")) == (0, 0), answer.out
