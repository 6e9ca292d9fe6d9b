"""Where a database is: a URL taken apart into typed parts, with a short list of options and no other way in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dovetail.errors import DeclarationError

PORT = 3306
SCHEMES = ("mariadb", "mysql")
OPTIONS = ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "host")
"""What may stand behind the `?`; `host` only as the path of a Unix socket."""

MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
"""How much of TLS is asked for, in the words of MySQL's own programs."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL. `host` is a path where it is a Unix socket."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        account = f"{self.user}@" if self.user else ""
        return f"mariadb://{account}{self.host}:{self.port}/{self.database}"

    def parameters(self) -> dict[str, Any]:
        """What the driver is told."""
        place = {"unix_socket": self.host} if self.host.startswith("/") else {"host": self.host, "port": self.port}
        return {
            **place,
            "user": self.user,
            "password": self.password.encode(),
            "database": self.database,
            **self._security(),
        }

    def _security(self) -> dict[str, Any]:
        options = dict(self.options)
        mode = options.get("ssl-mode", "VERIFY_CA" if "ssl-ca" in options else "PREFERRED").upper()
        if mode == "DISABLED":
            return {"ssl_disabled": True}
        if mode == "PREFERRED" and not options:
            return {}
        try:
            context = ssl.create_default_context(cafile=options.get("ssl-ca"))
            context.check_hostname = mode == "VERIFY_IDENTITY"
            context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("VERIFY_") else ssl.CERT_NONE
            if "ssl-cert" in options:
                context.load_cert_chain(options["ssl-cert"], options.get("ssl-key"))
        except OSError as error:
            raise _wrong(f"its certificates cannot be used ({error.strerror or type(error).__name__})") from None
        return {"ssl": context}


def parse(url: str) -> Address:
    """The address in a URL such as `mariadb://user:password@host:3306/database?ssl-mode=REQUIRED`.

    >>> print(parse("mysql://ada:secret@db.example/shop?ssl-mode=VERIFY_IDENTITY"))
    mariadb://ada@db.example:3306/shop
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
        asked = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _wrong("it cannot be taken apart") from None
    if parts.scheme not in SCHEMES:
        raise _wrong(f"it begins with {parts.scheme or 'nothing'}:")
    database = unquote(parts.path.removeprefix("/"))
    if not database or "," in parts.netloc or parts.fragment:
        raise _wrong("it must name one host and one database")
    options = dict(asked)
    if len(options) != len(asked):
        raise _wrong("it names an option twice")
    for name, value in options.items():
        _check(name, value)
    host = options.pop("host", "") or unquote(parts.hostname or "") or "127.0.0.1"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(host, port, database, user, password, tuple(options.items()))


def _check(name: str, value: str) -> None:
    if name not in OPTIONS:
        raise _wrong(f"its option {name!r} is not allowed", f"allowed are: {', '.join(OPTIONS)}")
    if name == "ssl-mode" and value.upper() not in MODES:
        raise _wrong(f"its option ssl-mode knows only: {', '.join(MODES)}")
    if name == "host" and not value.startswith("/"):
        raise _wrong("its option host is for the path of a Unix socket", "write another host before the database")


def _wrong(words: str, hint: str = "write it as mariadb://USER:PASSWORD@HOST:3306/DATABASE") -> DeclarationError:
    return DeclarationError(f"the URL cannot be used: {words}", hint=hint, where="url", code="DV-319")
