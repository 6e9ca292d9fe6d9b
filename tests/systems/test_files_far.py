"""Files on an S3 store and on an SFTP server: the same promises as on a disk, over the real protocols."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.systems.far_places import PASSWORD, SftpServer, s3_store

from dovetail.errors import AccessDenied, DeclarationError, Fenced, Overdue, SchemaDrift, SystemFault, Unreachable
from dovetail.failpoints import FAILPOINTS, Point
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.csv import Connector as Csv
from dovetail.systems.connectors.parquet import Connector as Parquet
from dovetail.systems.files import s3
from dovetail.systems.files.declared import Declared
from dovetail.systems.files.far import Far

KEYED = {"a": Declared(key=("id",))}


class Spot:
    """A folder far away, and a way to its files that is not ours."""

    def __init__(self, path: str, access: dict[str, str]) -> None:
        self.path, self.access = path, access

    def put(self, name: str, content: bytes) -> None:
        raise NotImplementedError

    def get(self, name: str) -> bytes:
        raise NotImplementedError

    def names(self) -> list[str]:
        raise NotImplementedError

    def csv(self, **more: Any) -> Csv:
        access = {**self.access, **more.pop("access", {})}
        return Csv(path=self.path, access=access, datasets=KEYED, **more)


class Bucket(Spot):
    def __init__(self, endpoint: str, folder: str) -> None:
        import boto3

        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=endpoint, **keys)
        self.folder = folder
        access = {"endpoint": endpoint, "key": "k", "secret": "s", "region": "us-east-1"}
        super().__init__(f"s3://files/{folder}", access)

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket="files", Key=f"{self.folder}/{name}", Body=content)

    def get(self, name: str) -> bytes:
        return self.client.get_object(Bucket="files", Key=f"{self.folder}/{name}")["Body"].read()

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket="files", Prefix=f"{self.folder}/").get("Contents", [])
        return sorted(one["Key"].partition("/")[2] for one in found)


class Shelf(Spot):
    def __init__(self, server: SftpServer, folder: str) -> None:
        self.home = server.folder / folder
        self.home.mkdir()
        super().__init__(f"{server.address}{folder}", server.access)

    def put(self, name: str, content: bytes) -> None:
        (self.home / name).write_bytes(content)

    def get(self, name: str) -> bytes:
        return (self.home / name).read_bytes()

    def names(self) -> list[str]:
        return sorted(one.name for one in self.home.iterdir())


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_store("files") as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    running = SftpServer(tmp_path_factory.mktemp("shelf"))
    yield running
    running.close()


@pytest.fixture(params=["s3", "sftp"])
def spot(request: pytest.FixtureRequest, tmp_path: Path) -> Spot:
    folder = tmp_path.name.strip("_")
    if request.param == "s3":
        return Bucket(request.getfixturevalue("endpoint"), folder)
    return Shelf(request.getfixturevalue("server"), folder)


def batch(**columns: list[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def ids(system: Csv) -> list[int]:
    dataset = system.describe().dataset("a")
    return [value for one in system.read(dataset, ["id"]) for value in one["id"].to_pylist()]


def test_what_is_not_touched_stays_byte_by_byte(spot: Spot) -> None:
    spot.put("a.csv", 'id;n\r\n1;"x ""y"""\r\n2;é\r\n'.encode())
    spot.put("notes.md", b"no dataset")
    system = spot.csv()
    dataset = system.describe().dataset("a")
    assert system.describe().datasets == (dataset,)
    assert system.apply(dataset, Change(Verb.UPDATE, batch(id=[2], n=["z"]))).applied == 1
    assert system.apply(dataset, Change(Verb.CREATE, batch(id=[3], n=["w"]))).applied == 1
    assert spot.get("a.csv") == b'id;n\r\n1;"x ""y"""\r\n2;z\r\n3;w\r\n'
    assert spot.names() == [".dovetail-csv.json", "a.csv", "notes.md"], "nothing is left over, no lock either"
    system.close()
    assert ids(system) == [1, 2, 3], "it may be used again after closing"


