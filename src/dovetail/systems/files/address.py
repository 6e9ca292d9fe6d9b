"""From the `path` and the `access` of a system's settings to the folder that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from dovetail.errors import DeclarationError, MissingDriver, UnknownName
from dovetail.systems.files.far import LEASE_S, Far, Peer
from dovetail.systems.files.folder import Folder
from dovetail.systems.files.place import Disk

_PEERS = {"s3": ("s3", "Store"), "sftp": ("sftp", "Server")}
_KNOWN = {
    "s3": ("endpoint", "key", "lease_s", "region", "secret", "sole_writer", "token"),
    "sftp": (
        "host_key",
        "key_file",
        "known_hosts",
        "lease_s",
        "passphrase",
        "password",
        "sole_writer",
        "user",
    ),
}


def is_far(path: Path | str) -> bool:
    """Whether the path is an address of another machine."""
    return isinstance(path, str) and "://" in path


@dataclass(frozen=True, slots=True)
class Whence:
    """Where files are and when they count, as a person declared it."""

    path: Path | str
    access: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    ready: str = ""
    settle_s: float = 0.0
    patterns: tuple[str, ...] = ()

    def folder(self, endings: tuple[str, ...]) -> Folder:
        """The folder, or the one file; nothing is connected yet."""
        found = folder_at(self.path, endings, self.access, self.timeout_s)
        return replace(found, ready=self.ready, settle_s=self.settle_s, patterns=self.patterns)


def folder_at(
    path: Path | str, endings: tuple[str, ...], access: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> Folder:
    """The folder, or the one file, of that path; nothing is connected yet. `MissingDriver` where a driver lacks."""
    if is_far(path):
        return _far(str(path), endings, access or {}, timeout_s)
    if access:
        raise DeclarationError(
            "`access` is for folders of other machines", where="access", hint="s3://... or sftp://...", code="DV-350"
        )
    found = Path(path)
    if found.is_file() or (found.suffix.lower() in endings and not found.is_dir() and found.parent.is_dir()):
        return Folder(Disk(found.parent), endings, found.name)
    return Folder(Disk(found), endings)


def check(path: Path | str, access: Mapping[str, str]) -> None:
    """Refuse an address that cannot be meant, without repeating what may be a secret in it."""
    if not is_far(path):
        return
    found = urlsplit(str(path))
    if found.scheme not in _PEERS:
        hint = "folders of other machines are s3://bucket/folder and sftp://host/folder"
        raise DeclarationError(f"no files are reached by {found.scheme}://", where="path", hint=hint, code="DV-350")
    if found.password is not None or (found.scheme == "s3" and "@" in found.netloc):
        hint = "write it as ${secret:NAME} under `access:`"
        raise DeclarationError("a password stands in the address", where="path", hint=hint, code="DV-350")
    if not found.hostname:
        raise DeclarationError("the address names no host, or no bucket", where="path", code="DV-350")
    for name in access:
        if name not in _KNOWN[found.scheme]:
            hint = f"known: {', '.join(_KNOWN[found.scheme])}"
            raise UnknownName(f"`access` of {found.scheme}:// has no {name!r}", where="access", hint=hint)


def _far(address: str, endings: tuple[str, ...], access: Mapping[str, str], timeout_s: float) -> Folder:
    check(address, access)
    scheme = urlsplit(address).scheme
    module, title = _PEERS[scheme]
    try:
        peers = import_module(f"dovetail.systems.files.{module}")
    except ImportError as error:
        missing = error.name or "its driver"
        words, hint = f"{scheme}:// needs {missing}, which is not installed", f"pip install 'dovetail[{scheme}]'"
        raise MissingDriver(words, where=scheme, hint=hint) from error
    home, only = address.rstrip("/"), ""
    if PurePosixPath(home).suffix.lower() in endings:
        home, _, only = home.rpartition("/")
    peer: Peer = getattr(peers, title)(home, access, timeout_s)
    is_sole = str(access.get("sole_writer", "no")).lower() in ("yes", "true", "1")
    try:
        lease_s = float(access.get("lease_s", LEASE_S))
    except ValueError:
        raise DeclarationError("`lease_s` must be a number of seconds", where="access", code="DV-315") from None
    return Folder(Far(peer, is_sole=is_sole, lease_s=lease_s), endings, only)
