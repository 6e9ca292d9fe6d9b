"""A folder of an SFTP server, through paramiko: files are replaced by its atomic renaming."""

from __future__ import annotations

import hashlib
import secrets
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko

from dovetail.errors import AccessDenied, DeclarationError, Full, Overdue, Unreachable
from dovetail.systems.files.place import Entry

_SECOND_S = 2.0
_PORT = 22


class Server:
    """One folder of a server."""

    def __init__(self, address: str, access: Mapping[str, str], timeout_s: float) -> None:
        found = urlsplit(address)
        self._host, self._port, self._user = found.hostname or "", found.port or _PORT, found.username
        self._folder = unquote(found.path).rstrip("/").removeprefix("/~/") or "/"
        self.words = f"sftp://{self._host}{found.path}"
        self._access, self._timeout_s = access, timeout_s
        self.coarse_s = _SECOND_S
        self._client: Any = None
        self._session: Any = None
        self._lock = threading.RLock()
        self._address = address

    def twin(self) -> Server:
        """Another connection to the same folder."""
        return Server(self._address, self._access, self._timeout_s)

    def entries(self, within: str) -> Sequence[Entry]:
        """The ordinary files of the folder, or of one in it."""
        with self._faults(self.words):
            found = self._opened().listdir_attr(self._path(within) if within else self._folder)
        return [_entry(one.filename, one) for one in found if stat.S_ISREG(one.st_mode or 0)]

    def entry(self, name: str) -> Entry | None:
        """One file, or that there is none."""
        with self._faults(f"{self.words}/{name}"):
            try:
                return _entry(name, self._opened().stat(self._path(name)))
            except FileNotFoundError:
                return None

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to a path of this machine."""
        with self._faults(f"{self.words}/{name}"):
            self._opened().get(self._path(name), str(path))

    def send(self, path: Path, name: str) -> None:
        """Write a file of this machine there."""
        with self._faults(f"{self.words}/{name}"):
            self._opened().put(str(path), self._path(name))

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a small file, and a mark of this content."""
        with self._faults(f"{self.words}/{name}"):
            try:
                with self._opened().open(self._path(name), "rb") as file:
                    content: bytes = file.read()
            except FileNotFoundError:
                return b"", ""
        return content, _mark(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file, only where there is none: the server's exclusive opening."""
        with self._faults(f"{self.words}/{name}"):
            try:
                with self._opened().open(self._path(name), "wx") as file:
                    file.write(content)
            except OSError:
                if self.entry(name) is None:
                    raise
                return False
        return True

    def renew(self, name: str, content: bytes, mark: str) -> bool:
        """Write a small file again, where it still has that mark; between looking and writing somebody may come."""
        if self.read(name)[1] != mark:
            return False
        with self._faults(f"{self.words}/{name}"), self._opened().open(self._path(name), "r+b") as file:
            file.write(content)
        return True

    def usurp(self, name: str, content: bytes, mark: str) -> bool:
        """Remove a small file: whoever renames it has it, and puts it back if it is not the one that was read."""
        aside = f"{name}.{secrets.token_hex(6)}.old"
        with self._faults(f"{self.words}/{name}"):
            try:
                self._opened().rename(self._path(name), self._path(aside))
            except OSError:
                return False
            if self.read(aside) != (content, mark):
                with suppress(OSError):
                    self._opened().rename(self._path(aside), self._path(name))
                return False
        self.remove(aside)
        return True

    def publish(self, name: str, content: bytes, mark: str) -> str | None:
        """Replace a small file by renaming, where it still has that mark."""
        if self.read(name)[1] != mark:
            return None
        beside = f"{name}.new"
        with self._faults(f"{self.words}/{name}"):
            with self._opened().open(self._path(beside), "wb") as file:
                file.write(content)
            self._opened().posix_rename(self._path(beside), self._path(name))
        return _mark(content)

    def move(self, name: str, to: str) -> bool:
        """Rename a file over another, with the rights of the one that stood there."""
        with self._faults(f"{self.words}/{to}"):
            session = self._opened()
            with suppress(OSError):
                session.chmod(self._path(name), stat.S_IMODE(session.stat(self._path(to)).st_mode))
            try:
                session.posix_rename(self._path(name), self._path(to))
            except FileNotFoundError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._faults(f"{self.words}/{name}"), suppress(FileNotFoundError):
            self._opened().remove(self._path(name))

    def refusal(self) -> str:
        """Try whether the server opens exclusively, and renames one file over another."""
        name = f".dovetail-try-{secrets.token_hex(6)}"
        other = f"{name}.new"
        try:
            if not self.create(name, b"1") or self.create(name, b"2") or not self.create(other, b"3"):
                return "the server does not keep to exclusive opening"
            try:
                self._opened().posix_rename(self._path(other), self._path(name))
            except OSError:
                return "the server cannot let one file take the place of another at one moment (posix-rename)"
        finally:
            self.remove(name)
            self.remove(other)
        return ""

    def promise(self) -> tuple[str, str, str]:
        """Renaming is atomic; the lock is a file."""
        words = (
            "a file is replaced whole, by one renaming; SFTP has no locks: writers keep apart by a lock file that its "
            "holder renews, so a writer that stands still for longer than its lease right before its last renaming "
            "could overwrite another one's commit; programs that know nothing of the lock file are not held back"
        )
        return "writing", "warn", words

    def close(self) -> None:
        """The next verb connects again."""
        client, self._client, self._session = self._client, None, None
        if client is not None:
            client.close()

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"

    def _opened(self) -> Any:
        if self._session is None:
            access = self._access
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            self._trust(client)
            client.connect(
                self._host,
                self._port,
                username=access.get("user", self._user),
                password=access.get("password"),
                key_filename=access.get("key_file"),
                passphrase=access.get("passphrase"),
                look_for_keys="password" not in access and "key_file" not in access,
                allow_agent="password" not in access and "key_file" not in access,
                timeout=self._timeout_s,
                banner_timeout=self._timeout_s,
                auth_timeout=self._timeout_s,
            )
            self._client = client
            self._session = client.open_sftp()
            self._session.get_channel().settimeout(self._timeout_s)
        return self._session

    def _trust(self, client: Any) -> None:
        """The keys that the server may have: the one declared, else those of `known_hosts`."""
        declared = self._access.get("host_key")
        if declared is None:
            file = self._access.get("known_hosts")
            client.load_host_keys(file) if file else client.load_system_host_keys()
            return
        host = self._host if self._port == _PORT else f"[{self._host}]:{self._port}"
        line = paramiko.hostkeys.HostKeyEntry.from_line(f"{host} {declared.strip()}")
        if line is None or line.key is None:
            words = "`host_key` is no public key, such as `ssh-ed25519 AAAA...`"
            raise DeclarationError(words, where="access", code="DV-315")
        client.get_host_keys().add(host, line.key.get_name(), line.key)

    @contextmanager
    def _faults(self, where: str) -> Iterator[None]:
        """One verb at a time, since a connection is not for several threads. Errors of the driver leave as Dovetail's;
        after one of the connection the next verb connects again."""
        with self._lock, self._translated(where):
            yield

    @contextmanager
    def _translated(self, where: str) -> Iterator[None]:
        try:
            yield
        except paramiko.AuthenticationException as error:
            self.close()
            hint = "check `user`, `password` or `key_file` under `access:`"
            raise AccessDenied("the server refused the account", where=where, hint=hint) from error
        except paramiko.BadHostKeyException as error:
            self.close()
            hint = "find out why before you put another key into `known_hosts` or `host_key`"
            raise AccessDenied("the server shows another key than the one known", where=where, hint=hint) from error
        except (paramiko.SSHException, EOFError) as error:
            self.close()
            if "not found in known_hosts" in str(error):
                hint = "put its key into `known_hosts`, or under `access:` as `host_key`"
                raise AccessDenied("the server's key is not known", where=where, hint=hint) from error
            raise Unreachable("the server broke the connection off", where=where) from error
        except TimeoutError as error:
            self.close()
            raise Overdue("the server did not answer in time", where=where) from error
        except PermissionError as error:
            hint = "let this account read (and, for a target, write) the file and its folder"
            raise AccessDenied("the file or its folder may not be used", where=where, hint=hint) from error
        except FileNotFoundError as error:
            raise Unreachable("the file, or its folder, is not there", where=where, hint="check the path") from error
        except OSError as error:
            if error.errno in (28, 122):
                raise Full("no room left for the file", where=where) from error
            if error.errno is not None:
                self.close()
            raise Unreachable("the server failed, or cannot be reached", where=where) from error


def _entry(name: str, found: Any) -> Entry:
    size, changed = found.st_size or 0, found.st_mtime or 0
    return Entry(name, size, f"{size} {changed}", float(changed))


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