def test_one_file_alone_and_parquet(spot: Spot) -> None:
    spot.put("b.csv", b"id\n7\n")
    alone = Csv(path=f"{spot.path}/b.csv", access=spot.access)
    assert [one.name for one in alone.describe().datasets] == ["b"]
    system = Parquet(path=spot.path, access=spot.access)
    dataset = spot.csv().describe().dataset("b")
    system.create(dataset)
    assert system.describe().dataset("b").names == ("id",)


def test_files_and_ledger_are_committed_together(spot: Spot) -> None:
    spot.put("a.csv", b"id,n\n1,x\n")
    system = spot.csv()
    dataset = system.describe().dataset("a")
    epoch = system.raise_epoch("p")
    with pytest.raises(ZeroDivisionError), system.transaction() as transaction:  # noqa: PT012
        transaction.apply(dataset, Change(Verb.CREATE, batch(id=[2])))
        transaction.record([LedgerEntry("p", 1, "r", b"x")])
        raise ZeroDivisionError
    assert (ids(system), list(system.ledger("p"))) == ([1], [])
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
        transaction.apply(dataset, Change(Verb.CREATE, batch(id=[2])))
        transaction.record([LedgerEntry("p", 1, "r", b"x")])
    other = spot.csv()
    assert (ids(other), [one.chunk for one in other.ledger("p")]) == ([1, 2], [1])
    assert other.raise_epoch("p") == epoch + 1
    with pytest.raises(Fenced), system.transaction() as transaction:
        transaction.fence("p", epoch)


