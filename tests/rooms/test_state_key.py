"""The key file and the environment variable, and what is sealed with the key."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from dovetail.errors import StateFault
from dovetail.state.key import read_or_create
from dovetail.state.seal import Seal

HEX = "0123456789abcdef" * 4


def fault(code):
    return pytest.raises(StateFault, check=lambda error: error.code == code)


def test_a_key_is_made_once_for_the_owner_alone(tmp_path):
    folder = tmp_path / ".dovetail"
    key = read_or_create(folder, {})
    assert len(key) == 32
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert read_or_create(folder, {}) == key
    assert [file.name for file in folder.iterdir()] == ["key"]


def test_the_environment_outranks_the_file_and_makes_none(tmp_path):
    assert read_or_create(tmp_path, {"DOVETAIL_KEY": HEX}) == bytes.fromhex(HEX)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    read_or_create(tmp_path, {})
    (tmp_path / "key").chmod(mode)
    with fault("DV-505") as caught:
        read_or_create(tmp_path, {})
    assert caught.value.hint == f"chmod 600 {tmp_path / 'key'}"


@pytest.mark.parametrize("text", ["short", HEX[:-2], HEX + "00", "g" * 64])
def test_something_that_is_no_key_is_refused_without_showing_it(tmp_path, text):
    with fault("DV-505") as caught:
        read_or_create(tmp_path, {"DOVETAIL_KEY": text})
    assert text not in str(caught.value)
    assert "DOVETAIL_KEY" in str(caught.value)


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_create(tmp_path, {}), range(32)))
    assert len(keys) == 1


def test_sealed_content_opens_only_where_it_belongs():
    seal = Seal(bytes(32), place="here")
    sealed = seal.close(b"Ada Lovelace", "reject 1")
    assert seal.open(sealed, "reject 1") == b"Ada Lovelace"
    assert b"Ada" not in sealed
    assert seal.close(b"Ada Lovelace", "reject 1") != sealed
    for wrong, about in (
        (sealed, "reject 2"),
        (sealed[:-1] + b"\x00", "reject 1"),
        (b"\x02" + sealed[1:], "reject 1"),
        (b"", ""),
    ):
        with fault("DV-504"):
            seal.open(wrong, about)
    with fault("DV-504"):
        Seal(bytes([1]) * 32, place="here").open(sealed, "reject 1")


def test_marks_tell_parts_apart_and_need_the_key():
    seal = Seal(bytes(32), place="here")
    assert seal.mark("a", "bc") == seal.mark("a", "bc")
    assert seal.mark("a", "bc") != seal.mark("ab", "c")
    assert seal.mark("a") != Seal(bytes([1]) * 32, place="here").mark("a")
