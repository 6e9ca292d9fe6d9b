"""A folder of an S3 store, through s3fs: conditional writes keep writers apart and commit files with their ledger."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import s3fs
from botocore.exceptions import BotoCoreError

from dovetail.errors import AccessDenied, Full, Overdue, Throttled, Unreachable
from dovetail.systems.files.place import Entry

_REFUSED = "PreconditionFailed"
_RACED = "ConditionalRequestConflict"
_WAIT_S = 5.0


class Store:
    """One folder (a prefix) of a bucket."""

    def __init__(self, address: str, access: Mapping[str, str], timeout_s: float) -> None:
        bucket, _, folder = address.removeprefix("s3://").strip("/").partition("/")
        self._bucket, self._prefix = bucket, f"{folder}/" if folder else ""
        self.words = f"s3://{bucket}/{folder}"
        self._access, self._timeout_s = access, timeout_s
        self.coarse_s = 0.0
        self._system: Any = None

    def twin(self) -> Store:
        """The same: it may be used by several threads."""
        return self

    def entries(self, within: str) -> Sequence[Entry]:
        """The objects right under the prefix."""
        found: list[Entry] = []
        prefix = f"{self._prefix}{within}/" if within else self._prefix
        asked: dict[str, str] = {"Bucket": self._bucket, "Prefix": prefix, "Delimiter": "/"}
        with _faults(self.words):
            while True:
                page = self._call("list_objects_v2", **asked)
                for one in page.get("Contents", ()):
                    name = one["Key"][len(prefix) :]
                    if name:
                        changed_s = one["LastModified"].timestamp()
                        found.append(Entry(name, one["Size"], one["ETag"], changed_s))
                if not page.get("IsTruncated"):
                    return found
                asked["ContinuationToken"] = page["NextContinuationToken"]

    def entry(self, name: str) -> Entry | None:
        """One object, or that there is none."""
        with _faults(f"{self.words}/{name}"):
            try:
                found = self._call("head_object", Bucket=self._bucket, Key=self._prefix + name)
            except FileNotFoundError:
                return None
        return Entry(name, found["ContentLength"], found["ETag"], found["LastModified"].timestamp())

    def fetch(self, name: str, path: Path) -> None:
        """Copy an object to a path of this machine."""
        with _faults(f"{self.words}/{name}"):
            self._opened().get_file(self._path(name), str(path))

    def send(self, path: Path, name: str) -> None:
        """Write a file of this machine there."""
        with _faults(f"{self.words}/{name}"):
            self._opened().put_file(str(path), self._path(name))

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a small object, and its ETag."""
        for _ in range(10):
            before = self.entry(name)
            if before is None:
                return b"", ""
            with _faults(f"{self.words}/{name}"):
                try:
                    content: bytes = self._opened().cat_file(self._path(name))
                except FileNotFoundError:
                    continue
            if self.entry(name) == before:
                return content, before.mark
        raise Unreachable("the file changed whenever it was read", where=name, code="DV-351")

    def create(self, name: str, content: bytes) -> bool:
        """Write a small object, only where there is none."""
        return self._put(name, content, IfNoneMatch="*") is not None

    def renew(self, name: str, content: bytes, mark: str) -> bool:
        """Write a small object again, only where it still has that ETag."""
        return self._put(name, content, IfMatch=mark) is not None

    def usurp(self, name: str, content: bytes, mark: str) -> bool:
        """Remove a small object: first it is made one that nobody else has seen, where it still has that ETag."""
        if not self.renew(name, b"usurped " + content + secrets.token_bytes(4), mark):
            return False
        self.remove(name)
        return True

    def publish(self, name: str, content: bytes, mark: str) -> str | None:
        """Replace a small object, only where it still has that ETag (empty: where there is none)."""
        return self._put(name, content, **({"IfMatch": mark} if mark else {"IfNoneMatch": "*"}))

    def move(self, name: str, to: str) -> bool:
        """Copy an object over another, which the store does at one moment, and remove it."""
        with _faults(f"{self.words}/{to}"):
            try:
                self._opened().cp_file(self._path(name), self._path(to))
            except FileNotFoundError:
                return False
        self.remove(name)
        return True

    def remove(self, name: str) -> None:
        """Remove an object."""
        with _faults(f"{self.words}/{name}"):
            self._call("delete_object", Bucket=self._bucket, Key=self._prefix + name)

    def refusal(self) -> str:
        """Try whether the store heeds the conditions of a write."""
        name = f".dovetail-try-{secrets.token_hex(6)}"
        try:
            made = self.create(name, b"1")
            again = self.create(name, b"2")
            kept = self.renew(name, b"3", '"0"')
        finally:
            self.remove(name)
        heeds = made and not again and not kept
        return "" if heeds else "the store does not heed conditions on writes (If-None-Match, If-Match)"

    def promise(self) -> tuple[str, str, str]:
        """The commit is conditional."""
        words = "a file is replaced whole; ledger and files are committed by one conditional write of the manifest"
        return "writing", "ok", words

    def close(self) -> None:
        """The next verb connects again."""
        self._system = None

    def _put(self, name: str, content: bytes, **condition: str) -> str | None:
        with _faults(f"{self.words}/{name}"):
            try:
                found = self._call(
                    "put_object", Bucket=self._bucket, Key=self._prefix + name, Body=content, **condition
                )
            except OSError as error:
                if _code(error) in (_REFUSED, _RACED, "412", "409", "NoSuchKey", "404"):
                    return None
                raise
        return str(found["ETag"])

    def _path(self, name: str) -> str:
        return f"{self._bucket}/{self._prefix}{name}"

    def _call(self, verb: str, **given: object) -> Any:
        return self._opened().call_s3(verb, **given)

    def _opened(self) -> Any:
        if self._system is None:
            access = self._access
            config: dict[str, object] = dict.fromkeys(("connect_timeout", "read_timeout"), self._timeout_s)
            config["retries"] = {"max_attempts": 2}
            self._system = s3fs.S3FileSystem(
                key=access.get("key"),
                secret=access.get("secret"),
                token=access.get("token"),
                endpoint_url=access.get("endpoint"),
                client_kwargs={"region_name": access["region"]} if "region" in access else {},
                config_kwargs=config,
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        return self._system


def _code(error: BaseException) -> str:
    """The store's own code of an error."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


@contextmanager
def _faults(where: str) -> Iterator[None]:
    """Errors of the driver leave as Dovetail's; what the store said is not repeated."""
    try:
        yield
    except PermissionError as error:
        hint = "check `key` and `secret` under `access:`, and what the account may do in the bucket"
        raise AccessDenied("the store refused the account", where=where, hint=hint) from error
    except FileNotFoundError as error:
        raise Unreachable("the bucket, or the file, is not there", where=where, hint="check the path") from error
    except TimeoutError as error:
        raise Overdue("the store did not answer in time", where=where) from error
    except OSError as error:
        code = _code(error)
        if code in ("SlowDown", "ServiceUnavailable", "503", "Throttling"):
            raise Throttled("the store asks for patience", where=where, retry_after_s=_WAIT_S) from error
        if error.errno in (28, 122):
            raise Full("no room left for the file", where=where) from error
        words = f"the store failed{f' ({code})' if code.isalnum() else ''}"
        raise Unreachable(words, where=where) from error
    except (BotoCoreError, ValueError) as error:
        hint = "check `endpoint`, `region`, `key` and `secret` under `access:`"
        raise Unreachable("the store cannot be reached", where=where, hint=hint) from error
