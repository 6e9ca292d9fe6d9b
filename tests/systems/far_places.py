"""An S3 store and an SFTP server on the loopback address, for tests of files that are far away."""

from __future__ import annotations

import os
import posixpath
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

USER, PASSWORD = "ada", "pässword"


@contextmanager
def s3_store(bucket: str) -> Iterator[str]:
    """A store with one empty bucket; its endpoint."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket=bucket)
        yield endpoint
    finally:
        server.stop()


class _Handle(paramiko.SFTPHandle):
    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    """A folder as OpenSSH serves it: renaming refuses what is there, posix-rename replaces it."""

    def __init__(self, server: SftpServer, *_: Any, **__: Any) -> None:
        self.server = server

    def _real(self, path: str) -> str:
        return str(self.server.folder) + posixpath.normpath(posixpath.join("/", path))

    def _do(self, action: Any, *given: Any) -> Any:
        try:
            found = action(*given)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK if found is None else found

    def list_folder(self, path: str) -> Any:
        def listed() -> Any:
            found = []
            for entry in os.scandir(self._real(path)):
                one = paramiko.SFTPAttributes.from_stat(entry.stat())
                one.filename = entry.name
                found.append(one)
            return found

        return self._do(listed)

    def stat(self, path: str) -> Any:
        return self._do(lambda: paramiko.SFTPAttributes.from_stat(Path(self._real(path)).stat()))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def opened() -> Any:
            self.server.opened.append(path)
            number = os.open(self._real(path), flags, 0o644)
            mode = {os.O_RDONLY: "rb", os.O_WRONLY: "wb", os.O_RDWR: "r+b"}[flags & os.O_ACCMODE]
            handle = _Handle(flags)
            handle.readfile = handle.writefile = os.fdopen(number, "ab" if flags & os.O_APPEND else mode)
            return handle

        return self._do(opened)

    def remove(self, path: str) -> Any:
        return self._do(os.remove, self._real(path))

    def rename(self, old: str, new: str) -> Any:
        def renamed() -> None:
            os.link(self._real(old), self._real(new))
            Path(self._real(old)).unlink()

        return self._do(renamed)

    def posix_rename(self, old: str, new: str) -> Any:
        if not self.server.has_posix_rename:
            return paramiko.SFTP_OP_UNSUPPORTED
        return self._do(os.replace, self._real(old), self._real(new))

    def chattr(self, path: str, attr: Any) -> Any:
        return self._do(paramiko.SFTPServer.set_file_attr, self._real(path), attr)


class _Account(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class SftpServer:
    """A real SSH server with the SFTP subsystem over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_posix_rename = True
        self.opened: list[str] = []
        self.key = paramiko.ECDSAKey.generate()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        """Where its folder is."""
        return f"sftp://127.0.0.1:{self._socket.getsockname()[1]}/"

    @property
    def access(self) -> dict[str, str]:
        """What a client must know."""
        return {"user": USER, "password": PASSWORD, "host_key": f"{self.key.get_name()} {self.key.get_base64()}"}

    def hang_up(self) -> None:
        """Break all connections off."""
        for one in self._transports:
            one.close()

    def close(self) -> None:
        """Serve no more."""
        self._socket.close()
        self.hang_up()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Served, self)
            self._transports.append(transport)
            transport.start_server(server=_Account(), event=threading.Event())


class _Served(_Files):
    def __init__(self, _: Any, server: SftpServer) -> None:
        super().__init__(server)
