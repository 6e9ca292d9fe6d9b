"""Secrets: never in files, messages or reprs; filled in only when a system is opened."""

from __future__ import annotations

import os
import stat
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from dovetail.errors import AccessDenied, DeclarationError, Declarations
from dovetail.project.load import load
from dovetail.project.settings import prepared
from dovetail.systems.secret import Filled, expand, resolve

CANARY = "hunter2-canary"


@dataclass(frozen=True, kw_only=True)
class Connector:
    """A system with a URL."""

    url: str
    port: int = 5432
    password: str | None = None
    options: dict[str, str] | None = None


def keep(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    place = folder / ".dovetail" / "secrets" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(mode)
    return place


def project(folder: Path, system: str, rest: str = "") -> Path:
    (folder / "dovetail.yaml").write_text(f"dovetail: 1\nproject: p\nsystems:\n  shop: {system}\n{rest}")
    return folder


def test_variable_and_store(tmp_path: Path) -> None:
    keep(tmp_path, "stock", CANARY.encode() + b"\n")
    settings = {"url": "db://${USER_NAME}:${secret:shop-pw}@h", "nested": {"list": ["${secret:stock}", 1]}, "port": 5}
    ready = resolve(settings, {"USER_NAME": "ada", "DOVETAIL_SECRET_SHOP_PW": "one"}, tmp_path)
    assert ready == {"url": "db://ada:one@h", "nested": {"list": [CANARY, 1]}, "port": 5}
    assert settings["url"] == "db://${USER_NAME}:${secret:shop-pw}@h"


def test_what_was_filled_in_does_not_show(tmp_path: Path) -> None:
    ready = resolve({"url": "${URL}", "list": ["${URL}"]}, {"URL": CANARY}, tmp_path)
    assert CANARY not in repr(ready)
    assert CANARY not in repr(Connector(url=ready["url"]))  # type: ignore[arg-type]
    made = prepared(Connector, {"url": ready["url"]}, tmp_path)
    assert CANARY not in repr(made)
    assert CANARY not in repr(Connector(**made))  # type: ignore[arg-type]
    assert made["url"] == CANARY


def test_values_are_not_read_again_for_placeholders(tmp_path: Path) -> None:
    assert expand("${A}", {"A": "${B}", "B": "no"}, tmp_path) == "${B}"
    assert expand("${secret:a}", {"DOVETAIL_SECRET_A": "${B}", "B": "no"}, tmp_path) == "${B}"


def test_text_without_placeholder_is_left_alone(tmp_path: Path) -> None:
    assert expand("plain", {}, tmp_path) == "plain"
    assert not isinstance(expand("plain", {}, tmp_path), Filled)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    keep(tmp_path, "pw", CANARY.encode(), mode)
    with pytest.raises(AccessDenied) as caught:
        expand("${secret:pw}", {}, tmp_path)
    assert caught.value.code == "DV-154"
    assert f"{mode:04o}" in str(caught.value)
    assert "chmod 600" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    keep(tmp_path, "pw", b"two words \r\n", mode)
    assert expand("${secret:pw}", {}, tmp_path) == "two words "


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\x00b", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    keep(tmp_path, "pw", content)
    with pytest.raises(DeclarationError) as caught:
        expand("${secret:pw}", {}, tmp_path)
    assert caught.value.code == "DV-154"


def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    real = keep(tmp_path, "real", CANARY.encode())
    real.with_name("link").symlink_to(real)
    os.mkfifo(real.with_name("pipe"), 0o600)
    real.with_name("folder").mkdir(mode=0o700)
    for name in ("link", "pipe", "folder"):
        with pytest.raises(AccessDenied):
            expand(f"${{secret:{name}}}", {}, tmp_path)
    assert stat.S_ISFIFO(real.with_name("pipe").stat().st_mode)


def test_an_absent_secret_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError) as caught:
        expand("${secret:shop_url}", {}, tmp_path)
    assert caught.value.code == "DV-153"
    assert "DOVETAIL_SECRET_SHOP_URL" in caught.value.hint
    assert ".dovetail/secrets/shop_url" in caught.value.hint
    assert str(tmp_path) not in str(caught.value)


def test_an_absent_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError) as caught:
        expand("db://${NOWHERE}", {"OTHER": CANARY}, tmp_path)
    assert caught.value.code == "DV-152"
    assert "NOWHERE" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", ".x", "a b", "", "-x", "a\nb", "ä"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    assert expand(f"${{secret:{name}}}", {}, tmp_path) == f"${{secret:{name}}}"
    written = name.replace("\n", "\\n")
    folder = project(tmp_path, f'{{connector: any, url: "${{secret:{written}}}"}}')
    with pytest.raises(Declarations) as caught:
        load(folder, variables={})
    assert {mistake.code for mistake in caught.value.mistakes} == {"DV-151"}


