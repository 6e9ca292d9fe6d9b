"""Where a database is: a URL taken apart into typed parts, with a short list of options and no other way in."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from dovetail.errors import DeclarationError

PORT = 5432
SCHEMES = ("postgresql", "postgres")
OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "target_session_attrs", "host")
"""What may stand behind the `?`; `host` only as the folder of a Unix socket. Anything else could run commands in the
session, or lead
elsewhere than the URL says (`options`, `service`, `passfile`, `hostaddr`)."""

_WORDS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL. `host` is empty where the driver's own default is meant, and a path where it is a Unix
    socket."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        account = f"{self.user}@" if self.user else ""
        return f"postgresql://{account}{self.host or 'localhost'}:{self.port}/{self.database}"

    def parameters(self) -> dict[str, str | int]:
        """What the driver is told; empty parts are left to its defaults."""
        parts: dict[str, str | int] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
        }
        return {**{name: part for name, part in parts.items() if part}, **dict(self.options)}


def parse(url: str) -> Address:
    """The address in a URL such as `postgresql://user:password@host:5432/database?sslmode=require`.

    >>> print(parse("postgresql://ada:secret@db.example/shop?sslmode=verify-full"))
    postgresql://ada@db.example:5432/shop
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
    for name, value in options.items():
        _check(name, value)
    host = options.pop("host", "") or unquote(parts.hostname or "")
    if len(options) + ("host" in dict(asked)) != len(asked):
        raise _wrong("it names an option twice")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(host, port, database, user, password, tuple(options.items()))


def _check(name: str, value: str) -> None:
    if name not in OPTIONS:
        raise _wrong(f"its option {name!r} is not allowed", f"allowed are: {', '.join(OPTIONS)}")
    if name in _WORDS and value not in _WORDS[name]:
        raise _wrong(f"its option {name} knows only: {', '.join(_WORDS[name])}")
    if name == "host" and not value.startswith("/"):
        raise _wrong("its option host is for the folder of a Unix socket", "write another host before the database")


def _wrong(words: str, hint: str = "write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE") -> DeclarationError:
    return DeclarationError(f"the URL cannot be used: {words}", hint=hint, where="url", code="DV-319")
