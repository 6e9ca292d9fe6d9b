"""Faults of the way to a system while people type on both sides: cut, stalled, slow, unsteady, and not to be trusted."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time

import faulty
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from world import World

from dovetail.testing.proxy import Break, How, Proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LEDGER = b"dovetail_ledger"
POSITIONS = [1, 5, 10, 30, 60, 100, 200, 400, 700, *range(1_000, 12_000, 1_000)]
"""Bytes after which a connection is reset, counted from a BEGIN: twenty of them."""


@pytest.fixture
def way(own, database, tmp_path):
    """Makes a trial whose right side Dovetail reaches through a proxy; people go there directly."""
    opened = []

    def make(*, timeout_s=3, **how):
        places = {"left": str(tmp_path / "left.db"), "right": database()}
        world = World(tmp_path / "project", places, timeout_s=timeout_s)
        made = faulty.trial(world, tmp_path / "trial", **how)
        opened.append(proxy := Proxy(own.port))
        faulty.through(made, world, right=places["right"].replace(f":{own.port}/", f":{proxy.port}/"))
        return made, proxy

    yield make
    for proxy in opened:
        proxy.close()


def broken_once(proxy, number, seconds=30):
    faulty.wait_until(lambda: proxy.broken >= number, seconds)


def test_f22_resets_in_the_middle_of_writes_at_twenty_positions(way, fault, edits):
    made, proxy = way()

    def cut():
        for number, position in enumerate(POSITIONS, start=1):
            proxy.plan(Break(How.RESET, after_bytes=position, armed_by=b"BEGIN"))
            broken_once(proxy, number)

    words, seconds = faulty.survive(made, cut, edits=edits)
    fault(f"F22 RST while writing, at {proxy.broken} positions", words, seconds)


@pytest.mark.parametrize("how", [How.RESET, How.STALL, How.LATE])
def test_f23_commits_whose_answer_is_lost(way, fault, edits, how):
    made, proxy = way(timeout_s=2)

    def lose():
        for number in range(1, 6):
            proxy.plan(Break(how, at=b"COMMIT", armed_by=LEDGER, delivered=how is not How.LATE))
            broken_once(proxy, number, 60)

    words, seconds = faulty.survive(made, lose, edits=edits)
    fault(f"F23 commit unknown ({how}), {proxy.broken} times", words, seconds)


def test_f24_a_peer_that_stalls(way, fault, edits):
    made, proxy = way()

    def stall():
        for number, position in enumerate((10, 3_000), start=1):
            proxy.plan(Break(How.STALL, after_bytes=position, armed_by=b"BEGIN"))
            broken_once(proxy, number)

    words, seconds = faulty.survive(made, stall, edits=edits)
    fault("F24 peer stalls without a word, twice, deadline 3 s", words, seconds)


def test_f25_one_in_a_hundred_pieces_is_cut(way, fault, edits):
    made, proxy = way()

    def unsteady():
        proxy.cut(0.01, seed=made.seed)
        made.wait_for(edits // 2)
        broken_once(proxy, 10, 120)
        proxy.heal()

    words, seconds = faulty.survive(made, unsteady, edits=edits)
    fault(f"F25 1 % random cuts, {proxy.broken} of them", words, seconds)


def test_f26_a_slow_line(way, fault, edits):
    made, proxy = way(timeout_s=30)

    def slow():
        proxy.slow(0.1, bytes_per_s=56_000 / 8)
        made.wait_for(edits // 2)
        proxy.heal()

    words, seconds = faulty.survive(made, slow, edits=edits)
    fault("F26 latency 200 ms, 56 kbit/s", words, seconds)


# ------------------------------------------------------------------------------------------------------ certificates


def certificate(folder, name, *, days, host="localhost"):
    """A key and a certificate that signs itself; with `days` below zero it has expired."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    until = dt.datetime.fromtimestamp(time.time(), dt.UTC) + dt.timedelta(days=days)  # noqa: TID251 - certificates live by the clock
    signed = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - dt.timedelta(days=60))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(*plain))
    (folder / f"{name}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / f"{name}.key", folder / f"{name}.crt"


class Front:
    """Speaks TLS as PostgreSQL does, before a server that does not."""

    def __init__(self, port):
        self.port_behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def show(self, key, signed):
        """Let clients see that certificate from now on."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(signed, key)

    def close(self):
        self.listener.close()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            assert client.recv(8)[4:] == bytes([4, 210, 22, 47])  # the request for TLS
            client.sendall(b"S")
            client = self.context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self.port_behind))
            threading.Thread(target=self._carry, args=(server, client), daemon=True).start()
            self._carry(client, server)

    def _carry(self, source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(own):
    made = Front(own.port)
    yield made
    made.close()


def test_f27_a_certificate_that_expired_or_names_another_host(front, database, tmp_path, fault, edits):
    made = World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": database()}, timeout_s=5)
    trial = faulty.trial(made, tmp_path / "trial")
    good, expired = (certificate(tmp_path, name, days=days) for name, days in (("good", 30), ("expired", -1)))
    foreign = certificate(tmp_path, "foreign", days=30, host="elsewhere.example")
    url = made.places["right"].replace(f"127.0.0.1:{front.port_behind}", f"localhost:{front.port}")
    refused = []

    def trust(which):
        faulty.through(trial, made, right=f"{url}?sslmode=verify-full&sslrootcert={which[1]}")

    front.show(*good)
    trust(good)
    trial.begin()
    trial.wait_for(edits // 4)
    for which in (expired, foreign):
        front.show(*which)
        trust(which)
        trial.keeper.interrupt()
        stood = made.sql("right", "SELECT count(*) FROM customer WHERE label LIKE 'person left%'")
        trial.wait_for(edits // 4)
        ended = trial.program.run("sync", "--once")
        refused += ended.errors
        assert ended.code == 4, ended
        assert made.sql("right", "SELECT count(*) FROM customer WHERE label LIKE 'person left%'") == stood
    front.show(*good)
    trust(good)
    seconds = trial.recovery()
    words = faulty.judged(trial.finish(), trial)
    fault(
        "F27 certificate expired, then of another host", f"refused with {refused}, nothing went over; {words}", seconds
    )