def test_what_was_committed_is_put_in_its_place_by_the_next(spot: Spot, monkeypatch: pytest.MonkeyPatch) -> None:
    spot.put("a.csv", b"id\n1\n")
    system = spot.csv()
    dataset = system.describe().dataset("a")
    with monkeypatch.context() as patch:
        patch.setattr(Far, "move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            system.apply(dataset, Change(Verb.CREATE, batch(id=[2])))
    assert spot.get("a.csv") == b"id\n1\n"
    assert ids(spot.csv()) == [1, 2], "a reader has what was committed"
    assert spot.csv().apply(dataset, Change(Verb.CREATE, batch(id=[3]))).applied == 1
    assert spot.get("a.csv") == b"id\n1\n2\n3\n"
    assert spot.names() == [".dovetail-csv.json", "a.csv"]


def test_writers_exclude_each_other_and_a_dead_one_is_succeeded(spot: Spot) -> None:
    spot.put("a.csv", b"id\n1\n")
    with spot.csv().transaction(), pytest.raises(Overdue, match="another writer"):
        spot.csv(timeout_s=0.3).raise_epoch("p")
    spot.put(".dovetail-csv.lock", b"somebody who died")
    with pytest.raises(Overdue, match="another writer"):
        spot.csv(timeout_s=0.3).raise_epoch("p")
    assert spot.csv(access={"lease_s": "0.2"}, timeout_s=10).raise_epoch("p") == 1
    assert spot.names() == [".dovetail-csv.json", "a.csv"]


def test_a_lock_is_renewed_while_it_is_held(spot: Spot) -> None:
    spot.put("a.csv", b"id\n1\n")
    slow = {"lease_s": "0.8"}
    with spot.csv(access=slow).transaction() as transaction:
        with pytest.raises(Overdue):
            spot.csv(access=slow, timeout_s=2).raise_epoch("p")
        transaction.record([LedgerEntry("p", 1, "r", b"")])
    assert len(spot.csv().ledger("p")) == 1


def test_a_writer_that_lost_its_lock_commits_nothing(spot: Spot) -> None:
    spot.put("a.csv", b"id\n1\n")
    system = spot.csv()
    dataset = system.describe().dataset("a")
    with pytest.raises(Overdue, match="took the files over"), system.transaction() as transaction:  # noqa: PT012
        transaction.apply(dataset, Change(Verb.CREATE, batch(id=[2])))
        spot.put(".dovetail-csv.lock", b"another one")
    assert spot.get("a.csv") == b"id\n1\n"
    assert b"another one" in spot.get(".dovetail-csv.lock"), "the other's lock stays"


def test_many_writers_lose_nothing(spot: Spot) -> None:
    spot.put("a.csv", b"id\n0\n")
    dataset = spot.csv().describe().dataset("a")
    faults: list[Exception] = []

    def write(number: int) -> None:
        try:
            for at in range(3):
                spot.csv().apply(dataset, Change(Verb.CREATE, batch(id=[10 * number + at])))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told below
            faults.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert faults == []
    assert sorted(ids(spot.csv())) == [0, 10, 11, 12, 20, 21, 22]


def test_a_file_that_changes_while_it_is_fetched(spot: Spot, monkeypatch: pytest.MonkeyPatch) -> None:
    spot.put("a.csv", b"id\n1\n")
    system = spot.csv()
    peer = type(system._files.store.folder.place._peer)
    fetch = peer.fetch
    left = [1]

    def disturbed(self: object, name: str, path: Path) -> None:
        fetch(self, name, path)
        if left[0]:
            left[0] -= 1
            is_marked = spot.path.startswith("s3")  # there the same size is no matter, since content has a mark
            spot.put("a.csv", b"id\n%d\n" % (left[0] if is_marked else 10 ** (left[0] + 1)))

    monkeypatch.setattr(peer, "fetch", disturbed)
    assert ids(system) == [0 if spot.path.startswith("s3") else 10], "the second try had it whole"
    left[0] = 10
    spot.put("a.csv", b"id\n5\n")
    with pytest.raises(Unreachable, match="changed whenever it was fetched") as caught:
        ids(spot.csv())
    assert caught.value.code == "DV-351"


def test_a_changed_file_is_noticed_however_soon(spot: Spot) -> None:
    spot.put("a.csv", b"id\n1\n")
    system = spot.csv()
    for number in range(5):
        spot.put("a.csv", b"id\n%d\n" % number)
        assert ids(system) == [number], "same size, same second"


def test_no_secret_is_told(spot: Spot) -> None:
    secret = {"secret": "hunter22"} if spot.path.startswith("s3") else {"password": "hunter22"}
    system = spot.csv(access=secret)
    assert "hunter22" not in repr(system)
    if spot.path.startswith("sftp"):
        with pytest.raises(AccessDenied) as caught:
            system.describe()
        assert "hunter22" not in f"{caught.value} {caught.value.hint}"
    for path in ("sftp://ada:hunter22@host/in", "s3://k:hunter22@files/in"):
        with pytest.raises(DeclarationError, match="password stands in the address") as refused:
            Csv(path=path)
        assert "hunter22" not in f"{refused.value} {refused.value.where} {refused.value.hint}"


def test_what_is_promised_is_told(spot: Spot) -> None:
    spot.put("a.csv", b"id\n1\n")
    lines = {topic: (verdict, words) for topic, verdict, words in spot.csv().examine([])}
    assert lines["writing"][0] == ("ok" if spot.path.startswith("s3") else "warn")
    assert spot.names() == ["a.csv"], "what was tried is taken away again"


def test_a_store_that_ignores_conditions_is_not_written_to(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spot = Bucket(endpoint, "careless")
    spot.put("a.csv", b"id\n1\n")
    put = s3.Store._put
    monkeypatch.setattr(s3.Store, "_put", lambda self, name, content, **_: put(self, name, content))
    with pytest.raises(SystemFault, match="does not heed conditions") as caught:
        spot.csv().raise_epoch("p")
    assert caught.value.code == "DV-352"
    assert {topic: verdict for topic, verdict, _ in spot.csv().examine([])}["writing"] == "bad"
    alone = spot.csv(access={"sole_writer": "yes"})
    assert alone.raise_epoch("p") == 1
    assert {topic: verdict for topic, verdict, _ in alone.examine([])}["writing"] == "warn"


def test_a_server_that_cannot_replace_is_not_written_to(server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    spot = Shelf(server, "old")
    monkeypatch.setattr(server, "has_posix_rename", False)
    with pytest.raises(SystemFault, match="posix-rename"):
        spot.csv().raise_epoch("p")
    assert spot.names() == []


def test_a_server_is_known_by_its_key(server: SftpServer, tmp_path: Path) -> None:
    access = {name: value for name, value in server.access.items() if name != "host_key"}
    (tmp_path / "known").write_text("")
    with pytest.raises(AccessDenied, match="key is not known"):
        Csv(path=server.address, access={**access, "known_hosts": str(tmp_path / "known")}).describe()
    other = SftpServer(tmp_path)
    try:
        with pytest.raises(AccessDenied, match="another key"):
            Csv(path=server.address, access={**access, "host_key": other.access["host_key"]}).describe()
        port = server.address.rsplit(":", 1)[1].strip("/")
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {server.access['host_key']}\n")
        assert PASSWORD not in str(Csv(path=server.address, access={**access, "known_hosts": str(tmp_path / "known")}))
        Csv(path=server.address, access={**access, "known_hosts": str(tmp_path / "known")}).describe()
    finally:
        other.close()


def test_a_broken_connection_is_made_again(server: SftpServer) -> None:
    spot = Shelf(server, "broken")
    spot.put("a.csv", b"id\n1\n")
    system = spot.csv(timeout_s=5)
    assert ids(system) == [1]
    server.hang_up()
    with pytest.raises((Unreachable, Overdue)):
        ids(system)
    assert ids(system) == [1]


def test_places_that_are_not_there(endpoint: str, server: SftpServer) -> None:
    with pytest.raises(Unreachable, match="not there"):
        Csv(path="s3://nowhere-at-all/x", access=Bucket(endpoint, "x").access).describe()
    with pytest.raises(Unreachable, match="not there"):
        Csv(path=f"{server.address}nowhere", access=server.access).describe()
    spot = Bucket(endpoint, "empty")
    spot.put("a.csv", b"id\n")
    dataset = spot.csv().describe().dataset("a")
    spot.client.delete_object(Bucket="files", Key="empty/a.csv")
    with pytest.raises(SchemaDrift, match="no file"):
        list(spot.csv().read(dataset, ["id"]))
    for path, words in (("ftp://host/in", "no files are reached"), ("s3:///in", "names no host")):
        with pytest.raises(DeclarationError, match=words):
            Csv(path=path)
    with pytest.raises(DeclarationError, match="has no 'pasword'"):
        Csv(path="sftp://host/in", access={"pasword": "x"})


_DYING = """
import sys
import pyarrow as pa
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.csv import Connector
from dovetail.systems.files.declared import Declared
path, *access = sys.argv[1:]
given = dict(zip(access[::2], access[1::2]))
system = Connector(path=path, access=given, datasets={"a": Declared(key=("id",))})
dataset = system.describe().dataset("a")
with system.transaction() as transaction:
    transaction.apply(dataset, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"id": [2]})))
    transaction.apply(dataset, Change(Verb.DELETE, pa.RecordBatch.from_pydict({"id": [1]})))
    transaction.record([LedgerEntry("p", 1, "r", b"x")])
"""


@pytest.mark.parametrize("point", [Point.FILES_COMMIT_BEFORE, Point.FILES_COMMIT_AFTER, Point.FILES_SETTLED])
def test_a_kill_leaves_both_or_neither(spot: Spot, point: Point) -> None:
    spot.put("a.csv", b"id\n1\n")
    access = [part for pair in spot.access.items() for part in pair]
    environment = {**os.environ, FAILPOINTS: f"{point.value}=kill", "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-c", _DYING, spot.path, *access]
    ended = subprocess.run(program, env=environment, capture_output=True, check=False, text=True)
    assert ended.returncode == -9, ended.stderr
    assert ".dovetail-csv.lock" in spot.names(), "the dead one holds the lock still"
    is_committed = point is not Point.FILES_COMMIT_BEFORE
    system = spot.csv(access={"lease_s": "0.3"})
    assert (ids(system), len(system.ledger("p"))) == (([2], 1) if is_committed else ([1], 0))
    assert system.raise_epoch("p") == 1, "the next writer succeeds it, and clears away what it left"
    assert (ids(system), len(system.ledger("p"))) == (([2], 1) if is_committed else ([1], 0))
    assert spot.names() == [".dovetail-csv.json", "a.csv"]
    assert spot.get("a.csv") == (b"id\n2\n" if is_committed else b"id\n1\n")