LITERAL = [
    f"{{connector: any, url: 'postgresql://ada:{CANARY}@db/shop'}}",
    f"{{connector: any, url: 'postgresql://:{CANARY}@db'}}",
    f"{{connector: any, url: 'postgresql://ada:{CANARY}/with@slash@db/shop'}}",
    f"{{connector: any, url: 'postgresql://ada:${{USER}}{CANARY}@db/shop'}}",
    f"{{connector: any, url: 'postgresql://db/shop?user=ada&password={CANARY}'}}",
    f"{{connector: any, url: 'postgresql://db/shop?sslpassword={CANARY}'}}",
    f"{{connector: any, url: \"host=db user=ada password='{CANARY}'\"}}",
    f"{{connector: any, url: 'jdbc:db://h;Password={CANARY};x=1'}}",
    f"{{connector: any, url: 'https://h/?api_key={CANARY}'}}",
    f"{{connector: any, password: {CANARY}}}",
    f"{{connector: any, db_password: '{CANARY}'}}",
    f"{{connector: any, Password: '{CANARY}'}}",
    f"{{connector: any, api-key: '{CANARY}'}}",
    f"{{connector: any, accessKey: '{CANARY}'}}",
    f"{{connector: any, passphrase: 'x${{USER}}{CANARY}'}}",
    f"{{connector: any, options: {{token: '{CANARY}'}}}}",
    f"{{connector: any, headers: [{{authorization: 'Bearer {CANARY}'}}]}}",
    "{connector: any, password: 12345678}",
]


@pytest.mark.parametrize("system", LITERAL)
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(tmp_path: Path, system: str) -> None:
    with pytest.raises(Declarations) as caught:
        load(project(tmp_path, system), variables={"USER": "ada"})
    assert [mistake.code for mistake in caught.value.mistakes] == ["DV-150"]
    words = "".join(traceback.format_exception(caught.value)) + str(caught.value) + repr(caught.value.mistakes)
    assert CANARY not in words
    assert "12345678" not in words
    assert "${secret:shop_" in caught.value.mistakes[0].hint


@pytest.mark.parametrize(
    "system",
    [
        "{connector: any, url: '${SHOP_URL}'}",
        "{connector: any, url: '${secret:shop_url}'}",
        "{connector: any, url: 'postgresql://ada:${secret:pw}@db/shop'}",
        "{connector: any, url: 'postgresql://${USER}:${PW}@db/shop'}",
        "{connector: any, url: 'postgresql://ada@db:5432/shop'}",
        "{connector: any, url: 'host=db password=${secret:pw}'}",
        "{connector: any, url: 'https://host:80/people/@ada'}",
        "{connector: any, password: '${secret:pw}'}",
        "{connector: any, password: ~, path: 'C:/data/a@b.db'}",
        "{connector: any, token_url: 'https://login/token'}",
        "{connector: any, tokens_max: 5, keep_passwords: true}",
    ],
)
def test_placeholders_and_harmless_settings_are_taken(tmp_path: Path, system: str) -> None:
    variables = {"SHOP_URL": f"db://a:{CANARY}@h", "USER": "ada", "PW": CANARY}
    loaded = load(project(tmp_path, system), variables=variables)
    assert CANARY not in repr(loaded)


@pytest.mark.parametrize(
    "rest",
    [
        f"state: 'postgresql://a:{CANARY}@h/s'\n",
        f"environments: {{prod: {{state: 'postgresql://a:{CANARY}@h/s'}}}}\n",
        f"environments: {{prod: {{systems: {{shop: {{url: 'postgresql://a:{CANARY}@h/s'}}}}}}}}\n",
        f"environments: {{prod: {{systems: {{shop: {{password: {CANARY}}}}}}}}}\n",
    ],
)
def test_environments_and_state_are_searched_too(tmp_path: Path, rest: str) -> None:
    with pytest.raises(Declarations) as caught:
        load(project(tmp_path, "{connector: any, url: x}", rest), variables={})
    assert [mistake.code for mistake in caught.value.mistakes] == ["DV-150"]
    assert CANARY not in str(caught.value)


def test_a_wrong_value_from_the_environment_is_not_repeated(tmp_path: Path) -> None:
    folder = project(tmp_path, "{connector: any, url: x, port: '${PORT}', options: '${PORT}'}")
    with pytest.raises(Declarations) as caught:
        load(folder, variables={"PORT": CANARY}, settings_of=lambda _: Connector)
    assert [mistake.code for mistake in caught.value.mistakes] == ["DV-155", "DV-155"]
    assert CANARY not in str(caught.value) + "".join(traceback.format_exception(caught.value))
    with pytest.raises(Declarations) as caught:
        prepared(Connector, {"url": "x", "port": Filled(CANARY), CANARY + "://a:b@c": 1}, tmp_path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
